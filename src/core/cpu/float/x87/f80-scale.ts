/**
 * FSCALE, FXTRACT, FPREM and FPREM1 (Intel SDM volume 2): operations on the exponent and exact remainders. PC governs
 * none of them. A partial remainder reduces as silicon does: exponents that differ by D ≥ 64 come nearer by
 * 32 + D mod 32.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { OE, PE, UE, ZE } from '../ieee/environment.ts';
import { unpackF80 } from './f80-arithmetic.ts';
import { C0, C1, C2, C3 } from './status-word.ts';
import { fromInt32 } from './f80-convert.ts';
import type { F80 } from './f80.ts';
import {
  CLASS_DENORMAL,
  CLASS_INFINITY,
  CLASS_QUIET_NAN,
  CLASS_ZERO,
  classifyF80,
  denormalOperand,
  F80_BIAS,
  invalidF80,
  packF80Full,
  propagateNan,
  propagateNans,
  setF80,
  setInfinity,
  setZero,
} from './f80.ts';
import { divideDigit, normalizeResult, remainder, result, subtractSignificands } from '../ieee/significand.ts';

const left = { exponent: 0, hi: 0, lo: 0 };
const right = { exponent: 0, hi: 0, lo: 0 };

/** FSCALE: a · 2^trunc(b). */
export function scaleF80(env: FloatEnvironment, a: F80, b: F80, out: F80): void {
  const classA = classifyF80(a);
  const classB = classifyF80(b);
  if (classA >= CLASS_QUIET_NAN || classB >= CLASS_QUIET_NAN) {
    propagateNans(env, a, classA, b, classB, out);
    return;
  }
  const signA = (a.se >> 15) & 1;
  const negativeB = (b.se & 0x8000) !== 0;
  if (classB === CLASS_INFINITY && (negativeB ? classA === CLASS_INFINITY : classA === CLASS_ZERO)) {
    invalidF80(env, out);
    return;
  }
  if ((classA === CLASS_DENORMAL || classB === CLASS_DENORMAL) && !denormalOperand(env)) return;
  env.roundedUp = 0;
  if (classA === CLASS_ZERO || classA === CLASS_INFINITY) {
    setF80(out, a.se, a.hi, a.lo);
    return;
  }
  if (classB === CLASS_INFINITY) {
    if (negativeB) setZero(out, signA);
    else setInfinity(out, signA);
    return;
  }
  const exponentB = (b.se & 0x7fff) - F80_BIAS;
  let scale = 0;
  // 2^17 is beyond any exponent: more says the same.
  if (exponentB >= 17) scale = 0x20000;
  else if (exponentB >= 0) scale = b.hi >>> (31 - exponentB);
  if (negativeB) scale = -scale;
  unpackF80(a, left);
  result.hi = left.hi;
  result.lo = left.lo;
  result.extra = 0;
  const exponent = left.exponent + scale;
  // Beyond what the bias adjustment of an unmasked exception can bring back, silicon gives infinity or zero, inexact,
  // whatever the rounding.
  if (exponent - 24576 >= 0x7fff && (env.masks & OE) === 0) {
    env.flags |= OE | PE;
    env.roundedUp = 1;
    setInfinity(out, signA);
    return;
  }
  if (exponent + 24576 <= 0 && (env.masks & UE) === 0) {
    env.flags |= UE | PE;
    setZero(out, signA);
    return;
  }
  packF80Full(env, signA, exponent, out);
}

/** FXTRACT: the exponent replaces ST(0), the significand is pushed above it; both unless keepsRegister(env). */
export function extractF80(env: FloatEnvironment, a: F80, exponentOut: F80, significandOut: F80): void {
  const classA = classifyF80(a);
  const { se, hi, lo } = a;
  if (classA >= CLASS_QUIET_NAN) {
    propagateNan(env, a, classA, significandOut);
    setF80(exponentOut, significandOut.se, significandOut.hi, significandOut.lo);
    return;
  }
  env.roundedUp = 0;
  if (classA === CLASS_ZERO) {
    env.flags |= ZE;
    if ((env.masks & ZE) === 0) return;
    setInfinity(exponentOut, 1);
    setF80(significandOut, se, hi, lo);
    return;
  }
  if (classA === CLASS_INFINITY) {
    setInfinity(exponentOut, 0);
    setF80(significandOut, se, hi, lo);
    return;
  }
  if (classA === CLASS_DENORMAL && !denormalOperand(env)) return;
  unpackF80(a, left);
  fromInt32(left.exponent - F80_BIAS, exponentOut);
  setF80(significandOut, (se & 0x8000) | F80_BIAS, left.hi, left.lo);
}

