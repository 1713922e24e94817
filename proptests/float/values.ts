/**
 * Biased random operands for the floating point tests: corners, neighbours of powers of two, long runs of ones, values
 * that sit on rounding boundaries of 24, 53 and 64 bits, all NaN classes and the unsupported encodings. One
 * generator, seeded with a word, so that a case is found again by its seed and index.
 */
import type { Random } from '../../src/core/base/random.ts';

/** A significand of 64 bits with the top bit set, as [hi, lo]. */
function significand(random: Random): [number, number] {
  let hi = random.word();
  let lo = random.word();
  switch (random.below(12)) {
    case 0: // a power of two
      hi = 0;
      lo = 0;
      break;
    case 1: // just above one
      hi = 0;
      lo = random.word() >>> random.below(32);
      break;
    case 2: // just below two
      hi = -1;
      lo = ~(random.word() >>> random.below(32));
      break;
    case 3: // 24 bits and a little more or less
      hi &= 0xffffff00;
      lo = random.below(2) === 0 ? 0 : random.word() >>> random.below(32);
      break;
    case 4: // exactly at or beside the half of 24 bits
      hi = (hi & 0xffffff00) | 0x80;
      lo = random.below(3) - 1;
      if (lo < 0) hi--;
      break;
    case 5: // 53 bits
      lo &= 0xfffff800;
      break;
    case 6: // the half of 53 bits and its neighbours
      lo = ((lo & 0xfffff800) | 0x400) + random.below(3) - 1;
      break;
    case 7: // runs of ones
      hi = -1 << random.below(32);
      lo = random.below(2) === 0 ? 0 : -1;
      break;
    case 8: // few bits
      hi = 1 << random.below(32);
      lo = 1 << random.below(32);
      break;
    case 9: // an integer of 32 bits or fewer
      lo = 0;
      break;
    default:
  }
  return [hi | 0x80000000, lo | 0];
}

/** Puts an 80-bit value at words[0..2] (lo, hi, sign and exponent). `near` ties the exponent to another operand's. */
export function putF80(random: Random, words: Int32Array, near: number): void {
  const sign = random.below(2) << 15;
  const [hi, lo] = significand(random);
  let exponent: number;
  const kind = random.below(32);
  words[3] = 0;
  if (kind < 20) {
    exponent = near + random.below(140) - 70;
    if (kind < 8) exponent = near + random.below(5) - 2;
    if (exponent < 0) exponent = 0;
    if (exponent > 0x7ffe) exponent = 0x7ffe;
  } else if (kind < 23) {
    exponent = random.below(0x7fff);
  } else if (kind < 25) {
    exponent = 0;
  } else {
    const corner = random.below(13);
    const small = random.below(2) === 0 ? 0 : random.word() >>> random.below(32);
    const corners: readonly (readonly [number, number, number])[] = [
      [0, 0, 0],
      [0x7fff, 0x80000000, 0],
      [0x7fff, hi | 0x40000000, lo],
      [0x7fff, hi & ~0x40000000, lo | 1],
      [0, hi & 0x7fffffff, lo],
      [0, 0, small],
      [0, hi, lo],
      [1 + random.below(0x7ffe), hi & 0x7fffffff, lo],
      [0x7fff, hi & 0x7fffffff, small],
      [0x3fff, 0x80000000, 0],
      [0x7ffe, -1, -1],
      [1, 0x80000000, 0],
      // Eighteen nines, the greatest that FBSTP stores, and its neighbours.
      [0x403a, 0xde0b6b3a, 0x763ffff0 + random.below(32) - 8],
    ];
    const [e, h, l] = corners[corner]!;
    words[0] = l;
    words[1] = h;
    words[2] = sign | e;
    return;
  }
  words[0] = lo;
  words[1] = hi;
  words[2] = sign | exponent;
  if (exponent === 0) {
    // Denormals of every length, and now and then a pseudo-denormal.
    const shift = random.below(64);
    if (random.below(8) !== 0) {
      words[1] = shift >= 31 ? 0 : hi >>> (shift + 1);
      words[0] = shift >= 32 ? (hi >>> (shift - 32)) | (random.below(2) << 3) : lo;
    }
  }
}

