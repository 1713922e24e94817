// The translations of address spaces that MOV CR3 has left, so that coming back to one need not walk its tables again.
// Derived state, host-only; memory/spaces.ts keeps it.

/** So many spaces are remembered, the one in use among them. */
export const SPACES = 8;
/** Entries that a space keeps while another is in use; those beyond are found again by walking. */
export const SAVED_PAGES = 512;

export class Space {
  /** CR3 and, with PAE, the pointer entries; −1: nobody's. */
  cr3 = -1;
  readonly pdptes = new Int32Array(8);
  /** Linear pages, and their entries of the TLB. */
  readonly pages = new Int32Array(SAVED_PAGES);
  readonly entries = new Int32Array(SAVED_PAGES);
  count = 0;
  /** Bounds of the pages, both inclusive. */
  low = 0;
  high = -1;
  /** Pages of memory that its tables lie in; some may have been forgotten since. */
  readonly tables: number[] = [];
  /** When it was last left. */
  stamp = 0;
}

export class SavedSpaces {
  readonly all: readonly Space[] = Array.from({ length: SPACES }, () => new Space());
  /** Number of the one in use. */
  current = 0;
  /** Switches since the processor was made. */
  switches = 0;
}
