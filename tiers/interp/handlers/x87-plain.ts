// The x87 instructions as programs use them nearly always: no error pending, registers full (or empty where one is
// pushed), operands in plain memory on a multiple of four, normal numbers and zeros, rounding to nearest. Each function
// answers false before anything has changed, and its row's general handler then does the instruction from the start;
// true when it has done all of it, pointers included. SDM 1 chapter 8; arithmetic in src/core/cpu/float/plain.ts.

import * as slowWay from '../../../src/core/base/slow-way.ts';
import * as statusWord from '../../../src/core/cpu/float/x87/status-word.ts';
import * as environment from '../../../src/core/cpu/float/ieee/environment.ts';
import * as plain from '../../../src/core/cpu/float/plain.ts';
import * as record from '../../../src/core/isa/record.ts';
import * as tlbBits from '../../../src/core/memory/tlb.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { setArithmeticFlags } from '../../../src/core/state/flags.ts';
import * as layout from '../../../src/core/state/layout.ts';
import { effectiveOffset, linearOf } from '../operands.ts';

// Constants of this module rather than imported ones: see hot.ts.
const {
  EA_16,
  KIND_MEMORY,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_DISP,
  R_EA,
  R_IMM,
  R_META,
  SIZE_16,
  SIZE_32,
  SIZE_64,
  SIZE_80,
} = record;
const {
  AC,
  CR0,
  CR0_EM,
  CR0_TS,
  CS,
  EFLAGS,

  EIP,
  FLAT_SEGMENTS,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_IP,
  FP_OPCODE,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  MODE_CPL3,
  MODE_FLAT_DATA,
  MODE_KEY,
  OPERAND,
  SEG_SELECTOR,
} = layout;
const { TLB_NO_SUPER_READ, TLB_NO_SUPER_WRITE } = tlbBits;
const { C1, CONDITION_CODES, ES_SUMMARY, TOP_FIELD, TOP_SHIFT } = statusWord;
const { ROUND_ZERO } = environment;
const { NOT_PLAIN } = slowWay;
const {
  allowsPlain,
  comparePlain,
  narrowed,
  narrowPlainF32,
  narrowPlainF64,
  roundPlain,
  widenInt32,
  widenInt64,
  widenPlainF32,
  widenPlainF64,
} = plain;

const UNAVAILABLE = CR0_EM | CR0_TS;

/** Kind and size of operands A and B in R_META. A register of the stack has another kind. */
const SHAPE_A = (15 << META_KIND_A_SHIFT) | (7 << META_SIZE_A_SHIFT);
const MEMORY_32 = (KIND_MEMORY << META_KIND_A_SHIFT) | (SIZE_32 << META_SIZE_A_SHIFT);
const MEMORY_64 = (KIND_MEMORY << META_KIND_A_SHIFT) | (SIZE_64 << META_SIZE_A_SHIFT);
const MEMORY_80 = (KIND_MEMORY << META_KIND_A_SHIFT) | (SIZE_80 << META_SIZE_A_SHIFT);
const SHAPE_B = (15 << META_KIND_B_SHIFT) | (7 << META_SIZE_B_SHIFT);
const MEMORY_32_B = (KIND_MEMORY << META_KIND_B_SHIFT) | (SIZE_32 << META_SIZE_B_SHIFT);
const MEMORY_64_B = (KIND_MEMORY << META_KIND_B_SHIFT) | (SIZE_64 << META_SIZE_B_SHIFT);

/** The TLB's bits for the supervisor; the user's lie two below them. */
const DENY_READ = TLB_NO_SUPER_READ;
const DENY_WRITE = TLB_NO_SUPER_WRITE;

/** As `note` of x87-operands.ts. */
function note(cpu: Cpu, code: Int32Array, pc: number): void {
  const m32 = cpu.m32;
  m32[FP_IP] = m32[EIP];
  m32[FP_CS] = m32[SEG_SELECTOR + CS];
  m32[FP_OPCODE] = code[pc + R_IMM];
}

