// Plain x87 arithmetic on the register file: normal numbers and zeros, rounding to nearest, precision 53 or 64 bits,
// #P masked or not raised. What the general functions of cpu/float do by records and classes is done here on words, for
// the operands that programs have nearly always. Each function answers NOT_PLAIN before anything has changed, or the
// bits to set in the status word (PE, C1; C1 is otherwise 0) with the result in its register. SDM 1 §4.8, §8.1.5, §8.3.
// Who may execute, empty registers, tags and pointers are the caller's. proptests/float/plain.prop.ts compares.

import * as slowWay from '../../base/slow-way.ts';
import * as statusWord from './x87/status-word.ts';
import * as environment from './ieee/environment.ts';
import * as controlWord from './x87/control-word.ts';
import * as f80 from './x87/f80.ts';
import * as limits from './ieee/limits.ts';
import * as significand from './ieee/significand.ts';
import type { Cpu } from '../../state/cpu.ts';
import * as layout from '../../state/layout.ts';

// Constants of this module rather than imported ones, not exported either: see tiers/interp/hot.ts.
const { FP_CONTROL, FP_SIGN_EXPONENT_16, FP_SIGNIFICAND, OPERAND: OPERAND_LO } = layout;
const { divideSignificands, NEAR, result, rootSignificand } = significand;
const { F80_BIAS: BIAS } = f80;
const { NORMAL_COUNT_F80: NORMAL_COUNT } = limits;
const { PC_53, PC_FIELD, PM, RC_FIELD } = controlWord;
const { PE } = environment;
const { C1 } = statusWord;
const { NOT_PLAIN } = slowWay;

const TOP_BIT = 0x80000000 | 0;
/** The second operand, widened, is in these words: sign and exponent last. Scratch of one instruction. */
const OPERAND_HI = OPERAND_LO + 1;
const OPERAND_SE = OPERAND_LO + 2;

/** True when the control word allows plain arithmetic: nearest, 53 or 64 bits (PC 1 means 64 on silicon), #P masked. */
export function allowsPlain(control: number): boolean {
  return (control & (RC_FIELD | PM)) === PM && (control & PC_FIELD) !== 0;
}

/** Rounds hi:lo:extra, normalised, to nearest by PC and puts it into a register. */
function settle(
  cpu: Cpu,
  register: number,
  sign: number,
  exponent: number,
  hi: number,
  lo: number,
  extra: number,
): number {
  const m32 = cpu.m32;
  // The greatest normal exponent is left to the general path: rounding may overflow it.
  if (exponent <= 0 || exponent >= NORMAL_COUNT) return NOT_PLAIN;
  let step = 1;
  if ((m32[FP_CONTROL] & PC_FIELD) === PC_53) {
    step = 0x800;
    extra = (lo << 21) | (extra >>> 11) | ((extra & 0x7ff) !== 0 ? 1 : 0);
    lo &= -0x800;
  }
  let bits = 0;
  if (extra !== 0) {
    bits = PE;
    if (extra < 0 && ((extra & 0x7fffffff) | (lo & step)) !== 0) {
      bits = PE | C1;
      lo = (lo + step) | 0;
      if (lo === 0) {
        hi = (hi + 1) | 0;
        if (hi === 0) {
          hi = TOP_BIT;
          exponent++;
        }
      }
    }
  }
  const at = FP_SIGNIFICAND + 2 * register;
  m32[at] = lo;
  m32[at + 1] = hi;
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = sign | exponent;
  return bits;
}

function setZero(cpu: Cpu, register: number, sign: number): number {
  const at = FP_SIGNIFICAND + 2 * register;
  cpu.m32[at] = 0;
  cpu.m32[at + 1] = 0;
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = sign;
  return 0;
}

