// SSE arithmetic and comparisons as programs use them nearly always: XMM registers available, memory plain and aligned,
// normal numbers and zeros. Host arithmetic where core/cpu/float/ieee/fast-path.ts proves it; PE is set here when a
// result is inexact. Each function answers false before anything has changed, and the row's general handler then does
// the instruction from the start; true when it has done all of it. Doubles are arguments and results only of functions
// small enough to be inlined: the host engine would allocate them. SDM 2 under each name.

import * as limits from '../../../src/core/cpu/float/ieee/limits.ts';
import * as environment from '../../../src/core/cpu/float/ieee/environment.ts';
import * as fast from '../../../src/core/cpu/float/ieee/fast-path.ts';
import * as record from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { setArithmeticFlags } from '../../../src/core/state/flags.ts';
import * as layout from '../../../src/core/state/layout.ts';
import { sourceAt } from './simd-place.ts';

// Constants of this module rather than imported ones: see hot.ts.
const { R_A, R_IMM } = record;
const { MXCSR, XMM } = layout;
const { PE } = environment;
const { GREATEST_F32, GREATEST_F64, LEAST_F32, LEAST_F64 } = limits;
const {
  exactnessOfProduct,
  exactnessOfQuotient,
  isExactProductF32,
  isExactQuotientF32,
  isExactSum,
  rootExactnessF32,
  rootF32,
  rootF64,
  rootExactnessF64,
  roundsFreely,
} = fast;

const OP_ADD = 0;
const OP_SUBTRACT = 1;
const OP_MULTIPLY = 2;
const OP_DIVIDE = 3;
export const ADD: number = OP_ADD;
export const SUBTRACT: number = OP_SUBTRACT;
export const MULTIPLY: number = OP_MULTIPLY;
export const DIVIDE: number = OP_DIVIDE;

/** The XMM registers begin at this byte of the CPU block. */
const XMM_BYTE = XMM << 2;

/** Results until all are known. */
const doubles = new Float64Array(2);
const doubleWords = new Int32Array(doubles.buffer);
const singles = new Float32Array(4);
const singleWords = new Int32Array(singles.buffer);

/** Element `k` of `doubles`: a ∘ b, plain. Answers EXACT, INEXACT, or NOT_PROVEN for what is not plain. */
function computeF64(operation: number, a: number, b: number, k: number, isSticky: boolean): number {
  let value: number;
  let exactness = 1;
  switch (operation) {
    case OP_ADD:
      value = a + b;
      if (!isSticky && isExactSum(a, b, value)) exactness = 0;
      break;
    case OP_SUBTRACT:
      value = a - b;
      if (!isSticky && isExactSum(a, -b, value)) exactness = 0;
      break;
    case OP_MULTIPLY:
      value = a * b;
      if (value === 0 && a !== 0 && b !== 0) return 2;
      if (!isSticky) exactness = exactnessOfProduct(a, b, value);
      break;
    default:
      value = a / b;
      if (b === 0 || (value === 0 && a !== 0)) return 2;
      if (!isSticky) exactness = exactnessOfQuotient(a, b, value);
  }
  const size = Math.abs(value);
  // A finite result other than a quotient has finite operands. A quotient of a zero by an infinity is exact.
  if (!((size > LEAST_F64 && size <= GREATEST_F64) || value === 0)) return 2;
  if (!((Math.abs(a) >= LEAST_F64 || a === 0) && (Math.abs(b) >= LEAST_F64 || b === 0))) return 2;
  doubles[k] = value;
  return exactness;
}

