/**
 * The eager model that lazy flags and handlers are compared with: a ripple-carry adder and shifters that move one
 * bit at a time, every flag written out as the manual defines it (SDM 1 §3.4.3.1, SDM 2 under each instruction).
 * It shares no formula with the implementation and is slow on purpose.
 */
import { AF, CF, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';

export interface Outcome {
  /** Zero-extended. */
  result: number;
  flags: number;
}

const bitOf = (value: number, index: number): number => Math.floor((value >>> 0) / 2 ** index) % 2;

function signZeroParity(result: number, bits: number): number {
  let ones = 0;
  for (let i = 0; i < 8; i++) ones += bitOf(result, i);
  return (result === 0 ? ZF : 0) | (bitOf(result, bits - 1) === 1 ? SF : 0) | (ones % 2 === 0 ? PF : 0);
}

/** a + b + carryIn, bit by bit. */
export function adder(a: number, b: number, carryIn: number, bits: number): Outcome {
  let carry = carryIn;
  let result = 0;
  let half = 0;
  let intoTop = 0;
  for (let i = 0; i < bits; i++) {
    if (i === 4) half = carry;
    if (i === bits - 1) intoTop = carry;
    const sum = bitOf(a, i) + bitOf(b, i) + carry;
    result += (sum % 2) * 2 ** i;
    carry = sum >= 2 ? 1 : 0;
  }
  const flags =
    (carry === 1 ? CF : 0) | (half === 1 ? AF : 0) | (carry !== intoTop ? OF : 0) | signZeroParity(result, bits);
  return { result, flags };
}

/** a − b − borrowIn: an addition of the complement, whose carries are inverted borrows. */
export function subtractor(a: number, b: number, borrowIn: number, bits: number): Outcome {
  const complement = 2 ** bits - 1 - (b >>> 0);
  const { result, flags } = adder(a, complement, 1 - borrowIn, bits);
  return { result, flags: flags ^ CF ^ AF };
}

export function logic(a: number, b: number, op: (x: number, y: number) => number, bits: number): Outcome {
  let result = 0;
  for (let i = 0; i < bits; i++) result += op(bitOf(a, i), bitOf(b, i)) * 2 ** i;
  return { result, flags: signZeroParity(result, bits) };
}

/** The shifts and rotates by name, moved one position at a time; `flags` are those before. */
export function shifter(name: string, a: number, count: number, flags: number, bits: number): Outcome {
  const steps = count % 32;
  if (steps === 0) return { result: a, flags };
  const digits = Array.from({ length: bits }, (_, i) => bitOf(a, i));
  let carry = (flags & CF) === 0 ? 0 : 1;
  for (let i = 0; i < steps; i++) {
    const top = digits[bits - 1];
    const low = digits[0];
    switch (name) {
      case 'ROL':
        digits.pop();
        digits.unshift(top);
        carry = top;
        break;
      case 'ROR':
        digits.shift();
        digits.push(low);
        carry = low;
        break;
      case 'RCL':
        digits.pop();
        digits.unshift(carry);
        carry = top;
        break;
      case 'RCR':
        digits.shift();
        digits.push(carry);
        carry = low;
        break;
      case 'SHL':
        digits.pop();
        digits.unshift(0);
        carry = top;
        break;
      case 'SHR':
        digits.shift();
        digits.push(0);
        carry = low;
        break;
      case 'SAR':
        digits.shift();
        digits.push(top);
        carry = low;
        break;
      default:
        throw new Error(`${name} is no shift`);
    }
  }
  let result = 0;
  digits.forEach((digit, i) => {
    result += digit * 2 ** i;
  });
  // Left ones: the top bit differs from what went out. Right ones: the top two bits differ (0 for SHR by more
  // than one and for SAR). The manual defines OF for a count of one only; processors compute it for all.
  const left = name === 'ROL' || name === 'RCL' || name === 'SHL';
  const overflow = left ? digits[bits - 1] !== carry : name !== 'SAR' && digits[bits - 1] !== digits[bits - 2];
  const out = (carry === 1 ? CF : 0) | (overflow ? OF : 0);
  if (name.startsWith('R')) return { result, flags: (flags & ~(CF | OF)) | out };
  return { result, flags: out | AF | signZeroParity(result, bits) };
}

/** The sixteen conditions as the manual's table B-10 words them. */
export const CONDITIONS: readonly [string, (flags: number) => boolean][] = [
  ['O', (f) => (f & OF) !== 0],
  ['NO', (f) => (f & OF) === 0],
  ['B', (f) => (f & CF) !== 0],
  ['AE', (f) => (f & CF) === 0],
  ['E', (f) => (f & ZF) !== 0],
  ['NE', (f) => (f & ZF) === 0],
  ['BE', (f) => (f & CF) !== 0 || (f & ZF) !== 0],
  ['A', (f) => (f & CF) === 0 && (f & ZF) === 0],
  ['S', (f) => (f & SF) !== 0],
  ['NS', (f) => (f & SF) === 0],
  ['P', (f) => (f & PF) !== 0],
  ['NP', (f) => (f & PF) === 0],
  ['L', (f) => ((f & SF) !== 0) !== ((f & OF) !== 0)],
  ['GE', (f) => ((f & SF) !== 0) === ((f & OF) !== 0)],
  ['LE', (f) => (f & ZF) !== 0 || ((f & SF) !== 0) !== ((f & OF) !== 0)],
  ['G', (f) => (f & ZF) === 0 && ((f & SF) !== 0) === ((f & OF) !== 0)],
];