/** Two operands of which at least one is not normal: sums with zeros. */
function addZeros(cpu: Cpu, register: number, aSe: number, bSe: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const aHi = m32[at + 1];
  const aLo = m32[at];
  const aIsZero = ((aSe & 0x7fff) | aHi | aLo) === 0;
  const bIsZero = ((bSe & 0x7fff) | m32[OPERAND_HI] | m32[OPERAND_LO]) === 0;
  // Zeros of unlike signs give +0 when rounding to nearest.
  if (aIsZero && bIsZero) return setZero(cpu, register, aSe & bSe & 0x8000);
  if (aIsZero) {
    if (((bSe & 0x7fff) - 1) >>> 0 >= NORMAL_COUNT || m32[OPERAND_HI] >= 0) return NOT_PLAIN;
    return settle(cpu, register, bSe & 0x8000, bSe & 0x7fff, m32[OPERAND_HI], m32[OPERAND_LO], 0);
  }
  if (!bIsZero || ((aSe & 0x7fff) - 1) >>> 0 >= NORMAL_COUNT || aHi >= 0) return NOT_PLAIN;
  return settle(cpu, register, aSe & 0x8000, aSe & 0x7fff, aHi, aLo, 0);
}

/** Register + operand, each with its sign changed where the flip is 8000h: sums, differences, reversed differences. */
export function addPlain(cpu: Cpu, register: number, flipRegister: number, flipOperand: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  let aSe = cpu.m16[FP_SIGN_EXPONENT_16 + register] ^ flipRegister;
  let aHi = m32[at + 1];
  let aLo = m32[at];
  let bSe = m32[OPERAND_SE] ^ flipOperand;
  let bHi = m32[OPERAND_HI];
  let bLo = m32[OPERAND_LO];
  let exponent = aSe & 0x7fff;
  const exponentB = bSe & 0x7fff;
  if ((aHi & bHi) >= 0 || (exponent - 1) >>> 0 >= NORMAL_COUNT || (exponentB - 1) >>> 0 >= NORMAL_COUNT) {
    return addZeros(cpu, register, aSe, bSe);
  }
  let distance = exponent - exponentB;
  if (distance < 0 || (distance === 0 && (aHi >>> 0 < bHi >>> 0 || (aHi === bHi && aLo >>> 0 < bLo >>> 0)))) {
    distance = -distance;
    exponent = exponentB;
    let kept = aSe;
    aSe = bSe;
    bSe = kept;
    kept = aHi;
    aHi = bHi;
    bHi = kept;
    kept = aLo;
    aLo = bLo;
    bLo = kept;
  }
  // b·2^−distance in bHi:bLo:extra, the lowest bit of extra sticky.
  let extra = 0;
  if (distance !== 0) {
    if (distance < 32) {
      const left = 32 - distance;
      extra = bLo << left;
      bLo = (bLo >>> distance) | (bHi << left);
      bHi >>>= distance;
    } else if (distance < 64) {
      const right = distance - 32;
      extra = right === 0 ? bLo : (bHi << (32 - right)) | (bLo >>> right) | (bLo << (32 - right) !== 0 ? 1 : 0);
      bLo = (bHi >>> right) | 0;
      bHi = 0;
    } else if (distance < 66) {
      const right = distance - 64;
      extra = (bHi >>> right) | ((bLo | (right === 1 ? bHi & 1 : 0)) !== 0 ? 1 : 0);
      bLo = 0;
      bHi = 0;
    } else {
      // Less than a quarter of the last bit, even where the difference is one bit shorter.
      extra = 1;
      bLo = 0;
      bHi = 0;
    }
  }
  let hi: number;
  let lo: number;
  if (((aSe ^ bSe) & 0x8000) === 0) {
    lo = (aLo + bLo) | 0;
    const carry = ((aLo & bLo) | ((aLo | bLo) & ~lo)) >>> 31;
    hi = (aHi + bHi + carry) | 0;
    if (hi >>> 0 < aHi >>> 0 || (carry === 1 && hi === aHi)) {
      extra = (extra >>> 1) | (extra & 1) | (lo << 31);
      lo = (lo >>> 1) | (hi << 31);
      hi = (hi >>> 1) | TOP_BIT;
      exponent++;
    }
  } else {
    const borrowLow = extra !== 0 ? 1 : 0;
    extra = -extra | 0;
    lo = (aLo - bLo - borrowLow) | 0;
    const borrowHigh = ((~aLo & bLo) | ((~aLo | bLo) & lo)) >>> 31;
    hi = (aHi - bHi - borrowHigh) | 0;
    if (hi >= 0) {
      if (hi === 0) {
        if ((lo | extra) === 0) return setZero(cpu, register, 0);
        hi = lo;
        lo = extra;
        extra = 0;
        exponent -= 32;
        if (hi === 0) {
          hi = lo;
          lo = 0;
          exponent -= 32;
        }
      }
      const shift = Math.clz32(hi);
      if (shift > 0) {
        const right = 32 - shift;
        hi = (hi << shift) | (lo >>> right);
        lo = (lo << shift) | (extra >>> right);
        extra <<= shift;
        exponent -= shift;
      }
    }
  }
  return settle(cpu, register, aSe & 0x8000, exponent, hi, lo, extra);
}

