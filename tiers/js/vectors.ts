// Operations on v128 as JavaScript on words: lanes narrower than a word are kept apart by masks, or taken out one by
// one. Operands are names or numbers, so that they may be repeated. What they mean is in ir/lanes.ts.

import { type LaneShift, laneBits, type Vector, unknown } from '../ir/ir.ts';

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

type Combine = (a: string, b: string) => string;

/** Each lane of a word by itself: unsigned ones. What comes out is cut to the lane. */
function unsignedLanes(bits: 8 | 16, combine: Combine): Combine {
  const least = (1 << bits) - 1;
  const lane = (word: string, at: number): string =>
    at + bits === 32 ? `(${word} >>> ${at})` : `(${word} >>> ${at} & ${least})`;
  return (a, b) => together(bits, (at) => combine(lane(a, at), lane(b, at)));
}

function signedLanes(bits: 8 | 16, combine: Combine): Combine {
  const lane = (word: string, at: number): string =>
    at + bits === 32 ? `(${word} >> ${at})` : `(${word} << ${32 - bits - at} >> ${32 - bits})`;
  return (a, b) => together(bits, (at) => combine(lane(a, at), lane(b, at)));
}

/** A word of lanes, each given by its lowest bit. */
function together(bits: 8 | 16, lane: (at: number) => string): string {
  const parts: string[] = [];
  for (let at = 0; at < 32; at += bits) {
    const cut = at + bits === 32 ? `(${lane(at)})` : `((${lane(at)}) & ${(1 << bits) - 1})`;
    parts.push(at === 0 ? cut : `${cut} << ${at}`);
  }
  return parts.join(' | ');
}

const within = (value: string, least: number, greatest: number): string =>
  `Math.max(${least}, Math.min(${greatest}, ${value}))`;
const toSigned = (bits: 8 | 16, value: string): string => within(value, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);

/** Operations whose words take more than the words at their place. */
type Across = 'add64' | 'sub64' | 'mulu32' | 'sad8' | 'packs16' | 'packs32' | 'packu16';

/** One word of the result. */
function vectorWord(how: Exclude<Vector, Across>, a: string, b: string): string {
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
    case 'gt8':
    case 'gt16':
      return signedLanes(how === 'gt8' ? 8 : 16, (x, y) => `${x} > ${y} ? -1 : 0`)(a, b);
    case 'adds8':
    case 'adds16': {
      const bits = how === 'adds8' ? 8 : 16;
      return signedLanes(bits, (x, y) => toSigned(bits, `${x} + ${y}`))(a, b);
    }
    case 'subs8':
    case 'subs16': {
      const bits = how === 'subs8' ? 8 : 16;
      return signedLanes(bits, (x, y) => toSigned(bits, `${x} - ${y}`))(a, b);
    }
    case 'addu8':
      return unsignedLanes(8, (x, y) => `Math.min(255, ${x} + ${y})`)(a, b);
    case 'addu16':
      return unsignedLanes(16, (x, y) => `Math.min(65535, ${x} + ${y})`)(a, b);
    case 'subu8':
    case 'subu16':
      return unsignedLanes(how === 'subu8' ? 8 : 16, (x, y) => `Math.max(0, ${x} - ${y})`)(a, b);
    case 'avg8':
    case 'avg16':
      return unsignedLanes(how === 'avg8' ? 8 : 16, (x, y) => `${x} + ${y} + 1 >> 1`)(a, b);
    case 'minu8':
      return unsignedLanes(8, (x, y) => `Math.min(${x}, ${y})`)(a, b);
    case 'maxu8':
      return unsignedLanes(8, (x, y) => `Math.max(${x}, ${y})`)(a, b);
    case 'mins16':
      return signedLanes(16, (x, y) => `Math.min(${x}, ${y})`)(a, b);
    case 'maxs16':
      return signedLanes(16, (x, y) => `Math.max(${x}, ${y})`)(a, b);
    case 'mul16':
      return signedLanes(16, (x, y) => `${x} * ${y}`)(a, b);
    case 'mulhs16':
      return signedLanes(16, (x, y) => `${x} * ${y} >> 16`)(a, b);
    case 'mulhu16':
      return unsignedLanes(16, (x, y) => `Math.imul(${x}, ${y}) >>> 16`)(a, b);
    case 'dot16':
      // In pairs: 8000h · 8000h twice is the one sum that wraps.
      return `(${a} << 16 >> 16) * (${b} << 16 >> 16) + (${a} >> 16) * (${b} >> 16) | 0`;
    default:
      return unknown(how);
  }
}

