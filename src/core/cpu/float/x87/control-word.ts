// Fields of the x87 control word above the masks, and the mask that plain arithmetic looks at: SDM 1 §8.1.5, figure
// 8-6. Imports nothing; hot modules bind these again (tiers/interp/hot.ts says why).

/** The mask of #P. */
export const PM = 0x20;
/** PC, and its value for 53 bits. */
export const PC_FIELD = 0x300;
export const PC_53 = 0x200;
/** RC, which ieee/environment.ts numbers. */
export const RC_FIELD = 0xc00;
export const RC_SHIFT = 10;
