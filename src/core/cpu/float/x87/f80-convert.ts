/**
 * Loads and stores of singles, doubles and integers by the x87: FLD, FST, FILD, FIST, FISTTP (Intel SDM volume 2),
 * and FRNDINT, which shares their rounding. Packed decimal is in f80-decimal.ts.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE, OE, PE, ROUND_ZERO, UE } from '../ieee/environment.ts';
import { unpackF80 } from './f80-arithmetic.ts';
import type { F80, Words } from './f80.ts';
import {
  CLASS_DENORMAL,
  CLASS_INFINITY,
  CLASS_QUIET_NAN,
  CLASS_SIGNALING_NAN,
  CLASS_UNSUPPORTED,
  CLASS_ZERO,
  classifyF80,
  denormalOperand,
  F80_BIAS,
  packF80Full,
  propagateNan,
  roundsUp,
  setF80,
} from './f80.ts';
import { packF32, packF64, unpackF32, unpackF64 } from '../ieee/ieee-pack.ts';
import { normalizeResult, result, shiftRightSticky } from '../ieee/significand.ts';

const operand = { exponent: 0, hi: 0, lo: 0 };

/**
 * A single as an 80-bit number, exactly, NaNs as they are (for FADD m32fp and the like). Returns DE when it was a
 * denormal, to be passed on as the operation's `memoryDenormal`, else 0.
 */
export function widenF32(bits: number, out: F80): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  if (exponent === 0xff) {
    setF80(out, sign | 0x7fff, (bits << 8) | 0x80000000, 0);
    return 0;
  }
  if ((bits & 0x7fffffff) === 0) {
    setF80(out, sign, 0, 0);
    return 0;
  }
  unpackF32(bits, operand);
  setF80(out, sign | (operand.exponent + F80_BIAS - 127), operand.hi, 0);
  return exponent === 0 ? DE : 0;
}

/** As widenF32, for a double. */
export function widenF64(lo: number, hi: number, out: F80): number {
  const sign = (hi >>> 16) & 0x8000;
  const exponent = (hi >>> 20) & 0x7ff;
  if (exponent === 0x7ff) {
    setF80(out, sign | 0x7fff, (hi << 11) | (lo >>> 21) | 0x80000000, lo << 11);
    return 0;
  }
  if (((hi & 0x7fffffff) | lo) === 0) {
    setF80(out, sign, 0, 0);
    return 0;
  }
  unpackF64(lo, hi, operand);
  setF80(out, sign | (operand.exponent + F80_BIAS - 1023), operand.hi, operand.lo);
  return exponent === 0 ? DE : 0;
}

/** Quiets a widened value for FLD. False when an unmasked IE forbids the push; an unmasked DE does not (silicon). */
function finishLoad(env: FloatEnvironment, denormal: number, out: F80): boolean {
  env.roundedUp = 0;
  env.flags |= denormal;
  if (classifyF80(out) === CLASS_SIGNALING_NAN) {
    env.flags |= IE;
    if ((env.masks & IE) === 0) return false;
    out.hi |= 0x40000000;
  }
  return true;
}

/** FLD m32fp. Returns whether the value is pushed. */
export function loadF32(env: FloatEnvironment, bits: number, out: F80): boolean {
  return finishLoad(env, widenF32(bits, out), out);
}

/** FLD m64fp. Returns whether the value is pushed. */
export function loadF64(env: FloatEnvironment, lo: number, hi: number, out: F80): boolean {
  return finishLoad(env, widenF64(lo, hi, out), out);
}

/** An unmasked overflow or underflow of a store reports nothing else and stores nothing (silicon; SDM 8.5.4, 8.5.5). */
function finishStore(env: FloatEnvironment): void {
  if ((env.flags & ~env.masks & (OE | UE)) !== 0) {
    env.flags &= ~PE;
    env.roundedUp = 0;
  }
}

/** FST m32fp: the bits, which are stored unless keepsMemory(env). */
export function storeF32(env: FloatEnvironment, a: F80): number {
  const sign = (a.se >> 15) & 1;
  const classA = classifyF80(a);
  env.roundedUp = 0;
  switch (classA) {
    case CLASS_ZERO:
      return sign << 31;
    case CLASS_INFINITY:
      return (sign << 31) | 0x7f800000;
    case CLASS_UNSUPPORTED:
      env.flags |= IE;
      return 0xffc00000 | 0;
    case CLASS_SIGNALING_NAN:
      env.flags |= IE;
      return (sign << 31) | 0x7fc00000 | ((a.hi >>> 8) & 0x7fffff);
    case CLASS_QUIET_NAN:
      return (sign << 31) | 0x7fc00000 | ((a.hi >>> 8) & 0x7fffff);
    default:
  }
  unpackF80(a, operand);
  result.hi = operand.hi;
  result.lo = operand.lo;
  result.extra = 0;
  const bits = packF32(env, sign, operand.exponent - F80_BIAS + 127);
  finishStore(env);
  return bits;
}

/** FST m64fp: the bits in `out`, which are stored unless keepsMemory(env). */
export function storeF64(env: FloatEnvironment, a: F80, out: Words): void {
  const sign = (a.se >> 15) & 1;
  const classA = classifyF80(a);
  env.roundedUp = 0;
  out.lo = 0;
  out.hi = sign << 31;
  switch (classA) {
    case CLASS_ZERO:
      return;
    case CLASS_INFINITY:
      out.hi |= 0x7ff00000;
      return;
    case CLASS_UNSUPPORTED:
      env.flags |= IE;
      out.hi = 0xfff80000 | 0;
      return;
    case CLASS_SIGNALING_NAN:
    case CLASS_QUIET_NAN:
      if (classA === CLASS_SIGNALING_NAN) env.flags |= IE;
      out.hi |= 0x7ff80000 | ((a.hi >>> 11) & 0xfffff);
      out.lo = (a.hi << 21) | (a.lo >>> 11);
      return;
    default:
  }
  unpackF80(a, operand);
  result.hi = operand.hi;
  result.lo = operand.lo;
  result.extra = 0;
  packF64(env, sign, operand.exponent - F80_BIAS + 1023, out);
  finishStore(env);
}

