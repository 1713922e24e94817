/**
 * Biased random values for generated cases: where instructions change their mind. One generator of 32-bit words from a
 * seed; everything derived from it is part of the vector format (see background.ts), so functions here are extended
 * by new ones, never changed.
 */
import type { Random } from '../../../src/core/base/random.ts';

const DWORD_CORNERS = [
  0, 1, 2, 0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0x7ffffffe, 0x55555555, 0xaaaaaaaa, 0x99999999,
];

export function biasedDword(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.pick(DWORD_CORNERS);
    case 1: // around a power of two
      return ((1 << random.below(32)) + random.below(3) - 1) >>> 0;
    case 2: // small
      return random.below(random.pick([10, 33, 65, 256]));
    case 3: // a sign-extended byte or word
      return (random.oneIn(2) ? (random.word() << 24) >> 24 : (random.word() << 16) >> 16) >>> 0;
    case 4: // corners in the low byte or word, anything above
      return (
        ((random.word() & 0xffff0000) |
          random.pick([0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7f80, 0x8001])) >>>
        0
      );
    default:
      return random.word() >>> 0;
  }
}

/** IEEE single: zeros, denormals, NaNs of both kinds, infinities, limits, small integers, integer limits, anything. */
export function biasedF32(random: Random): number {
  const sign = random.oneIn(2) ? 0x80000000 : 0;
  const fraction = random.word() & 0x7fffff;
  switch (random.below(12)) {
    case 0:
      return sign;
    case 1:
      return (sign | random.pick([1, 0x7fffff, 0x400000, fraction])) >>> 0;
    case 2:
      return (sign | 0x7f800000) >>> 0;
    case 3:
      return (sign | 0x7f800000 | random.pick([0x400000, 0x400001, 0x7fffff, 0x400000 | fraction])) >>> 0;
    case 4:
      return (sign | 0x7f800000 | (random.pick([1, 0x3fffff, fraction & 0x3fffff]) || 1)) >>> 0;
    case 5:
      return (sign | random.pick([0x00800000, 0x7f7fffff, 0x00800001, 0x3f800000, 0x3f7fffff, 0x3f800001])) >>> 0;
    case 6: // near a power of two, at or beside rounding halves
      return (sign | ((127 + random.below(66) - 33) << 23) | random.pick([0, 1, 0x7fffff, 0x400000, fraction])) >>> 0;
    case 7: // around the limits of 16-, 32- and 64-bit integers
      return (sign | (((127 + random.pick([7, 15, 30, 31, 32, 62, 63])) << 23) + random.below(3) - 1)) >>> 0;
    case 8: // near the ends of the exponent range
      return (sign | (random.pick([1, 2, 23, 24, 25, 253, 254]) << 23) | fraction) >>> 0;
    default:
      return random.word() >>> 0;
  }
}

/** IEEE double as [low, high], the classes of `biasedF32` and singles made wide. */
export function biasedF64(random: Random): [number, number] {
  const sign = random.oneIn(2) ? 0x80000000 : 0;
  const low = random.pick([
    0,
    0,
    1,
    0xffffffff,
    0x80000000,
    0x20000000,
    0x10000000,
    random.word() >>> 0,
    random.word() >>> 0,
  ]);
  const fraction = random.word() & 0xfffff;
  switch (random.below(12)) {
    case 0:
      return [0, sign];
    case 1:
      return [low || 1, (sign | random.pick([0, 0xfffff, fraction])) >>> 0];
    case 2:
      return [0, (sign | 0x7ff00000) >>> 0];
    case 3:
      return [low, (sign | 0x7ff80000 | random.pick([0, 0x7ffff, fraction & 0x7ffff])) >>> 0];
    case 4:
      return [low || 1, (sign | 0x7ff00000 | (fraction & 0x7ffff)) >>> 0];
    case 5:
      return random.pick<[number, number]>([
        [0, (sign | 0x00100000) >>> 0],
        [0xffffffff, (sign | 0x7fefffff) >>> 0],
        [0, (sign | 0x3ff00000) >>> 0],
        [0xffffffff, (sign | 0x3fefffff) >>> 0],
      ]);
    case 6: // around 1 and the limits of integers
      return [
        low,
        (sign |
          ((1023 + random.pick([0, 0, 1, 7, 15, 30, 31, 32, 51, 52, 53, 62, 63])) << 20) |
          random.pick([0, 0xfffff, fraction])) >>>
          0,
      ];
    case 7: // the range of singles: overflow, underflow and denormal on conversion
      return [
        low,
        (sign |
          ((1023 + random.pick([127, 128, -126, -127, -149, -150, -151])) << 20) |
          random.pick([0, 0xfffff, fraction])) >>>
          0,
      ];
    case 8: // near the ends of the exponent range
      return [low, (sign | (random.pick([1, 2, 52, 53, 2045, 2046]) << 20) | fraction) >>> 0];
    default:
      return [low, random.word() >>> 0];
  }
}

