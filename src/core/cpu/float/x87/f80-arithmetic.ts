/**
 * FADD, FSUB, FMUL, FDIV, FSQRT on the 80-bit format (Intel SDM volume 2 for each; volume 1 sections 4.9.2 for the
 * order in which exceptions win). Operands that came from a 32- or 64-bit denormal in memory are passed widened, with
 * DE as `memoryDenormal`. With an unmasked IE, DE or ZE the destination is not written. `out` may be an operand.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { ROUND_DOWN, ZE } from '../ieee/environment.ts';
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
  isNormalF80,
  packF80,
  propagateNan,
  propagateNans,
  setF80,
  setInfinity,
  setZero,
} from './f80.ts';
import {
  addSignificands,
  divideSignificands,
  multiplySignificands,
  result,
  rootSignificand,
  subtractSignificands,
} from '../ieee/significand.ts';

/** A finite non-zero operand, normalised: the exponent may be 0 or less. Scratch, one for each operand. */
const left = { exponent: 0, hi: 0, lo: 0 };
const right = { exponent: 0, hi: 0, lo: 0 };

/** Takes a finite number apart, normalising denormals (a pseudo-denormal has exponent 1 already). */
export function unpackF80(a: F80, into: { exponent: number; hi: number; lo: number }): void {
  let exponent = a.se & 0x7fff;
  let hi = a.hi;
  let lo = a.lo;
  if (exponent === 0) {
    exponent = 1;
    if (hi === 0 && lo !== 0) {
      hi = lo;
      lo = 0;
      exponent -= 32;
    }
    const shift = Math.clz32(hi);
    if (shift > 0 && shift < 32) {
      hi = (hi << shift) | (lo >>> (32 - shift));
      lo <<= shift;
      exponent -= shift;
    }
  }
  into.exponent = exponent;
  into.hi = hi;
  into.lo = lo;
}

/** a + b, or a − b when `negate` is 1. */
function addSigned(env: FloatEnvironment, a: F80, b: F80, negate: number, memoryDenormal: number, out: F80): void {
  const signA = (a.se >> 15) & 1;
  let signB = (b.se >> 15) & 1;
  if (memoryDenormal === 0 && isNormalF80(a) && isNormalF80(b)) {
    addFinite(env, signA, a.se & 0x7fff, a.hi, a.lo, signB ^ negate, b.se & 0x7fff, b.hi, b.lo, out);
    return;
  }
  const classA = classifyF80(a);
  const classB = classifyF80(b);
  if (classA >= CLASS_QUIET_NAN || classB >= CLASS_QUIET_NAN) {
    propagateNans(env, a, classA, b, classB, out);
    return;
  }
  signB ^= negate;
  if (classA === CLASS_INFINITY && classB === CLASS_INFINITY && signA !== signB) {
    invalidF80(env, out);
    return;
  }
  if (classA === CLASS_DENORMAL || classB === CLASS_DENORMAL || memoryDenormal !== 0) {
    if (!denormalOperand(env)) return;
  }
  env.roundedUp = 0;
  if (classA === CLASS_INFINITY || classB === CLASS_INFINITY) {
    setInfinity(out, classA === CLASS_INFINITY ? signA : signB);
    return;
  }
  if (classA === CLASS_ZERO && classB === CLASS_ZERO) {
    setZero(out, signA === signB ? signA : env.rounding === ROUND_DOWN ? 1 : 0);
    return;
  }
  unpackF80(a, left);
  unpackF80(b, right);
  if (classA === CLASS_ZERO || classB === CLASS_ZERO) {
    const other = classA === CLASS_ZERO ? right : left;
    result.hi = other.hi;
    result.lo = other.lo;
    result.extra = 0;
    packF80(env, classA === CLASS_ZERO ? signB : signA, other.exponent, out);
    return;
  }
  addFinite(env, signA, left.exponent, left.hi, left.lo, signB, right.exponent, right.hi, right.lo, out);
}

function addFinite(
  env: FloatEnvironment,
  signA: number,
  exponentA: number,
  hiA: number,
  loA: number,
  signB: number,
  exponentB: number,
  hiB: number,
  loB: number,
  out: F80,
): void {
  const distance = exponentA - exponentB;
  if (signA === signB) {
    if (distance >= 0) packF80(env, signA, exponentA + addSignificands(hiA, loA, hiB, loB, distance), out);
    else packF80(env, signA, exponentB + addSignificands(hiB, loB, hiA, loA, -distance), out);
    return;
  }
  let shift: number;
  if (distance > 0 || (distance === 0 && (hiA >>> 0 > hiB >>> 0 || (hiA === hiB && loA >>> 0 >= loB >>> 0)))) {
    shift = subtractSignificands(hiA, loA, hiB, loB, distance);
  } else {
    shift = subtractSignificands(hiB, loB, hiA, loA, -distance);
    signA = signB;
    exponentA = exponentB;
  }
  if (shift < 0) {
    env.roundedUp = 0;
    setZero(out, env.rounding === ROUND_DOWN ? 1 : 0);
    return;
  }
  packF80(env, signA, exponentA - shift, out);
}

