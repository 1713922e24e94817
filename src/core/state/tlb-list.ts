// The list of linear pages that have a TLB entry, and for each RAM page who maps it: what lets a flush
// touch only filled entries and lets a page that becomes code or a page table find its mappings. Derived
// state, host-only; memory/tlb.ts keeps it.

/** Linear page numbers that may be filled, so that a flush need not touch 4 MiB. */
export const TLB_LIST_PAGES = 1 << 16;

/** `mapper` values that are no linear page. */
const MAPPED_NOT = -1;
export const MAPPED_BY_SEVERAL = -2;

/** log2 of the linear pages of a region: what an entry of a PAE directory translates, half of one without PAE. */
export const REGION_SHIFT = 9;
const REGIONS = 0x100000 >>> REGION_SHIFT;

export class TlbList {
  readonly pages = new Int32Array(TLB_LIST_PAGES);
  count = 0;
  /** By linear page: 1 when it is in the list, with an entry or not. */
  readonly isListed = new Uint8Array(1 << 20);
  /** Regions with entries of global pages, and by region whether it is in the list. */
  readonly globalRegions: number[] = [];
  readonly isGlobalRegion = new Uint8Array(REGIONS);
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
