/**
 * The 80-bit format: records, classes, NaN propagation and the one place where results are rounded and packed. Intel
 * SDM volume 1, sections 4.2.2 and 8.2 (encodings, unsupported formats), 4.8.3 and table 4-7 (NaNs), 8.1.5
 * (precision and rounding control), 4.9.1.4 to 4.9.1.6 (overflow, underflow, precision). Where the manual is silent
 * (reserved PC value, denormals under reduced precision) this follows silicon, see proptests/float.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE, OE, PE, ROUND_DOWN, ROUND_NEAREST, ROUND_UP, UE } from '../ieee/environment.ts';
import { result, shiftRightSticky } from '../ieee/significand.ts';

/** A number as the registers hold it: sign and exponent in 16 bits, significand in two signed words. */
export type F80 = { se: number; hi: number; lo: number };

/** A pair of words: a 64-bit integer or the bits of a double. */
export type Words = { hi: number; lo: number };

export const F80_BIAS = 16383;
/** What the exponent of an unmasked overflow or underflow is moved by (SDM 8.5.4). */
const WRAP_80 = 24576;

const TOP = 0x80000000 | 0;

export function makeF80(): F80 {
  return { se: 0, hi: 0, lo: 0 };
}

export function setF80(out: F80, se: number, hi: number, lo: number): void {
  out.se = se;
  out.hi = hi;
  out.lo = lo;
}

/** The real indefinite: the quiet NaN that a masked invalid operation gives. */
export function setIndefinite(out: F80): void {
  setF80(out, 0xffff, 0xc0000000 | 0, 0);
}

export function setInfinity(out: F80, sign: number): void {
  setF80(out, (sign << 15) | 0x7fff, TOP, 0);
}

export function setZero(out: F80, sign: number): void {
  setF80(out, sign << 15, 0, 0);
}

export const CLASS_ZERO = 0;
export const CLASS_NORMAL = 1;
/** Denormals and pseudo-denormals: finite, not zero, exponent field 0. */
export const CLASS_DENORMAL = 2;
export const CLASS_INFINITY = 3;
export const CLASS_QUIET_NAN = 4;
export const CLASS_SIGNALING_NAN = 5;
/** Unnormals, pseudo-infinities and pseudo-NaNs: invalid as operands since the 387. */
export const CLASS_UNSUPPORTED = 6;

export function classifyF80(a: F80): number {
  const exponent = a.se & 0x7fff;
  if (exponent === 0) return (a.hi | a.lo) === 0 ? CLASS_ZERO : CLASS_DENORMAL;
  if (a.hi >= 0) return CLASS_UNSUPPORTED;
  if (exponent !== 0x7fff) return CLASS_NORMAL;
  if (a.hi === TOP && a.lo === 0) return CLASS_INFINITY;
  return (a.hi & 0x40000000) !== 0 ? CLASS_QUIET_NAN : CLASS_SIGNALING_NAN;
}

/** True for normal numbers alone: one test on the way of every operation. */
export function isNormalF80(a: F80): boolean {
  const exponent = a.se & 0x7fff;
  return exponent !== 0 && exponent !== 0x7fff && a.hi < 0;
}

/** Raises IE and, if that is masked, stores the indefinite. */
export function invalidF80(environment: FloatEnvironment, out: F80): void {
  environment.flags |= IE;
  environment.roundedUp = 0;
  if ((environment.masks & IE) !== 0) setIndefinite(out);
}

/**
 * Raises DE for a finite operand with exponent field 0 and tells whether computing goes on (DE masked).
 * Called after NaNs, invalid operations and divisions by zero, which come first.
 */
export function denormalOperand(environment: FloatEnvironment): boolean {
  environment.flags |= DE;
  environment.roundedUp = 0;
  return (environment.masks & DE) !== 0;
}

/** One operand that is a NaN or unsupported. */
export function propagateNan(environment: FloatEnvironment, a: F80, classA: number, out: F80): void {
  environment.roundedUp = 0;
  if (classA === CLASS_UNSUPPORTED) {
    invalidF80(environment, out);
    return;
  }
  if (classA === CLASS_SIGNALING_NAN) {
    environment.flags |= IE;
    if ((environment.masks & IE) === 0) return;
  }
  setF80(out, a.se, a.hi | 0x40000000, a.lo);
}

/**
 * Two operands of which at least one is a NaN or unsupported (table 4-7): a quiet NaN wins over a signaling one, else
 * the larger significand, else the positive sign.
 */
export function propagateNans(
  environment: FloatEnvironment,
  a: F80,
  classA: number,
  b: F80,
  classB: number,
  out: F80,
): void {
  environment.roundedUp = 0;
  if (classA === CLASS_UNSUPPORTED || classB === CLASS_UNSUPPORTED) {
    invalidF80(environment, out);
    return;
  }
  if (classA === CLASS_SIGNALING_NAN || classB === CLASS_SIGNALING_NAN) {
    environment.flags |= IE;
    if ((environment.masks & IE) === 0) return;
  }
  let chosen = a;
  if (classA < CLASS_QUIET_NAN) {
    chosen = b;
  } else if (classB >= CLASS_QUIET_NAN) {
    if (classA !== classB) {
      if (classB === CLASS_QUIET_NAN) chosen = b;
    } else if (a.hi === b.hi && a.lo === b.lo) {
      if ((a.se & 0x8000) !== 0) chosen = b;
    } else if (b.hi >>> 0 > a.hi >>> 0 || (b.hi === a.hi && b.lo >>> 0 > a.lo >>> 0)) {
      chosen = b;
    }
  }
  setF80(out, chosen.se, chosen.hi | 0x40000000, chosen.lo);
}

