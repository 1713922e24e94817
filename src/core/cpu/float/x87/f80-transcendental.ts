/**
 * FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1 (Intel SDM volume 2; volume 1, section 8.3.10 on accuracy):
 * the true value to more than 100 bits, then rounded once by RC; PC does not matter. The circular
 * functions reduce their argument by the π that they are handed: silicon's has 66 bits (volume 1, section 8.3.8), and
 * the rest of the reduction is exact there too. Special cases follow the manual's tables and, where these leave room
 * (operands out of range; exact results, which are reported as inexact), silicon.
 */
import {
  arcTangent,
  bitLength,
  CONSTANT_BITS,
  cosineSeries,
  exponentialSeries,
  inverseTangentSeries,
  LN_2,
  LOG2_E,
  LOGARITHM_BITS,
  packBig,
  PI,
  rescale,
  sineSeries,
} from '../ieee/big-fixed.ts';
import type { FloatEnvironment } from '../ieee/environment.ts';
import { PE, ZE } from '../ieee/environment.ts';
import { unpackF80 } from './f80-arithmetic.ts';
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
  propagateNan,
  propagateNans,
  setF80,
  setInfinity,
  setZero,
} from './f80.ts';

/** Fraction bits of the series: 128 good bits remain for results as small as 2^−66. */
const SERIES_BITS = 200;
/** Fraction bits of the reduction by π/2, whose multiple has up to 64 bits. */
const REDUCTION_BITS = 320;

const operand = { exponent: 0, hi: 0, lo: 0 };

function significandOf(a: { hi: number; lo: number }): bigint {
  return (BigInt(a.hi >>> 0) << 32n) | BigInt(a.lo >>> 0);
}

/**
 * A significand with 64 zero bits below it, moved by the smallest step: rounds as its neighbour at no distance does.
 */
function beside(significand: bigint, step: bigint): bigint {
  return (significand << 64n) + step;
}

/** The reduced argument: |x| = quadrant · π/2 + remainder. Scratch. */
const reduced = { quadrant: 0, remainder: 0n };

function reduce(significand: bigint, exponent: number, pi: bigint): void {
  const x = significand << BigInt(REDUCTION_BITS + exponent - 63);
  const half = rescale(pi, CONSTANT_BITS + 1, REDUCTION_BITS);
  const multiple = (x + (half >> 1n)) / half;
  // π/2 with all its bits here: its error is multiplied by up to 2^63.
  const product = rescale(pi * multiple, CONSTANT_BITS + 1, REDUCTION_BITS);
  reduced.quadrant = Number(multiple & 3n);
  reduced.remainder = rescale(x - product, REDUCTION_BITS, SERIES_BITS);
}

const FINISHED = true;
const OUT_OF_RANGE = false;

/** Below this exponent x² is less than 2^−68, so that the first term of a series is within a rounding of the whole. */
const TINY_EXPONENT = -34;

/** sin |x|, cos |x| in fixed point by the quadrant, as (sign, magnitude). */
function storeCircular(env: FloatEnvironment, sign: number, quadrant: number, out: F80): void {
  const series = BigInt(SERIES_BITS);
  const value = (quadrant & 1) === 0 ? sineSeries(reduced.remainder, series) : cosineSeries(reduced.remainder, series);
  if ((quadrant & 2) !== 0) sign ^= 1;
  if (value < 0n) packBig(env, sign ^ 1, -value, -SERIES_BITS, false, out);
  else packBig(env, sign, value, -SERIES_BITS, false, out);
}

/**
 * What FSIN and its kin do before computing: `true` when `sine` and `cosine` (either may be undefined) hold the
 * answer already or an unmasked exception forbids one; the finite operand is in `operand` otherwise.
 */
function circularSpecial(env: FloatEnvironment, a: F80, sine: F80 | undefined, cosine: F80 | undefined): boolean {
  const classA = classifyF80(a);
  if (classA >= CLASS_INFINITY) {
    const { se, hi, lo } = a;
    for (const out of [sine, cosine]) {
      if (out === undefined) continue;
      const copy = { se, hi, lo };
      if (classA === CLASS_INFINITY) invalidF80(env, out);
      else propagateNan(env, copy, classA, out);
    }
    return true;
  }
  env.roundedUp = 0;
  if (classA === CLASS_ZERO) {
    const { se } = a;
    if (sine) setF80(sine, se, 0, 0);
    if (cosine) setF80(cosine, F80_BIAS, 0x80000000 | 0, 0);
    return true;
  }
  if (classA === CLASS_DENORMAL && !denormalOperand(env)) return true;
  unpackF80(a, operand);
  return false;
}