/** As computeF64, for numbers that are singles. */
function computeF32(operation: number, a: number, b: number, k: number): number {
  let value: number;
  let isExact: boolean;
  switch (operation) {
    case OP_ADD:
      value = Math.fround(a + b);
      isExact = isExactSum(a, b, value);
      break;
    case OP_SUBTRACT:
      value = Math.fround(a - b);
      isExact = isExactSum(a, -b, value);
      break;
    case OP_MULTIPLY:
      value = Math.fround(a * b);
      if (value === 0 && a !== 0 && b !== 0) return 2;
      isExact = isExactProductF32(a, b, value);
      break;
    default:
      value = Math.fround(a / b);
      if (b === 0 || (value === 0 && a !== 0)) return 2;
      isExact = value === 0 || isExactQuotientF32(a, b, value);
  }
  const size = Math.abs(value);
  if (!((size > LEAST_F32 && size <= GREATEST_F32) || value === 0)) return 2;
  if (!((Math.abs(a) >= LEAST_F32 || a === 0) && (Math.abs(b) >= LEAST_F32 || b === 0))) return 2;
  singles[k] = value;
  return isExact ? 0 : 1;
}

/** Writes a scalar result and PE where everything is plain. */
function acceptF64(cpu: Cpu, to: number, a: number, b: number, value: number, exactness: number): boolean {
  const size = Math.abs(value);
  if (exactness === 2 || !roundsFreely(cpu.m32[MXCSR])) return false;
  // A finite result other than a quotient has finite operands; a zero divided by an infinity is exact.
  if (!((size > LEAST_F64 && size <= GREATEST_F64) || value === 0)) return false;
  if (!((Math.abs(a) >= LEAST_F64 || a === 0) && (Math.abs(b) >= LEAST_F64 || b === 0))) return false;
  cpu.m32[MXCSR] |= exactness << 5;
  cpu.view.setFloat64(to, value, true);
  return true;
}

function acceptF32(cpu: Cpu, to: number, a: number, b: number, value: number, exactness: number): boolean {
  const size = Math.abs(value);
  if (!roundsFreely(cpu.m32[MXCSR])) return false;
  if (!((size > LEAST_F32 && size <= GREATEST_F32) || value === 0)) return false;
  if (!((Math.abs(a) >= LEAST_F32 || a === 0) && (Math.abs(b) >= LEAST_F32 || b === 0))) return false;
  cpu.m32[MXCSR] |= exactness << 5;
  cpu.view.setFloat32(to, value, true);
  return true;
}

/** ADDSD. */
export function plainAddF64(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat64(to, true);
  const b = cpu.view.getFloat64(from, true);
  const value = a + b;
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : isExactSum(a, b, value) ? 0 : 1;
  return acceptF64(cpu, to, a, b, value, exactness);
}

/** SUBSD. */
export function plainSubtractF64(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat64(to, true);
  const b = cpu.view.getFloat64(from, true);
  const value = a - b;
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : isExactSum(a, -b, value) ? 0 : 1;
  return acceptF64(cpu, to, a, b, value, exactness);
}

/** MULSD. */
export function plainMultiplyF64(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat64(to, true);
  const b = cpu.view.getFloat64(from, true);
  const value = a * b;
  if (value === 0 && a !== 0 && b !== 0) return false;
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : exactnessOfProduct(a, b, value);
  return acceptF64(cpu, to, a, b, value, exactness);
}

/** DIVSD. */
export function plainDivideF64(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat64(to, true);
  const b = cpu.view.getFloat64(from, true);
  const value = a / b;
  if (b === 0 || (value === 0 && a !== 0)) return false;
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : exactnessOfQuotient(a, b, value);
  return acceptF64(cpu, to, a, b, value, exactness);
}

/** ADDSS. */
export function plainAddF32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat32(to, true);
  const b = cpu.view.getFloat32(from, true);
  const value = Math.fround(a + b);
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : isExactSum(a, b, value) ? 0 : 1;
  return acceptF32(cpu, to, a, b, value, exactness);
}

/** SUBSS. */
export function plainSubtractF32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat32(to, true);
  const b = cpu.view.getFloat32(from, true);
  const value = Math.fround(a - b);
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : isExactSum(a, -b, value) ? 0 : 1;
  return acceptF32(cpu, to, a, b, value, exactness);
}

