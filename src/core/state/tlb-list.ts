// The list of linear pages that have a TLB entry, and for each RAM page who maps it: what lets a flush
// touch only filled entries and lets a page that becomes code or a page table find its mappings. Derived
// state, host-only; memory/tlb.ts keeps it.

/** Linear page numbers that may be filled, so that a flush need not touch 4 MiB. */
export const TLB_LIST_PAGES = 1 << 16;

/** `mapper` values that are no linear page. */
const MAPPED_NOT = -1;
export const MAPPED_BY_SEVERAL = -2;

export class TlbList {
  readonly pages = new Int32Array(TLB_LIST_PAGES);
  count = 0;
  /** Entries made, and flushes, since the processor was: for reports. */
  fills = 0;
  flushes = 0;
  /**
   * By page of RAM or bulk memory: the linear page whose entry maps it (possibly stale), MAPPED_NOT or
   * MAPPED_BY_SEVERAL.
   */
  readonly mapper: Int32Array;

  constructor(pageCount: number) {
    this.mapper = new Int32Array(pageCount).fill(MAPPED_NOT);
  }
}
