/**
 * Host arithmetic for SSE where it is provably the guest's: ECMAScript numbers are IEEE doubles, + − × ÷ are rounded to
 * nearest even, and Math.fround rounds once more to single, which for + − × ÷ of two singles is the same as rounding
 * once (53 ≥ 2·24 + 2). Taken only when RC is nearest and #P masked, the operands are normal or zero and the result is
 * normal (above the least normal, where underflow could be in doubt) or an exact zero: then no flag but PE can change
 * and no NaN arises. Everything else answers NOT_PLAIN_F64 and goes the integer way. While PE is not sticky yet, the
 * functions below tell whether a result is exact, by sums and products that leave no rounding error out. Square roots
 * are approximated and taken when their residual proves them. Not for the x87, whose C1 needs the direction of rounding
 * and whose significand has 64 bits.
 */
import * as slowWay from '../../../base/slow-way.ts';
import * as limits from './limits.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { GREATEST_F32, GREATEST_F64, LEAST_F32, LEAST_F64 } = limits;
const { NOT_PLAIN_F64 } = slowWay;

/** True when MXCSR allows the fast path: RC nearest, all six masks, PE set. FTZ and DAZ touch only what is refused. */
export function allowsFastPath(mxcsr: number): boolean {
  return (mxcsr & 0x7fa0) === 0x1fa0;
}

/** True when RC is nearest and #P masked, PE set or not: a caller that sees to PE itself needs no more. */
export function roundsFreely(mxcsr: number): boolean {
  return (mxcsr & 0x7000) === 0x1000;
}

/** Adds doubles, or answers NOT_PLAIN_F64. A sum of zero is always exact. */
export function fastAddF64(a: number, b: number): number {
  const sum = a + b;
  const size = Math.abs(sum);
  if ((size > LEAST_F64 || sum === 0) && size <= GREATEST_F64 && isPlainF64(a) && isPlainF64(b)) return sum;
  return NOT_PLAIN_F64;
}

export function fastSubtractF64(a: number, b: number): number {
  return fastAddF64(a, -b);
}

export function fastMultiplyF64(a: number, b: number): number {
  const product = a * b;
  const size = Math.abs(product);
  if (size > LEAST_F64 ? size > GREATEST_F64 : a !== 0 && b !== 0) return NOT_PLAIN_F64;
  return isPlainF64(a) && isPlainF64(b) ? product : NOT_PLAIN_F64;
}

export function fastDivideF64(a: number, b: number): number {
  const quotient = a / b;
  const size = Math.abs(quotient);
  if (size > LEAST_F64 ? size > GREATEST_F64 : a !== 0) return NOT_PLAIN_F64;
  return b !== 0 && isPlainF64(a) && isPlainF64(b) ? quotient : NOT_PLAIN_F64;
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
  return NOT_PLAIN_F64;
}

export function fastSubtractF32(a: number, b: number): number {
  return fastAddF32(a, -b);
}

export function fastMultiplyF32(a: number, b: number): number {
  const product = Math.fround(a * b);
  const size = Math.abs(product);
  if (size > LEAST_F32 ? size > GREATEST_F32 : a !== 0 && b !== 0) return NOT_PLAIN_F64;
  return isPlainF32(a) && isPlainF32(b) ? product : NOT_PLAIN_F64;
}

export function fastDivideF32(a: number, b: number): number {
  const quotient = Math.fround(a / b);
  const size = Math.abs(quotient);
  if (size > LEAST_F32 ? size > GREATEST_F32 : a !== 0) return NOT_PLAIN_F64;
  return b !== 0 && isPlainF32(a) && isPlainF32(b) ? quotient : NOT_PLAIN_F64;
}

function isPlainF32(a: number): boolean {
  const size = Math.abs(a);
  return (size >= LEAST_F32 && size <= GREATEST_F32) || a === 0;
}

/**
 * Whether a sum of plain doubles (or of singles, rounded to single) is exact. An error would be a multiple of the
 * smaller operand's last bit, and one of the two differences then shows it: it cannot be lost to rounding in both.
 */
export function isExactSum(a: number, b: number, sum: number): boolean {
  return sum - a === b && sum - b === a;
}