/** Register · operand. */
export function multiplyPlain(cpu: Cpu, register: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const aSe = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  const aHi = m32[at + 1];
  const bSe = m32[OPERAND_SE];
  const bHi = m32[OPERAND_HI];
  const exponentA = aSe & 0x7fff;
  const exponentB = bSe & 0x7fff;
  const sign = (aSe ^ bSe) & 0x8000;
  if ((aHi & bHi) >= 0 || (exponentA - 1) >>> 0 >= NORMAL_COUNT || (exponentB - 1) >>> 0 >= NORMAL_COUNT) {
    const aIsZero = (exponentA | aHi | m32[at]) === 0;
    const bIsZero = (exponentB | bHi | m32[OPERAND_LO]) === 0;
    const aIsNormal = aHi < 0 && (exponentA - 1) >>> 0 < NORMAL_COUNT;
    const bIsNormal = bHi < 0 && (exponentB - 1) >>> 0 < NORMAL_COUNT;
    const isZero = aIsZero ? bIsZero || bIsNormal : bIsZero && aIsNormal;
    return isZero ? setZero(cpu, register, sign) : NOT_PLAIN;
  }
  // Sixteen products of 16 bits, written out: as calls they took three times as long.
  const exponent = exponentA + exponentB - BIAS;
  const aLo = m32[at];
  const bLo = m32[OPERAND_LO];
  const a3 = aHi >>> 16;
  const a2 = aHi & 0xffff;
  const b3 = bHi >>> 16;
  const b2 = bHi & 0xffff;
  let middle = (Math.imul(a3, b2) + (Math.imul(a2, b2) >>> 16)) | 0;
  let cross = (Math.imul(a2, b3) + (middle & 0xffff)) | 0;
  let hi = (Math.imul(a3, b3) + (middle >>> 16) + (cross >>> 16)) | 0;
  let lo = Math.imul(aHi, bHi);
  let extra = 0;
  if ((aLo | bLo) !== 0) {
    const a1 = aLo >>> 16;
    const a0 = aLo & 0xffff;
    const b1 = bLo >>> 16;
    const b0 = bLo & 0xffff;
    middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) | 0;
    cross = (Math.imul(a0, b1) + (middle & 0xffff)) | 0;
    const lowHi = (Math.imul(a1, b1) + (middle >>> 16) + (cross >>> 16)) | 0;
    const lowLo = Math.imul(aLo, bLo);
    middle = (Math.imul(a3, b0) + (Math.imul(a2, b0) >>> 16)) | 0;
    cross = (Math.imul(a2, b1) + (middle & 0xffff)) | 0;
    const firstHi = (Math.imul(a3, b1) + (middle >>> 16) + (cross >>> 16)) | 0;
    const firstLo = Math.imul(aHi, bLo);
    middle = (Math.imul(a1, b2) + (Math.imul(a0, b2) >>> 16)) | 0;
    cross = (Math.imul(a0, b3) + (middle & 0xffff)) | 0;
    const secondHi = (Math.imul(a1, b3) + (middle >>> 16) + (cross >>> 16)) | 0;
    const secondLo = Math.imul(aLo, bHi);
    // Columns of 32 bits; a carry is the top bit of what either addend has, or both, and the sum has not.
    const sum = (lowHi + firstLo) | 0;
    extra = (sum + secondLo) | 0;
    const carry =
      (((lowHi & firstLo) | ((lowHi | firstLo) & ~sum)) >>> 31) +
      (((sum & secondLo) | ((sum | secondLo) & ~extra)) >>> 31);
    const upper = (firstHi + secondHi) | 0;
    const both = (upper + carry) | 0;
    const total = (lo + both) | 0;
    hi =
      (hi +
        (((firstHi & secondHi) | ((firstHi | secondHi) & ~upper)) >>> 31) +
        ((upper & ~both) >>> 31) +
        (((lo & both) | ((lo | both) & ~total)) >>> 31)) |
      0;
    lo = total;
    extra |= lowLo !== 0 ? 1 : 0;
  }
  if (hi < 0) return settle(cpu, register, sign, exponent + 1, hi, lo, extra);
  return settle(
    cpu,
    register,
    sign,
    exponent,
    (hi << 1) | (lo >>> 31),
    (lo << 1) | (extra >>> 31),
    (extra << 1) | (extra & 1),
  );
}

