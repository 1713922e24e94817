/**
 * SSE arithmetic on singles given as their bits: add, subtract, multiply, divide, square root, minimum, maximum. Intel
 * SDM volume 1, sections 4.8.3 and table 4-7 (SSE: the first operand's NaN wins), 10.2.3 (MXCSR), 11.5.2 (order of
 * exceptions). Results mean nothing when an unmasked exception was raised: the instruction then writes nothing.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE, ROUND_DOWN, ZE } from '../ieee/environment.ts';
import type { Unpacked } from '../ieee/ieee-pack.ts';
import { packF32, unpackF32 } from '../ieee/ieee-pack.ts';
import {
  addSignificands,
  divideSignificands,
  multiplySignificands,
  result,
  rootSignificand,
  subtractSignificands,
} from '../ieee/significand.ts';

const INDEFINITE = 0xffc00000 | 0;
const INFINITY = 0x7f800000;
const QUIET = 0x00400000;

const left: Unpacked = { exponent: 0, hi: 0, lo: 0 };
const right: Unpacked = { exponent: 0, hi: 0, lo: 0 };

export function isNanF32(bits: number): boolean {
  return (bits & 0x7fffffff) > INFINITY;
}

export function isSignalingF32(bits: number): boolean {
  return (bits & 0x7fffffff) > INFINITY && (bits & QUIET) === 0;
}

function isDenormal(bits: number): boolean {
  return (bits & 0x7f800000) === 0 && (bits & 0x007fffff) !== 0;
}

/** With DAZ, a denormal is a zero of its sign. */
function flushInput(bits: number): number {
  return (bits & 0x7f800000) === 0 ? bits & 0x80000000 : bits;
}

function propagate(env: FloatEnvironment, a: number, b: number): number {
  if (isSignalingF32(a) || isSignalingF32(b)) env.flags |= IE;
  return (isNanF32(a) ? a : b) | QUIET;
}

function invalid(env: FloatEnvironment): number {
  env.flags |= IE;
  return INDEFINITE;
}

/** Raises DE; true when computing goes on. */
function denormalsPass(env: FloatEnvironment, a: number, b: number): boolean {
  if (!isDenormal(a) && !isDenormal(b)) return true;
  env.flags |= DE;
  return (env.masks & DE) !== 0;
}

function addSigned(env: FloatEnvironment, a: number, b: number, negate: number): number {
  if (env.denormalsAreZero) {
    a = flushInput(a);
    b = flushInput(b);
  }
  if (isNanF32(a) || isNanF32(b)) return propagate(env, a, b);
  b ^= negate;
  const magnitudeA = a & 0x7fffffff;
  const magnitudeB = b & 0x7fffffff;
  if (magnitudeA === INFINITY && magnitudeB === INFINITY && a !== b) return invalid(env);
  if (!denormalsPass(env, a, b)) return 0;
  if (magnitudeA === INFINITY) return a;
  if (magnitudeB === INFINITY) return b;
  if (magnitudeA === 0 && magnitudeB === 0) {
    return a === b ? a : env.rounding === ROUND_DOWN ? 0x80000000 | 0 : 0;
  }
  if (magnitudeA === 0 || magnitudeB === 0) {
    const other = magnitudeA === 0 ? b : a;
    unpackF32(other, left);
    result.hi = left.hi;
    result.lo = 0;
    result.extra = 0;
    return packF32(env, other >>> 31, left.exponent);
  }
  unpackF32(a, left);
  unpackF32(b, right);
  if ((a ^ b) >= 0) {
    const distance = left.exponent - right.exponent;
    if (distance >= 0) {
      return packF32(env, a >>> 31, left.exponent + addSignificands(left.hi, 0, right.hi, 0, distance));
    }
    return packF32(env, a >>> 31, right.exponent + addSignificands(right.hi, 0, left.hi, 0, -distance));
  }
  if (magnitudeA === magnitudeB) return env.rounding === ROUND_DOWN ? 0x80000000 | 0 : 0;
  const [greater, smaller, sign] = magnitudeA > magnitudeB ? [left, right, a >>> 31] : [right, left, b >>> 31];
  const shift = subtractSignificands(greater.hi, 0, smaller.hi, 0, greater.exponent - smaller.exponent);
  return packF32(env, sign, greater.exponent - shift);
}

