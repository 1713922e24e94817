// What one processor knows of the page tables that its translations came from, by page of RAM or bulk memory. Derived
// state, host-only; memory/page-tables.ts and memory/tlb.ts keep it.

/** `linear` values that are no linear page: not a table; one that serves several ranges or levels. */
export const TABLE_NONE = -1;
export const TABLE_MANY = -2;

/** Bit of Memory.pageFlags: some processor has a note of the page. */
export const PAGE_TABLE = 2;

export class TableNotes {
  /** The linear page that the table's first entry translates, TABLE_NONE or TABLE_MANY (a write drops everything). */
  readonly linear: Int32Array;
  /** log2 of the size of an entry. */
  readonly shift: Uint8Array;
  /** 1: an entry of a global page came from it. */
  readonly global: Uint8Array;
  /** Pages that are tables. */
  readonly pages: number[] = [];
  /** Tables of the walk in hand. */
  readonly noted: number[] = [];

  constructor(pageCount: number) {
    this.linear = new Int32Array(pageCount).fill(TABLE_NONE);
    this.shift = new Uint8Array(pageCount);
    this.global = new Uint8Array(pageCount);
  }
}
