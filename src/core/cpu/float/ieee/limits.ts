// Where the normal numbers of the IEEE formats end (IEEE 754 table 3.5, SDM 1 table 4-3), as host numbers. Imports
// nothing; hot modules bind these again (tiers/interp/hot.ts says why).

export const LEAST_F32 = 1.1754943508222875e-38;
export const GREATEST_F32 = 3.4028234663852886e38;
export const LEAST_F64 = 2.2250738585072014e-308;
export const GREATEST_F64 = 1.7976931348623157e308;
/** Of the x87's format: its normal biased exponents are 1 to this. */
export const NORMAL_COUNT_F80 = 0x7ffe;