/** What FPREM returns when it was invalid: C1 and C2 become 0, C0 and C3 keep their values. */
export const REMAINDER_INVALID = -1;

/**
 * FPREM, or FPREM1 when `nearest`. Returns the condition codes in their places in the status word: C2 for an
 * incomplete reduction, else the low three bits of the quotient in C0, C3, C1; or REMAINDER_INVALID.
 */
export function remainderF80(env: FloatEnvironment, a: F80, b: F80, nearest: boolean, out: F80): number {
  const classA = classifyF80(a);
  const classB = classifyF80(b);
  if (classA >= CLASS_QUIET_NAN || classB >= CLASS_QUIET_NAN) {
    propagateNans(env, a, classA, b, classB, out);
    return REMAINDER_INVALID;
  }
  if (classA === CLASS_INFINITY || classB === CLASS_ZERO) {
    invalidF80(env, out);
    return REMAINDER_INVALID;
  }
  if ((classA === CLASS_DENORMAL || classB === CLASS_DENORMAL) && !denormalOperand(env)) return REMAINDER_INVALID;
  env.roundedUp = 0;
  let sign = (a.se >> 15) & 1;
  if (classA === CLASS_ZERO) {
    setZero(out, sign);
    return 0;
  }
  unpackF80(a, left);
  result.hi = left.hi;
  result.lo = left.lo;
  result.extra = 0;
  if (classB === CLASS_INFINITY) {
    packF80Full(env, sign, left.exponent, out);
    return 0;
  }
  unpackF80(b, right);
  const distance = left.exponent - right.exponent;
  let exponent = left.exponent;
  let quotient = 0;
  if (distance < -1 || (distance === -1 && !nearest)) {
    packF80Full(env, sign, exponent, out);
    return 0;
  }
  if (distance === -1) {
    // a lies in [b/4, b): beyond b/2 the nearest multiple is b itself.
    if (left.hi >>> 0 > right.hi >>> 0 || (left.hi === right.hi && left.lo >>> 0 > right.lo >>> 0)) {
      exponent = right.exponent - subtractSignificands(right.hi, right.lo, left.hi, left.lo, 1);
      sign ^= 1;
      quotient = 1;
    }
    packF80Full(env, sign, exponent, out);
    return quotientCodes(quotient);
  }
  const complete = distance < 64;
  let steps = complete ? distance : 32 + (distance & 31);
  exponent = right.exponent + distance - steps;
  remainder.hi = left.hi;
  remainder.lo = left.lo;
  if (left.hi >>> 0 > right.hi >>> 0 || (left.hi === right.hi && left.lo >>> 0 >= right.lo >>> 0)) {
    remainder.lo = (left.lo - right.lo) | 0;
    remainder.hi = (left.hi - right.hi - (left.lo >>> 0 < right.lo >>> 0 ? 1 : 0)) | 0;
    quotient = 1;
  }
  while (steps > 0) {
    const step = Math.min(steps, 32);
    const digit = divideDigit(right.hi, right.lo, step);
    quotient = step >= 3 ? digit & 7 : ((quotient << step) | digit) & 7;
    steps -= step;
  }
  result.hi = remainder.hi;
  result.lo = remainder.lo;
  result.extra = 0;
  if (nearest && complete) {
    // Compare 2R with the divisor; a tie goes to the even quotient.
    const twiceHi = (remainder.hi << 1) | (remainder.lo >>> 31);
    const twiceLo = remainder.lo << 1;
    const tie = remainder.hi >= 0 && twiceHi === right.hi && twiceLo === right.lo;
    const beyond =
      remainder.hi < 0 || twiceHi >>> 0 > right.hi >>> 0 || (twiceHi === right.hi && twiceLo >>> 0 > right.lo >>> 0);
    if (tie ? (quotient & 1) !== 0 : beyond) {
      result.lo = (right.lo - remainder.lo) | 0;
      result.hi = (right.hi - remainder.hi - (right.lo >>> 0 < remainder.lo >>> 0 ? 1 : 0)) | 0;
      sign ^= 1;
      quotient = (quotient + 1) & 7;
    }
  }
  if ((result.hi | result.lo) === 0) setZero(out, sign);
  else packF80Full(env, sign, exponent - normalizeResult(), out);
  env.roundedUp = 0;
  return complete ? quotientCodes(quotient) : C2;
}

function quotientCodes(quotient: number): number {
  return ((quotient & 4) !== 0 ? C0 : 0) | ((quotient & 2) !== 0 ? C3 : 0) | ((quotient & 1) !== 0 ? C1 : 0);
}