/**
 * Host address of a memory operand of `bytes` that may be read (or written) directly: all in one page, on a multiple of
 * four or of its size, unable to raise #AC; else NOT_PLAIN. `deny` is the TLB's bit for the supervisor. Raises #GP(0)
 * and #SS(0) as the general way does. Where there is an address nothing can fault any more, so that the instruction and
 * data pointers are noted here; the general way would note the same.
 */
function place(cpu: Cpu, code: Int32Array, pc: number, bytes: number, deny: number): number {
  const m32 = cpu.m32;
  const ea = code[pc + R_EA];
  const segment = (ea >> 12) & 7;
  const mode = m32[MODE_KEY];
  const linear = (m32[ea & 15] + (m32[(ea >> 4) & 15] << ((ea >> 8) & 3)) + code[pc + R_DISP]) | 0;
  // Not flat, a 16-bit address, or not aligned: seldom.
  const isUsual = (mode & MODE_FLAT_DATA) !== 0 && ((FLAT_SEGMENTS >> segment) & 1) !== 0 && (ea & EA_16) === 0;
  if (!isUsual || (linear & (bytes - 1)) !== 0) return placeElsewhere(cpu, code, pc, bytes, deny);
  const entry = cpu.tlb[linear >>> 12];
  // The user's bits lie two below the supervisor's, as many as MODE_CPL3 moved down gives.
  if ((entry & (deny >> ((mode & MODE_CPL3) >> 1))) !== 0) return NOT_PLAIN;
  m32[FP_IP] = m32[EIP];
  m32[FP_CS] = m32[SEG_SELECTOR + CS];
  m32[FP_OPCODE] = code[pc + R_IMM];
  m32[FP_DP] = linear;
  m32[FP_DS] = m32[SEG_SELECTOR + segment];
  return ((entry & -4096) + linear) | 0;
}

/** As place, for any segment, address size and alignment. */
function placeElsewhere(cpu: Cpu, code: Int32Array, pc: number, bytes: number, deny: number): number {
  const m32 = cpu.m32;
  const segment = (code[pc + R_EA] >> 12) & 7;
  const offset = effectiveOffset(cpu, code, pc);
  const linear = linearOf(cpu, segment, offset, bytes, deny === DENY_WRITE);
  if ((linear & (bytes - 1)) !== 0) {
    if ((linear & 3) !== 0 || (linear & 0xfff) > 0xff8 || (m32[EFLAGS] & AC) !== 0) return NOT_PLAIN;
  }
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & (deny >> ((m32[MODE_KEY] & MODE_CPL3) >> 1))) !== 0) return NOT_PLAIN;
  note(cpu, code, pc);
  m32[FP_DP] = offset;
  m32[FP_DS] = m32[SEG_SELECTOR + segment];
  return ((entry & -4096) + linear) | 0;
}

/** As place, for ten bytes at a 32-bit offset in a flat segment. */
function placeLong(cpu: Cpu, code: Int32Array, pc: number, deny: number): number {
  const m32 = cpu.m32;
  const ea = code[pc + R_EA];
  if ((m32[MODE_KEY] & MODE_FLAT_DATA) === 0 || ((FLAT_SEGMENTS >> ((ea >> 12) & 7)) & 1) === 0) return NOT_PLAIN;
  const offset = m32[ea & 15] + (m32[(ea >> 4) & 15] << ((ea >> 8) & 3)) + code[pc + R_DISP];
  if ((ea & EA_16) !== 0 || (offset & 0xfff) > 0xff6) return NOT_PLAIN;
  return place(cpu, code, pc, 8, deny);
}

/** A double in memory into the words OPERAND. */
function fetchDouble(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const host = place(cpu, code, pc, 8, DENY_READ);
  return host >= 0 && widenPlainF64(cpu, cpu.m32[host >>> 2], cpu.m32[(host >>> 2) + 1]);
}

function fetchSingle(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const host = place(cpu, code, pc, 4, DENY_READ);
  return host >= 0 && widenPlainF32(cpu, cpu.m32[host >>> 2]);
}