/** FSIN. False when |x| is 2^63 or more: C2 is set then and `out` is not written. */
export function sineF80(env: FloatEnvironment, a: F80, out: F80, pi: bigint): boolean {
  if (isOutOfRange(env, a)) return OUT_OF_RANGE;
  if (circularSpecial(env, a, out, undefined)) return FINISHED;
  computeSine(env, (a.se >> 15) & 1, out, pi);
  return FINISHED;
}

function computeSine(env: FloatEnvironment, sign: number, out: F80, pi: bigint): void {
  const exponent = operand.exponent - F80_BIAS;
  if (exponent < TINY_EXPONENT) {
    packBig(env, sign, beside(significandOf(operand), -1n), exponent - 127, false, out);
    return;
  }
  reduce(significandOf(operand), exponent, pi);
  storeCircular(env, sign, reduced.quadrant, out);
}

/** FCOS; as sineF80. */
export function cosineF80(env: FloatEnvironment, a: F80, out: F80, pi: bigint): boolean {
  if (isOutOfRange(env, a)) return OUT_OF_RANGE;
  if (circularSpecial(env, a, undefined, out)) return FINISHED;
  computeCosine(env, out, pi);
  return FINISHED;
}

function computeCosine(env: FloatEnvironment, out: F80, pi: bigint): void {
  const exponent = operand.exponent - F80_BIAS;
  if (exponent < TINY_EXPONENT) {
    packBig(env, 0, beside(1n << 63n, -1n), -127, false, out);
    return;
  }
  reduce(significandOf(operand), exponent, pi);
  storeCircular(env, 0, reduced.quadrant + 1, out);
}

/** FSINCOS: the sine replaces ST(0), the cosine is pushed above it. C1 is the sine's. */
export function sineCosineF80(env: FloatEnvironment, a: F80, sine: F80, cosine: F80, pi: bigint): boolean {
  if (isOutOfRange(env, a)) return OUT_OF_RANGE;
  const sign = (a.se >> 15) & 1;
  if (circularSpecial(env, a, sine, cosine)) return FINISHED;
  computeCosine(env, cosine, pi);
  computeSine(env, sign, sine, pi);
  return FINISHED;
}

/** FPTAN: the tangent replaces ST(0), `one` (1.0, or the same NaN) is pushed above it. */
export function tangentF80(env: FloatEnvironment, a: F80, tangent: F80, one: F80, pi: bigint): boolean {
  if (isOutOfRange(env, a)) return OUT_OF_RANGE;
  let sign = (a.se >> 15) & 1;
  if (circularSpecial(env, a, tangent, one)) return FINISHED;
  setF80(one, F80_BIAS, 0x80000000 | 0, 0);
  const exponent = operand.exponent - F80_BIAS;
  if (exponent < TINY_EXPONENT) {
    packBig(env, sign, beside(significandOf(operand), 1n), exponent - 127, false, tangent);
    return FINISHED;
  }
  reduce(significandOf(operand), exponent, pi);
  const series = BigInt(SERIES_BITS);
  const sine = sineSeries(reduced.remainder, series);
  const cosine = cosineSeries(reduced.remainder, series);
  // In odd quadrants −cot: the sign is the opposite of the remainder's.
  const odd = (reduced.quadrant & 1) !== 0;
  const magnitude = sine < 0n ? -sine : sine;
  if (sine < 0n) sign ^= 1;
  if (odd) sign ^= 1;
  const quotient = odd ? (cosine << series) / magnitude : (magnitude << series) / cosine;
  packBig(env, sign, quotient, -SERIES_BITS, false, tangent);
  return FINISHED;
}

function isOutOfRange(env: FloatEnvironment, a: F80): boolean {
  const exponent = a.se & 0x7fff;
  if (exponent < F80_BIAS + 63 || exponent === 0x7fff || a.hi >= 0) return false;
  env.roundedUp = 0;
  return true;
}

