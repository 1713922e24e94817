/**
 * Rounding and packing into the 32- and 64-bit formats, and taking them apart: under SSE arithmetic, conversions and
 * the x87's narrowing stores. Intel SDM volume 1, sections 4.2.2, 4.9.1.4 to 4.9.1.6, 10.2.3.3 (FTZ). The 64-bit
 * significand to pack is in `result`, normalised; exponents are biased as in the format packed to.
 */
import type { FloatEnvironment } from './environment.ts';
import { OE, PE, ROUND_DOWN, ROUND_NEAREST, ROUND_UP, UE } from './environment.ts';
import type { Words } from '../x87/f80.ts';
import { roundsUp } from '../x87/f80.ts';
import { result, shiftRightSticky } from './significand.ts';

/** True when overflow gives infinity in this rounding mode, false when it gives the greatest finite number. */
function overflowsToInfinity(rounding: number, sign: number): boolean {
  return rounding === ROUND_NEAREST || rounding === (sign === 0 ? ROUND_UP : ROUND_DOWN);
}

/**
 * The bits of a single. With an unmasked OE or UE the value returned means nothing: SSE faults, FST does not store.
 * roundedUp is set as the x87's stores want it.
 */
export function packF32(env: FloatEnvironment, sign: number, exponent: number): number {
  const rounding = env.rounding;
  let hi = result.hi;
  let below = (hi << 24) | (result.lo >>> 8) | (((result.lo & 0xff) | result.extra) !== 0 ? 1 : 0);
  let fraction = hi >>> 8;
  if (exponent > 0 && exponent < 254) {
    env.roundedUp = 0;
    if (below !== 0) {
      env.flags |= PE;
      if (roundsUp(rounding, sign, fraction, below)) {
        env.roundedUp = 1;
        fraction++;
      }
    }
    // A carry out of the fraction goes into the exponent, as it should.
    return (sign << 31) | ((exponent << 23) + fraction - 0x00800000);
  }
  if (exponent <= 0) {
    const carries = exponent === 0 && fraction === 0x00ffffff && roundsUp(rounding, sign, 1, below);
    const tiny = !carries;
    if (tiny && ((env.masks & UE) === 0 || env.flushToZero)) {
      env.roundedUp = 0;
      const inexact = below !== 0 || (env.masks & UE) !== 0;
      env.flags |= UE | (inexact ? PE : 0);
      return sign << 31;
    }
    shiftRightSticky(hi, result.lo, result.extra, 1 - exponent);
    hi = result.hi;
    below = (hi << 24) | (result.lo >>> 8) | (((result.lo & 0xff) | result.extra) !== 0 ? 1 : 0);
    fraction = hi >>> 8;
    env.roundedUp = 0;
    if (below !== 0) {
      env.flags |= tiny ? UE | PE : PE;
      if (roundsUp(rounding, sign, fraction, below)) {
        env.roundedUp = 1;
        fraction++;
      }
    }
    return (sign << 31) | fraction;
  }
  const up = below !== 0 && roundsUp(rounding, sign, fraction, below);
  env.roundedUp = up ? 1 : 0;
  if (below !== 0) env.flags |= PE;
  if (up) fraction++;
  if (fraction === 0x01000000) {
    fraction = 0x00800000;
    exponent++;
  }
  if (exponent < 255) return (sign << 31) | (exponent << 23) | (fraction & 0x007fffff);
  env.flags |= OE;
  if ((env.masks & OE) === 0) return sign << 31;
  env.flags |= PE;
  const infinite = overflowsToInfinity(rounding, sign);
  env.roundedUp = infinite ? 1 : 0;
  return (sign << 31) | (infinite ? 0x7f800000 : 0x7f7fffff);
}