/** Ten bytes in memory into the words OPERAND. */
function fetchLong(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const host = placeLong(cpu, code, pc, DENY_READ);
  if (host < 0) return false;
  cpu.m32[OPERAND + 2] = cpu.m16[(host >>> 1) + 4];
  cpu.m32[OPERAND + 1] = cpu.m32[(host >>> 2) + 1];
  cpu.m32[OPERAND] = cpu.m32[host >>> 2];
  return true;
}

/** ST(index), which must not be empty, into the words OPERAND. */
function fetchStack(cpu: Cpu, code: Int32Array, pc: number, index: number): boolean {
  const m32 = cpu.m32;
  const register = ((m32[FP_STATUS] >> TOP_SHIFT) + index) & 7;
  if (((m32[FP_TAG] >> register) & 1) !== 0) return false;
  fetchRegister(cpu, register);
  note(cpu, code, pc);
  return true;
}

/** An integer of 16 or 32 bits in memory into the words OPERAND. */
function fetchInteger(cpu: Cpu, code: Int32Array, pc: number, size: number): boolean {
  const host = place(cpu, code, pc, size === SIZE_16 ? 2 : 4, DENY_READ);
  if (host < 0) return false;
  widenInt32(cpu, size === SIZE_16 ? (cpu.m16[host >>> 1] << 16) >> 16 : cpu.m32[host >>> 2]);
  return true;
}

/** A register into the words OPERAND. */
function fetchRegister(cpu: Cpu, register: number): void {
  const m32 = cpu.m32;
  cpu.m32[OPERAND + 2] = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  m32[OPERAND + 1] = m32[FP_SIGNIFICAND + 2 * register + 1];
  m32[OPERAND] = m32[FP_SIGNIFICAND + 2 * register];
}

/**
 * FADD and its like: the source in the words OPERAND; gives the destination's physical number, or NOT_PLAIN. ST(i) with
 * ST(0), or ST(0) with a single or double.
 */
export function beginReal(cpu: Cpu, code: Int32Array, pc: number): number {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || !allowsPlain(m32[FP_CONTROL])) return NOT_PLAIN;
  const top = (status >> TOP_SHIFT) & 7;
  const tag = m32[FP_TAG];
  const shape = code[pc + R_META] & SHAPE_B;
  if (shape === MEMORY_64_B) return ((tag >> top) & 1) === 0 && fetchDouble(cpu, code, pc) ? top : NOT_PLAIN;
  if (shape === MEMORY_32_B) return ((tag >> top) & 1) === 0 && fetchSingle(cpu, code, pc) ? top : NOT_PLAIN;
  const register = (top + code[pc + R_A]) & 7;
  const source = (top + code[pc + R_B]) & 7;
  if ((((tag >> register) | (tag >> source)) & 1) !== 0) return NOT_PLAIN;
  fetchRegister(cpu, source);
  note(cpu, code, pc);
  return register;
}

/** FIADD and its like: ST(0) with an integer in memory; as beginReal. */
export function beginInteger(cpu: Cpu, code: Int32Array, pc: number): number {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || !allowsPlain(m32[FP_CONTROL])) return NOT_PLAIN;
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[FP_TAG] >> top) & 1) !== 0) return NOT_PLAIN;
  return fetchInteger(cpu, code, pc, (code[pc + R_META] >> META_SIZE_B_SHIFT) & 7) ? top : NOT_PLAIN;
}

/** FSQRT: ST(0)'s physical number, or NOT_PLAIN. */
export function beginTop(cpu: Cpu, code: Int32Array, pc: number): number {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || !allowsPlain(m32[FP_CONTROL])) return NOT_PLAIN;
  if (((m32[FP_TAG] >> top) & 1) !== 0) return NOT_PLAIN;
  note(cpu, code, pc);
  return top;
}

/** The status word after arithmetic that answered `bits`; false when it was not plain. */
export function finishPlain(cpu: Cpu, bits: number): boolean {
  if (bits < 0) return false;
  cpu.m32[FP_STATUS] = (cpu.m32[FP_STATUS] & ~C1) | bits;
  return true;
}

