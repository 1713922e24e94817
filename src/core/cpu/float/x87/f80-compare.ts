/**
 * FCOM, FUCOM, FTST, FCOMI, FUCOMI and FXAM (Intel SDM volume 2; volume 1, section 8.1.3.3 and table 8-1), and the
 * constants with rounding control (section 8.3.8: internal values of 66 bits).
 */
import { C0, C2, C3 } from './status-word.ts';
import type { FloatEnvironment } from '../ieee/environment.ts';
import { DE, IE, ROUND_NEAREST, ROUND_UP } from '../ieee/environment.ts';
import type { F80 } from './f80.ts';
import {
  CLASS_DENORMAL,
  CLASS_INFINITY,
  CLASS_NORMAL,
  CLASS_QUIET_NAN,
  CLASS_UNSUPPORTED,
  CLASS_ZERO,
  classifyF80,
  setF80,
} from './f80.ts';

/** What a comparison finds; the numbers are C3, C2, C0 (or ZF, PF, CF) as a three-bit number. */
export const GREATER = 0;
export const LESS = 1;
export const EQUAL = 4;
export const UNORDERED = 7;

function magnitudeOrder(a: F80, b: F80): number {
  // A pseudo-denormal has the value of exponent 1.
  const exponentA = a.se & 0x7fff || (a.hi < 0 ? 1 : 0);
  const exponentB = b.se & 0x7fff || (b.hi < 0 ? 1 : 0);
  if (exponentA !== exponentB) return exponentA < exponentB ? LESS : GREATER;
  if (a.hi !== b.hi) return a.hi >>> 0 < b.hi >>> 0 ? LESS : GREATER;
  if (a.lo !== b.lo) return a.lo >>> 0 < b.lo >>> 0 ? LESS : GREATER;
  return EQUAL;
}

/**
 * Compares a with b. `quiet` is FUCOM's way: quiet NaNs raise nothing. The condition codes are written even when an
 * unmasked exception is raised (silicon).
 */
export function compareF80(env: FloatEnvironment, a: F80, b: F80, quiet: boolean, memoryDenormal = 0): number {
  const classA = classifyF80(a);
  const classB = classifyF80(b);
  if (classA >= CLASS_QUIET_NAN || classB >= CLASS_QUIET_NAN) {
    if (!quiet || classA > CLASS_QUIET_NAN || classB > CLASS_QUIET_NAN) env.flags |= IE;
    return UNORDERED;
  }
  if (classA === CLASS_DENORMAL || classB === CLASS_DENORMAL || memoryDenormal !== 0) env.flags |= DE;
  if (classA === CLASS_ZERO && classB === CLASS_ZERO) return EQUAL;
  const negativeA = (a.se & 0x8000) !== 0;
  const negativeB = (b.se & 0x8000) !== 0;
  if (classA === CLASS_ZERO) return negativeB ? GREATER : LESS;
  if (classB === CLASS_ZERO || negativeA !== negativeB) return negativeA ? LESS : GREATER;
  return negativeA ? magnitudeOrder(b, a) : magnitudeOrder(a, b);
}

const ZERO: F80 = { se: 0, hi: 0, lo: 0 };

/** FTST. */
export function testF80(env: FloatEnvironment, a: F80): number {
  return compareF80(env, a, ZERO, false);
}

/** C3, C2 and C0 in their places in the status word, for FCOM, FUCOM and FTST (C1 becomes 0). */
export function comparisonCodes(order: number): number {
  return ((order & 4) << 12) | ((order & 2) << 9) | ((order & 1) << 8);
}

/** ZF, PF and CF in their places in EFLAGS, for FCOMI and FUCOMI, COMISS and so on (OF, SF, AF become 0). */
export function comparisonEflags(order: number): number {
  return ((order & 4) << 4) | ((order & 2) << 1) | (order & 1);
}

/** FXAM of a register that is not empty: all four condition codes. (Empty: C3 and C0, and C1 = sign.) */
export function examineF80(a: F80): number {
  const sign = (a.se & 0x8000) >> 6;
  switch (classifyF80(a)) {
    case CLASS_UNSUPPORTED:
      return sign;
    case CLASS_NORMAL:
      return sign | C2;
    case CLASS_INFINITY:
      return sign | C2 | C0;
    case CLASS_ZERO:
      return sign | C3;
    case CLASS_DENORMAL:
      return sign | C3 | C2;
    default:
      return sign | C0;
  }
}

/**
 * FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ in the order of their opcodes D9 E8 to D9 EE: sign and exponent,
 * significand cut to 64 bits, and what lies below it: 0 nothing, 1 less than a half, 3 more than a half.
 */
const CONSTANTS: readonly (readonly [number, number, number, number])[] = [
  [0x3fff, 0x80000000 | 0, 0, 0],
  [0x4000, 0xd49a784b | 0, 0xcd1b8afe | 0, 1],
  [0x3fff, 0xb8aa3b29 | 0, 0x5c17f0bb, 3],
  [0x4000, 0xc90fdaa2 | 0, 0x2168c234, 3],
  [0x3ffd, 0x9a209a84 | 0, 0xfbcff798 | 0, 3],
  [0x3ffe, 0xb17217f7 | 0, 0xd1cf79ab | 0, 3],
  [0, 0, 0, 0],
];

/** Loads constant `index` (the low three bits of the opcode), rounded by RC; raises nothing, C1 becomes 0. */
export function loadConstant(env: FloatEnvironment, index: number, out: F80): void {
  const [se, hi, lo, below] = CONSTANTS[index]!;
  const up = (env.rounding === ROUND_NEAREST && below === 3) || (env.rounding === ROUND_UP && below !== 0);
  env.roundedUp = 0;
  // No constant's significand ends in all ones, so that nothing carries out of the low word.
  setF80(out, se, hi, up ? lo + 1 : lo);
}
