/**
 * Floating point values at which operations change their mind, as bits: zeros, small integers, fractions and ties of
 * both signs, the ends of the 16-, 32- and 64-bit integers and of the formats, halves between the numbers of narrower
 * formats, denormals, infinities, NaNs of both kinds; for 80 bits the encodings that are unsupported too. Random
 * programs and random states draw from these as often as from anything else. SDM 1 §4.2.2 and table 4-3.
 */
import { GREATEST_F32, GREATEST_F64, LEAST_F32, LEAST_F64 } from '../../src/core/cpu/float/ieee/limits.ts';

/** Low word, high word. */
export type Words64 = readonly [low: number, high: number];
/** Significand in two words, then sign and exponent. */
export type Words80 = readonly [low: number, high: number, top: number];

const view = new DataView(new ArrayBuffer(8));

export function wordOf(x: number): number {
  view.setFloat32(0, x);
  return view.getUint32(0);
}

export function wordsOf(x: number): Words64 {
  view.setFloat64(0, x);
  return [view.getUint32(4), view.getUint32(0)];
}

/** A double, not a denormal one, as the x87 keeps it. */
function extendedOf(x: number): Words80 {
  const [low, high] = wordsOf(x);
  const sign = (high >>> 16) & 0x8000;
  const exponent = (high >>> 20) & 0x7ff;
  if (exponent === 0) return [0, 0, sign];
  const significand = (0x80000000 | ((high & 0xfffff) << 11) | (low >>> 21)) >>> 0;
  return [(low << 11) >>> 0, significand, sign | (exponent - 1023 + 16383)];
}

const bothSigns = (values: readonly number[]): number[] => values.flatMap((x) => [x, -x]);

const SMALL = bothSigns([0, 1, 2, 3, 10, 0.5, 1.5, 2.5, 3.5, 0.75, 1 / 3, 0.1, 2.25, 7.125, 1000.7, 98304.5]);
const INTEGER_ENDS = bothSigns([
  ...[2 ** 15 - 0.5, 2 ** 15, 2 ** 31 - 1, 2 ** 31 - 0.5, 2 ** 31, 2 ** 31 + 0.5, 2 ** 31 + 1, 2 ** 32],
  ...[2 ** 63, 2 ** 63 - 1024, 2 ** 52 - 0.5, 2 ** 24 + 1],
]);

/** Singles. */
export const CORNERS_F32: readonly number[] = [
  ...[...SMALL, ...INTEGER_ENDS].map(wordOf),
  ...bothSigns([LEAST_F32, GREATEST_F32, 2 ** 23 - 0.5, 2 ** -60, 2 ** 60, Number.POSITIVE_INFINITY]).map(wordOf),
  // Products of these are zero, or a denormal.
  ...bothSigns([2 ** -70, 2 ** -90, 2 ** -100]).map(wordOf),
  // Denormals: the least, the greatest, one between.
  ...[1, 0x7fffff, 0x80000001, 0x80123456],
  // NaNs: the indefinite, quiet and signalling ones with payloads.
  ...[0xffc00000, 0x7fc12345, 0x7f800001, 0xff812345],
];

/** Doubles. */
export const CORNERS_F64: readonly Words64[] = [
  ...[...SMALL, ...INTEGER_ENDS].map(wordsOf),
  ...bothSigns([LEAST_F64, GREATEST_F64, 2 ** -600, 2 ** 600, Number.POSITIVE_INFINITY]).map(wordsOf),
  ...bothSigns([2 ** -530, 2 ** -700, 2 ** -900]).map(wordsOf),
  // The ends of singles, and halves between two of them.
  ...bothSigns([LEAST_F32, LEAST_F32 / 2, 2 ** -150, GREATEST_F32, GREATEST_F32 * (1 + 2 ** -25), 2 ** 128]).map(
    wordsOf,
  ),
  ...bothSigns([1 + 2 ** -24, 1 + 3 * 2 ** -24, 1 + 2 ** -24 + 2 ** -52, 3 - 2 ** -23]).map(wordsOf),
  ...([
    [1, 0],
    [0xffffffff, 0x000fffff],
    [0x12345678, 0x80012345],
    [0, 0xfff80000],
    [0x12345678, 0x7ff9abcd],
    [1, 0x7ff00000],
    [0x12345678, 0xfff12345],
  ] as const),
];

/** Extended reals. */
export const CORNERS_F80: readonly Words80[] = [
  ...[...SMALL, ...INTEGER_ENDS].map(extendedOf),
  ...bothSigns([LEAST_F32, GREATEST_F32, LEAST_F64, GREATEST_F64, 2 ** -600, 2 ** 600]).map(extendedOf),
  ...bothSigns([1 + 2 ** -24, 1 + 3 * 2 ** -24, LEAST_F32 / 2]).map(extendedOf),
  ...([0, 0x8000] as const).flatMap((sign): Words80[] => [
    // Halves between doubles; the neighbours of 1; ties at the end of 64 bits; beyond the range of doubles.
    [0x400, 0x80000000, sign | 0x3fff],
    [0xc00, 0x80000000, sign | 0x3fff],
    [1, 0x80000000, sign | 0x3fff],
    [0xffffffff, 0xffffffff, sign | 0x3ffe],
    [0xffffffff, 0xffffffff, sign | 0x403d],
    [1, 0x80000000, sign | 0x401e],
    [0, 0x80000000, sign | 0x5000],
    [0, 0x80000000, sign | 0x2000],
    // The ends of the format, infinity.
    [0xffffffff, 0xffffffff, sign | 0x7ffe],
    [0, 0x80000000, sign | 1],
    [0, 0x80000000, sign | 0x7fff],
    // Denormals and a pseudo-denormal.
    [1, 0, sign],
    [0xffffffff, 0x7fffffff, sign],
    [0, 0x80000000, sign],
  ]),
  // NaNs: the indefinite, a quiet and two signalling ones.
  ...([
    [0, 0xc0000000, 0xffff],
    [0x12345678, 0xd0000000, 0x7fff],
    [1, 0x80000000, 0x7fff],
    [0x12345678, 0xa0000000, 0xffff],
    // Unsupported: an unnormal, a pseudo-infinity, a pseudo-NaN.
    [0, 0x40000000, 0x3fff],
    [0, 0, 0x7fff],
    [1, 0x40000000, 0xffff],
  ] as const),
];
