// SSE conversions and moves as programs use them nearly always, by the rules of simd-plain.ts: registers available,
// memory plain and aligned, normal numbers and zeros; false before anything has changed, true when all is done. SDM 2
// under each name.

import * as limits from '../../../src/core/cpu/float/ieee/limits.ts';
import * as environment from '../../../src/core/cpu/float/ieee/environment.ts';
import * as fast from '../../../src/core/cpu/float/ieee/fast-path.ts';
import * as record from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import * as layout from '../../../src/core/state/layout.ts';
import { destinationAt, generalAt, sourceAt } from './simd-place.ts';

// Constants of this module rather than imported ones: see hot.ts.
const { KIND_MEMORY, KIND_XMM, META_KIND_A_SHIFT, META_KIND_B_SHIFT, R_A, R_B, R_META } = record;
const { MXCSR, XMM } = layout;
const { PE } = environment;
const { GREATEST_F32, LEAST_F32, LEAST_F64 } = limits;
const { roundsFreely } = fast;

const KIND_A_FIELD = 15 << META_KIND_A_SHIFT;
const MEMORY_AS_A = KIND_MEMORY << META_KIND_A_SHIFT;
const XMM_AS_A = KIND_XMM << META_KIND_A_SHIFT;
const KIND_B_FIELD = 15 << META_KIND_B_SHIFT;
const MEMORY_AS_B = KIND_MEMORY << META_KIND_B_SHIFT;
const XMM_AS_B = KIND_XMM << META_KIND_B_SHIFT;

/** Results until all are known. */
const doubles = new Float64Array(2);
const doubleWords = new Int32Array(doubles.buffer);
const singles = new Float32Array(4);
const singleWords = new Int32Array(singles.buffer);

/** CVTSI2SD (`count` 1) of a general register or memory, CVTDQ2PD (`count` 2): exact. */
export function plainIntegersToF64(cpu: Cpu, code: Int32Array, pc: number, count: number): boolean {
  const { m32 } = cpu;
  const from = count === 1 ? generalAt(cpu, code, pc) : sourceAt(cpu, code, pc, 4 * count);
  if (from < 0) return false;
  for (let k = 0; k < count; k++) doubles[k] = m32[(from >> 2) + k];
  const word = XMM + (code[pc + R_A] << 2);
  for (let k = 0; k < 2 * count; k++) m32[word + k] = doubleWords[k];
  return true;
}

/** CVTSI2SS (`count` 1), CVTDQ2PS (`count` 4). */
export function plainIntegersToF32(cpu: Cpu, code: Int32Array, pc: number, count: number): boolean {
  const { m32 } = cpu;
  const mxcsr = m32[MXCSR];
  const from = count === 1 ? generalAt(cpu, code, pc) : sourceAt(cpu, code, pc, 4 * count);
  if (from < 0) return false;
  let exactness = 0;
  for (let k = 0; k < count; k++) {
    const value = m32[(from >> 2) + k];
    singles[k] = value;
    if (singles[k] !== value) exactness = 1;
  }
  if (exactness !== 0 && !roundsFreely(mxcsr)) return false;
  m32[MXCSR] = mxcsr | (exactness << 5);
  const word = XMM + (code[pc + R_A] << 2);
  for (let k = 0; k < count; k++) m32[word + k] = singleWords[k];
  return true;
}

/** Added and taken away, it rounds a double below 2^51 in magnitude to an integer, to nearest even. */
const TO_INTEGER = 6755399441055744;

/** CVTTSD2SI, CVTSD2SI. A denormal raises no DE here, but is left to the general way for DAZ's sake. */
export function plainF64ToInteger(cpu: Cpu, code: Int32Array, pc: number, truncates: boolean): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (truncates ? (mxcsr & 0x1000) === 0 : !roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const value = view.getFloat64(from, true);
  if (!(value > -2147483649 && value < 2147483648 && (Math.abs(value) >= LEAST_F64 || value === 0))) return false;
  const integer = truncates ? Math.trunc(value) : value + TO_INTEGER - TO_INTEGER;
  if (integer < -2147483648 || integer > 2147483647) return false;
  if (integer !== value) m32[MXCSR] = mxcsr | PE;
  m32[code[pc + R_A]] = integer;
  return true;
}

/** CVTTSS2SI, CVTSS2SI. */
export function plainF32ToInteger(cpu: Cpu, code: Int32Array, pc: number, truncates: boolean): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (truncates ? (mxcsr & 0x1000) === 0 : !roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const value = view.getFloat32(from, true);
  if (!(value >= -2147483648 && value < 2147483648 && (Math.abs(value) >= LEAST_F32 || value === 0))) return false;
  const integer = truncates ? Math.trunc(value) : value + TO_INTEGER - TO_INTEGER;
  if (integer !== value) m32[MXCSR] = mxcsr | PE;
  m32[code[pc + R_A]] = integer;
  return true;
}

