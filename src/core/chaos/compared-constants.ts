/**
 * A dictionary for a fuzzer out of the program itself: the constants with which its instructions compare, as the bytes
 * that an input would have to hold. Code is decoded from the begin of each page, as x86 code falls into step by
 * itself; what comes of data on the way is a word too many, which costs little.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import { decodeInstruction } from '../isa/decode.ts';
import { OP } from '../isa/ops.ts';
import {
  KIND_IMMEDIATE,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  META_SIZE_A_SHIFT,
  RECORD_WORDS,
  R_IMM,
  R_META,
} from '../isa/record.ts';

/** Comparisons, and what compilers make of them. */
const COMPARES: ReadonlySet<number> = new Set([OP.CMP, OP.SUB, OP.XOR]);
const WORDS_MAX = 512;
/** Small numbers are found without. */
const NUMBER_MIN = 0x20;

/**
 * Words of 1, 2 and 4 bytes, each once, by their value. `pages`: the code, whole pages; `isWide`: 32-bit code.
 */
export function comparedConstants(pages: readonly Uint8Array[], isWide: boolean): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const record = new Int32Array(RECORD_WORDS);
  for (const page of pages) {
    for (let at = 0; at < PAGE_BYTES && found.size < WORDS_MAX; ) {
      const length = decodeInstruction(page, at, PAGE_BYTES - at, isWide, record, 0);
      at += length > 0 ? length : 1;
      if (length <= 0) continue;
      const meta = record[R_META];
      if (!COMPARES.has(meta & META_OP_MASK) || ((meta >> META_KIND_B_SHIFT) & 15) !== KIND_IMMEDIATE) continue;
      const value = record[R_IMM];
      const size = 1 << ((meta >> META_SIZE_A_SHIFT) & 7);
      if (Math.abs(value) < NUMBER_MIN) continue;
      for (const width of new Set([size, widthOf(value, size)])) {
        if (width > 4) continue;
        const word = Uint8Array.from({ length: width }, (_, i) => value >>> (8 * i));
        found.set(word.join(), word);
      }
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, word]) => word);
}

/** Bytes of a number that is compared as a wider one than it may have been read as. */
function widthOf(value: number, size: number): number {
  if (value >= 0 && value < 0x100) return 1;
  return value >= 0 && value < 0x10000 ? Math.min(2, size) : size;
}
