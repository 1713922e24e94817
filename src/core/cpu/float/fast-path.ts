/**
 * Host arithmetic for SSE where it is provably the guest's: ECMAScript numbers are IEEE doubles, rounded to nearest
 * even, and Math.fround rounds once more to single, which for + − × ÷ of two singles is the same as rounding once
 * (53 ≥ 2·24 + 2). Taken only when PE is sticky already and all exceptions are masked, RC is nearest, the operands
 * are normal or zero and the result is normal (above the least normal, where underflow could be in doubt) or an exact
 * zero: then no flag can change and no NaN arises. Everything else answers NOT_TAKEN and goes the integer way.
 * Not for square roots (ECMAScript does not promise their last bit) and not for the x87, whose C1 needs the direction
 * of rounding and whose significand has 64 bits.
 */

/** What the fast functions answer for "take the integer path": a NaN, which none of them ever computes. */
export const NOT_TAKEN = Number.NaN;

const LEAST_F64 = 2.2250738585072014e-308;
const GREATEST_F64 = 1.7976931348623157e308;
const LEAST_F32 = 1.1754943508222875e-38;
const GREATEST_F32 = 3.4028234663852886e38;

/** True when MXCSR allows the fast path: RC nearest, all six masks, PE set. FTZ and DAZ touch only what is refused. */
export function allowsFastPath(mxcsr: number): boolean {
  return (mxcsr & 0x7fa0) === 0x1fa0;
}

/** Adds doubles, or answers NOT_TAKEN. A sum of zero is always exact. */
export function fastAddF64(a: number, b: number): number {
  const sum = a + b;
  const size = Math.abs(sum);
  if ((size > LEAST_F64 || sum === 0) && size <= GREATEST_F64 && isPlainF64(a) && isPlainF64(b)) return sum;
  return NOT_TAKEN;
}

export function fastSubtractF64(a: number, b: number): number {
  return fastAddF64(a, -b);
}

export function fastMultiplyF64(a: number, b: number): number {
  const product = a * b;
  const size = Math.abs(product);
  if (size > LEAST_F64 ? size > GREATEST_F64 : a !== 0 && b !== 0) return NOT_TAKEN;
  return isPlainF64(a) && isPlainF64(b) ? product : NOT_TAKEN;
}

export function fastDivideF64(a: number, b: number): number {
  const quotient = a / b;
  const size = Math.abs(quotient);
  if (size > LEAST_F64 ? size > GREATEST_F64 : a !== 0) return NOT_TAKEN;
  return b !== 0 && isPlainF64(a) && isPlainF64(b) ? quotient : NOT_TAKEN;
}

/** Normal or zero (a NaN fails both comparisons). */
function isPlainF64(a: number): boolean {
  const size = Math.abs(a);
  return (size >= LEAST_F64 && size <= GREATEST_F64) || a === 0;
}

/** As fastAddF64, for numbers that are singles. */
export function fastAddF32(a: number, b: number): number {
  const sum = Math.fround(a + b);
  const size = Math.abs(sum);
  if ((size > LEAST_F32 || sum === 0) && size <= GREATEST_F32 && isPlainF32(a) && isPlainF32(b)) return sum;
  return NOT_TAKEN;
}

export function fastSubtractF32(a: number, b: number): number {
  return fastAddF32(a, -b);
}

export function fastMultiplyF32(a: number, b: number): number {
  const product = Math.fround(a * b);
  const size = Math.abs(product);
  if (size > LEAST_F32 ? size > GREATEST_F32 : a !== 0 && b !== 0) return NOT_TAKEN;
  return isPlainF32(a) && isPlainF32(b) ? product : NOT_TAKEN;
}

export function fastDivideF32(a: number, b: number): number {
  const quotient = Math.fround(a / b);
  const size = Math.abs(quotient);
  if (size > LEAST_F32 ? size > GREATEST_F32 : a !== 0) return NOT_TAKEN;
  return b !== 0 && isPlainF32(a) && isPlainF32(b) ? quotient : NOT_TAKEN;
}

function isPlainF32(a: number): boolean {
  const size = Math.abs(a);
  return (size >= LEAST_F32 && size <= GREATEST_F32) || a === 0;
}
