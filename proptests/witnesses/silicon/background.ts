/**
 * A complete machine case from one seed: biased registers, flags, x87 and SSE state, and the standard pages. Generated
 * cases start from it and vectors store only what differs from it, so the function is frozen: a change makes every
 * committed vector unreadable (vectors.prop.ts holds its hash; raise VECTOR_VERSION and take the vectors again).
 * The code page holds HLT everywhere; the program is put in by the generator.
 */
import { Random } from '../../../src/core/base/random.ts';
import { DF, ESP } from '../../../src/core/state/layout.ts';
import { FLAT_CODE, FLAT_DATA, FX_BYTES, type MachineCase } from './case.ts';
import { biasedDword, biasedF80, biasedVector } from './random.ts';

/** Two pages of code. */
export const CODE = 0x10000000;
/** Two writable pages between unmapped ones. */
export const DATA = 0x20000000;
export const DATA_BYTES = 0x2000;
/** A writable page, a read-only page after it, nothing after that. */
export const MIXED = 0x28000000;
export const MIXED_READ_ONLY = 0x28001000;
export const MIXED_END = 0x28002000;
/** One page between unmapped ones. */
export const STACK = 0x30000000;
export const STACK_BYTES = 0x1000;
/** Where generated x87 cases put what FNSTENV saw: below the usual stack pointer. */
export const OBSERVED_ENVIRONMENT = { address: STACK + 0x40, byteLength: 28 };

const CODE_FILL = 0xf4;
const PATTERN_FILL_MIN = 256;
const STATUS_FLAGS = 0x8d5;
const FIXED_FLAGS = 0x202;

export function backgroundCase(seed: number): MachineCase {
  const random = new Random(seed);
  const fill = PATTERN_FILL_MIN + random.below(0x10000);
  const registers = Array.from({ length: 8 }, () => biasedDword(random));
  registers[ESP] = STACK + STACK_BYTES / 2;
  const eflags = FIXED_FLAGS | (random.word() & STATUS_FLAGS) | (random.below(8) === 0 ? DF : 0);
  return {
    registers,
    eip: CODE,
    eflags,
    selectors: { es: FLAT_DATA, cs: FLAT_CODE, ss: FLAT_DATA, ds: FLAT_DATA, fs: 0, gs: 0 },
    descriptors: [],
    regions: [
      { address: CODE, pageCount: 2, writable: true, executable: true, fill: CODE_FILL },
      { address: DATA, pageCount: 2, writable: true, executable: true, fill },
      { address: MIXED, pageCount: 1, writable: true, executable: true, fill: fill + 1 },
      { address: MIXED_READ_ONLY, pageCount: 1, writable: false, executable: true, fill: fill + 2 },
      { address: STACK, pageCount: 1, writable: true, executable: true, fill: fill + 3 },
    ],
    patches: [],
    fx: backgroundFx(random),
    steps: 0,
    end: -1,
  };
}

/** x87 and SSE state: exceptions are mostly masked and mostly not pending, rounding and precision are any. */
function backgroundFx(random: Random): Uint8Array {
  const fx = new Uint8Array(FX_BYTES);
  const view = new DataView(fx.buffer);
  const masks = random.below(4) === 0 ? random.below(64) : 0x3f;
  const precision = [3, 3, 3, 2, 0][random.below(5)];
  const rounding = random.below(2) === 0 ? 0 : random.below(4);
  view.setUint16(0, 0x40 | masks | (precision << 8) | (rounding << 10), true);
  const sticky = random.below(3) === 0 ? random.below(128) & (random.below(3) === 0 ? 127 : masks | 0x40) : 0;
  const summary = sticky & 0x3f & ~masks ? 0x8080 : 0;
  const top = random.below(2) === 0 ? 0 : random.below(8);
  view.setUint16(2, sticky | summary | (top << 11) | (random.word() & 0x4700), true);
  fx[4] = [0xff, 0xff, 0xff, 0x7f, 0x3f, 0, random.below(256), random.below(256)][random.below(8)];
  for (let i = 0; i < 8; i++) biasedF80(random, fx, 32 + 16 * i);
  const sseMasks = random.below(4) === 0 ? random.below(64) : 0x3f;
  const sseSticky = random.below(3) === 0 ? random.below(64) : 0;
  const sseRounding = random.below(2) === 0 ? 0 : random.below(4);
  const flush = random.below(4) === 0 ? 0x8000 : 0;
  const denormalsAreZeros = random.below(4) === 0 ? 0x40 : 0;
  view.setUint32(24, sseSticky | denormalsAreZeros | (sseMasks << 7) | (sseRounding << 13) | flush, true);
  for (let i = 0; i < 8; i++) biasedVector(random, fx, 160 + 16 * i);
  return fx;
}
