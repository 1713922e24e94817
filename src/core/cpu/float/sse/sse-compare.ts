/**
 * CMPSS/CMPSD with their eight predicates, COMISS/UCOMISS and COMISD/UCOMISD (Intel SDM volume 2). Orders are those of
 * f80-compare.ts: GREATER, LESS, EQUAL, UNORDERED, whose bits are ZF, PF, CF.
 */
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE } from '../ieee/environment.ts';
import { EQUAL, GREATER, LESS, UNORDERED } from '../x87/f80-compare.ts';
import { isNanF32, isSignalingF32 } from './sse-f32.ts';
import { isNanF64, isSignalingF64, orderF64 } from './sse-f64.ts';

/** Compares singles; `quiet` comparisons (UCOMISS) raise IE for signaling NaNs alone, the others for any NaN. */
export function compareF32(env: FloatEnvironment, a: number, b: number, quiet: boolean): number {
  if (isNanF32(a) || isNanF32(b)) {
    if (!quiet || isSignalingF32(a) || isSignalingF32(b)) env.flags |= IE;
    return UNORDERED;
  }
  const denormalA = (a & 0x7f800000) === 0 && (a & 0x7fffffff) !== 0;
  const denormalB = (b & 0x7f800000) === 0 && (b & 0x7fffffff) !== 0;
  if (denormalA || denormalB) {
    if (env.denormalsAreZero) {
      if (denormalA) a = 0;
      if (denormalB) b = 0;
    } else {
      env.flags |= DE;
    }
  }
  const keyA = a < 0 ? -(a & 0x7fffffff) : a;
  const keyB = b < 0 ? -(b & 0x7fffffff) : b;
  if (keyA === keyB) return EQUAL;
  return keyA < keyB ? LESS : GREATER;
}

/** As compareF32, for doubles. */
export function compareF64(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  quiet: boolean,
): number {
  if (isNanF64(aLo, aHi) || isNanF64(bLo, bHi)) {
    if (!quiet || isSignalingF64(aLo, aHi) || isSignalingF64(bLo, bHi)) env.flags |= IE;
    return UNORDERED;
  }
  const denormalA = (aHi & 0x7ff00000) === 0 && ((aHi & 0x7fffffff) | aLo) !== 0;
  const denormalB = (bHi & 0x7ff00000) === 0 && ((bHi & 0x7fffffff) | bLo) !== 0;
  if (denormalA || denormalB) {
    if (env.denormalsAreZero) {
      if (denormalA) aLo = aHi = 0;
      if (denormalB) bLo = bHi = 0;
    } else {
      env.flags |= DE;
    }
  }
  const order = orderF64(aLo, aHi, bLo, bHi);
  if (order === 0) return EQUAL;
  return order < 0 ? LESS : GREATER;
}

/** EQ, LT, LE, UNORD, NEQ, NLT, NLE, ORD: which of them raise IE for quiet NaNs too. */
const SIGNALS = 0b01100110;

function holds(order: number, predicate: number): boolean {
  switch (predicate & 3) {
    case 0:
      return (order === EQUAL) !== predicate > 3;
    case 1:
      return (order === LESS) !== predicate > 3;
    case 2:
      return (order === LESS || order === EQUAL) !== predicate > 3;
    default:
      return (order === UNORDERED) !== predicate > 3;
  }
}

/** CMPSS with predicate 0 to 7: −1 (all ones) or 0. */
export function compareMaskF32(env: FloatEnvironment, a: number, b: number, predicate: number): number {
  const order = compareF32(env, a, b, ((SIGNALS >> predicate) & 1) === 0);
  return holds(order, predicate) ? -1 : 0;
}

/** CMPSD with predicate 0 to 7: −1 (all ones, in both words) or 0. */
export function compareMaskF64(
  env: FloatEnvironment,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  predicate: number,
): number {
  const order = compareF64(env, aLo, aHi, bLo, bHi, ((SIGNALS >> predicate) & 1) === 0);
  return holds(order, predicate) ? -1 : 0;
}
