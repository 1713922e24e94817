/**
 * Random contents of the x87 for tests of plain arithmetic: registers as programs have them, operands that meet at
 * ties and near each other, control words of every rounding, precision and mask, registers that are empty.
 */
import type { Random } from '../../src/core/base/random.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { FP_CONTROL, FP_SIGN_EXPONENT_16, FP_SIGNIFICAND, FP_STATUS, FP_TAG } from '../../src/core/state/layout.ts';
import { putF80 } from './values.ts';

const words = new Int32Array(4);

/** Exponents to be near to: of the format of registers, of doubles and of singles. */
export const NEARS = [16383, 16383, 16383, 16383 + 40, 16383 - 1000, 16383 + 1000, 1, 0x7ffd, 16383 + 31, 16383 + 62];
export const NEARS_OF_DOUBLE = [1023, 1023, 1023 + 40, 1, 2045, 1023 + 31];
export const NEARS_OF_SINGLE = [127, 127, 127 + 40, 1, 253, 127 + 31];

export const pick = (random: Random, list: readonly number[]): number => list[random.below(list.length)]!;

/** A register as programs have it: the value of a double or single, an integer, a zero; or anything at all. */
function fillRegister(random: Random, cpu: Cpu, register: number, near: number): void {
  putF80(random, words, near);
  const kind = random.below(8);
  if (kind === 0) words[0]! &= -0x800;
  else if (kind === 1) words.set([0, words[1]! & -0x100]);
  else if (kind === 2 && random.below(3) === 0) words.set([0, 0, words[2]! & 0x8000]);
  cpu.m32[FP_SIGNIFICAND + 2 * register] = words[0]!;
  cpu.m32[FP_SIGNIFICAND + 2 * register + 1] = words[1]!;
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = words[2]!;
}

/** Registers, control and status words, and tags. `pushes`: the register below the top is to be empty, no other. */
export function fillX87(random: Random, cpu: Cpu, near: number, pushes: boolean): void {
  for (let k = 0; k < 8; k++) fillRegister(random, cpu, k, near);
  // The same number twice, or its opposite: ties, exact zeros, equal comparisons.
  if (random.below(6) === 0) {
    const lowBits = random.below(3) - 1;
    for (let k = 1; k < 8; k++) {
      cpu.m32[FP_SIGNIFICAND + 2 * k] = cpu.m32[FP_SIGNIFICAND] + lowBits;
      cpu.m32[FP_SIGNIFICAND + 2 * k + 1] = cpu.m32[FP_SIGNIFICAND + 1];
      cpu.m16[FP_SIGN_EXPONENT_16 + k] = cpu.m16[FP_SIGN_EXPONENT_16] ^ (random.below(2) << 15);
    }
  }
  // Powers of two and what lies at the edge of their sight, where a difference is one bit shorter.
  if (random.below(8) === 0) {
    const exponent = 0x1000 + random.below(0x6000);
    for (let k = 0; k < 8; k += 2) {
      cpu.m32[FP_SIGNIFICAND + 2 * k] = 0;
      cpu.m32[FP_SIGNIFICAND + 2 * k + 1] = 0x80000000;
      cpu.m16[FP_SIGN_EXPONENT_16 + k] = exponent;
      cpu.m16[FP_SIGN_EXPONENT_16 + k + 1] = (exponent - 62 - random.below(6)) | (random.below(2) << 15);
    }
  }
  const common = [0x37f, 0x37f, 0x27f, 0x17f, 0x372, 0x37f | (random.below(4) << 10)];
  const anything = 0x40 | random.below(64) | (random.below(4) << 8) | (random.below(4) << 10);
  cpu.m32[FP_CONTROL] = random.below(3) === 0 ? anything : pick(random, common);
  cpu.m32[FP_STATUS] = (random.word() & 0x7f7f) | 0;
  cpu.m32[FP_TAG] =
    random.below(8) === 0 ? random.below(256) : pushes ? 1 << (((cpu.m32[FP_STATUS] >> 11) + 7) & 7) : 0;
}

/** A word from the edges: zero, ones, runs of ones from either side, powers of two, next to nothing, or anything. */
export function edge(random: Random): number {
  const at = random.below(32);
  return pick(random, [0, -1, 1 << at, -1 << at, -1 >>> at, random.below(7) - 4, random.word(), random.word()]) | 0;
}
