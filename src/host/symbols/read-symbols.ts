// Symbols from bytes: the symbol table of an ELF file (System V gABI, chapter 4), a System.map, or a listing of
// /proc/kallsyms (nm's letters: A absolute; T, W and the like code; lower case local). Only looks at bytes it is given.

import { type GuestSymbol, SYMBOL_COUNT_MAX, type SymbolKind } from './symbol-table.ts';

const SHT_SYMTAB = 2;
const SHF_EXECINSTR = 4;
export const SHN_ABS = 0xfff1;
export const SHN_LORESERVE = 0xff00;
/** Of an entry of a table of symbols. */
export const SYMBOL_BYTES = 16;
export const STT_FUNC = 2;
const NAME_BYTES_MAX = 512;

/** Whether it is an ELF file for 32-bit little-endian machines. */
export function isElf32(image: Uint8Array): boolean {
  return image.length >= 52 && image[0] === 0x7f && textAt(image, 1, 4) === 'ELF' && image[4] === 1 && image[5] === 1;
}

/**
 * Functions, objects and plain labels of an ELF32 file; nothing for any other file. Of a file that is not linked
 * `placeOf` says where a section lies; what is in one that lies nowhere is left out.
 */
export function readElfSymbols(
  image: Uint8Array,
  placeOf: (section: number) => number | null = () => 0,
): GuestSymbol[] {
  if (!isElf32(image)) return [];
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const found: GuestSymbol[] = [];
  const sectionsAt = view.getUint32(32, true);
  const sectionSize = view.getUint16(46, true);
  const sectionCount = view.getUint16(48, true);
  if (sectionSize < 40 || sectionsAt + sectionSize * sectionCount > image.length) return [];
  const flagsOf = (section: number): number => view.getUint32(sectionsAt + section * sectionSize + 8, true);
  for (let i = 0; i < sectionCount; i++) {
    const section = sectionsAt + i * sectionSize;
    if (view.getUint32(section + 4, true) !== SHT_SYMTAB) continue;
    const link = view.getUint32(section + 24, true);
    if (link >= sectionCount) continue;
    const strings = sectionsAt + link * sectionSize;
    const [stringsAt, stringsSize] = [view.getUint32(strings + 16, true), view.getUint32(strings + 20, true)];
    const [at, size] = [view.getUint32(section + 16, true), view.getUint32(section + 20, true)];
    if (at + size > image.length || stringsAt + stringsSize > image.length) continue;
    for (let entry = at; entry + SYMBOL_BYTES <= at + size && found.length < SYMBOL_COUNT_MAX; entry += SYMBOL_BYTES) {
      const type = image[entry + 12] & 15;
      const index = view.getUint16(entry + 14, true);
      if (type > STT_FUNC || index === 0) continue;
      const name = textAt(image, stringsAt + view.getUint32(entry, true), stringsAt + stringsSize);
      if (name === '') continue;
      const isCode = type === STT_FUNC || (index < sectionCount && (flagsOf(index) & SHF_EXECINSTR) !== 0);
      const kind = index === SHN_ABS ? 'absolute' : isCode && index < SHN_LORESERVE ? 'code' : 'data';
      const isGlobal = image[entry + 12] >>> 4 !== 0;
      const base = kind === 'absolute' ? 0 : placeOf(index);
      if (base === null) continue;
      const address = (view.getUint32(entry + 4, true) + base) >>> 0;
      found.push({ name, address, kind, isGlobal, module: '' });
    }
  }
  return found;
}

export function textAt(bytes: Uint8Array, from: number, limit: number): string {
  let text = '';
  const end = Math.min(limit, bytes.length, from + NAME_BYTES_MAX);
  for (let at = from; at < end && bytes[at] !== 0; at++) text += String.fromCharCode(bytes[at]);
  return text;
}

/** What nm's letter says. */
export function kindOfLetter(letter: string): SymbolKind {
  if (/[aA]/.test(letter)) return 'absolute';
  return /[tTwW]/.test(letter) ? 'code' : 'data';
}

/** Lines `c0100000 T name` with `[module]` behind or not, as in System.map and /proc/kallsyms. */
export function readSystemMap(text: string): GuestSymbol[] {
  const found: GuestSymbol[] = [];
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{8})\s+([a-zA-Z?])\s+(\S+)(?:\s+\[(\S+)\])?/.exec(line.trim());
    if (match === null || (match[1] === '00000000' && !/a/i.test(match[2]))) continue;
    if (found.length >= SYMBOL_COUNT_MAX) break;
    const [, digits, letter, name, module = ''] = match;
    const isGlobal = letter === letter.toUpperCase();
    found.push({ name, address: Number.parseInt(digits, 16), kind: kindOfLetter(letter), isGlobal, module });
  }
  return found;
}