/** As finishPlain, then pops. */
export function finishPopping(cpu: Cpu, bits: number): boolean {
  if (bits < 0) return false;
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  m32[FP_TAG] |= 1 << ((status >> TOP_SHIFT) & 7);
  m32[FP_STATUS] = (status & ~(C1 | TOP_FIELD)) | ((status + (1 << TOP_SHIFT)) & TOP_FIELD) | bits;
  return true;
}

/** Pushes the words OPERAND; the register below the top is empty. */
function push(cpu: Cpu, status: number, top: number): void {
  const m32 = cpu.m32;
  m32[FP_SIGNIFICAND + 2 * top] = m32[OPERAND];
  m32[FP_SIGNIFICAND + 2 * top + 1] = m32[OPERAND + 1];
  cpu.m16[FP_SIGN_EXPONENT_16 + top] = m32[OPERAND + 2];
  m32[FP_TAG] &= ~(1 << top);
  m32[FP_STATUS] = (status & ~(C1 | TOP_FIELD)) | (top << TOP_SHIFT);
}

/** FLD. */
export function plainLoad(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = ((status >> TOP_SHIFT) + 7) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) === 0) return false;
  const shape = code[pc + R_META] & SHAPE_A;
  let isFetched: boolean;
  if (shape === MEMORY_64) isFetched = fetchDouble(cpu, code, pc);
  else if (shape === MEMORY_32) isFetched = fetchSingle(cpu, code, pc);
  else if (shape === MEMORY_80) isFetched = fetchLong(cpu, code, pc);
  else isFetched = fetchStack(cpu, code, pc, code[pc + R_A]);
  if (isFetched) push(cpu, status, top);
  return isFetched;
}

/** FILD. */
export function plainLoadInteger(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = ((status >> TOP_SHIFT) + 7) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) === 0) return false;
  const size = (code[pc + R_META] >> META_SIZE_A_SHIFT) & 7;
  if (size === SIZE_64) {
    const host = place(cpu, code, pc, 8, DENY_READ);
    if (host < 0) return false;
    widenInt64(cpu, m32[host >>> 2], m32[(host >>> 2) + 1]);
  } else if (!fetchInteger(cpu, code, pc, size)) return false;
  push(cpu, status, top);
  return true;
}

/** The low bits of FLD1's and FLDZ's opcodes; the other constants depend on the rounding. */
const LOADS_ONE = 0;
const LOADS_ZERO = 6;

/** FLD1 and FLDZ. */
export function plainConstant(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const m32 = cpu.m32;
  const which = code[pc + R_IMM] & 7;
  if (which !== LOADS_ONE && which !== LOADS_ZERO) return false;
  const status = m32[FP_STATUS];
  const top = ((status >> TOP_SHIFT) + 7) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) === 0) return false;
  widenInt32(cpu, which === LOADS_ONE ? 1 : 0);
  note(cpu, code, pc);
  push(cpu, status, top);
  return true;
}

/** FST and, with `pops` 1, FSTP. */
export function plainStore(cpu: Cpu, code: Int32Array, pc: number, pops: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) !== 0) return false;
  const shape = code[pc + R_META] & SHAPE_A;
  let bits: number;
  if (shape === MEMORY_64) bits = storeDouble(cpu, code, pc, top);
  else if (shape === MEMORY_32) bits = storeSingle(cpu, code, pc, top);
  else if (shape === MEMORY_80) bits = storeLong(cpu, code, pc, top);
  else bits = storeStack(cpu, code, pc, top);
  if (bits < 0) return false;
  m32[FP_TAG] |= pops << top;
  m32[FP_STATUS] = (status & ~(C1 | TOP_FIELD)) | (((top + pops) & 7) << TOP_SHIFT) | bits;
  return true;
}

// A register to memory or to another register: the bits for the status word, or NOT_PLAIN.

function storeDouble(cpu: Cpu, code: Int32Array, pc: number, register: number): number {
  const host = place(cpu, code, pc, 8, DENY_WRITE);
  if (host < 0) return NOT_PLAIN;
  const bits = narrowPlainF64(cpu, register);
  if (bits < 0) return NOT_PLAIN;
  cpu.m32[host >>> 2] = narrowed[0];
  cpu.m32[(host >>> 2) + 1] = narrowed[1];
  return bits;
}

