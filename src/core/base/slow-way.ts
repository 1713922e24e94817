// How a function that does only the plain part of its work says that it has not: nothing has changed, the general way
// does it from the start. One answer for each kind of result (CONTRACTS.md has all of them). Imports nothing; hot
// modules bind these again (tiers/interp/hot.ts says why).

/** Among counts, addresses, register numbers and status bits, which are never negative: ask `< 0`. */
export const NOT_PLAIN = -1;
/** Among doubles, none of which is ever a NaN here: ask `x !== x`. */
export const NOT_PLAIN_F64 = Number.NaN;
