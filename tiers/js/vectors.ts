// Operations on v128 as JavaScript on one word of each operand at a time: lanes narrower than a word are kept apart by
// masks. Operands are names or numbers, so that they may be repeated. What they mean is in ir/lanes.ts.

import { type Vector, unknown } from '../ir/ir.ts';

/** Of lanes of 8 and of 16 bits: all bits but the top ones, those, and the lowest bit of each. */
const LOW = { 8: 0x7f7f7f7f, 16: 0x7fff7fff } as const;
const HIGH = { 8: ~LOW[8], 16: ~LOW[16] } as const;
const ONES = { 8: 0x01010101, 16: 0x00010001 } as const;

/** The top bits are added apart, so that no carry goes from lane to lane. */
const add = (a: string, b: string, bits: 8 | 16): string =>
  `(${a} & ${LOW[bits]}) + (${b} & ${LOW[bits]}) ^ (${a} ^ ${b}) & ${HIGH[bits]}`;

const subtract = (a: string, b: string, bits: 8 | 16): string =>
  `(${a} | ${HIGH[bits]}) - (${b} & ${LOW[bits]}) ^ (${a} ^ ${b} ^ ${HIGH[bits]}) & ${HIGH[bits]}`;

/**
 * The top bit of a lane is set when any of its bits differs; brought down and inverted it is multiplied to all ones.
 */
const equal = (a: string, b: string, bits: 8 | 16): string =>
  `Math.imul(~(((${a} ^ ${b}) & ${LOW[bits]}) + ${LOW[bits]} | ${a} ^ ${b}) >>> ${bits - 1} & ${ONES[bits]}, ` +
  `${(1 << bits) - 1})`;

/** One word of the result. */
export function vectorWord(how: Vector, a: string, b: string): string {
  switch (how) {
    case 'and':
      return `${a} & ${b}`;
    case 'or':
      return `${a} | ${b}`;
    case 'xor':
      return `${a} ^ ${b}`;
    case 'andnot':
      return `${a} & ~${b}`;
    case 'add8':
      return add(a, b, 8);
    case 'add16':
      return add(a, b, 16);
    case 'add32':
      return `${a} + ${b} | 0`;
    case 'sub8':
      return subtract(a, b, 8);
    case 'sub16':
      return subtract(a, b, 16);
    case 'sub32':
      return `${a} - ${b} | 0`;
    case 'eq8':
      return equal(a, b, 8);
    case 'eq16':
      return equal(a, b, 16);
    case 'eq32':
      return `${a} === ${b} ? -1 : 0`;
    case 'gt32':
      return `${a} > ${b} ? -1 : 0`;
    default:
      return unknown(how);
  }
}

/** The top bits of lanes, from the four words. */
export function maskOf(bits: 8 | 32 | 64, words: readonly string[]): string {
  // The product moves the top bit of each byte to its place in the uppermost four bits.
  const nibble = (word: string): string => `Math.imul(${word} >>> 7 & ${ONES[8]}, ${0x10204080}) >>> 28`;
  const parts =
    bits === 8
      ? words.map((word, k) => `${nibble(word)}${k === 0 ? '' : ` << ${4 * k}`}`)
      : words
          .filter((_, k) => bits === 32 || (k & 1) === 1)
          .map((word, k) => `${word} >>> 31${k === 0 ? '' : ` << ${k}`}`);
  return parts.join(' | ');
}