function storeSingle(cpu: Cpu, code: Int32Array, pc: number, register: number): number {
  const host = place(cpu, code, pc, 4, DENY_WRITE);
  if (host < 0) return NOT_PLAIN;
  const bits = narrowPlainF32(cpu, register);
  if (bits >= 0) cpu.m32[host >>> 2] = narrowed[0];
  return bits;
}

function storeLong(cpu: Cpu, code: Int32Array, pc: number, register: number): number {
  const m32 = cpu.m32;
  const host = placeLong(cpu, code, pc, DENY_WRITE);
  if (host < 0) return NOT_PLAIN;
  m32[host >>> 2] = m32[FP_SIGNIFICAND + 2 * register];
  m32[(host >>> 2) + 1] = m32[FP_SIGNIFICAND + 2 * register + 1];
  cpu.m16[(host >>> 1) + 4] = cpu.m16[FP_SIGN_EXPONENT_16 + register];
  return 0;
}

function storeStack(cpu: Cpu, code: Int32Array, pc: number, top: number): number {
  const m32 = cpu.m32;
  const register = (top + code[pc + R_A]) & 7;
  m32[FP_SIGNIFICAND + 2 * register] = m32[FP_SIGNIFICAND + 2 * top];
  m32[FP_SIGNIFICAND + 2 * register + 1] = m32[FP_SIGNIFICAND + 2 * top + 1];
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = cpu.m16[FP_SIGN_EXPONENT_16 + top];
  m32[FP_TAG] &= ~(1 << register);
  note(cpu, code, pc);
  return 0;
}

/** FIST, FISTP, FISTTP. */
export function plainStoreInteger(cpu: Cpu, code: Int32Array, pc: number, truncates: boolean, pops: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) !== 0) return false;
  const size = (code[pc + R_META] >> META_SIZE_A_SHIFT) & 7;
  const host = place(cpu, code, pc, 1 << size, DENY_WRITE);
  if (host < 0) return false;
  const bits = roundPlain(cpu, top, truncates ? ROUND_ZERO : (m32[FP_CONTROL] >> 10) & 3);
  if (bits < 0) return false;
  const lo = narrowed[0];
  if (size === SIZE_64) {
    m32[host >>> 2] = lo;
    m32[(host >>> 2) + 1] = narrowed[1];
  } else {
    if (narrowed[1] !== lo >> 31) return false;
    if (size === SIZE_16) {
      if ((lo << 16) >> 16 !== lo) return false;
      cpu.m16[host >>> 1] = lo;
    } else m32[host >>> 2] = lo;
  }
  m32[FP_TAG] |= pops << top;
  m32[FP_STATUS] = (status & ~(C1 | TOP_FIELD)) | (((top + pops) & 7) << TOP_SHIFT) | bits;
  return true;
}

/** FXCH. */
export function plainExchange(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  const other = (top + code[pc + R_A]) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0) return false;
  if (((m32[FP_TAG] >> top) & 1) !== 0 || ((m32[FP_TAG] >> other) & 1) !== 0) return false;
  const topAt = FP_SIGNIFICAND + 2 * top;
  const otherAt = FP_SIGNIFICAND + 2 * other;
  const lo = m32[topAt];
  const hi = m32[topAt + 1];
  const se = cpu.m16[FP_SIGN_EXPONENT_16 + top];
  m32[topAt] = m32[otherAt];
  m32[topAt + 1] = m32[otherAt + 1];
  cpu.m16[FP_SIGN_EXPONENT_16 + top] = cpu.m16[FP_SIGN_EXPONENT_16 + other];
  m32[otherAt] = lo;
  m32[otherAt + 1] = hi;
  cpu.m16[FP_SIGN_EXPONENT_16 + other] = se;
  m32[FP_STATUS] = status & ~C1;
  note(cpu, code, pc);
  return true;
}

