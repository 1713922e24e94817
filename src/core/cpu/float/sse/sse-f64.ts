/**
 * SSE2 arithmetic on doubles given as two words: add, subtract, multiply, divide, square root, minimum, maximum.
 * Rules as in sse-f32.ts (Intel SDM volume 1, sections 4.8.3, 10.2.3, 11.5.2). Results are written to `out` even when
 * an unmasked exception was raised and then mean nothing.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE, ROUND_DOWN, ZE } from '../ieee/environment.ts';
import type { Words } from '../x87/f80.ts';
import type { Unpacked } from '../ieee/ieee-pack.ts';
import { packF64, unpackF64 } from '../ieee/ieee-pack.ts';
import {
  addSignificands,
  divideSignificands,
  multiplySignificands,
  result,
  rootSignificand,
  subtractSignificands,
} from '../ieee/significand.ts';

const INFINITY_HI = 0x7ff00000;
const QUIET_HI = 0x00080000;
const SIGN = 0x80000000 | 0;

const left: Unpacked = { exponent: 0, hi: 0, lo: 0 };
const right: Unpacked = { exponent: 0, hi: 0, lo: 0 };

export function isNanF64(lo: number, hi: number): boolean {
  const high = hi & 0x7fffffff;
  return high > INFINITY_HI || (high === INFINITY_HI && lo !== 0);
}

export function isSignalingF64(lo: number, hi: number): boolean {
  return isNanF64(lo, hi) && (hi & QUIET_HI) === 0;
}

function isNormal(hi: number): boolean {
  const exponent = hi & 0x7ff00000;
  return exponent !== 0 && exponent !== 0x7ff00000;
}

function isDenormal(lo: number, hi: number): boolean {
  return (hi & 0x7ff00000) === 0 && ((hi & 0x000fffff) | lo) !== 0;
}

function set(out: Words, lo: number, hi: number): void {
  out.lo = lo;
  out.hi = hi;
}

function propagate(env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words): void {
  if (isSignalingF64(aLo, aHi) || isSignalingF64(bLo, bHi)) env.flags |= IE;
  if (isNanF64(aLo, aHi)) set(out, aLo, aHi | QUIET_HI);
  else set(out, bLo, bHi | QUIET_HI);
}

function invalid(env: FloatEnvironment, out: Words): void {
  env.flags |= IE;
  set(out, 0, 0xfff80000 | 0);
}

/** Raises DE; true when computing goes on. */
function denormalsPass(env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  if (!isDenormal(aLo, aHi) && !isDenormal(bLo, bHi)) return true;
  env.flags |= DE;
  return (env.masks & DE) !== 0;
}

function isZero(lo: number, hi: number): boolean {
  return ((hi & 0x7fffffff) | lo) === 0;
}

/** Two finite numbers other than zero. */
function addFinite(env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words): void {
  unpackF64(aLo, aHi, left);
  unpackF64(bLo, bHi, right);
  const distance = left.exponent - right.exponent;
  let sign = aHi >>> 31;
  if ((aHi ^ bHi) >= 0) {
    if (distance >= 0) {
      packF64(env, sign, left.exponent + addSignificands(left.hi, left.lo, right.hi, right.lo, distance), out);
    } else {
      packF64(env, sign, right.exponent + addSignificands(right.hi, right.lo, left.hi, left.lo, -distance), out);
    }
    return;
  }
  let exponent = left.exponent;
  let shift: number;
  if (
    distance > 0 ||
    (distance === 0 && (left.hi >>> 0 > right.hi >>> 0 || (left.hi === right.hi && left.lo >>> 0 >= right.lo >>> 0)))
  ) {
    shift = subtractSignificands(left.hi, left.lo, right.hi, right.lo, distance);
  } else {
    shift = subtractSignificands(right.hi, right.lo, left.hi, left.lo, -distance);
    sign ^= 1;
    exponent = right.exponent;
  }
  if (shift < 0) {
    set(out, 0, env.rounding === ROUND_DOWN ? SIGN : 0);
    return;
  }
  packF64(env, sign, exponent - shift, out);
}