type Words = readonly string[];

/** Of a quadword: its low word, and the high one. */
function quadword(how: 'add64' | 'sub64' | 'mulu32' | 'sad8', a: Words, b: Words): Words {
  const [low, otherLow, high, otherHigh] = [a[0], b[0], a[1], b[1]];
  switch (how) {
    case 'add64': {
      const carry = `((${low} >>> 0) + (${otherLow} >>> 0) > 0xffffffff ? 1 : 0)`;
      return [`${low} + ${otherLow} | 0`, `${high} + ${otherHigh} + ${carry} | 0`];
    }
    case 'sub64': {
      const borrow = `((${low} >>> 0) < (${otherLow} >>> 0) ? 1 : 0)`;
      return [`${low} - ${otherLow} | 0`, `${high} - ${otherHigh} - ${borrow} | 0`];
    }
    case 'mulu32':
      return [`Math.imul(${low}, ${otherLow})`, `multiplyHigh(${low}, ${otherLow})`];
    case 'sad8': {
      const bytes = (word: string): string[] => [0, 8, 16, 24].map((at) => `(${word} >>> ${at} & 255)`);
      const [x, y] = [a, b].map((words) => words.flatMap(bytes));
      return [x.map((byte, k) => `Math.abs(${byte} - ${y[k]})`).join(' + '), '0'];
    }
    default:
      return unknown(how);
  }
}

/** The four words of the result. */
export function vectorWords(how: Vector, a: Words, b: Words): Words {
  switch (how) {
    case 'add64':
    case 'sub64':
    case 'mulu32':
    case 'sad8':
      return [0, 2].flatMap((k) => quadword(how, a.slice(k, k + 2), b.slice(k, k + 2)));
    case 'packs16':
    case 'packu16': {
      const halves = [...a, ...b].flatMap((word) => [`(${word} << 16 >> 16)`, `(${word} >> 16)`]);
      const cut = (half: string): string => (how === 'packs16' ? toSigned(8, half) : within(half, 0, 255));
      return [0, 4, 8, 12].map((from) => together(8, (at) => cut(halves[from + (at >> 3)])));
    }
    case 'packs32': {
      const all = [...a, ...b];
      return [0, 2, 4, 6].map((from) => together(16, (at) => toSigned(16, all[from + (at >> 4)])));
    }
    default:
      return a.map((word, k) => vectorWord(how, word, b[k]));
  }
}

/** The four words of lanes that are shifted by `count` bits, fewer than a lane has. */
export function shiftedWords(how: LaneShift, a: Words, count: number): Words {
  if (count === 0) return a;
  const bits = laneBits(how);
  const isLeft = how.startsWith('shl');
  if (bits === 64) return [0, 2].flatMap((k) => shiftedQuadword(isLeft, a[k], a[k + 1], count));
  if (how === 'shr32') return a.map((word) => `${word} >>> ${count} | 0`);
  if (bits === 32) return a.map((word) => `${word} ${isLeft ? '<<' : '>>'} ${count}`);
  if (how === 'sar16') return a.map((word) => signedLanes(16, (x) => `${x} >> ${count}`)(word, word));
  const kept = isLeft ? (0xffff << count) & 0xffff : 0xffff >>> count;
  return a.map((word) => `${word} ${isLeft ? '<<' : '>>>'} ${count} & ${Math.imul(kept, ONES[16])}`);
}

function shiftedQuadword(isLeft: boolean, low: string, high: string, count: number): Words {
  const rest = 32 - count;
  if (rest <= 0) return isLeft ? ['0', `${low} << ${-rest}`] : [`${high} >>> ${-rest} | 0`, '0'];
  if (isLeft) return [`${low} << ${count}`, `${high} << ${count} | ${low} >>> ${rest}`];
  return [`${low} >>> ${count} | ${high} << ${rest}`, `${high} >>> ${count} | 0`];
}

/** The words that lanes of a shuffle make: doublewords as they are, or put together of bytes. */
export function shuffledWords(a: Words, b: Words, lanes: readonly number[]): Words {
  const all = [...a, ...b];
  if (lanes.length === 4) return lanes.map((lane) => all[lane]);
  return [0, 4, 8, 12].map((first) => {
    const [from, ...others] = lanes.slice(first, first + 4);
    if ((from & 3) === 0 && others.every((lane, k) => lane === from + k + 1)) return all[from >> 2];
    return together(8, (at) => `${all[lanes[first + (at >> 3)] >> 2]} >>> ${8 * (lanes[first + (at >> 3)] & 3)}`);
  });
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
