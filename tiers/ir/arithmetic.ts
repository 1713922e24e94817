// What the operations of the IR compute, on plain numbers: the one meaning that the evaluator, the constant folder
// and emitted code share. Flags follow the encoding of state/flags.ts (SDM 1 §3.4.3.1), written a second time on
// values instead of a CPU, so that the two can be compared.

import { AF, CF, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';
import { CC_ADC, CC_DEC, CC_EFLAGS, CC_INC, CC_LOGIC, CC_SBB, CC_SUB, CC_SZP } from '../../src/core/state/flags.ts';
import { type Binary, type Unary, unknown } from './ir.ts';

/** Bits 32–63 of the unsigned product. */
export function multiplyHigh(a: number, b: number): number {
  const low = (a & 0xffff) * (b & 0xffff);
  const cross = (a >>> 16) * (b & 0xffff) + (low >>> 16);
  const other = (a & 0xffff) * (b >>> 16) + (cross & 0xffff);
  return ((a >>> 16) * (b >>> 16) + Math.floor(cross / 0x10000) + Math.floor(other / 0x10000)) | 0;
}

/** Bits 32–63 of the signed product. */
export function multiplyHighSigned(a: number, b: number): number {
  return (multiplyHigh(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
}

/**
 * high:low by the divisor, which is above `high`, unsigned: two digits of 16 bits, each the quotient of a number below
 * 2^48, which a double divides exactly.
 */
export function quotient(high: number, low: number, divisor: number): number {
  const by = divisor >>> 0;
  if (high === 0) return ((low >>> 0) / by) | 0;
  const first = (high >>> 0) * 0x10000 + (low >>> 16);
  const digit = Math.floor(first / by);
  const second = (first - digit * by) * 0x10000 + (low & 0xffff);
  return (digit << 16) | Math.floor(second / by);
}

/** The low half of a 64-bit number that is a whole number of the host; floored, the high one. */
export const lowHalf = (value: number): number => value | 0;
export const highHalf = (value: number): number => Math.floor(value / 0x1_0000_0000) | 0;

/** PF (4 or 0) of a result's low byte. */
export function parityFlag(value: number): number {
  let bits = value & 0xff;
  bits ^= bits >>> 4;
  bits ^= bits >>> 2;
  bits ^= bits >>> 1;
  return (~bits & 1) << 2;
}

export function unary(how: Unary, a: number): number {
  switch (how) {
    case 'sext8':
      return (a << 24) >> 24;
    case 'sext16':
      return (a << 16) >> 16;
    case 'clz':
      return Math.clz32(a);
    case 'parity':
      return parityFlag(a);
    default:
      return unknown(how);
  }
}

export function binary(how: Binary, a: number, b: number): number {
  switch (how) {
    case 'add':
      return (a + b) | 0;
    case 'sub':
      return (a - b) | 0;
    case 'mul':
      return Math.imul(a, b);
    case 'mulhu':
      return multiplyHigh(a, b);
    case 'mulhs':
      return multiplyHighSigned(a, b);
    case 'divu':
      return ((a >>> 0) / (b >>> 0)) | 0;
    case 'remu':
      return ((a >>> 0) % (b >>> 0)) | 0;
    case 'divs':
      return (a / b) | 0;
    case 'rems':
      return (a % b) | 0;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << b;
    case 'shr':
      return (a >>> b) | 0;
    case 'sar':
      return a >> b;
    case 'eq':
      return a === b ? 1 : 0;
    case 'ne':
      return a !== b ? 1 : 0;
    case 'lt':
      return a < b ? 1 : 0;
    case 'le':
      return a <= b ? 1 : 0;
    case 'ltu':
      return a >>> 0 < b >>> 0 ? 1 : 0;
    case 'leu':
      return a >>> 0 <= b >>> 0 ? 1 : 0;
    default:
      return unknown(how);
  }
}

/** Bits of the operands of a lazy kind. */
function width(kind: number): number {
  return 8 << ((kind - 1) % 3);
}

/** The group's first kind: CC_ADD, CC_ADC … */
export function groupOf(kind: number): number {
  return kind - ((kind - 1) % 3);
}

/** CF of a lazy state; `eflags` is the word in memory. */
export function carryOf(kind: number, result: number, source: number, eflags: number): number {
  if (kind === CC_EFLAGS) return eflags & CF;
  const shift = 32 - width(kind);
  const r = (result << shift) >>> 0;
  const s = (source << shift) >>> 0;
  if (kind < CC_ADC) return r < s ? 1 : 0;
  if (kind < CC_SUB) return r <= s ? 1 : 0;
  if (kind < CC_SBB) return ((result + source) << shift) >>> 0 < s ? 1 : 0;
  if (kind < CC_LOGIC) return ((result + source + 1) << shift) >>> 0 <= s ? 1 : 0;
  return kind < CC_INC ? 0 : source & CF;
}

/** CF PF AF ZF SF OF of a lazy state. */
export function flagsOf(kind: number, result: number, source: number, eflags: number): number {
  if (kind === CC_EFLAGS) return eflags & (CF | PF | AF | ZF | SF | OF);
  const szp = parityFlag(result) | (result === 0 ? ZF : 0) | (result < 0 ? SF : 0);
  if (kind >= CC_SZP) return szp | (source & (CF | AF | OF));
  const cf = carryOf(kind, result, source, eflags);
  if (kind >= CC_INC) {
    const most = width(kind) === 32 ? 0x8000_0000 : 1 << (width(kind) - 1);
    if (kind < CC_DEC) return szp | cf | ((result & 15) === 0 ? AF : 0) | (result === -most ? OF : 0);
    return szp | cf | ((result & 15) === 15 ? AF : 0) | (result === most - 1 ? OF : 0);
  }
  if (kind >= CC_LOGIC) return szp;
  const subtracted = kind >= CC_SUB;
  const borrowed = kind >= CC_SBB || (kind >= CC_ADC && kind < CC_SUB) ? 1 : 0;
  const left = subtracted ? result + source + borrowed : result - source - borrowed;
  const signs = subtracted ? (left ^ source) & (left ^ result) : (left ^ result) & (source ^ result);
  return szp | cf | ((left ^ source ^ result) & AF) | (((signs >>> (width(kind) - 1)) & 1) << 11);
}

/** Condition tttn of six flag bits: 1 or 0. */
export function conditionOfBits(code: number, flags: number): number {
  const less = ((flags >>> 7) ^ (flags >>> 11)) & 1;
  const zero = (flags >>> 6) & 1;
  const holds = [
    (flags >>> 11) & 1,
    flags & 1,
    zero,
    zero | (flags & 1),
    (flags >>> 7) & 1,
    (flags >>> 2) & 1,
    less,
    zero | less,
  ][code >> 1];
  return holds ^ (code & 1);
}

/** Condition tttn of a lazy state: 1 or 0. The common ones are answered without computing all flags. */
export function conditionOf(code: number, kind: number, result: number, source: number, eflags: number): number {
  if (kind !== CC_EFLAGS) {
    if (code >> 1 === 2) return (result === 0 ? 1 : 0) ^ (code & 1);
    if (code >> 1 === 4) return (result < 0 ? 1 : 0) ^ (code & 1);
    if (code >> 1 === 1) return carryOf(kind, result, source, eflags) ^ (code & 1);
  }
  return conditionOfBits(code, flagsOf(kind, result, source, eflags));
}
