/**
 * SSE and SSE2 conversions between 32-bit integers, singles and doubles: CVT and CVTT (Intel SDM volume 2; volume 1,
 * section 11.5.2.1 for the integer indefinite). The packed forms (and those of MMX registers) apply these to each
 * element.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE, PE, ROUND_ZERO } from '../ieee/environment.ts';
import type { Words } from '../x87/f80.ts';
import { roundsUp } from '../x87/f80.ts';
import type { Unpacked } from '../ieee/ieee-pack.ts';
import { packF32, unpackF32, unpackF64 } from '../ieee/ieee-pack.ts';
import { result, shiftRightSticky } from '../ieee/significand.ts';
import { isSignalingF32 } from './sse-f32.ts';
import { isSignalingF64 } from './sse-f64.ts';

const operand: Unpacked = { exponent: 0, hi: 0, lo: 0 };

const INTEGER_INDEFINITE = 0x80000000 | 0;

/** CVTSS2SD. */
export function f32ToF64(env: FloatEnvironment, bits: number, out: Words): void {
  const sign = bits & 0x80000000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x007fffff;
  if (exponent === 0xff) {
    if (isSignalingF32(bits)) env.flags |= IE;
    out.hi = sign | 0x7ff00000 | (fraction >>> 3) | (fraction !== 0 ? 0x00080000 : 0);
    out.lo = bits << 29;
    return;
  }
  if (exponent !== 0) {
    out.hi = sign | ((exponent + 896) << 20) | (fraction >>> 3);
    out.lo = bits << 29;
    return;
  }
  out.hi = sign;
  out.lo = 0;
  if (fraction === 0 || env.denormalsAreZero) return;
  env.flags |= DE;
  unpackF32(bits, operand);
  out.hi = sign | ((operand.exponent + 896) << 20) | ((operand.hi >>> 11) & 0x000fffff);
  out.lo = operand.hi << 21;
}

/** CVTSD2SS. */
export function f64ToF32(env: FloatEnvironment, lo: number, hi: number): number {
  const sign = hi & 0x80000000;
  const exponent = (hi >>> 20) & 0x7ff;
  const empty = ((hi & 0x000fffff) | lo) === 0;
  if (exponent === 0x7ff) {
    if (isSignalingF64(lo, hi)) env.flags |= IE;
    return sign | 0x7f800000 | (empty ? 0 : 0x00400000 | ((hi & 0x000fffff) << 3) | (lo >>> 29));
  }
  if (exponent === 0) {
    if (empty || env.denormalsAreZero) return sign;
    env.flags |= DE;
    if ((env.masks & DE) === 0) return 0;
  }
  unpackF64(lo, hi, operand);
  result.hi = operand.hi;
  result.lo = operand.lo;
  result.extra = 0;
  return packF32(env, sign >>> 31, operand.exponent - 896);
}

/** CVTSI2SS, CVTDQ2PS, CVTPI2PS. */
export function int32ToF32(env: FloatEnvironment, value: number): number {
  if (value === 0) return 0;
  const magnitude = value < 0 ? -value | 0 : value;
  const shift = Math.clz32(magnitude);
  result.hi = magnitude << shift;
  result.lo = 0;
  result.extra = 0;
  return packF32(env, value >>> 31, 127 + 31 - shift);
}

/** CVTSI2SD, CVTDQ2PD, CVTPI2PD: exact. */
export function int32ToF64(value: number, out: Words): void {
  if (value === 0) {
    out.lo = out.hi = 0;
    return;
  }
  const magnitude = value < 0 ? -value | 0 : value;
  const shift = Math.clz32(magnitude);
  const significand = magnitude << shift;
  out.hi = (value & 0x80000000) | ((1023 + 31 - shift) << 20) | ((significand >>> 11) & 0x000fffff);
  out.lo = significand << 21;
}

/** A significand and unbiased exponent as an integer; out of range gives the integer indefinite and IE. */
function toInt32(
  env: FloatEnvironment,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  truncate: boolean,
): number {
  if (exponent > 31) {
    env.flags |= IE;
    return INTEGER_INDEFINITE;
  }
  // The integer part in `result.hi`, the fraction below it.
  const rounding = truncate ? ROUND_ZERO : env.rounding;
  shiftRightSticky(hi, lo, 0, 31 - exponent);
  const below = result.lo | (result.extra !== 0 ? 1 : 0);
  let magnitude = result.hi >>> 0;
  if (roundsUp(rounding, sign, magnitude | 0, below)) magnitude += 1;
  if (magnitude > (sign === 1 ? 0x80000000 : 0x7fffffff)) {
    env.flags |= IE;
    return INTEGER_INDEFINITE;
  }
  if (below !== 0) env.flags |= PE;
  return sign === 1 ? -magnitude | 0 : magnitude;
}

/** CVTSS2SI, or CVTTSS2SI when `truncate`; CVTPS2DQ and CVTPS2PI by element. */
export function f32ToInt32(env: FloatEnvironment, bits: number, truncate: boolean): number {
  const exponent = (bits >>> 23) & 0xff;
  if (exponent === 0xff) {
    env.flags |= IE;
    return INTEGER_INDEFINITE;
  }
  if (exponent === 0 && ((bits & 0x007fffff) === 0 || env.denormalsAreZero)) return 0;
  unpackF32(bits, operand);
  return toInt32(env, bits >>> 31, operand.exponent - 127, operand.hi, 0, truncate);
}

/** CVTSD2SI, or CVTTSD2SI when `truncate`; CVTPD2DQ and CVTPD2PI by element. */
export function f64ToInt32(env: FloatEnvironment, lo: number, hi: number, truncate: boolean): number {
  const exponent = (hi >>> 20) & 0x7ff;
  if (exponent === 0x7ff) {
    env.flags |= IE;
    return INTEGER_INDEFINITE;
  }
  if (exponent === 0 && (((hi & 0x000fffff) | lo) === 0 || env.denormalsAreZero)) return 0;
  unpackF64(lo, hi, operand);
  return toInt32(env, hi >>> 31, operand.exponent - 1023, operand.hi, operand.lo, truncate);
}