/** 2^27 + 1, by which Veltkamp's multiplication splits a double into two halves of 26 bits. */
const SPLITTER = 134217729;
/**
 * 2^900 and 2^−900: between them no product of two halves overflows or loses bits as a denormal, with room to spare.
 */
const GREATEST_SPLIT = 8.452712498170644e270;
const LEAST_SPLIT = 1.1830521861667747e-271;

/** The rounding error a·b − product of a product of doubles, exactly (Dekker), inside the range that isSplit tells. */
function productError(a: number, b: number, product: number): number {
  const aScaled = SPLITTER * a;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = SPLITTER * b;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

function isSplit(a: number, b: number, product: number): boolean {
  const size = Math.abs(product);
  return Math.abs(a) < GREATEST_SPLIT && Math.abs(b) < GREATEST_SPLIT && size < GREATEST_SPLIT && size > LEAST_SPLIT;
}

export const EXACT = 0;
export const INEXACT = 1;
/** Outside of what can be told by splitting: for the integer way. */
export const NOT_PROVEN = 2;

/** Whether a plain product of doubles is exact: EXACT, INEXACT or NOT_PROVEN. */
export function exactnessOfProduct(a: number, b: number, product: number): number {
  if (product === 0) return 0;
  if (!isSplit(a, b, product)) return 2;
  return productError(a, b, product) === 0 ? 0 : 1;
}

/** As exactnessOfProduct, for a plain quotient. */
export function exactnessOfQuotient(a: number, b: number, quotient: number): number {
  if (quotient === 0) return 0;
  if (!isSplit(quotient, b, a)) return 2;
  return quotient * b === a && productError(quotient, b, a) === 0 ? 0 : 1;
}

/** Products of singles are exact as doubles. */
export function isExactProductF32(a: number, b: number, product: number): boolean {
  return a * b === product;
}

export function isExactQuotientF32(a: number, b: number, quotient: number): boolean {
  return quotient * b === a;
}

/**
 * The square root of a number in [1, 4) to more than 32 bits: a parabola within 1 in 198 of it, then two of Heron's
 * steps. Math.sqrt is not for the core: its last bit is the host's affair.
 */
function rootNear(radicand: number): number {
  const first = 0.51855363 + (0.52601009 - 0.03954008 * radicand) * radicand;
  const second = (first + radicand / first) * 0.5;
  return (second + radicand / second) * 0.5;
}

/** The square root of a number in [1, 4) rounded to a double, nearly always; rootExactnessF64 proves it. */
export function rootF64(radicand: number): number {
  const near = rootNear(radicand);
  const square = near * near;
  return near + (radicand - square - productError(near, near, square)) / (near + near);
}

/** As rootF64, for singles. */
export function rootF32(radicand: number): number {
  return Math.fround(rootNear(radicand));
}

/** 2^−52 and 2^−23: the last bits of a root in [1, 2). */
const LAST_F64 = 2.220446049250313e-16;
const LAST_F32 = 1.1920928955078125e-7;

/**
 * Whether `root`, at least 1 and below 2, is the square root of `radicand` in [1, 4), rounded to nearest: EXACT,
 * INEXACT, or NOT_PROVEN when it is not the right one or not proven so. With u the last bit, rounding to nearest asks
 * that −root·u + u²/4 < radicand − root² < root·u + u²/4 (below a root of 1 doubles lie closer, but no radicand
 * does); the middle is a multiple of u² and a double wherever it lies between the bounds.
 */
export function rootExactnessF64(radicand: number, root: number): number {
  const square = root * root;
  const residual = radicand - square - productError(root, root, square);
  if (residual === 0) return 0;
  return root >= 1 && root < 2 && Math.abs(residual) < root * LAST_F64 ? 1 : 2;
}

/** As rootExactnessF64, for singles: squares and residuals are exact as doubles. */
export function rootExactnessF32(radicand: number, root: number): number {
  const residual = radicand - root * root;
  if (residual === 0) return 0;
  return root >= 1 && root < 2 && Math.abs(residual) < root * LAST_F32 ? 1 : 2;
}