/** As packF32, for a double. */
export function packF64(env: FloatEnvironment, sign: number, exponent: number, out: Words): void {
  const rounding = env.rounding;
  let hi = result.hi;
  let lo = result.lo;
  let below = (lo << 21) | (result.extra >>> 11) | ((result.extra & 0x7ff) !== 0 ? 1 : 0);
  if (exponent > 0 && exponent < 2046) {
    let fractionLo = (lo >>> 11) | (hi << 21);
    let high = (exponent << 20) + (hi >>> 11) - 0x00100000;
    env.roundedUp = 0;
    if (below !== 0) {
      env.flags |= PE;
      if (roundsUp(rounding, sign, fractionLo, below)) {
        env.roundedUp = 1;
        fractionLo = (fractionLo + 1) | 0;
        // A carry out of the fraction goes into the exponent, as it should.
        if (fractionLo === 0) high++;
      }
    }
    out.hi = (sign << 31) | high;
    out.lo = fractionLo | 0;
    return;
  }
  if (exponent <= 0) {
    const allOnes = hi === -1 && lo >>> 11 === 0x1fffff;
    const tiny = !(exponent === 0 && allOnes && roundsUp(rounding, sign, 1, below));
    if (tiny && ((env.masks & UE) === 0 || env.flushToZero)) {
      env.roundedUp = 0;
      const inexact = below !== 0 || (env.masks & UE) !== 0;
      env.flags |= UE | (inexact ? PE : 0);
      out.hi = sign << 31;
      out.lo = 0;
      return;
    }
    shiftRightSticky(hi, lo, result.extra, 1 - exponent);
    hi = result.hi;
    lo = result.lo;
    below = (lo << 21) | (result.extra >>> 11) | ((result.extra & 0x7ff) !== 0 ? 1 : 0);
    let fractionLo = (lo >>> 11) | (hi << 21);
    let high = hi >>> 11;
    env.roundedUp = 0;
    if (below !== 0) {
      env.flags |= tiny ? UE | PE : PE;
      if (roundsUp(rounding, sign, fractionLo, below)) {
        env.roundedUp = 1;
        fractionLo = (fractionLo + 1) | 0;
        if (fractionLo === 0) high++;
      }
    }
    out.hi = (sign << 31) | high;
    out.lo = fractionLo | 0;
    return;
  }
  let fractionLo = (lo >>> 11) | (hi << 21);
  let fractionHi = hi >>> 11;
  const up = below !== 0 && roundsUp(rounding, sign, fractionLo, below);
  env.roundedUp = up ? 1 : 0;
  if (below !== 0) env.flags |= PE;
  if (up) {
    fractionLo = (fractionLo + 1) | 0;
    if (fractionLo === 0) fractionHi++;
    if (fractionHi === 0x00200000) {
      fractionHi = 0x00100000;
      exponent++;
    }
  }
  if (exponent < 2047) {
    out.hi = (sign << 31) | (exponent << 20) | (fractionHi & 0x000fffff);
    out.lo = fractionLo | 0;
    return;
  }
  env.flags |= OE;
  out.hi = sign << 31;
  out.lo = 0;
  if ((env.masks & OE) === 0) return;
  env.flags |= PE;
  const infinite = overflowsToInfinity(rounding, sign);
  env.roundedUp = infinite ? 1 : 0;
  out.hi |= infinite ? 0x7ff00000 : 0x7fefffff;
  out.lo = infinite ? 0 : -1;
}

/** A finite non-zero number taken apart: exponent biased as in its format, 0 or less for denormals. */
export type Unpacked = { exponent: number; hi: number; lo: number };

export function unpackF32(bits: number, into: Unpacked): void {
  let exponent = (bits >>> 23) & 0xff;
  let hi = bits << 8;
  if (exponent === 0) {
    const shift = Math.clz32(hi);
    hi <<= shift;
    exponent = 1 - shift;
  } else {
    hi |= 0x80000000;
  }
  into.exponent = exponent;
  into.hi = hi | 0;
  into.lo = 0;
}

export function unpackF64(lo: number, hi: number, into: Unpacked): void {
  let exponent = (hi >>> 20) & 0x7ff;
  let top = (hi << 11) | (lo >>> 21);
  let bottom = lo << 11;
  if (exponent !== 0) {
    top |= 0x80000000;
  } else {
    exponent = 1;
    if (top === 0) {
      top = bottom;
      bottom = 0;
      exponent -= 32;
    }
    const shift = Math.clz32(top);
    if (shift > 0) {
      top = (top << shift) | (bottom >>> (32 - shift));
      bottom <<= shift;
      exponent -= shift;
    }
  }
  into.exponent = exponent;
  into.hi = top;
  into.lo = bottom;
}
