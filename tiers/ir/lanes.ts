// What the operations on v128 compute, lane by lane, on sixteen bytes as four words: the meaning that the evaluator
// gives them. Emitters do whole words at a time or have instructions for it, and are compared with this.

import { type LaneShift, laneBits, type Vector, unknown } from './ir.ts';

/** Four words, least significant first. */
export type Vector128 = Int32Array;

const clamp = (value: number, least: number, greatest: number): number => Math.max(least, Math.min(greatest, value));
/** Saturated to 8 or 16 bits. */
const signed = (value: number, bits: number): number => clamp(value, -1 << (bits - 1), (1 << (bits - 1)) - 1);
const unsigned = (value: number, bits: number): number => clamp(value, 0, (1 << bits) - 1);

/** Operations whose lanes are unsigned numbers. */
const UNSIGNED: readonly Vector[] = [
  'addu8',
  'addu16',
  'subu8',
  'subu16',
  'avg8',
  'avg16',
  'minu8',
  'maxu8',
  'mulhu16',
];

/** Of lanes of at most 32 bits, one by one. */
type OneByOne = Exclude<Vector, 'add64' | 'sub64' | 'mulu32' | 'dot16' | 'sad8' | 'packs16' | 'packs32' | 'packu16'>;

function lane(how: OneByOne, a: number, b: number): number {
  switch (how) {
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'andnot':
      return a & ~b;
    case 'add8':
    case 'add16':
    case 'add32':
      return a + b;
    case 'sub8':
    case 'sub16':
    case 'sub32':
      return a - b;
    case 'adds8':
      return signed(a + b, 8);
    case 'adds16':
      return signed(a + b, 16);
    case 'addu8':
      return unsigned(a + b, 8);
    case 'addu16':
      return unsigned(a + b, 16);
    case 'subs8':
      return signed(a - b, 8);
    case 'subs16':
      return signed(a - b, 16);
    case 'subu8':
    case 'subu16':
      return Math.max(0, a - b);
    case 'avg8':
    case 'avg16':
      return (a + b + 1) >> 1;
    case 'minu8':
    case 'mins16':
      return Math.min(a, b);
    case 'maxu8':
    case 'maxs16':
      return Math.max(a, b);
    case 'eq8':
    case 'eq16':
    case 'eq32':
      return a === b ? -1 : 0;
    case 'gt8':
    case 'gt16':
    case 'gt32':
      return a > b ? -1 : 0;
    case 'mul16':
      return a * b;
    case 'mulhs16':
      return (a * b) >> 16;
    case 'mulhu16':
      return Math.floor((a * b) / 0x10000);
    default:
      return unknown(how);
  }
}

type Lanes = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array;

/** The same bytes in lanes of the operation's width. */
function lanesOf(how: OneByOne, { buffer }: Vector128): Lanes {
  const isUnsigned = UNSIGNED.includes(how);
  if (how.endsWith('8')) return isUnsigned ? new Uint8Array(buffer) : new Int8Array(buffer);
  if (how.endsWith('16')) return isUnsigned ? new Uint16Array(buffer) : new Int16Array(buffer);
  return new Int32Array(buffer);
}

const halves = ({ buffer }: Vector128): Int16Array => new Int16Array(buffer);
const quadwords = ({ buffer }: Vector128): BigInt64Array => new BigInt64Array(buffer);

export function vector(how: Vector, a: Vector128, b: Vector128): Vector128 {
  const result = new Int32Array(4);
  switch (how) {
    case 'add64':
    case 'sub64':
      quadwords(result).set([0, 1].map((k) => quadwords(a)[k] + quadwords(b)[k] * (how === 'add64' ? 1n : -1n)));
      break;
    case 'mulu32':
      quadwords(result).set([0, 2].map((k) => BigInt(a[k] >>> 0) * BigInt(b[k] >>> 0)));
      break;
    case 'dot16': {
      const [x, y] = [halves(a), halves(b)];
      result.set([0, 2, 4, 6].map((k) => x[k] * y[k] + x[k + 1] * y[k + 1]));
      break;
    }
    case 'sad8': {
      const [x, y] = [new Uint8Array(a.buffer), new Uint8Array(b.buffer)];
      for (let k = 0; k < 16; k++) result[k < 8 ? 0 : 2] += Math.abs(x[k] - y[k]);
      break;
    }
    case 'packs16':
      new Int8Array(result.buffer).set([...halves(a), ...halves(b)].map((value) => signed(value, 8)));
      break;
    case 'packu16':
      new Uint8Array(result.buffer).set([...halves(a), ...halves(b)].map((value) => unsigned(value, 8)));
      break;
    case 'packs32':
      halves(result).set([...a, ...b].map((value) => signed(value, 16)));
      break;
    default: {
      const [to, left, right] = [result, a, b].map((words) => lanesOf(how, words));
      for (let k = 0; k < to.length; k++) to[k] = lane(how, left[k], right[k]);
    }
  }
  return result;
}

export function shuffle(a: Vector128, b: Vector128, lanes: readonly number[]): Vector128 {
  const result = new Int32Array(4);
  const views = [result, a, b].map((words) => (lanes.length === 4 ? words : new Uint8Array(words.buffer)));
  const [to, left, right] = views;
  for (const [k, from] of lanes.entries()) to[k] = from < lanes.length ? left[from] : right[from - lanes.length];
  return result;
}

export function laneShift(how: LaneShift, a: Vector128, count: number): Vector128 {
  const result = new Int32Array(4);
  const bits = laneBits(how);
  const isLeft = how.startsWith('shl');
  const isSigned = how.startsWith('sar');
  for (let at = 0; at < 128; at += bits) {
    const all = BigInt(a[at >> 5] >>> 0) | (bits === 64 ? BigInt(a[(at >> 5) + 1] >>> 0) << 32n : 0n);
    const value = BigInt.asUintN(bits, all >> BigInt(at & 31));
    const wide = isSigned ? BigInt.asIntN(bits, value) : value;
    const shifted = BigInt.asUintN(bits, isLeft ? wide << BigInt(count) : wide >> BigInt(count));
    result[at >> 5] |= Number(BigInt.asIntN(32, shifted << BigInt(at & 31)));
    if (bits === 64) result[(at >> 5) + 1] = Number(BigInt.asIntN(32, shifted >> 32n));
  }
  return result;
}

/** The top bits of lanes of 8, 32 or 64 bits. */
export function mask(bits: number, a: Vector128): number {
  const bytes = new Uint8Array(a.buffer);
  let all = 0;
  for (let k = 0; k < 128 / bits; k++) all |= (bytes[(k + 1) * (bits / 8) - 1] >> 7) << k;
  return all;
}
