// What the operations on v128 compute, lane by lane, on sixteen bytes as four words: the meaning that the evaluator
// gives them. Emitters do whole words at a time or have instructions for it, and are compared with this.

import { type Vector, unknown } from './ir.ts';

/** Four words, least significant first. */
export type Vector128 = Int32Array;

function lane(how: Vector, a: number, b: number): number {
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
    case 'eq8':
    case 'eq16':
    case 'eq32':
      return a === b ? -1 : 0;
    case 'gt32':
      return a > b ? -1 : 0;
    default:
      return unknown(how);
  }
}

/** The same bytes in lanes of the operation's width. */
function lanesOf(how: Vector, bytes: Vector128): Int8Array | Int16Array | Int32Array {
  if (how.endsWith('8')) return new Int8Array(bytes.buffer);
  return how.endsWith('16') ? new Int16Array(bytes.buffer) : bytes;
}

export function vector(how: Vector, a: Vector128, b: Vector128): Vector128 {
  const result = new Int32Array(4);
  const [to, left, right] = [result, a, b].map((words) => lanesOf(how, words));
  for (let k = 0; k < to.length; k++) to[k] = lane(how, left[k], right[k]);
  return result;
}

export function shuffle(a: Vector128, b: Vector128, lanes: readonly number[]): Vector128 {
  return Int32Array.from(lanes, (from) => (from < 4 ? a[from] : b[from - 4]));
}

/** The top bits of lanes of 8, 32 or 64 bits. */
export function mask(bits: number, a: Vector128): number {
  const bytes = new Uint8Array(a.buffer);
  let all = 0;
  for (let k = 0; k < 128 / bits; k++) all |= (bytes[(k + 1) * (bits / 8) - 1] >> 7) << k;
  return all;
}