/** Puts a double at words[0..1]. */
export function putF64(random: Random, words: Int32Array, near: number): void {
  const [hi, lo] = significand(random);
  const fractionHi = (hi & 0x7fffffff) >>> 11;
  const fractionLo = (hi << 21) | (lo >>> 11);
  const sign = random.below(2) << 31;
  const kind = random.below(32);
  words[2] = random.word();
  words[3] = random.word();
  let exponent: number;
  if (kind < 20) {
    exponent = near + random.below(120) - 60;
    if (kind < 8) exponent = near + random.below(5) - 2;
    exponent = Math.min(Math.max(exponent, 0), 2046);
  } else if (kind < 23) {
    exponent = random.below(2047);
  } else if (kind < 25) {
    exponent = 0;
  } else {
    const corners: readonly (readonly [number, number])[] = [
      [0, 0],
      [0x7ff00000, 0],
      [0x7ff80000 | fractionHi, fractionLo],
      [0x7ff00000 | (fractionHi & 0x7ffff), fractionLo | 1],
      [fractionHi, fractionLo],
      [0, 1 + random.below(4)],
      [0x3ff00000, 0],
      [0x7fefffff, -1],
      [0x00100000, 0],
      [0x000fffff, -1],
    ];
    const [h, l] = corners[random.below(corners.length)]!;
    words[1] = sign | h;
    words[0] = l;
    return;
  }
  words[1] = sign | (exponent << 20) | fractionHi;
  words[0] = fractionLo;
  if (exponent === 0 && random.below(2) === 0) {
    words[1] = sign | (fractionHi >>> random.below(21));
  }
}

/** Puts a single at words[0]. */
export function putF32(random: Random, words: Int32Array, near: number): void {
  const fraction = (significand(random)[0] & 0x7fffffff) >>> 8;
  const sign = random.below(2) << 31;
  const kind = random.below(32);
  for (let i = 1; i < 4; i++) words[i] = random.word();
  let exponent: number;
  if (kind < 20) {
    exponent = near + random.below(60) - 30;
    if (kind < 8) exponent = near + random.below(5) - 2;
    exponent = Math.min(Math.max(exponent, 0), 254);
  } else if (kind < 23) {
    exponent = random.below(255);
  } else if (kind < 25) {
    exponent = 0;
  } else {
    const corners = [
      0,
      0x7f800000,
      0x7fc00000 | fraction,
      0x7f800001 | (fraction & 0x3fffff),
      fraction,
      1 + random.below(4),
      0x3f800000,
      0x7f7fffff,
      0x00800000,
      0x007fffff,
    ];
    words[0] = sign | corners[random.below(corners.length)]!;
    return;
  }
  words[0] = sign | (exponent << 23) | fraction;
  if (exponent === 0 && random.below(2) === 0) words[0] = sign | (fraction >>> random.below(24));
}

/** Puts integers: corners of 16, 32 and 64 bits, or random bits of a random length. */
export function putInteger(random: Random, words: Int32Array): void {
  const shift = random.below(64);
  let hi = random.word();
  let lo = random.word();
  if (shift >= 32) {
    lo = hi >> (shift - 32);
    hi >>= 31;
  } else if (shift > 0) {
    lo = (lo >>> shift) | (hi << (32 - shift));
    hi >>= shift;
  }
  if (random.below(4) === 0) {
    const corners: readonly (readonly [number, number])[] = [
      [0, 0],
      [0, 1],
      [-1, -1],
      [0x7fffffff, -1],
      [0x80000000, 0],
      [0x80000000, 1],
      [0, 0x7fffffff],
      [0, 0x80000000],
      [-1, 0x80000000],
      [0, 0x7fff],
      [-1, 0xffff8000],
    ];
    [hi, lo] = corners[random.below(corners.length)] as [number, number];
  }
  words[0] = lo;
  words[1] = hi;
  words[2] = random.word();
  words[3] = random.word();
}

/** Puts ten bytes of packed decimal, digits above 9 now and then. */
export function putBcd(random: Random, words: Int32Array): void {
  const wild = random.below(8) === 0;
  for (let i = 0; i < 3; i++) {
    let word = 0;
    for (let digit = 0; digit < 8; digit++) word = (word << 4) | random.below(wild ? 16 : 10);
    words[i] = word;
  }
  if (random.below(3) === 0) words[1] = 0;
  words[2] = (words[2]! & 0xff) | (random.below(2) << 15) | (wild ? random.below(128) << 8 : 0);
  words[3] = 0;
}
