// What the IR's `attempt` does: SSE arithmetic on words of the CPU block where host arithmetic is provably the
// guest's (core/cpu/float/fast-path.ts). Each function does all of its work and answers 1, or changes nothing and
// answers 0: rounding that would set a flag, NaNs, denormals, unmasked exceptions are left to the handler.
// `a` is the destination, `b` the source, as word indices; 64-bit values lie at even ones. SDM 2 under each name.

import * as fast from '../../src/core/cpu/float/fast-path.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { CF, MXCSR, WIDE, ZF } from '../../src/core/state/layout.ts';
import type { WideName } from './ir.ts';

/** Where comparisons leave EFLAGS bits and truncations their integer. */
export const WIDE_RESULT = WIDE + 3;

export type Wide = Readonly<Record<WideName, (a: number, b: number) => number>>;

/** PE is set and masked: an inexact result changes nothing more. */
const INEXACT_IS_FREE = 0x1020;

const LEAST_F32 = 1.1754943508222875e-38;
const GREATEST_F32 = 3.4028234663852886e38;
const LEAST_F64 = 2.2250738585072014e-308;

export function makeWide(cpu: Cpu): Wide {
  const { m32, f64 } = cpu;
  const f32 = new Float32Array(m32.buffer);
  const { allowsFastPath } = fast;

  const scalarF32 = (compute: (a: number, b: number) => number) => (a: number, b: number) => {
    const value = compute(f32[a], f32[b]);
    if (value !== value || !allowsFastPath(m32[MXCSR])) return 0;
    f32[a] = value;
    return 1;
  };
  const scalarF64 = (compute: (a: number, b: number) => number) => (a: number, b: number) => {
    const value = compute(f64[a >> 1], f64[b >> 1]);
    if (value !== value || !allowsFastPath(m32[MXCSR])) return 0;
    f64[a >> 1] = value;
    return 1;
  };
  const packedF32 = (compute: (a: number, b: number) => number) => (a: number, b: number) => {
    const first = compute(f32[a], f32[b]);
    const second = compute(f32[a + 1], f32[b + 1]);
    const third = compute(f32[a + 2], f32[b + 2]);
    const fourth = compute(f32[a + 3], f32[b + 3]);
    if (first !== first || second !== second || third !== third || fourth !== fourth) return 0;
    if (!allowsFastPath(m32[MXCSR])) return 0;
    f32[a] = first;
    f32[a + 1] = second;
    f32[a + 2] = third;
    f32[a + 3] = fourth;
    return 1;
  };
  const packedF64 = (compute: (a: number, b: number) => number) => (a: number, b: number) => {
    const low = compute(f64[a >> 1], f64[b >> 1]);
    const high = compute(f64[(a >> 1) + 1], f64[(b >> 1) + 1]);
    if (low !== low || high !== high || !allowsFastPath(m32[MXCSR])) return 0;
    f64[a >> 1] = low;
    f64[(a >> 1) + 1] = high;
    return 1;
  };
  /** No NaN and no denormal: nothing is reported, and the order is that of numbers. */
  const compare = (x: number, y: number, least: number): number => {
    const isPlain = (Math.abs(x) >= least || x === 0) && (Math.abs(y) >= least || y === 0);
    if (!isPlain) return 0;
    m32[WIDE_RESULT] = x > y ? 0 : x < y ? CF : ZF;
    return 1;
  };
  /** Toward zero; what does not fit is the handler's. */
  const truncate = (a: number, x: number, least: number): number => {
    if (!(x > -2147483649 && x < 2147483648) || (Math.abs(x) < least && x !== 0)) return 0;
    const value = Math.trunc(x) | 0;
    if (value !== x && (m32[MXCSR] & INEXACT_IS_FREE) !== INEXACT_IS_FREE) return 0;
    m32[a] = value;
    return 1;
  };

  return {
    addF32: scalarF32(fast.fastAddF32),
    subtractF32: scalarF32(fast.fastSubtractF32),
    multiplyF32: scalarF32(fast.fastMultiplyF32),
    divideF32: scalarF32(fast.fastDivideF32),
    addF64: scalarF64(fast.fastAddF64),
    subtractF64: scalarF64(fast.fastSubtractF64),
    multiplyF64: scalarF64(fast.fastMultiplyF64),
    divideF64: scalarF64(fast.fastDivideF64),
    addPackedF32: packedF32(fast.fastAddF32),
    subtractPackedF32: packedF32(fast.fastSubtractF32),
    multiplyPackedF32: packedF32(fast.fastMultiplyF32),
    dividePackedF32: packedF32(fast.fastDivideF32),
    addPackedF64: packedF64(fast.fastAddF64),
    subtractPackedF64: packedF64(fast.fastSubtractF64),
    multiplyPackedF64: packedF64(fast.fastMultiplyF64),
    dividePackedF64: packedF64(fast.fastDivideF64),
    compareF32: (a, b) => compare(f32[a], f32[b], LEAST_F32),
    compareF64: (a, b) => compare(f64[a >> 1], f64[b >> 1], LEAST_F64),
    fromInt32F32: (a, b) => {
      const value = Math.fround(m32[b]);
      if (value !== m32[b] && !allowsFastPath(m32[MXCSR])) return 0;
      f32[a] = value;
      return 1;
    },
    fromInt32F64: (a, b) => {
      f64[a >> 1] = m32[b];
      return 1;
    },
    truncateF32: (a, b) => truncate(a, f32[b], LEAST_F32),
    truncateF64: (a, b) => truncate(a, f64[b >> 1], LEAST_F64),
    widenF32: (a, b) => {
      const value = f32[b];
      const size = Math.abs(value);
      if (!((size >= LEAST_F32 && size <= GREATEST_F32) || value === 0)) return 0;
      f64[a >> 1] = value;
      return 1;
    },
    narrowF64: (a, b) => {
      const value = f64[b >> 1];
      const rounded = Math.fround(value);
      const size = Math.abs(rounded);
      if (!((size > LEAST_F32 && size <= GREATEST_F32) || value === 0)) return 0;
      if (rounded !== value && !allowsFastPath(m32[MXCSR])) return 0;
      f32[a] = rounded;
      return 1;
    },
  };
}
