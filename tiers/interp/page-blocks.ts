// Which blocks lie in a page, for whoever has to find those that a write changes: a list without holes, of arena
// positions and of the offsets in the page where each block begins and ends. Knows nothing of what a block is.

const END_SHIFT = 16;
const BEGIN_MASK = 0xffff;
/** Of a block: its arena position, and begin and end in one. */
const ENTRY_WORDS = 2;

export class PageBlocks {
  count = 0;
  private entries: Int32Array;

  /** `room`: for so many at first. */
  constructor(room: number) {
    this.entries = new Int32Array(ENTRY_WORDS * room);
  }

  at(index: number): number {
    return this.entries[ENTRY_WORDS * index];
  }

  /** Whether the block has one of the bytes [start, end) of the page. */
  touches(index: number, start: number, end: number): boolean {
    const span = this.entries[ENTRY_WORDS * index + 1];
    return (span & BEGIN_MASK) < end && span >>> END_SHIFT > start;
  }

  /** Gives the index that the block has as long as `remove` says nothing else. */
  add(block: number, begin: number, end: number): number {
    const index = this.count++;
    if (ENTRY_WORDS * index === this.entries.length) {
      const { entries } = this;
      this.entries = new Int32Array(2 * entries.length);
      this.entries.set(entries);
    }
    this.entries[ENTRY_WORDS * index] = block;
    this.entries[ENTRY_WORDS * index + 1] = begin | (end << END_SHIFT);
    return index;
  }

  /** The last one takes its place; gives the block that has the index now. */
  remove(index: number): number {
    const last = --this.count;
    this.entries.copyWithin(ENTRY_WORDS * index, ENTRY_WORDS * last, ENTRY_WORDS * (last + 1));
    return this.entries[ENTRY_WORDS * index];
  }
}

/** Of every page without blocks: nothing is added to it. */
export const NO_LIST = new PageBlocks(0);