/** MULSS. */
export function plainMultiplyF32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat32(to, true);
  const b = cpu.view.getFloat32(from, true);
  const value = Math.fround(a * b);
  if (value === 0 && a !== 0 && b !== 0) return false;
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : isExactProductF32(a, b, value) ? 0 : 1;
  return acceptF32(cpu, to, a, b, value, exactness);
}

/** DIVSS. */
export function plainDivideF32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const a = cpu.view.getFloat32(to, true);
  const b = cpu.view.getFloat32(from, true);
  const value = Math.fround(a / b);
  if (b === 0 || (value === 0 && a !== 0)) return false;
  const exactness = (cpu.m32[MXCSR] & PE) !== 0 ? 1 : value === 0 || isExactQuotientF32(a, b, value) ? 0 : 1;
  return acceptF32(cpu, to, a, b, value, exactness);
}

/** ADDPD and its like; ADDSUBPD subtracts in the low element and adds in the high one. */
export function plainPackedF64(cpu: Cpu, code: Int32Array, pc: number, even: number, odd: number): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 16);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const isSticky = (mxcsr & PE) !== 0;
  const low = computeF64(even, view.getFloat64(to, true), view.getFloat64(from, true), 0, isSticky);
  if (low === 2) return false;
  const high = computeF64(odd, view.getFloat64(to + 8, true), view.getFloat64(from + 8, true), 1, isSticky);
  if (high === 2) return false;
  m32[MXCSR] = mxcsr | ((low | high) << 5);
  const word = to >> 2;
  m32[word] = doubleWords[0];
  m32[word + 1] = doubleWords[1];
  m32[word + 2] = doubleWords[2];
  m32[word + 3] = doubleWords[3];
  return true;
}

/** ADDPS and its like; ADDSUBPS subtracts in the even elements and adds in the odd ones. */
export function plainPackedF32(cpu: Cpu, code: Int32Array, pc: number, even: number, odd: number): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 16);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  let exactness = 0;
  let operation = even;
  let other = odd;
  for (let k = 0; k < 4; k++) {
    const a = view.getFloat32(to + 4 * k, true);
    const b = view.getFloat32(from + 4 * k, true);
    exactness |= computeF32(operation, a, b, k);
    if (exactness >= 2) return false;
    const next = other;
    other = operation;
    operation = next;
  }
  m32[MXCSR] = mxcsr | (exactness << 5);
  const word = to >> 2;
  m32[word] = singleWords[0];
  m32[word + 1] = singleWords[1];
  m32[word + 2] = singleWords[2];
  m32[word + 3] = singleWords[3];
  return true;
}

/** HADDPD, HSUBPD: A0∘A1, B0∘B1. */
export function plainHorizontalF64(cpu: Cpu, code: Int32Array, pc: number, operation: number): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 16);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  const isSticky = (mxcsr & PE) !== 0;
  const low = computeF64(operation, view.getFloat64(to, true), view.getFloat64(to + 8, true), 0, isSticky);
  if (low === 2) return false;
  const high = computeF64(operation, view.getFloat64(from, true), view.getFloat64(from + 8, true), 1, isSticky);
  if (high === 2) return false;
  m32[MXCSR] = mxcsr | ((low | high) << 5);
  const word = to >> 2;
  m32[word] = doubleWords[0];
  m32[word + 1] = doubleWords[1];
  m32[word + 2] = doubleWords[2];
  m32[word + 3] = doubleWords[3];
  return true;
}