export function addF80(env: FloatEnvironment, a: F80, b: F80, out: F80, memoryDenormal = 0): void {
  addSigned(env, a, b, 0, memoryDenormal, out);
}

/** a − b. For FSUBR exchange the operands. */
export function subtractF80(env: FloatEnvironment, a: F80, b: F80, out: F80, memoryDenormal = 0): void {
  addSigned(env, a, b, 1, memoryDenormal, out);
}

export function multiplyF80(env: FloatEnvironment, a: F80, b: F80, out: F80, memoryDenormal = 0): void {
  const sign = ((a.se ^ b.se) >> 15) & 1;
  if (memoryDenormal === 0 && isNormalF80(a) && isNormalF80(b)) {
    const exponent = (a.se & 0x7fff) + (b.se & 0x7fff) - F80_BIAS;
    packF80(env, sign, exponent + multiplySignificands(a.hi, a.lo, b.hi, b.lo), out);
    return;
  }
  const classA = classifyF80(a);
  const classB = classifyF80(b);
  if (classA >= CLASS_QUIET_NAN || classB >= CLASS_QUIET_NAN) {
    propagateNans(env, a, classA, b, classB, out);
    return;
  }
  if ((classA === CLASS_INFINITY && classB === CLASS_ZERO) || (classA === CLASS_ZERO && classB === CLASS_INFINITY)) {
    invalidF80(env, out);
    return;
  }
  if (classA === CLASS_DENORMAL || classB === CLASS_DENORMAL || memoryDenormal !== 0) {
    if (!denormalOperand(env)) return;
  }
  env.roundedUp = 0;
  if (classA === CLASS_INFINITY || classB === CLASS_INFINITY) {
    setInfinity(out, sign);
    return;
  }
  if (classA === CLASS_ZERO || classB === CLASS_ZERO) {
    setZero(out, sign);
    return;
  }
  unpackF80(a, left);
  unpackF80(b, right);
  const exponent = left.exponent + right.exponent - F80_BIAS;
  packF80(env, sign, exponent + multiplySignificands(left.hi, left.lo, right.hi, right.lo), out);
}

/** a / b. For FDIVR exchange the operands. */
export function divideF80(env: FloatEnvironment, a: F80, b: F80, out: F80, memoryDenormal = 0): void {
  const sign = ((a.se ^ b.se) >> 15) & 1;
  if (memoryDenormal === 0 && isNormalF80(a) && isNormalF80(b)) {
    const exponent = (a.se & 0x7fff) - (b.se & 0x7fff) + F80_BIAS;
    packF80(env, sign, exponent - divideSignificands(a.hi, a.lo, b.hi, b.lo), out);
    return;
  }
  const classA = classifyF80(a);
  const classB = classifyF80(b);
  if (classA >= CLASS_QUIET_NAN || classB >= CLASS_QUIET_NAN) {
    propagateNans(env, a, classA, b, classB, out);
    return;
  }
  if (classA === classB && (classA === CLASS_INFINITY || classA === CLASS_ZERO)) {
    invalidF80(env, out);
    return;
  }
  if (classB === CLASS_ZERO && classA !== CLASS_INFINITY) {
    // Divide by zero comes before the denormal operand, which is then not reported.
    env.flags |= ZE;
    env.roundedUp = 0;
    if ((env.masks & ZE) !== 0) setInfinity(out, sign);
    return;
  }
  if (classA === CLASS_DENORMAL || classB === CLASS_DENORMAL || memoryDenormal !== 0) {
    if (!denormalOperand(env)) return;
  }
  env.roundedUp = 0;
  if (classA === CLASS_INFINITY) {
    setInfinity(out, sign);
    return;
  }
  if (classA === CLASS_ZERO || classB === CLASS_INFINITY) {
    setZero(out, sign);
    return;
  }
  unpackF80(a, left);
  unpackF80(b, right);
  const exponent = left.exponent - right.exponent + F80_BIAS;
  packF80(env, sign, exponent - divideSignificands(left.hi, left.lo, right.hi, right.lo), out);
}

export function squareRootF80(env: FloatEnvironment, a: F80, out: F80): void {
  const classA = classifyF80(a);
  if (classA >= CLASS_QUIET_NAN) {
    propagateNan(env, a, classA, out);
    return;
  }
  env.roundedUp = 0;
  if (classA === CLASS_ZERO) {
    setF80(out, a.se, 0, 0);
    return;
  }
  if ((a.se & 0x8000) !== 0) {
    invalidF80(env, out);
    return;
  }
  if (classA === CLASS_INFINITY) {
    setInfinity(out, 0);
    return;
  }
  if (classA === CLASS_DENORMAL && !denormalOperand(env)) return;
  unpackF80(a, left);
  const unbiased = left.exponent - F80_BIAS;
  rootSignificand(left.hi, left.lo, unbiased & 1);
  packF80(env, 0, (unbiased >> 1) + F80_BIAS, out);
}