function addSigned(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  negate: number,
  out: Words,
): void {
  if (isNormal(aHi) && isNormal(bHi)) {
    addFinite(env, aLo, aHi, bLo, bHi ^ negate, out);
    return;
  }
  if (env.denormalsAreZero) {
    if (isDenormal(aLo, aHi)) {
      aLo = 0;
      aHi &= SIGN;
    }
    if (isDenormal(bLo, bHi)) {
      bLo = 0;
      bHi &= SIGN;
    }
  }
  if (isNanF64(aLo, aHi) || isNanF64(bLo, bHi)) {
    propagate(env, aLo, aHi, bLo, bHi, out);
    return;
  }
  bHi ^= negate;
  const infiniteA = (aHi & 0x7fffffff) === INFINITY_HI;
  const infiniteB = (bHi & 0x7fffffff) === INFINITY_HI;
  if (infiniteA && infiniteB && aHi !== bHi) {
    invalid(env, out);
    return;
  }
  if (!denormalsPass(env, aLo, aHi, bLo, bHi)) return;
  if (infiniteA || infiniteB) {
    set(out, 0, infiniteA ? aHi : bHi);
    return;
  }
  const zeroA = isZero(aLo, aHi);
  const zeroB = isZero(bLo, bHi);
  if (zeroA && zeroB) {
    set(out, 0, aHi === bHi ? aHi : env.rounding === ROUND_DOWN ? SIGN : 0);
    return;
  }
  if (zeroA || zeroB) {
    const hi = zeroA ? bHi : aHi;
    unpackF64(zeroA ? bLo : aLo, hi, left);
    result.hi = left.hi;
    result.lo = left.lo;
    result.extra = 0;
    packF64(env, hi >>> 31, left.exponent, out);
    return;
  }
  addFinite(env, aLo, aHi, bLo, bHi, out);
}

export function addF64(env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words): void {
  addSigned(env, aLo, aHi, bLo, bHi, 0, out);
}

export function subtractF64(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  out: Words,
): void {
  addSigned(env, aLo, aHi, bLo, bHi, SIGN, out);
}

export function multiplyF64(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  out: Words,
): void {
  const sign = (aHi ^ bHi) & SIGN;
  if (!isNormal(aHi) || !isNormal(bHi)) {
    if (env.denormalsAreZero) {
      if (isDenormal(aLo, aHi)) {
        aLo = 0;
        aHi &= SIGN;
      }
      if (isDenormal(bLo, bHi)) {
        bLo = 0;
        bHi &= SIGN;
      }
    }
    if (isNanF64(aLo, aHi) || isNanF64(bLo, bHi)) {
      propagate(env, aLo, aHi, bLo, bHi, out);
      return;
    }
    const infinite = (aHi & 0x7fffffff) === INFINITY_HI || (bHi & 0x7fffffff) === INFINITY_HI;
    const zero = isZero(aLo, aHi) || isZero(bLo, bHi);
    if (infinite && zero) {
      invalid(env, out);
      return;
    }
    if (!denormalsPass(env, aLo, aHi, bLo, bHi)) return;
    if (infinite || zero) {
      set(out, 0, infinite ? sign | INFINITY_HI : sign);
      return;
    }
  }
  unpackF64(aLo, aHi, left);
  unpackF64(bLo, bHi, right);
  const exponent = left.exponent + right.exponent - 1023;
  packF64(env, sign >>> 31, exponent + multiplySignificands(left.hi, left.lo, right.hi, right.lo), out);
}