/** The condition codes of a comparison, then `pops` pops (0 to 2). */
function finishComparison(cpu: Cpu, status: number, top: number, order: number, pops: number): void {
  const m32 = cpu.m32;
  const codes = ((order & 4) << 12) | ((order & 1) << 8);
  if (pops !== 0) m32[FP_TAG] |= (1 << top) | (pops === 2 ? 1 << ((top + 1) & 7) : 0);
  m32[FP_STATUS] = (status & ~(CONDITION_CODES | TOP_FIELD)) | (((top + pops) & 7) << TOP_SHIFT) | codes;
}

/** FCOM and FUCOM, FCOMP and FUCOMP, with ST(i), a single or a double; a quiet comparison differs only for NaNs. */
export function plainCompare(cpu: Cpu, code: Int32Array, pc: number, pops: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) !== 0) return false;
  const shape = code[pc + R_META] & SHAPE_A;
  let isFetched: boolean;
  if (shape === MEMORY_64) isFetched = fetchDouble(cpu, code, pc);
  else if (shape === MEMORY_32) isFetched = fetchSingle(cpu, code, pc);
  else isFetched = fetchStack(cpu, code, pc, code[pc + R_A]);
  if (!isFetched) return false;
  const order = comparePlain(cpu, top);
  if (order >= 0) finishComparison(cpu, status, top, order, pops);
  return order >= 0;
}

/** FICOM and FICOMP. */
export function plainCompareInteger(cpu: Cpu, code: Int32Array, pc: number, pops: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) !== 0) return false;
  if (!fetchInteger(cpu, code, pc, (code[pc + R_META] >> META_SIZE_A_SHIFT) & 7)) return false;
  const order = comparePlain(cpu, top);
  if (order < 0) return false;
  finishComparison(cpu, status, top, order, pops);
  return true;
}

/** FCOMPP and FUCOMPP (`index` 1, two pops), FTST (`index` −1: with zero, no pop). */
export function plainCompareStack(cpu: Cpu, code: Int32Array, pc: number, index: number, pops: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) !== 0) return false;
  if (index < 0) {
    widenInt32(cpu, 0);
    note(cpu, code, pc);
  } else if (!fetchStack(cpu, code, pc, index)) return false;
  const order = comparePlain(cpu, top);
  if (order < 0) return false;
  finishComparison(cpu, status, top, order, pops);
  return true;
}

/** FCOMI, FUCOMI and their popping forms: ZF, PF, CF; C1 becomes 0, the other condition codes stay. */
export function plainCompareToFlags(cpu: Cpu, code: Int32Array, pc: number, pops: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  const register = (top + code[pc + R_B]) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0) return false;
  if (((m32[FP_TAG] >> top) & 1) !== 0 || ((m32[FP_TAG] >> register) & 1) !== 0) return false;
  fetchRegister(cpu, register);
  const order = comparePlain(cpu, top);
  if (order < 0) return false;
  note(cpu, code, pc);
  setArithmeticFlags(cpu, ((order & 4) << 4) | (order & 1));
  m32[FP_TAG] |= pops << top;
  m32[FP_STATUS] = (status & ~(C1 | TOP_FIELD)) | (((top + pops) & 7) << TOP_SHIFT);
  return true;
}

/** FCHS (`and` all ones, `xor` the sign) and FABS (`and` all but the sign): of any full register, whatever it holds. */
export function plainSign(cpu: Cpu, code: Int32Array, pc: number, and: number, xor: number): boolean {
  const m32 = cpu.m32;
  const status = m32[FP_STATUS];
  const top = (status >> TOP_SHIFT) & 7;
  if (((m32[CR0] & UNAVAILABLE) | (status & ES_SUMMARY)) !== 0 || ((m32[FP_TAG] >> top) & 1) !== 0) return false;
  cpu.m16[FP_SIGN_EXPONENT_16 + top] = (cpu.m16[FP_SIGN_EXPONENT_16 + top] & and) ^ xor;
  m32[FP_STATUS] = status & ~C1;
  note(cpu, code, pc);
  return true;
}