/** CVTTPS2DQ, CVTPS2DQ. */
export function plainSinglesToIntegers(cpu: Cpu, code: Int32Array, pc: number, truncates: boolean): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (truncates ? (mxcsr & 0x1000) === 0 : !roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 16);
  if (from < 0) return false;
  let exactness = 0;
  for (let k = 0; k < 4; k++) {
    const value = view.getFloat32(from + 4 * k, true);
    if (!(value >= -2147483648 && value < 2147483648 && (Math.abs(value) >= LEAST_F32 || value === 0))) return false;
    const integer = truncates ? Math.trunc(value) : value + TO_INTEGER - TO_INTEGER;
    if (integer !== value) exactness = 1;
    singleWords[k] = integer;
  }
  m32[MXCSR] = mxcsr | (exactness << 5);
  const word = XMM + (code[pc + R_A] << 2);
  for (let k = 0; k < 4; k++) m32[word + k] = singleWords[k];
  return true;
}

/** CVTSS2SD (`count` 1), CVTPS2PD (`count` 2): exact. */
export function plainF32ToF64(cpu: Cpu, code: Int32Array, pc: number, count: number): boolean {
  const { m32, view } = cpu;
  const from = sourceAt(cpu, code, pc, 4 * count);
  if (from < 0) return false;
  for (let k = 0; k < count; k++) {
    const value = view.getFloat32(from + 4 * k, true);
    if (!(Math.abs(value) >= LEAST_F32 || value === 0)) return false;
    doubles[k] = value;
  }
  const word = XMM + (code[pc + R_A] << 2);
  for (let k = 0; k < 2 * count; k++) m32[word + k] = doubleWords[k];
  return true;
}

/** CVTSD2SS (`count` 1), CVTPD2PS (`count` 2, the upper half becomes 0). */
export function plainF64ToF32(cpu: Cpu, code: Int32Array, pc: number, count: number): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 8 * count);
  if (from < 0) return false;
  let exactness = 0;
  for (let k = 0; k < count; k++) {
    const value = view.getFloat64(from + 8 * k, true);
    const rounded = Math.fround(value);
    const size = Math.abs(rounded);
    if (!((size > LEAST_F32 && size <= GREATEST_F32) || value === 0)) return false;
    singles[k] = rounded;
    if (rounded !== value) exactness = 1;
  }
  m32[MXCSR] = mxcsr | (exactness << 5);
  const word = XMM + (code[pc + R_A] << 2);
  m32[word] = singleWords[0];
  if (count === 1) return true;
  m32[word + 1] = singleWords[1];
  m32[word + 2] = 0;
  m32[word + 3] = 0;
  return true;
}

/** MOVAPS and its like, and the unaligned ones where 16 divides the address. */
export function plainMove128(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const m32 = cpu.m32;
  let from: number;
  let to: number;
  if ((code[pc + R_META] & KIND_A_FIELD) === MEMORY_AS_A) {
    to = destinationAt(cpu, code, pc, 16) >> 2;
    from = XMM + (code[pc + R_B] << 2);
  } else {
    from = sourceAt(cpu, code, pc, 16) >> 2;
    to = XMM + (code[pc + R_A] << 2);
  }
  if ((from | to) < 0) return false;
  m32[to] = m32[from];
  m32[to + 1] = m32[from + 1];
  m32[to + 2] = m32[from + 2];
  m32[to + 3] = m32[from + 3];
  return true;
}

/** MOVSS: a load clears the rest of the register, a move between registers keeps it. */
export function plainMove32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const m32 = cpu.m32;
  const meta = code[pc + R_META];
  if ((meta & KIND_A_FIELD) === MEMORY_AS_A) {
    const to = destinationAt(cpu, code, pc, 4) >> 2;
    if (to < 0) return false;
    m32[to] = m32[XMM + (code[pc + R_B] << 2)];
    return true;
  }
  const from = sourceAt(cpu, code, pc, 4) >> 2;
  if (from < 0) return false;
  const word = XMM + (code[pc + R_A] << 2);
  m32[word] = m32[from];
  if ((meta & KIND_B_FIELD) !== MEMORY_AS_B) return true;
  m32[word + 1] = 0;
  m32[word + 2] = 0;
  m32[word + 3] = 0;
  return true;
}

/** MOVSD, likewise; MOVQ between XMM and memory or XMM, which always clears. */
export function plainMove64(cpu: Cpu, code: Int32Array, pc: number, clears: boolean): boolean {
  const m32 = cpu.m32;
  const meta = code[pc + R_META];
  if ((meta & KIND_A_FIELD) === MEMORY_AS_A) {
    if ((meta & KIND_B_FIELD) !== XMM_AS_B) return false;
    const to = destinationAt(cpu, code, pc, 8) >> 2;
    if (to < 0) return false;
    const word = XMM + (code[pc + R_B] << 2);
    m32[to] = m32[word];
    m32[to + 1] = m32[word + 1];
    return true;
  }
  if ((meta & KIND_A_FIELD) !== XMM_AS_A) return false;
  const from = sourceAt(cpu, code, pc, 8) >> 2;
  if (from < 0) return false;
  const word = XMM + (code[pc + R_A] << 2);
  m32[word] = m32[from];
  m32[word + 1] = m32[from + 1];
  if (!clears && (meta & KIND_B_FIELD) !== MEMORY_AS_B) return true;
  m32[word + 2] = 0;
  m32[word + 3] = 0;
  return true;
}
