// What the IR's `attempt` does: SSE arithmetic on words of the CPU block where host arithmetic is provably the
// guest's (core/cpu/float/ieee/fast-path.ts). Each function does all of its work and answers 1 (a comparison: the
// flags), or changes nothing and answers 0 (a comparison: −1): NaNs, denormals, what overflows or might underflow, and
// #P unmasked are left to the handler. `a` is the destination, `b` the source, as word indices; 64-bit values lie at
// even ones. SDM 2 under each name.

import * as slowWay from '../../src/core/base/slow-way.ts';
import * as limits from '../../src/core/cpu/float/ieee/limits.ts';
import * as environment from '../../src/core/cpu/float/ieee/environment.ts';
import * as fast from '../../src/core/cpu/float/ieee/fast-path.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { CF, MXCSR, ZF } from '../../src/core/state/layout.ts';
import type { Wide } from '../ir/attempts.ts';
import { makeWideX87 } from './wide-x87.ts';

const { PE } = environment;
const { NOT_PLAIN } = slowWay;
const { GREATEST_F32, LEAST_F32, LEAST_F64 } = limits;
const PM = 0x1000;

export function makeWide(cpu: Cpu): Wide {
  const { m32, f64 } = cpu;
  const f32 = new Float32Array(m32.buffer, m32.byteOffset);
  const { roundsFreely, isExactSum, exactnessOfProduct, exactnessOfQuotient } = fast;
  const { isExactProductF32, isExactQuotientF32 } = fast;
  const { fastAddF32, fastSubtractF32, fastMultiplyF32, fastDivideF32 } = fast;
  const { fastAddF64, fastSubtractF64, fastMultiplyF64, fastDivideF64 } = fast;

  /**
   * Whether a result that is exact (0), inexact (1, which sets PE) or neither known (2 and more) may stand: #P is
   * masked and the rounding is to nearest.
   */
  const rounds = (exactness: number): boolean => {
    const mxcsr = m32[MXCSR];
    if (exactness > 1 || !roundsFreely(mxcsr)) return false;
    m32[MXCSR] = mxcsr | (exactness << 5);
    return true;
  };
  /** Four singles at once, unless one of them was not taken. `isFree`: PE is set already, or all are exact. */
  const settle = (a: number, first: number, second: number, third: number, fourth: number, isFree: boolean): number => {
    if (first !== first || second !== second || third !== third || fourth !== fourth) return 0;
    if (!rounds(isFree ? 0 : 1)) return 0;
    f32[a] = first;
    f32[a + 1] = second;
    f32[a + 2] = third;
    f32[a + 3] = fourth;
    return 1;
  };
  /** No NaN and no denormal: nothing is reported, and the order is that of numbers. Gives EFLAGS bits, or −1. */
  const compare = (x: number, y: number, least: number): number => {
    const isPlain = (Math.abs(x) >= least || x === 0) && (Math.abs(y) >= least || y === 0);
    if (!isPlain) return NOT_PLAIN;
    return x > y ? 0 : x < y ? CF : ZF;
  };
  /** Toward zero; what does not fit is the handler's. */
  const truncate = (a: number, x: number, least: number): number => {
    if (!(x > -2147483649 && x < 2147483648) || (Math.abs(x) < least && x !== 0)) return 0;
    const value = Math.trunc(x) | 0;
    if (value !== x) {
      if ((m32[MXCSR] & PM) === 0) return 0;
      m32[MXCSR] |= PE;
    }
    m32[a] = value;
    return 1;
  };

  // Written out one by one: functions made by one factory would share what the host engine learns of them.
  return {
    ...makeWideX87(cpu),
    addF32: (a, b) => {
      const x = f32[a];
      const y = f32[b];
      const value = fastAddF32(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : isExactSum(x, y, value) ? 0 : 1)) return 0;
      f32[a] = value;
      return 1;
    },
    subtractF32: (a, b) => {
      const x = f32[a];
      const y = f32[b];
      const value = fastSubtractF32(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : isExactSum(x, -y, value) ? 0 : 1)) return 0;
      f32[a] = value;
      return 1;
    },
    multiplyF32: (a, b) => {
      const x = f32[a];
      const y = f32[b];
      const value = fastMultiplyF32(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : isExactProductF32(x, y, value) ? 0 : 1)) return 0;
      f32[a] = value;
      return 1;
    },
    divideF32: (a, b) => {
      const x = f32[a];
      const y = f32[b];
      const value = fastDivideF32(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : isExactQuotientF32(x, y, value) ? 0 : 1)) return 0;
      f32[a] = value;
      return 1;
    },
    addF64: (a, b) => {
      const x = f64[a >> 1];
      const y = f64[b >> 1];
      const value = fastAddF64(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : isExactSum(x, y, value) ? 0 : 1)) return 0;
      f64[a >> 1] = value;
      return 1;
    },
    subtractF64: (a, b) => {
      const x = f64[a >> 1];
      const y = f64[b >> 1];
      const value = fastSubtractF64(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : isExactSum(x, -y, value) ? 0 : 1)) return 0;
      f64[a >> 1] = value;
      return 1;
    },
    multiplyF64: (a, b) => {
      const x = f64[a >> 1];
      const y = f64[b >> 1];
      const value = fastMultiplyF64(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : exactnessOfProduct(x, y, value))) return 0;
      f64[a >> 1] = value;
      return 1;
    },
    divideF64: (a, b) => {
      const x = f64[a >> 1];
      const y = f64[b >> 1];
      const value = fastDivideF64(x, y);
      if (value !== value || !rounds((m32[MXCSR] & PE) !== 0 ? 0 : exactnessOfQuotient(x, y, value))) return 0;
      f64[a >> 1] = value;
      return 1;
    },
    addPackedF32: (a, b) => {
      const first = fastAddF32(f32[a], f32[b]);
      const second = fastAddF32(f32[a + 1], f32[b + 1]);
      const third = fastAddF32(f32[a + 2], f32[b + 2]);
      const fourth = fastAddF32(f32[a + 3], f32[b + 3]);
      const isFree =
        (m32[MXCSR] & PE) !== 0 ||
        (isExactSum(f32[a], f32[b], first) &&
          isExactSum(f32[a + 1], f32[b + 1], second) &&
          isExactSum(f32[a + 2], f32[b + 2], third) &&
          isExactSum(f32[a + 3], f32[b + 3], fourth));
      return settle(a, first, second, third, fourth, isFree);
    },
    subtractPackedF32: (a, b) => {
      const first = fastSubtractF32(f32[a], f32[b]);
      const second = fastSubtractF32(f32[a + 1], f32[b + 1]);
      const third = fastSubtractF32(f32[a + 2], f32[b + 2]);
      const fourth = fastSubtractF32(f32[a + 3], f32[b + 3]);
      const isFree =
        (m32[MXCSR] & PE) !== 0 ||
        (isExactSum(f32[a], -f32[b], first) &&
          isExactSum(f32[a + 1], -f32[b + 1], second) &&
          isExactSum(f32[a + 2], -f32[b + 2], third) &&
          isExactSum(f32[a + 3], -f32[b + 3], fourth));
      return settle(a, first, second, third, fourth, isFree);
    },
    multiplyPackedF32: (a, b) => {
      const first = fastMultiplyF32(f32[a], f32[b]);
      const second = fastMultiplyF32(f32[a + 1], f32[b + 1]);
      const third = fastMultiplyF32(f32[a + 2], f32[b + 2]);
      const fourth = fastMultiplyF32(f32[a + 3], f32[b + 3]);
      const isFree =
        (m32[MXCSR] & PE) !== 0 ||
        (isExactProductF32(f32[a], f32[b], first) &&
          isExactProductF32(f32[a + 1], f32[b + 1], second) &&
          isExactProductF32(f32[a + 2], f32[b + 2], third) &&
          isExactProductF32(f32[a + 3], f32[b + 3], fourth));
      return settle(a, first, second, third, fourth, isFree);
    },
    dividePackedF32: (a, b) => {
      const first = fastDivideF32(f32[a], f32[b]);
      const second = fastDivideF32(f32[a + 1], f32[b + 1]);
      const third = fastDivideF32(f32[a + 2], f32[b + 2]);
      const fourth = fastDivideF32(f32[a + 3], f32[b + 3]);
      const isFree =
        (m32[MXCSR] & PE) !== 0 ||
        (isExactQuotientF32(f32[a], f32[b], first) &&
          isExactQuotientF32(f32[a + 1], f32[b + 1], second) &&
          isExactQuotientF32(f32[a + 2], f32[b + 2], third) &&
          isExactQuotientF32(f32[a + 3], f32[b + 3], fourth));
      return settle(a, first, second, third, fourth, isFree);
    },
    addPackedF64: (a, b) => {
      const [at, from] = [a >> 1, b >> 1];
      const low = fastAddF64(f64[at], f64[from]);
      const high = fastAddF64(f64[at + 1], f64[from + 1]);
      if (low !== low || high !== high) return 0;
      const exactness =
        (m32[MXCSR] & PE) !== 0
          ? 0
          : (isExactSum(f64[at], f64[from], low) ? 0 : 1) | (isExactSum(f64[at + 1], f64[from + 1], high) ? 0 : 1);
      if (!rounds(exactness)) return 0;
      f64[at] = low;
      f64[at + 1] = high;
      return 1;
    },
    subtractPackedF64: (a, b) => {
      const [at, from] = [a >> 1, b >> 1];
      const low = fastSubtractF64(f64[at], f64[from]);
      const high = fastSubtractF64(f64[at + 1], f64[from + 1]);
      if (low !== low || high !== high) return 0;
      const exactness =
        (m32[MXCSR] & PE) !== 0
          ? 0
          : (isExactSum(f64[at], -f64[from], low) ? 0 : 1) | (isExactSum(f64[at + 1], -f64[from + 1], high) ? 0 : 1);
      if (!rounds(exactness)) return 0;
      f64[at] = low;
      f64[at + 1] = high;
      return 1;
    },
    multiplyPackedF64: (a, b) => {
      const [at, from] = [a >> 1, b >> 1];
      const low = fastMultiplyF64(f64[at], f64[from]);
      const high = fastMultiplyF64(f64[at + 1], f64[from + 1]);
      if (low !== low || high !== high) return 0;
      const exactness =
        (m32[MXCSR] & PE) !== 0
          ? 0
          : exactnessOfProduct(f64[at], f64[from], low) | exactnessOfProduct(f64[at + 1], f64[from + 1], high);
      if (!rounds(exactness)) return 0;
      f64[at] = low;
      f64[at + 1] = high;
      return 1;
    },
    dividePackedF64: (a, b) => {
      const [at, from] = [a >> 1, b >> 1];
      const low = fastDivideF64(f64[at], f64[from]);
      const high = fastDivideF64(f64[at + 1], f64[from + 1]);
      if (low !== low || high !== high) return 0;
      const exactness =
        (m32[MXCSR] & PE) !== 0
          ? 0
          : exactnessOfQuotient(f64[at], f64[from], low) | exactnessOfQuotient(f64[at + 1], f64[from + 1], high);
      if (!rounds(exactness)) return 0;
      f64[at] = low;
      f64[at + 1] = high;
      return 1;
    },
    compareF32: (a, b) => compare(f32[a], f32[b], LEAST_F32),
    compareF64: (a, b) => compare(f64[a >> 1], f64[b >> 1], LEAST_F64),
    fromInt32F32: (a, b) => {
      const value = Math.fround(m32[b]);
      if (value !== m32[b] && !rounds(1)) return 0;
      f32[a] = value;
      return 1;
    },
    truncateF32: (a, b) => truncate(a, f32[b], LEAST_F32),
    truncateF64: (a, b) => truncate(a, f64[b >> 1], LEAST_F64),
    narrowF64: (a, b) => {
      const value = f64[b >> 1];
      const rounded = Math.fround(value);
      const size = Math.abs(rounded);
      if (!((size > LEAST_F32 && size <= GREATEST_F32) || value === 0)) return 0;
      if (rounded !== value && !rounds(1)) return 0;
      f32[a] = rounded;
      return 1;
    },
  };
}