export function divideF64(env: FloatEnvironment, aLo: number, aHi: number, bLo: number, bHi: number, out: Words): void {
  const sign = (aHi ^ bHi) & SIGN;
  if (!isNormal(aHi) || !isNormal(bHi)) {
    if (env.denormalsAreZero) {
      if (isDenormal(aLo, aHi)) {
        aLo = 0;
        aHi &= SIGN;
      }
      if (isDenormal(bLo, bHi)) {
        bLo = 0;
        bHi &= SIGN;
      }
    }
    if (isNanF64(aLo, aHi) || isNanF64(bLo, bHi)) {
      propagate(env, aLo, aHi, bLo, bHi, out);
      return;
    }
    const infiniteA = (aHi & 0x7fffffff) === INFINITY_HI;
    const infiniteB = (bHi & 0x7fffffff) === INFINITY_HI;
    const zeroA = isZero(aLo, aHi);
    const zeroB = isZero(bLo, bHi);
    if ((infiniteA && infiniteB) || (zeroA && zeroB)) {
      invalid(env, out);
      return;
    }
    if (zeroB && !infiniteA) {
      env.flags |= ZE;
      set(out, 0, sign | INFINITY_HI);
      return;
    }
    if (!denormalsPass(env, aLo, aHi, bLo, bHi)) return;
    if (infiniteA || zeroA || infiniteB) {
      set(out, 0, infiniteA ? sign | INFINITY_HI : sign);
      return;
    }
  }
  unpackF64(aLo, aHi, left);
  unpackF64(bLo, bHi, right);
  const exponent = left.exponent - right.exponent + 1023;
  packF64(env, sign >>> 31, exponent - divideSignificands(left.hi, left.lo, right.hi, right.lo), out);
}

export function squareRootF64(env: FloatEnvironment, lo: number, hi: number, out: Words): void {
  if (env.denormalsAreZero && isDenormal(lo, hi)) {
    lo = 0;
    hi &= SIGN;
  }
  if (isNanF64(lo, hi)) {
    propagate(env, lo, hi, lo, hi, out);
    return;
  }
  if (isZero(lo, hi) || hi === INFINITY_HI) {
    set(out, lo, hi);
    return;
  }
  if (hi < 0) {
    invalid(env, out);
    return;
  }
  if (!denormalsPass(env, lo, hi, 0, 0)) return;
  unpackF64(lo, hi, left);
  const unbiased = left.exponent - 1023;
  rootSignificand(left.hi, left.lo, unbiased & 1);
  packF64(env, 0, (unbiased >> 1) + 1023, out);
}

/** −1, 0 or 1 as a is less than, equal to or greater than b; neither is a NaN. */
export function orderF64(aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (isZero(aLo, aHi) && isZero(bLo, bHi)) return 0;
  if ((aHi ^ bHi) < 0) return aHi < 0 ? -1 : 1;
  let order = 0;
  if (aHi !== bHi) order = (aHi & 0x7fffffff) < (bHi & 0x7fffffff) ? -1 : 1;
  else if (aLo !== bLo) order = aLo >>> 0 < bLo >>> 0 ? -1 : 1;
  return aHi < 0 ? -order : order;
}

/** MINSD and MAXSD; see minimumF32. */
function pick(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  wanted: number,
  out: Words,
): void {
  if (env.denormalsAreZero) {
    if (isDenormal(aLo, aHi)) {
      aLo = 0;
      aHi &= SIGN;
    }
    if (isDenormal(bLo, bHi)) {
      bLo = 0;
      bHi &= SIGN;
    }
  }
  if (isNanF64(aLo, aHi) || isNanF64(bLo, bHi)) {
    env.flags |= IE;
    set(out, bLo, bHi);
    return;
  }
  denormalsPass(env, aLo, aHi, bLo, bHi);
  if (orderF64(aLo, aHi, bLo, bHi) === wanted) set(out, aLo, aHi);
  else set(out, bLo, bHi);
}

export function minimumF64(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  out: Words,
): void {
  pick(env, aLo, aHi, bLo, bHi, -1, out);
}

export function maximumF64(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  out: Words,
): void {
  pick(env, aLo, aHi, bLo, bHi, 1, out);
}