/** FPATAN: arctan(y / x) in the quadrant of the point (x, y), where x is ST(0) and y is ST(1). */
export function arcTangentF80(env: FloatEnvironment, x: F80, y: F80, out: F80): void {
  const classX = classifyF80(x);
  const classY = classifyF80(y);
  if (classX >= CLASS_QUIET_NAN || classY >= CLASS_QUIET_NAN) {
    propagateNans(env, x, classX, y, classY, out);
    return;
  }
  if ((classX === CLASS_DENORMAL || classY === CLASS_DENORMAL) && !denormalOperand(env)) return;
  env.roundedUp = 0;
  const sign = (y.se >> 15) & 1;
  const behind = (x.se & 0x8000) !== 0;
  const flat = classY === CLASS_ZERO || (classX === CLASS_INFINITY && classY !== CLASS_INFINITY);
  if (flat) {
    if (behind) packBig(env, sign, PI, -CONSTANT_BITS, false, out);
    else setZero(out, sign);
    return;
  }
  if (classX === CLASS_ZERO || (classY === CLASS_INFINITY && classX !== CLASS_INFINITY)) {
    packBig(env, sign, PI, -CONSTANT_BITS - 1, false, out);
    return;
  }
  if (classX === CLASS_INFINITY) {
    // π/4 or 3π/4.
    packBig(env, sign, behind ? 3n * PI : PI, -CONSTANT_BITS - 2, false, out);
    return;
  }
  unpackF80(x, operand);
  const significandX = significandOf(operand);
  const exponentX = operand.exponent;
  unpackF80(y, operand);
  const significandY = significandOf(operand);
  const distance = operand.exponent - exponentX;
  const bits = BigInt(SERIES_BITS);
  if (distance < -100) {
    // The angle is y/x itself to within a rounding, or nothing beside π.
    if (behind) {
      packBig(env, sign, PI - 1n, -CONSTANT_BITS, false, out);
      return;
    }
    const quotient = (significandY << 192n) / significandX;
    const exact = quotient * significandX === significandY << 192n;
    packBig(env, sign, exact ? (quotient << 64n) - 1n : (quotient << 64n) + 1n, distance - 256, false, out);
    return;
  }
  if (distance > 100) {
    packBig(env, sign, behind ? PI + 1n : PI - 1n, -CONSTANT_BITS - 1, false, out);
    return;
  }
  // Extra fraction bits keep a small quotient's relative precision.
  const fraction = bits + BigInt(distance < 0 ? -distance : distance);
  const total = Number(fraction);
  const numerator = distance >= 0 ? significandY << BigInt(distance) : significandY;
  const denominator = distance >= 0 ? significandX : significandX << BigInt(-distance);
  const pi = rescale(PI, CONSTANT_BITS, total);
  let angle: bigint;
  if (numerator <= denominator) angle = arcTangent((numerator << fraction) / denominator, fraction);
  else angle = (pi >> 1n) - arcTangent((denominator << fraction) / numerator, fraction);
  if (behind) angle = pi - angle;
  packBig(env, sign, angle, -total, false, out);
}

/** F2XM1: 2^x − 1 for |x| ≤ 1; outside, silicon gives the operand back as if it were inexact. */
export function exponentialF80(env: FloatEnvironment, a: F80, out: F80): void {
  const classA = classifyF80(a);
  if (classA >= CLASS_QUIET_NAN) {
    propagateNan(env, a, classA, out);
    return;
  }
  env.roundedUp = 0;
  const sign = (a.se >> 15) & 1;
  if (classA === CLASS_INFINITY) {
    if (sign === 1) setF80(out, 0xbfff, 0x80000000 | 0, 0);
    else setInfinity(out, 0);
    return;
  }
  if (classA === CLASS_ZERO) {
    setZero(out, sign);
    return;
  }
  if (classA === CLASS_DENORMAL && !denormalOperand(env)) return;
  unpackF80(a, operand);
  const exponent = operand.exponent - F80_BIAS;
  const significand = significandOf(operand);
  if (exponent >= 0) {
    env.flags |= PE;
    if (exponent === 0 && significand === 1n << 63n && sign === 1) setF80(out, 0xbffe, 0x80000000 | 0, 0);
    else setF80(out, a.se, a.hi, a.lo);
    return;
  }
  if (exponent < -100) {
    packBig(env, sign, significand * LN_2, exponent - 63 - LOGARITHM_BITS, false, out);
    return;
  }
  const total = SERIES_BITS - exponent;
  const bits = BigInt(total);
  const x = rescale(significand, 63 - exponent, total);
  const t = (x * rescale(LN_2, LOGARITHM_BITS, total)) >> bits;
  const value = exponentialSeries(sign === 1 ? -t : t, bits);
  packBig(env, sign, value < 0n ? -value : value, -total, false, out);
}

/** log2 of mantissa · 2^exponent, with the fraction bits asked for; exact (in `logarithmExact`) for powers of two. */
let logarithmExact = false;

function logarithm(mantissa: bigint, exponent: number, total: number): bigint {
  const bits = BigInt(total);
  const one = 1n << bits;
  let whole = exponent + bitLength(mantissa) - 1;
  // m in [1, 2) as a fraction numerator / denominator, then moved into [2/3, 4/3].
  let denominator = 1n << BigInt(bitLength(mantissa) - 1);
  if (3n * mantissa > 4n * denominator) {
    denominator <<= 1n;
    whole += 1;
  }
  logarithmExact = mantissa === denominator;
  const z = ((mantissa - denominator) << bits) / (mantissa + denominator);
  const natural = inverseTangentSeries(z, bits, 1n) << 1n;
  return BigInt(whole) * one + ((natural * rescale(LOG2_E, LOGARITHM_BITS, total)) >> bits);
}

