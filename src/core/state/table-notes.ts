// What one processor knows of the page tables that its translations came from, by page of RAM or bulk memory. Derived
// state, host-only; memory/page-tables.ts and memory/tlb.ts keep it.

/**
 * `linear` values that are no linear page: not a table; one that serves several ranges or levels, a write to which
 * drops all translations if it is in use.
 */
export const TABLE_NONE = -1;
export const TABLE_MANY = -2;

/** Bit of Memory.pageFlags: some processor has a note of the page. */
export const PAGE_TABLE = 2;

/** Bit of `users` beside those of spaces (saved-spaces.ts): an entry that outlives MOV CR3 came from the page. */
export const USED_BY_GLOBAL = 0x8000;

export class TableNotes {
  /** The linear page that the table's first entry translates, TABLE_NONE, or TABLE_MANY. */
  readonly linear: Int32Array;
  /** log2 of the size of an entry. */
  readonly shift: Uint8Array;
  /** log2 of the linear pages that an entry translates. */
  readonly span: Uint8Array;
  /** By whose translations it is needed: bit k for space k, and USED_BY_GLOBAL. */
  readonly users: Uint16Array;
  /** Writes since it was noted. */
  readonly writes: Uint8Array;
  /** Pages that are tables; some of them may not be any more. */
  readonly pages: number[] = [];
  /** Pages that have become tables since the processor was made. */
  marked = 0;
  /** Tables of the walk in hand. */
  readonly noted: number[] = [];

  constructor(pageCount: number) {
    this.linear = new Int32Array(pageCount).fill(TABLE_NONE);
    this.shift = new Uint8Array(pageCount);
    this.span = new Uint8Array(pageCount);
    this.users = new Uint16Array(pageCount);
    this.writes = new Uint8Array(pageCount);
  }
}