/** Register / operand, or operand / register. */
export function dividePlain(cpu: Cpu, register: number, isReversed: boolean): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const aSe = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  const aHi = m32[at + 1];
  const bSe = m32[OPERAND_SE];
  const bHi = m32[OPERAND_HI];
  const exponentA = aSe & 0x7fff;
  const exponentB = bSe & 0x7fff;
  const sign = (aSe ^ bSe) & 0x8000;
  if ((aHi & bHi) >= 0 || (exponentA - 1) >>> 0 >= NORMAL_COUNT || (exponentB - 1) >>> 0 >= NORMAL_COUNT) {
    const dividendIsZero = isReversed ? (exponentB | bHi | m32[OPERAND_LO]) === 0 : (exponentA | aHi | m32[at]) === 0;
    const divisorHi = isReversed ? aHi : bHi;
    const divisorExponent = isReversed ? exponentA : exponentB;
    const isZero = dividendIsZero && divisorHi < 0 && (divisorExponent - 1) >>> 0 < NORMAL_COUNT;
    return isZero ? setZero(cpu, register, sign) : NOT_PLAIN;
  }
  const numeratorHi = isReversed ? bHi : aHi;
  const numeratorLo = isReversed ? m32[OPERAND_LO] : m32[at];
  const divisorHi = isReversed ? aHi : bHi;
  const divisorLo = isReversed ? m32[at] : m32[OPERAND_LO];
  let exponent = (isReversed ? exponentB - exponentA : exponentA - exponentB) + BIAS;
  // The remainder, below the divisor, and the word that follows it: a quotient of 1 or more is halved first.
  let hi = numeratorHi;
  let lo = numeratorLo;
  let next = 0;
  if (hi >>> 0 > divisorHi >>> 0 || (hi === divisorHi && lo >>> 0 >= divisorLo >>> 0)) {
    next = lo << 31;
    lo = (lo >>> 1) | (hi << 31);
    hi >>>= 1;
  } else exponent--;
  const inverse = 4294967296 / ((divisorHi >>> 0) * 4294967296 + (divisorLo >>> 0));
  const divisorHigh = divisorLo >>> 16;
  const divisorLow = divisorLo & 0xffff;
  let first = 0;
  for (let step = 0; ; step++) {
    // Next 32 bits of the quotient. The estimate errs by less than 2^−17 and may be too large, but then by so little
    // that the remainder, known modulo 2^64, is seen to be negative; elsewhere it is right.
    const estimate = ((hi >>> 0) * 4294967296 + (lo >>> 0)) * inverse + NEAR;
    if (estimate >= 4294967296) {
      exponent = (isReversed ? exponentB - exponentA : exponentA - exponentB) + BIAS;
      exponent -= divideSignificands(numeratorHi, numeratorLo, divisorHi, divisorLo);
      return settle(cpu, register, sign, exponent, result.hi, result.lo, result.extra);
    }
    let digit = estimate >>> 0;
    const isNear = estimate - digit < NEAR + NEAR;
    const digitHigh = digit >>> 16;
    const digitLow = digit & 0xffff;
    const middle = (Math.imul(digitHigh, divisorLow) + (Math.imul(digitLow, divisorLow) >>> 16)) | 0;
    const cross = (Math.imul(digitLow, divisorHigh) + (middle & 0xffff)) | 0;
    const productHi = (Math.imul(digitHigh, divisorHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
    const productLo = Math.imul(digit, divisorLo);
    hi = (lo - productHi - Math.imul(digit, divisorHi)) | 0;
    lo = (next - productLo) | 0;
    hi = (hi - (((~next & productLo) | ((~next | productLo) & lo)) >>> 31)) | 0;
    if (isNear && hi < 0) {
      digit -= 1;
      const sum = (lo + divisorLo) | 0;
      hi = (hi + divisorHi + (((lo & divisorLo) | ((lo | divisorLo) & ~sum)) >>> 31)) | 0;
      lo = sum;
    }
    if (step === 0) {
      first = digit | 0;
      next = 0;
      continue;
    }
    let extra = 0;
    if ((hi | lo) !== 0) {
      // 2R against D decides the next bit; the sticky bit tells an exact half from more than a half.
      const twiceHi = (hi << 1) | (lo >>> 31);
      const twiceLo = lo << 1;
      if (hi >= 0 && twiceHi === divisorHi && twiceLo === divisorLo) extra = TOP_BIT;
      else {
        const isAbove = hi < 0 || twiceHi >>> 0 > divisorHi >>> 0;
        extra = isAbove || (twiceHi === divisorHi && twiceLo >>> 0 > divisorLo >>> 0) ? TOP_BIT | 1 : 1;
      }
    }
    return settle(cpu, register, sign, exponent, first, digit | 0, extra);
  }
}

/** √register, of a positive normal number or a zero of either sign. */
export function rootPlain(cpu: Cpu, register: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const se = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  const hi = m32[at + 1];
  if (hi >= 0 || (se - 1) >>> 0 >= NORMAL_COUNT) return ((se & 0x7fff) | hi | m32[at]) === 0 ? 0 : NOT_PLAIN;
  const unbiased = se - BIAS;
  rootSignificand(hi, m32[at], unbiased & 1);
  return settle(cpu, register, 0, (unbiased >> 1) + BIAS, result.hi, result.lo, result.extra);
}

/**
 * Register compared with the operand, normal numbers and zeros: C3, C2, C0 as the three-bit number of
 * float/x87/f80-compare.ts (0 greater, 1 less, 4 equal), or NOT_PLAIN. Nothing is raised; the control word does not
 * matter.
 */
export function comparePlain(cpu: Cpu, register: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const aSe = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  const aHi = m32[at + 1];
  const aLo = m32[at];
  const bSe = m32[OPERAND_SE];
  const bHi = m32[OPERAND_HI];
  const bLo = m32[OPERAND_LO];
  const exponentA = aSe & 0x7fff;
  const exponentB = bSe & 0x7fff;
  if (aHi < 0 ? (exponentA - 1) >>> 0 >= NORMAL_COUNT : (exponentA | aHi | aLo) !== 0) return NOT_PLAIN;
  if (bHi < 0 ? (exponentB - 1) >>> 0 >= NORMAL_COUNT : (exponentB | bHi | bLo) !== 0) return NOT_PLAIN;
  if (((aSe ^ bSe) & 0x8000) !== 0) {
    if ((exponentA | exponentB) === 0) return 4;
    return (aSe & 0x8000) !== 0 ? 1 : 0;
  }
  let isLess: boolean;
  if (exponentA !== exponentB) isLess = exponentA < exponentB;
  else if (aHi !== bHi) isLess = aHi >>> 0 < bHi >>> 0;
  else if (aLo !== bLo) isLess = aLo >>> 0 < bLo >>> 0;
  else return 4;
  return isLess !== ((aSe & 0x8000) !== 0) ? 1 : 0;
}

/** A single as the operand; false for denormals, infinities and NaNs. */
export function widenPlainF32(cpu: Cpu, bits: number): boolean {
  const m32 = cpu.m32;
  const exponent = (bits >>> 23) & 0xff;
  m32[OPERAND_LO] = 0;
  if ((exponent - 1) >>> 0 < 0xfe) {
    m32[OPERAND_SE] = ((bits >>> 16) & 0x8000) | (exponent + BIAS - 127);
    m32[OPERAND_HI] = (bits << 8) | TOP_BIT;
    return true;
  }
  m32[OPERAND_SE] = (bits >>> 16) & 0x8000;
  m32[OPERAND_HI] = 0;
  return (bits & 0x7fffffff) === 0;
}

/** As widenPlainF32, for a double. */
export function widenPlainF64(cpu: Cpu, lo: number, hi: number): boolean {
  const m32 = cpu.m32;
  const exponent = (hi >>> 20) & 0x7ff;
  if ((exponent - 1) >>> 0 < 0x7fe) {
    m32[OPERAND_SE] = ((hi >>> 16) & 0x8000) | (exponent + BIAS - 1023);
    m32[OPERAND_HI] = (hi << 11) | (lo >>> 21) | TOP_BIT;
    m32[OPERAND_LO] = lo << 11;
    return true;
  }
  m32[OPERAND_SE] = (hi >>> 16) & 0x8000;
  m32[OPERAND_HI] = 0;
  m32[OPERAND_LO] = 0;
  return ((hi & 0x7fffffff) | lo) === 0;
}

/** An integer of 32 bits or fewer as the operand. */
export function widenInt32(cpu: Cpu, value: number): void {
  const m32 = cpu.m32;
  const magnitude = value < 0 ? -value | 0 : value;
  const shift = Math.clz32(magnitude);
  m32[OPERAND_SE] = value === 0 ? 0 : ((value >>> 16) & 0x8000) | (BIAS + 31 - shift);
  m32[OPERAND_HI] = value === 0 ? 0 : magnitude << shift;
  m32[OPERAND_LO] = 0;
}

/** An integer of 64 bits as the operand. */
export function widenInt64(cpu: Cpu, lo: number, hi: number): void {
  const m32 = cpu.m32;
  const sign = (hi >>> 16) & 0x8000;
  if (sign !== 0) {
    lo = -lo | 0;
    hi = lo === 0 ? -hi | 0 : ~hi;
  }
  let exponent = BIAS + 63;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    exponent = BIAS + 31;
  }
  const shift = Math.clz32(hi);
  if (shift > 0 && shift < 32) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo <<= shift;
  }
  m32[OPERAND_SE] = hi === 0 ? 0 : sign | (exponent - shift);
  m32[OPERAND_HI] = hi;
  m32[OPERAND_LO] = lo;
}