/** HADDPS, HSUBPS: A0∘A1, A2∘A3, B0∘B1, B2∘B3. */
export function plainHorizontalF32(cpu: Cpu, code: Int32Array, pc: number, operation: number): boolean {
  const { m32, view } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 16);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  let exactness = 0;
  for (let k = 0; k < 4; k++) {
    const at = (k < 2 ? to : from) + 8 * (k & 1);
    exactness |= computeF32(operation, view.getFloat32(at, true), view.getFloat32(at + 4, true), k);
    if (exactness >= 2) return false;
  }
  m32[MXCSR] = mxcsr | (exactness << 5);
  const word = to >> 2;
  m32[word] = singleWords[0];
  m32[word + 1] = singleWords[1];
  m32[word + 2] = singleWords[2];
  m32[word + 3] = singleWords[3];
  return true;
}

/** SQRTSD of a normal positive number or a zero: the root of the radicand moved to [1, 4), proven by its residual. */
export function plainRootF64(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const { m32 } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const word = XMM + (code[pc + R_A] << 2);
  const lo = m32[from >> 2];
  const hi = m32[(from >> 2) + 1];
  if (((hi & 0x7fffffff) | lo) === 0) {
    m32[word] = 0;
    m32[word + 1] = hi;
    return true;
  }
  const exponent = hi >>> 20;
  if (exponent === 0 || exponent >= 0x7ff) return false;
  const unbiased = exponent - 1023;
  doubleWords[0] = lo;
  doubleWords[1] = (hi & 0xfffff) | ((1023 + (unbiased & 1)) << 20);
  const radicand = doubles[0];
  const root = rootF64(radicand);
  const exactness = rootExactnessF64(radicand, root);
  if (exactness === 2) return false;
  doubles[0] = root;
  m32[MXCSR] = mxcsr | (exactness << 5);
  m32[word] = doubleWords[0];
  m32[word + 1] = doubleWords[1] + ((unbiased >> 1) << 20);
  return true;
}

/** SQRTSS, likewise. */
export function plainRootF32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const { m32 } = cpu;
  const mxcsr = m32[MXCSR];
  if (!roundsFreely(mxcsr)) return false;
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const word = XMM + (code[pc + R_A] << 2);
  const bits = m32[from >> 2];
  if ((bits & 0x7fffffff) === 0) {
    m32[word] = bits;
    return true;
  }
  const exponent = bits >>> 23;
  if (exponent === 0 || exponent >= 0xff) return false;
  const unbiased = exponent - 127;
  singleWords[0] = (bits & 0x7fffff) | ((127 + (unbiased & 1)) << 23);
  const radicand = singles[0];
  const root = rootF32(radicand);
  const exactness = rootExactnessF32(radicand, root);
  if (exactness === 2) return false;
  singles[0] = root;
  m32[MXCSR] = mxcsr | (exactness << 5);
  m32[word] = singleWords[0] + ((unbiased >> 1) << 23);
  return true;
}

/**
 * MINSD and MAXSD with `count` 1, MINPD and MAXPD with 2: the source unless the destination is strictly less (greater).
 * Without NaNs and denormals there are no flags, and MXCSR does not matter.
 */
export function plainPickF64(cpu: Cpu, code: Int32Array, pc: number, isGreater: boolean, count: number): boolean {
  const { m32, view } = cpu;
  const from = sourceAt(cpu, code, pc, 8 * count);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  for (let at = 0; at < 8 * count; at += 8) {
    const a = view.getFloat64(to + at, true);
    const b = view.getFloat64(from + at, true);
    if (!((Math.abs(a) >= LEAST_F64 || a === 0) && (Math.abs(b) >= LEAST_F64 || b === 0))) return false;
    const word = ((isGreater ? a > b : a < b) ? to + at : from + at) >> 2;
    doubleWords[at >> 2] = m32[word];
    doubleWords[(at >> 2) + 1] = m32[word + 1];
  }
  for (let k = 0; k < 2 * count; k++) m32[(to >> 2) + k] = doubleWords[k];
  return true;
}