/** FILD m16int and m32int. */
export function fromInt32(value: number, out: F80): void {
  if (value === 0) {
    setF80(out, 0, 0, 0);
    return;
  }
  const magnitude = value < 0 ? -value | 0 : value;
  const shift = Math.clz32(magnitude);
  setF80(out, (value < 0 ? 0x8000 : 0) | (F80_BIAS + 31 - shift), magnitude << shift, 0);
}

/** FILD m64int. */
export function fromInt64(lo: number, hi: number, out: F80): void {
  if ((hi | lo) === 0) {
    setF80(out, 0, 0, 0);
    return;
  }
  const sign = hi < 0 ? 0x8000 : 0;
  if (sign !== 0) {
    lo = -lo | 0;
    hi = lo === 0 ? -hi | 0 : ~hi;
  }
  result.hi = hi;
  result.lo = lo;
  result.extra = 0;
  const shift = normalizeResult();
  setF80(out, sign | (F80_BIAS + 63 - shift), result.hi, result.lo);
}

/** The last rounding to an integer: magnitude, and what happened. Scratch. */
export const integer = { hi: 0, lo: 0, inexact: false, up: false };

/**
 * Rounds a finite number below 2^64 in magnitude to an integer magnitude in `integer`. Returns false when it is
 * 2^64 or more, before or after rounding.
 */
export function roundToInteger(rounding: number, a: F80): boolean {
  const exponent = (a.se & 0x7fff) - F80_BIAS;
  if (exponent > 63) return false;
  shiftRightSticky(a.hi, a.lo, 0, 63 - exponent);
  let hi = result.hi;
  let lo = result.lo;
  const up = roundsUp(rounding, (a.se >> 15) & 1, lo, result.extra);
  if (up) {
    lo = (lo + 1) | 0;
    if (lo === 0) hi = (hi + 1) | 0;
  }
  integer.inexact = result.extra !== 0;
  integer.up = up;
  integer.hi = hi;
  integer.lo = lo;
  // With a fraction there were at most 63 bits, so that rounding cannot pass 2^64.
  return true;
}

/** Rounds for a store of an integer; false (with IE raised) when it does not fit the bits given (16, 32 or 64). */
function storeInteger(env: FloatEnvironment, a: F80, bitCount: number, truncate: boolean): boolean {
  env.roundedUp = 0;
  const classA = classifyF80(a);
  if (classA >= CLASS_INFINITY || !roundToInteger(truncate ? ROUND_ZERO : env.rounding, a)) {
    env.flags |= IE;
    return false;
  }
  const negative = (a.se & 0x8000) !== 0;
  const { hi, lo } = integer;
  let fits: boolean;
  if (bitCount === 64) fits = hi >= 0 || (negative && hi === (0x80000000 | 0) && lo === 0);
  else {
    const limit = (bitCount === 32 ? 0x80000000 : 0x8000) - (negative ? 0 : 1);
    fits = hi === 0 && lo >>> 0 <= limit;
  }
  if (!fits) {
    env.flags |= IE;
    return false;
  }
  if (integer.inexact) env.flags |= PE;
  env.roundedUp = integer.up ? 1 : 0;
  if (negative) {
    integer.lo = -lo | 0;
    integer.hi = lo === 0 ? -hi | 0 : ~hi;
  }
  return true;
}

/** FIST and FISTTP m16int; stored unless keepsMemory(env). */
export function storeInt16(env: FloatEnvironment, a: F80, truncate: boolean): number {
  return storeInteger(env, a, 16, truncate) ? integer.lo : -0x8000;
}

/** FIST and FISTTP m32int; stored unless keepsMemory(env). */
export function storeInt32(env: FloatEnvironment, a: F80, truncate: boolean): number {
  return storeInteger(env, a, 32, truncate) ? integer.lo : 0x80000000 | 0;
}

/** FISTP and FISTTP m64int; stored unless keepsMemory(env). */
export function storeInt64(env: FloatEnvironment, a: F80, truncate: boolean, out: Words): void {
  const fits = storeInteger(env, a, 64, truncate);
  out.hi = fits ? integer.hi : 0x80000000 | 0;
  out.lo = fits ? integer.lo : 0;
}

/** FRNDINT. */
export function roundIntegralF80(env: FloatEnvironment, a: F80, out: F80): void {
  const classA = classifyF80(a);
  if (classA >= CLASS_QUIET_NAN) {
    propagateNan(env, a, classA, out);
    return;
  }
  if (classA === CLASS_DENORMAL && !denormalOperand(env)) return;
  env.roundedUp = 0;
  if (classA === CLASS_ZERO || classA === CLASS_INFINITY || (a.se & 0x7fff) >= F80_BIAS + 63) {
    setF80(out, a.se, a.hi, a.lo);
    return;
  }
  const sign = (a.se >> 15) & 1;
  roundToInteger(env.rounding, a);
  const { inexact, up } = integer;
  if (inexact) env.flags |= PE;
  if ((integer.hi | integer.lo) === 0) {
    setF80(out, sign << 15, 0, 0);
    return;
  }
  result.hi = integer.hi;
  result.lo = integer.lo;
  result.extra = 0;
  const shift = normalizeResult();
  packF80Full(env, sign, F80_BIAS + 63 - shift, out);
  env.roundedUp = up ? 1 : 0;
}
