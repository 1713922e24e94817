// Instructions that cross the end of a page, decoded once: they lie in no block, since what follows the page may be any
// other. Found by the host address of their first byte and known again by their bytes, so that nothing has to be told
// when memory or a mapping changes. Derived state. May import isa and state of the core alone.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { INSTRUCTION_BYTES_MAX, RECORD_WORDS } from '../../src/core/isa/record.ts';

/** Slots, found by the number of the host page: a page has one end, and rarely two instructions there. */
const SLOTS = 1 << 10;
/** Words of a slot in front of its record: host address of the first byte, 0 = empty; CS.D; length. */
const HOST = 0;
const WIDE = 1;
const LENGTH = 2;
const RECORD = 8;
const SLOT_WORDS = RECORD + RECORD_WORDS;

export class CrossingCache {
  /** The slots; a record lies at the position that `find` gives. */
  readonly words = new Int32Array(SLOTS * SLOT_WORDS);
  private readonly bytes = new Uint8Array(SLOTS * 16);

  /** What is known of the instruction at a host address, as position of its record, or −1. `isWide`: CS.D. */
  find(m8: Uint8Array, host: number, isWide: boolean): number {
    const slot = (host >>> 12) & (SLOTS - 1);
    const at = slot * SLOT_WORDS;
    const { words, bytes } = this;
    if (words[at + HOST] !== host || words[at + WIDE] !== (isWide ? 1 : 0)) return -1;
    const inPage = PAGE_BYTES - (host & (PAGE_BYTES - 1));
    for (let k = 0; k < inPage; k++) if (m8[host + k] !== bytes[slot * 16 + k]) return -1;
    return at + RECORD;
  }

  lengthOf(record: number): number {
    return this.words[record - RECORD + LENGTH];
  }

  /** Whether the rest of the instruction, behind the end of its page, lies at a host address. */
  goesOn(m8: Uint8Array, record: number, rest: number): boolean {
    const at = record - RECORD;
    const inPage = PAGE_BYTES - (this.words[at + HOST] & (PAGE_BYTES - 1));
    const first = (at / SLOT_WORDS) * 16 + inPage;
    const length = this.words[at + LENGTH] - inPage;
    for (let k = 0; k < length; k++) if (m8[rest + k] !== this.bytes[first + k]) return false;
    return true;
  }

  /** Remember an instruction of `length` bytes, which `bytes` begins with, and its record. */
  enter(host: number, isWide: boolean, bytes: Uint8Array, length: number, record: Int32Array): void {
    const slot = (host >>> 12) & (SLOTS - 1);
    const at = slot * SLOT_WORDS;
    this.words[at + HOST] = host;
    this.words[at + WIDE] = isWide ? 1 : 0;
    this.words[at + LENGTH] = length;
    this.words.set(record, at + RECORD);
    this.bytes.set(bytes.subarray(0, INSTRUCTION_BYTES_MAX), slot * 16);
  }

  drop(): void {
    this.words.fill(0);
  }
}