/** x87 extended real at `offset` (ten bytes), the unsupported encodings included. */
export function biasedF80(random: Random, bytes: Uint8Array, offset: number): void {
  let exponent = 16383;
  let high = 0x80000000;
  let low = 0;
  const mantissa = () => {
    high = (0x80000000 | random.word()) >>> 0;
    low = random.pick([0, 1, 0xffffffff, 0x400, 0x800, 0xc00, random.word() >>> 0, random.word() >>> 0]);
    if (random.oneIn(4)) high = random.pick([0x80000000, 0xffffffff, 0x80000080, 0x800000ff, 0xc0000000]);
  };
  mantissa();
  switch (random.below(16)) {
    case 0: // zero
      exponent = high = low = 0;
      break;
    case 1: // denormal, pseudo-denormal
      exponent = 0;
      if (!random.oneIn(4)) high = (high & 0x7fffffff) >>> random.below(32);
      break;
    case 2: // infinity
      exponent = 0x7fff;
      high = 0x80000000;
      low = 0;
      break;
    case 3: // quiet NaN, the indefinite among them
      exponent = 0x7fff;
      high = random.oneIn(3) ? 0xc0000000 : (0xc0000000 | high) >>> 0;
      if (random.oneIn(3)) low = 0;
      break;
    case 4: // signalling NaN
      exponent = 0x7fff;
      high = (0x80000000 | (high & 0x3fffffff)) >>> 0;
      low = low || 1;
      break;
    case 5: // unsupported: unnormal, pseudo-NaN, pseudo-infinity
      exponent = random.pick([1, 16383, 0x7fff, 0x7fff, 0x7ffe]);
      high = random.oneIn(3) ? 0 : (high & 0x7fffffff) >>> 0;
      break;
    case 6: // integers and halves around the integer formats' limits
      exponent = 16383 + random.pick([-1, 0, 1, 3, 14, 15, 16, 30, 31, 32, 58, 59, 60, 61, 62, 63, 64]);
      break;
    case 7: // ends of the range
      exponent = random.pick([1, 2, 63, 64, 65, 0x7ffe, 0x7ffd, 0x7fbf]);
      break;
    case 8: // ends of the range of doubles and singles
      exponent = 16383 + random.pick([1023, 1024, -1022, -1023, -1074, -1075, 127, 128, -126, -127, -149, -150]);
      break;
    case 9: // exactly one, or a small integer
      exponent = 16383 + random.below(4);
      high = (random.word() & 0xf0000000 & 0x70000000) | 0x80000000;
      high >>>= 0;
      low = 0;
      break;
    case 10: // any exponent
      exponent = random.below(0x8000);
      break;
    default: // near one
      exponent = 16383 + random.below(80) - 40;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(offset, low, true);
  view.setUint32(offset + 4, high, true);
  view.setUint16(offset + 8, exponent | (random.oneIn(2) ? 0x8000 : 0), true);
}

/** Sixteen bytes as one of: singles, doubles, bytes, words, dwords, quadwords, each with corners. */
export function biasedVector(random: Random, bytes: Uint8Array, offset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 16);
  switch (random.below(6)) {
    case 0:
    case 1:
      for (let i = 0; i < 16; i += 4) view.setUint32(i, biasedF32(random), true);
      break;
    case 2:
    case 3:
      for (let i = 0; i < 16; i += 8) {
        const [low, high] = biasedF64(random);
        view.setUint32(i, low, true);
        view.setUint32(i + 4, high, true);
      }
      break;
    case 4:
      for (let i = 0; i < 16; i += 2)
        view.setUint16(
          i,
          random.oneIn(2) ? random.pick([0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7f80]) : random.word(),
          true,
        );
      break;
    default:
      for (let i = 0; i < 16; i += 4) view.setUint32(i, biasedDword(random), true);
  }
}