/** What a narrowing store gives: the bits, a single in the first word, low word first. Scratch of one instruction. */
export const narrowed: Int32Array = new Int32Array(2);
const stored = narrowed;

/**
 * An inexact store is plain where `control` rounds to nearest and masks #P: PE, and C1 where the magnitude grew.
 * Precision control does not govern stores.
 */
function storesInexactly(control: number): boolean {
  return (control & (RC_FIELD | PM)) === PM;
}

/** A register as a single in `narrowed`: normal and well inside the single's range, or zero. */
export function narrowPlainF32(cpu: Cpu, register: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const se = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  const hi = m32[at + 1];
  const lo = m32[at];
  const sign = (se & 0x8000) << 16;
  const exponent = (se & 0x7fff) - BIAS + 127;
  if (hi >= 0 || exponent < 1 || exponent > 253) {
    stored[0] = sign;
    return ((se & 0x7fff) | hi | lo) === 0 ? 0 : NOT_PLAIN;
  }
  const below = (hi << 24) | (lo >>> 8) | ((lo & 0xff) !== 0 ? 1 : 0);
  // A carry out of the fraction goes into the exponent, as it should.
  const bits = sign | ((exponent << 23) + (hi >>> 8) - 0x00800000) | 0;
  stored[0] = bits;
  if (below === 0) return 0;
  if (!storesInexactly(m32[FP_CONTROL])) return NOT_PLAIN;
  if (below < 0 && ((below & 0x7fffffff) | (bits & 1)) !== 0) {
    stored[0] = bits + 1;
    return PE | C1;
  }
  return PE;
}

