/**
 * Inputs near another one, as fuzzers of bytes make them: bits, bytes and small numbers changed, values at which
 * programs change their mind, words of a dictionary, pieces moved, doubled and left out, two inputs joined. All of it
 * from a seed; knows nothing of what the bytes are for.
 */
import type { Random } from '../base/random.ts';

export interface MutationSettings {
  /** No input is longer. */
  readonly bytesMax: number;
  /** Every input has `bytesMax`: what is taken away is put back as zeros. */
  readonly isWhole: boolean;
  /** Words that the program compares with. */
  readonly dictionary: readonly Uint8Array[];
}

/** Values around which numbers overflow, of 1, 2 and 4 bytes. */
const EDGES: Readonly<Record<1 | 2 | 4, readonly number[]>> = {
  1: [0, 1, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xff],
  2: [0, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff],
  4: [0, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff],
};
const WIDTHS = [1, 2, 4] as const;
/** How many numbers of so many bytes there are. */
const VALUES = { 1: 0x100, 2: 0x1_0000, 4: 0x1_0000_0000 } as const;
/** Farthest that a number is moved by addition. */
const STEP_MAX = 35;
/** Changes of one input are 2 to the power of 0 up to this. */
const CHANGES_LOG_MAX = 5;
const PIECE_MAX = 64;

function readNumber(bytes: Uint8Array, at: number, width: number, isBig: boolean): number {
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + bytes[at + (isBig ? i : width - 1 - i)];
  return value;
}

function writeNumber(bytes: Uint8Array, at: number, width: number, isBig: boolean, value: number): void {
  for (let i = 0; i < width; i++) bytes[at + (isBig ? width - 1 - i : i)] = (value >>> (8 * i)) & 0xff;
}

/** `piece` between the first `at` bytes and those from `rest` on. */
function joined(bytes: Uint8Array, at: number, piece: Uint8Array, rest: number, bytesMax: number): Uint8Array {
  const all = new Uint8Array(at + piece.length + Math.max(0, bytes.length - rest));
  all.set(bytes.subarray(0, at));
  all.set(piece, at);
  all.set(bytes.subarray(rest), at + piece.length);
  return all.slice(0, bytesMax);
}

function pieceOf(random: Random, bytes: Uint8Array): Uint8Array {
  const from = random.below(bytes.length);
  return bytes.slice(from, from + 1 + random.below(Math.min(PIECE_MAX, bytes.length - from)));
}

/** One change; `bytes` is its own to change. */
function change(random: Random, bytes: Uint8Array, { bytesMax, dictionary }: MutationSettings): Uint8Array {
  if (bytes.length === 0) {
    const word = dictionary.length > 0 ? random.pick(dictionary) : Uint8Array.of(random.below(256));
    return word.slice(0, bytesMax);
  }
  const at = random.below(bytes.length);
  const fitting = WIDTHS.filter((each) => at + each <= bytes.length);
  const width = random.pick(fitting);
  const isBig = random.oneIn(4);
  switch (random.below(dictionary.length > 0 ? 12 : 9)) {
    case 0:
      bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      writeNumber(bytes, at, width, isBig, random.pick(EDGES[width]));
      return bytes;
    case 3: {
      const step = 1 + random.below(STEP_MAX);
      const value = readNumber(bytes, at, width, isBig) + (random.oneIn(2) ? step : -step);
      const modulus = VALUES[width];
      writeNumber(bytes, at, width, isBig, (value + modulus) % modulus);
      return bytes;
    }
    case 4:
      return joined(bytes, at, new Uint8Array(0), at + 1 + random.below(Math.min(PIECE_MAX, bytes.length)), bytesMax);
    case 5:
      return joined(bytes, at, pieceOf(random, bytes), at, bytesMax);
    case 6: {
      const fill = new Uint8Array(1 + random.below(PIECE_MAX)).fill(random.oneIn(2) ? bytes[at] : random.below(256));
      return joined(bytes, at, fill, at, bytesMax);
    }
    case 7: {
      const piece = pieceOf(random, bytes);
      return joined(bytes, at, piece, at + piece.length, bytesMax);
    }
    case 8:
      return bytes.slice(0, at + 1);
    default: {
      // Words of a program are what random bytes do not find: as often as all of the rest but a little.
      const word = random.pick(dictionary);
      return joined(bytes, at, word, random.oneIn(2) ? at : at + word.length, bytesMax);
    }
  }
}

/** An input near `parent`, which stays as it is; `others` are those of which it may take a part. */
export function mutate(
  random: Random,
  parent: Uint8Array,
  others: readonly Uint8Array[],
  settings: MutationSettings,
): Uint8Array {
  const { bytesMax, isWhole } = settings;
  let bytes: Uint8Array = parent.slice(0, bytesMax);
  if (others.length > 1 && random.oneIn(8)) {
    const other = random.pick(others);
    const at = random.below(Math.min(bytes.length, other.length) + 1);
    bytes = joined(bytes, at, other.subarray(at), bytes.length, bytesMax);
  }
  for (let left = 1 << random.below(CHANGES_LOG_MAX + 1); left > 0; left--) bytes = change(random, bytes, settings);
  if (!isWhole || bytes.length === bytesMax) return bytes;
  const whole = new Uint8Array(bytesMax);
  whole.set(bytes);
  return whole;
}