export function addF32(env: FloatEnvironment, a: number, b: number): number {
  return addSigned(env, a, b, 0);
}

export function subtractF32(env: FloatEnvironment, a: number, b: number): number {
  return addSigned(env, a, b, 0x80000000);
}

export function multiplyF32(env: FloatEnvironment, a: number, b: number): number {
  if (env.denormalsAreZero) {
    a = flushInput(a);
    b = flushInput(b);
  }
  if (isNanF32(a) || isNanF32(b)) return propagate(env, a, b);
  const magnitudeA = a & 0x7fffffff;
  const magnitudeB = b & 0x7fffffff;
  const sign = (a ^ b) & 0x80000000;
  const infinite = magnitudeA === INFINITY || magnitudeB === INFINITY;
  const zero = magnitudeA === 0 || magnitudeB === 0;
  if (infinite && zero) return invalid(env);
  if (!denormalsPass(env, a, b)) return 0;
  if (infinite) return sign | INFINITY;
  if (zero) return sign;
  unpackF32(a, left);
  unpackF32(b, right);
  const exponent = left.exponent + right.exponent - 127;
  return packF32(env, sign >>> 31, exponent + multiplySignificands(left.hi, 0, right.hi, 0));
}

export function divideF32(env: FloatEnvironment, a: number, b: number): number {
  if (env.denormalsAreZero) {
    a = flushInput(a);
    b = flushInput(b);
  }
  if (isNanF32(a) || isNanF32(b)) return propagate(env, a, b);
  const magnitudeA = a & 0x7fffffff;
  const magnitudeB = b & 0x7fffffff;
  const sign = (a ^ b) & 0x80000000;
  if (magnitudeA === magnitudeB && (magnitudeA === 0 || magnitudeA === INFINITY)) return invalid(env);
  if (magnitudeB === 0 && magnitudeA !== INFINITY) {
    env.flags |= ZE;
    return sign | INFINITY;
  }
  if (!denormalsPass(env, a, b)) return 0;
  if (magnitudeA === INFINITY) return sign | INFINITY;
  if (magnitudeA === 0 || magnitudeB === INFINITY) return sign;
  unpackF32(a, left);
  unpackF32(b, right);
  const exponent = left.exponent - right.exponent + 127;
  return packF32(env, sign >>> 31, exponent - divideSignificands(left.hi, 0, right.hi, 0));
}

export function squareRootF32(env: FloatEnvironment, a: number): number {
  if (env.denormalsAreZero) a = flushInput(a);
  if (isNanF32(a)) return propagate(env, a, a);
  if ((a & 0x7fffffff) === 0) return a;
  if (a < 0) return invalid(env);
  if (a === INFINITY) return a;
  if (!denormalsPass(env, a, 0)) return 0;
  unpackF32(a, left);
  const unbiased = left.exponent - 127;
  rootSignificand(left.hi, 0, unbiased & 1);
  return packF32(env, 0, (unbiased >> 1) + 127);
}

/** Total order of numbers as integers: negative floats count downwards. */
function orderKey(bits: number): number {
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/**
 * MINSS and MAXSS: the second operand unless the first is strictly less (greater); so for a NaN in either, which
 * raises IE even when quiet, and for two zeros. With DAZ the flushed operand is what is returned.
 */
function pick(env: FloatEnvironment, a: number, b: number, greater: boolean): number {
  if (env.denormalsAreZero) {
    a = flushInput(a);
    b = flushInput(b);
  }
  if (isNanF32(a) || isNanF32(b)) {
    env.flags |= IE;
    return b;
  }
  denormalsPass(env, a, b);
  const order = orderKey(a) - orderKey(b);
  return (greater ? order > 0 : order < 0) ? a : b;
}

export function minimumF32(env: FloatEnvironment, a: number, b: number): number {
  return pick(env, a, b, false);
}

export function maximumF32(env: FloatEnvironment, a: number, b: number): number {
  return pick(env, a, b, true);
}
