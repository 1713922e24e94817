/**
 * Fixed point in BigInt for the transcendental instructions: series for sine, cosine, arctangent, logarithm and
 * exponential on small arguments, and rounding of the results. Slow on purpose: these instructions are rare, and
 * integers are the same on every host. A fixed-point number with `bits` fraction bits stands for value · 2^bits.
 */
import type { FloatEnvironment } from './environment.ts';
import { PE, UE } from './environment.ts';
import type { F80 } from '../x87/f80.ts';
import { F80_BIAS, packF80Full } from '../x87/f80.ts';
import { result } from './significand.ts';

/** π, ln 2 and log2 e with CONSTANT_BITS fraction bits. The property tests compute them anew. */
export const CONSTANT_BITS = 400;
export const PI =
  0x3243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89452821e638d01377be5466cf34e90c6cc0acn;
/**
 * π cut to 66 bits, which is what silicon reduces the arguments of FSIN and its kin by (SDM volume 1, section 8.3.8).
 * The tests pass it to compare large arguments with silicon.
 */
export const PI_OF_66_BITS = (PI >> BigInt(CONSTANT_BITS - 64)) << BigInt(CONSTANT_BITS - 64);
/** These two have 320 fraction bits. */
export const LOGARITHM_BITS = 320;
export const LN_2 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62d8a0d175b8baafa2be7b876206debac98n;
export const LOG2_E = 0x171547652b82fe1777d0ffda0d23a7d11d6aef551bad2b4b1164a2cd9a342648fbc3887eeaa2ed9acn;

/** Bits of a positive integer without its leading zeros. */
export function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return digits.length * 4 - (Math.clz32(Number.parseInt(digits.charAt(0), 16)) - 28);
}

/** Rescales a fixed-point number from one count of fraction bits to another. */
export function rescale(value: bigint, from: number, to: number): bigint {
  return from >= to ? value >> BigInt(from - to) : value << BigInt(to - from);
}

/**
 * Rounds magnitude · 2^exponent (magnitude above 0) to 64 bits by RC and stores it. `exact` false says that digits
 * follow for ever. Silicon reports every result that it had to compute as inexact, and as an underflow when tiny.
 */
export function packBig(
  env: FloatEnvironment,
  sign: number,
  magnitude: bigint,
  exponent: number,
  exact: boolean,
  out: F80,
): void {
  const length = bitLength(magnitude);
  let top = magnitude;
  let sticky = !exact;
  if (length > 96) {
    const cut = BigInt(length - 96);
    top = magnitude >> cut;
    if (exact) sticky = top << cut !== magnitude;
  } else {
    top = magnitude << BigInt(96 - length);
  }
  result.hi = Number(BigInt.asIntN(32, top >> 64n));
  result.lo = Number(BigInt.asIntN(32, top >> 32n));
  result.extra = Number(BigInt.asIntN(32, top)) | (sticky ? 1 : 0);
  const biased = exponent + length - 1 + F80_BIAS;
  packF80Full(env, sign, biased, out);
  env.flags |= PE;
  if (exact && biased <= 0) env.flags |= UE;
}

/** sin r for |r| < 1. */
export function sineSeries(r: bigint, bits: bigint): bigint {
  const square = (r * r) >> bits;
  let term = r;
  let sum = r;
  for (let n = 2n; term !== 0n && term !== -1n; n += 2n) {
    term = -((term * square) >> bits) / (n * (n + 1n));
    sum += term;
  }
  return sum;
}

/** cos r for |r| < 1. */
export function cosineSeries(r: bigint, bits: bigint): bigint {
  const square = (r * r) >> bits;
  let term = 1n << bits;
  let sum = term;
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    term = -((term * square) >> bits) / (n * (n + 1n));
    sum += term;
  }
  return sum;
}

/** e^t − 1 for |t| < 1. */
export function exponentialSeries(t: bigint, bits: bigint): bigint {
  let term = t;
  let sum = t;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = ((term * t) >> bits) / n;
    sum += term;
  }
  return sum;
}

/** artanh z (sign 1n) or arctan z (sign −1n) for |z| ≤ 0.25. */
export function inverseTangentSeries(z: bigint, bits: bigint, sign: bigint): bigint {
  const square = sign * ((z * z) >> bits);
  let power = z;
  let sum = z;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = (power * square) >> bits;
    sum += power / n;
  }
  return sum;
}

/** floor(√value) by Newton's steps from above. */
function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** arctan q for 0 ≤ q ≤ 1: halved twice by tan(a/2) = q / (1 + √(1 + q²)), then by the series. */
export function arcTangent(q: bigint, bits: bigint): bigint {
  const one = 1n << bits;
  for (let halving = 0; halving < 2; halving++) {
    const root = integerRoot((one << bits) + q * q);
    q = (q << bits) / (one + root);
  }
  return inverseTangentSeries(q, bits, -1n) << 2n;
}