/** As narrowPlainF32, for a double. */
export function narrowPlainF64(cpu: Cpu, register: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const se = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  const hi = m32[at + 1];
  const lo = m32[at];
  const sign = (se & 0x8000) << 16;
  const exponent = (se & 0x7fff) - BIAS + 1023;
  if (hi >= 0 || exponent < 1 || exponent > 2045) {
    stored[0] = 0;
    stored[1] = sign;
    return ((se & 0x7fff) | hi | lo) === 0 ? 0 : NOT_PLAIN;
  }
  const fraction = (lo >>> 11) | (hi << 21);
  const high = sign | ((exponent << 20) + (hi >>> 11) - 0x00100000);
  stored[0] = fraction;
  stored[1] = high;
  const below = lo << 21;
  if (below === 0) return 0;
  if (!storesInexactly(m32[FP_CONTROL])) return NOT_PLAIN;
  if (below < 0 && ((below & 0x7fffffff) | (fraction & 1)) !== 0) {
    stored[0] = fraction + 1;
    if (fraction === -1) stored[1] = high + 1;
    return PE | C1;
  }
  return PE;
}

/**
 * A register as an integer in `narrowed`, rounded by `rounding` (the RC field's number): zero, or normal and below 2^63
 * in magnitude before and after rounding. The caller sees to the range of shorter integers.
 */
