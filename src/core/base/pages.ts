// The page of the processor: SDM 3 §4.3 (4-KiB pages). RAM is marked, hashed, snapshotted and stored by the same unit.
// Declared here alone; proptests/tidy fails where another file gives its size a name or writes the number. Hot modules
// bind it again (MEASUREMENTS.md). An address is split by `>>> 12`, `& 0xfff` and `& -4096`.

export const PAGE_BYTES = 4096;

/** Pages of an address space of 4 GiB. */
export const PAGES_MAX = 1 << 20;
