// Bits of the x87 status word above the exceptions, which ieee/environment.ts numbers: SDM 1 §8.1.3, figure 8-4.
// Imports nothing; hot modules bind these again (tiers/interp/hot.ts says why).

/** Stack fault: with IE, says that it was one; C1 then tells overflow (1) from underflow (0). */
export const SF_STACK = 0x40;
/** Error summary, and the 8087's busy flag, which shows the same. */
export const ES_SUMMARY = 0x80;
export const BUSY = 0x8000;
/** The condition codes. C1 also says that the magnitude was rounded up. */
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
export const CONDITION_CODES = C0 | C1 | C2 | C3;
/** TOP's place. */
export const TOP_SHIFT = 11;
export const TOP_FIELD = 7 << TOP_SHIFT;