export function roundPlain(cpu: Cpu, register: number, rounding: number): number {
  const m32 = cpu.m32;
  const at = FP_SIGNIFICAND + 2 * register;
  const se = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  let hi = m32[at + 1];
  let lo = m32[at];
  const shift = BIAS + 63 - (se & 0x7fff);
  if (hi >= 0 || (se & 0x7fff) === 0 || shift <= 0) {
    stored[0] = 0;
    stored[1] = 0;
    return ((se & 0x7fff) | hi | lo) === 0 ? 0 : NOT_PLAIN;
  }
  // The fraction, left-aligned; its lowest bit is sticky.
  let below: number;
  if (shift < 32) {
    below = lo << (32 - shift);
    lo = (lo >>> shift) | (hi << (32 - shift));
    hi >>>= shift;
  } else if (shift === 32) {
    below = lo;
    lo = hi;
    hi = 0;
  } else if (shift < 64) {
    below = (hi << (64 - shift)) | (lo !== 0 ? 1 : 0);
    lo = hi >>> (shift - 32);
    hi = 0;
  } else {
    below = shift === 64 ? hi | (lo !== 0 ? 1 : 0) : 1;
    lo = 0;
    hi = 0;
  }
  let bits = 0;
  if (below !== 0) {
    if ((m32[FP_CONTROL] & PM) === 0) return NOT_PLAIN;
    bits = PE;
    let up: boolean;
    if (rounding === 0) up = below < 0 && ((below & 0x7fffffff) | (lo & 1)) !== 0;
    else up = rounding === ((se & 0x8000) !== 0 ? 1 : 2);
    if (up) {
      bits = PE | C1;
      lo = (lo + 1) | 0;
      if (lo === 0) hi = (hi + 1) | 0;
      if (hi < 0) return NOT_PLAIN;
    }
  }
  if ((se & 0x8000) !== 0) {
    lo = -lo | 0;
    hi = lo === 0 ? -hi | 0 : ~hi;
  }
  stored[0] = lo;
  stored[1] = hi;
  return bits;
}