/** True when the bits below the last kept one, left-aligned in `extra`, make the magnitude grow. */
export function roundsUp(rounding: number, sign: number, odd: number, extra: number): boolean {
  if (rounding === ROUND_NEAREST) return extra < 0 && ((extra & 0x7fffffff) | (odd & 1)) !== 0;
  return extra !== 0 && rounding === (sign === 0 ? ROUND_UP : ROUND_DOWN);
}

/**
 * Rounds `result` (normalised, 96 bits with sticky) with the biased exponent given to the precision in PC and packs
 * it, raising OE, UE and PE and setting roundedUp. The exponent may lie outside of the format's range.
 */
export function packF80(environment: FloatEnvironment, sign: number, exponent: number, out: F80): void {
  const precision = environment.precision;
  if (precision === 0 || precision === 2) {
    packReduced(environment, sign, exponent, precision, out);
    return;
  }
  packF80Full(environment, sign, exponent, out);
}

/** As packF80 but always to 64 bits: FPREM, FSCALE, FXTRACT, loads, which PC does not govern. */
export function packF80Full(environment: FloatEnvironment, sign: number, exponent: number, out: F80): void {
  if (exponent <= 0 || exponent >= 0x7ffe) {
    packReduced(environment, sign, exponent, 3, out);
    return;
  }
  let hi = result.hi;
  let lo = result.lo;
  const extra = result.extra;
  let up = 0;
  if (extra !== 0) {
    environment.flags |= PE;
    if (roundsUp(environment.rounding, sign, lo, extra)) {
      up = 1;
      lo = (lo + 1) | 0;
      if (lo === 0) {
        hi = (hi + 1) | 0;
        if (hi === 0) {
          hi = TOP;
          exponent++;
        }
      }
    }
  }
  environment.roundedUp = up;
  out.se = (sign << 15) | exponent;
  out.hi = hi;
  out.lo = lo;
}

/**
 * Rounds `result` in place to a precision; gives bit 0 = inexact, bit 1 = rounded up, bit 2 = carried out of the top.
 */
function roundResult(rounding: number, sign: number, precision: number): number {
  let hi = result.hi;
  let lo = result.lo;
  let extra = result.extra;
  let stepHi = 0;
  let stepLo = 1;
  let odd = lo;
  if (precision === 0) {
    extra = (hi << 24) | (lo >>> 8) | (((lo & 0xff) | extra) !== 0 ? 1 : 0);
    hi &= 0xffffff00;
    lo = 0;
    odd = hi >> 8;
    stepHi = 0x100;
    stepLo = 0;
  } else if (precision === 2) {
    extra = (lo << 21) | (extra >>> 11) | ((extra & 0x7ff) !== 0 ? 1 : 0);
    lo &= 0xfffff800;
    odd = lo >> 11;
    stepLo = 0x800;
  }
  let answer = 0;
  if (extra !== 0) {
    answer = 1;
    if (roundsUp(rounding, sign, odd, extra)) {
      answer = 3;
      const wasHi = hi;
      lo = (lo + stepLo) | 0;
      hi = (hi + stepHi + (stepLo !== 0 && lo === 0 ? 1 : 0)) | 0;
      if (wasHi < 0 && hi >= 0) {
        hi = TOP;
        answer = 7;
      }
    }
  }
  result.hi = hi;
  result.lo = lo;
  return answer;
}

function packReduced(environment: FloatEnvironment, sign: number, exponent: number, precision: number, out: F80): void {
  const rounding = environment.rounding;
  if (exponent <= 0) {
    // Tiny is decided after rounding as if the exponent had no bound (SDM 4.9.1.5).
    const hi = result.hi;
    const lo = result.lo;
    const extra = result.extra;
    let rounded = roundResult(rounding, sign, precision);
    const tiny = exponent < 0 || (rounded & 4) === 0;
    if (tiny && (environment.masks & UE) === 0) {
      environment.flags |= UE | ((rounded & 1) !== 0 ? PE : 0);
      environment.roundedUp = (rounded >> 1) & 1;
      const wrapped = exponent + WRAP_80 + (rounded >> 2);
      if (wrapped <= 0) setZero(out, sign);
      else setF80(out, (sign << 15) | wrapped, result.hi, result.lo);
      return;
    }
    shiftRightSticky(hi, lo, extra, 1 - exponent);
    rounded = roundResult(rounding, sign, precision);
    if ((rounded & 1) !== 0) environment.flags |= tiny ? UE | PE : PE;
    environment.roundedUp = (rounded >> 1) & 1;
    setF80(out, (sign << 15) | (result.hi < 0 ? 1 : 0), result.hi, result.lo);
    return;
  }
  const rounded = roundResult(rounding, sign, precision);
  exponent += rounded >> 2;
  if ((rounded & 1) !== 0) environment.flags |= PE;
  environment.roundedUp = (rounded >> 1) & 1;
  if (exponent < 0x7fff) {
    setF80(out, (sign << 15) | exponent, result.hi, result.lo);
    return;
  }
  environment.flags |= OE;
  if ((environment.masks & OE) === 0) {
    const wrapped = exponent - WRAP_80;
    if (wrapped >= 0x7fff) setInfinity(out, sign);
    else setF80(out, (sign << 15) | wrapped, result.hi, result.lo);
    return;
  }
  environment.flags |= PE;
  if (rounding === ROUND_NEAREST || rounding === (sign === 0 ? ROUND_UP : ROUND_DOWN)) {
    environment.roundedUp = 1;
    setInfinity(out, sign);
  } else {
    environment.roundedUp = 0;
    setF80(
      out,
      (sign << 15) | 0x7ffe,
      precision === 0 ? 0xffffff00 | 0 : -1,
      precision === 0 ? 0 : precision === 2 ? 0xfffff800 | 0 : -1,
    );
  }
}