/** y · logarithm, where the logarithm is not zero. */
function storeProduct(env: FloatEnvironment, y: F80, value: bigint, exponent: number, exact: boolean, out: F80): void {
  let sign = (y.se >> 15) & 1;
  unpackF80(y, operand);
  let magnitude = value;
  if (value < 0n) {
    magnitude = -value;
    sign ^= 1;
  }
  packBig(env, sign, magnitude * significandOf(operand), exponent + operand.exponent - F80_BIAS - 63, exact, out);
}

/** FYL2X: y · log2 x, where x is ST(0) and y is ST(1). */
export function logarithmF80(env: FloatEnvironment, x: F80, y: F80, out: F80): void {
  const classX = classifyF80(x);
  const classY = classifyF80(y);
  if (classX >= CLASS_QUIET_NAN || classY >= CLASS_QUIET_NAN) {
    propagateNans(env, x, classX, y, classY, out);
    return;
  }
  const signY = (y.se >> 15) & 1;
  if (classX === CLASS_ZERO) {
    if (classY === CLASS_ZERO) {
      invalidF80(env, out);
      return;
    }
    env.roundedUp = 0;
    if (classY !== CLASS_INFINITY) {
      env.flags |= ZE;
      if ((env.masks & ZE) === 0) return;
    }
    setInfinity(out, signY ^ 1);
    return;
  }
  const isOne = x.se === F80_BIAS && x.hi === (0x80000000 | 0) && x.lo === 0;
  if (
    (x.se & 0x8000) !== 0 ||
    (classX === CLASS_INFINITY && classY === CLASS_ZERO) ||
    (isOne && classY === CLASS_INFINITY)
  ) {
    invalidF80(env, out);
    return;
  }
  if ((classX === CLASS_DENORMAL || classY === CLASS_DENORMAL) && !denormalOperand(env)) return;
  env.roundedUp = 0;
  const below = x.se < F80_BIAS ? 1 : 0;
  if (classX === CLASS_INFINITY || classY === CLASS_INFINITY) {
    setInfinity(out, signY ^ below);
    return;
  }
  if (classY === CLASS_ZERO || isOne) {
    setZero(out, signY ^ below);
    return;
  }
  unpackF80(x, operand);
  const value = logarithm(significandOf(operand), operand.exponent - F80_BIAS - 63, SERIES_BITS);
  storeProduct(env, y, value, -SERIES_BITS, logarithmExact, out);
}

/** FYL2XP1: y · log2(x + 1), where x is ST(0) and y is ST(1). For x ≤ −1 silicon gives x back as if inexact. */
export function logarithmPlusOneF80(env: FloatEnvironment, x: F80, y: F80, out: F80): void {
  const classX = classifyF80(x);
  const classY = classifyF80(y);
  if (classX >= CLASS_QUIET_NAN || classY >= CLASS_QUIET_NAN) {
    propagateNans(env, x, classX, y, classY, out);
    return;
  }
  const signX = (x.se >> 15) & 1;
  const signY = (y.se >> 15) & 1;
  if (
    (classX === CLASS_INFINITY && (signX === 1 || classY === CLASS_ZERO)) ||
    (classX === CLASS_ZERO && classY === CLASS_INFINITY)
  ) {
    invalidF80(env, out);
    return;
  }
  if ((classX === CLASS_DENORMAL || classY === CLASS_DENORMAL) && !denormalOperand(env)) return;
  env.roundedUp = 0;
  const sign = signX ^ signY;
  if (classX === CLASS_INFINITY || classY === CLASS_INFINITY) {
    setInfinity(out, sign);
    return;
  }
  if (classX === CLASS_ZERO || classY === CLASS_ZERO) {
    setZero(out, sign);
    return;
  }
  unpackF80(x, operand);
  const exponent = operand.exponent - F80_BIAS;
  const significand = significandOf(operand);
  if (signX === 1 && exponent >= 0) {
    env.flags |= PE;
    setF80(out, x.se, x.hi, x.lo);
    return;
  }
  if (exponent < -100) {
    const scaled = significand * LOG2_E;
    storeProduct(env, y, signX === 1 ? -scaled : scaled, exponent - 63 - LOGARITHM_BITS, false, out);
    return;
  }
  if (exponent > 200) {
    // 1 is nothing beside x.
    storeProduct(env, y, logarithm(significand, exponent - 63, SERIES_BITS), -SERIES_BITS, false, out);
    return;
  }
  // 1 + x exactly, with as many fraction bits as x has; extra bits keep a small logarithm's relative precision.
  const fraction = exponent < 63 ? 63 - exponent : 0;
  const whole = exponent > 63 ? significand << BigInt(exponent - 63) : significand;
  const sum = (1n << BigInt(fraction)) + (signX === 1 ? -whole : whole);
  const total = SERIES_BITS + (exponent < 0 ? -exponent : 0);
  const value = logarithm(sum, -fraction, total);
  storeProduct(env, y, value, -total, logarithmExact, out);
}