/** MINSS and MAXSS with `count` 1, MINPS and MAXPS with 4. */
export function plainPickF32(cpu: Cpu, code: Int32Array, pc: number, isGreater: boolean, count: number): boolean {
  const { m32, view } = cpu;
  const from = sourceAt(cpu, code, pc, 4 * count);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  for (let k = 0; k < count; k++) {
    const a = view.getFloat32(to + 4 * k, true);
    const b = view.getFloat32(from + 4 * k, true);
    if (!((Math.abs(a) >= LEAST_F32 || a === 0) && (Math.abs(b) >= LEAST_F32 || b === 0))) return false;
    singleWords[k] = m32[((isGreater ? a > b : a < b) ? to >> 2 : from >> 2) + k];
  }
  for (let k = 0; k < count; k++) m32[(to >> 2) + k] = singleWords[k];
  return true;
}

/** COMISD and UCOMISD, which differ only for NaNs. */
export function plainOrderF64(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const { view } = cpu;
  const from = sourceAt(cpu, code, pc, 8);
  if (from < 0) return false;
  const a = view.getFloat64(XMM_BYTE + (code[pc + R_A] << 4), true);
  const b = view.getFloat64(from, true);
  if (!((Math.abs(a) >= LEAST_F64 || a === 0) && (Math.abs(b) >= LEAST_F64 || b === 0))) return false;
  setArithmeticFlags(cpu, a > b ? 0 : a < b ? 1 : 0x40);
  return true;
}

/** COMISS and UCOMISS. */
export function plainOrderF32(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const { view } = cpu;
  const from = sourceAt(cpu, code, pc, 4);
  if (from < 0) return false;
  const a = view.getFloat32(XMM_BYTE + (code[pc + R_A] << 4), true);
  const b = view.getFloat32(from, true);
  if (!((Math.abs(a) >= LEAST_F32 || a === 0) && (Math.abs(b) >= LEAST_F32 || b === 0))) return false;
  setArithmeticFlags(cpu, a > b ? 0 : a < b ? 1 : 0x40);
  return true;
}

/** EQ, LT, LE, UNORD and their opposites, of numbers: −1 or 0. */
function mask(a: number, b: number, predicate: number): number {
  const low = predicate & 3;
  const holds = low === 0 ? a === b : low === 1 ? a < b : low === 2 ? a <= b : false;
  return holds === predicate < 4 ? -1 : 0;
}

/** CMPSD with `count` 1, CMPPD with 2. */
export function plainMaskF64(cpu: Cpu, code: Int32Array, pc: number, count: number): boolean {
  const { m32, view } = cpu;
  const from = sourceAt(cpu, code, pc, 8 * count);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  for (let k = 0; k < count; k++) {
    const a = view.getFloat64(to + 8 * k, true);
    const b = view.getFloat64(from + 8 * k, true);
    if (!((Math.abs(a) >= LEAST_F64 || a === 0) && (Math.abs(b) >= LEAST_F64 || b === 0))) return false;
    doubleWords[k] = mask(a, b, code[pc + R_IMM] & 7);
  }
  for (let k = 0; k < 2 * count; k++) m32[(to >> 2) + k] = doubleWords[k >> 1];
  return true;
}

/** CMPSS with `count` 1, CMPPS with 4. */
export function plainMaskF32(cpu: Cpu, code: Int32Array, pc: number, count: number): boolean {
  const { m32, view } = cpu;
  const from = sourceAt(cpu, code, pc, 4 * count);
  if (from < 0) return false;
  const to = XMM_BYTE + (code[pc + R_A] << 4);
  for (let k = 0; k < count; k++) {
    const a = view.getFloat32(to + 4 * k, true);
    const b = view.getFloat32(from + 4 * k, true);
    if (!((Math.abs(a) >= LEAST_F32 || a === 0) && (Math.abs(b) >= LEAST_F32 || b === 0))) return false;
    singleWords[k] = mask(a, b, code[pc + R_IMM] & 7);
  }
  for (let k = 0; k < count; k++) m32[(to >> 2) + k] = singleWords[k];
  return true;
}
