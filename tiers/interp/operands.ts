// Operands of decoded records: effective addresses (SDM 1 §3.7.5), registers by size, memory through the
// segmentation and paging checks. Values are zero-extended; 32-bit ones are int32. Sizes are SIZE_8,
// SIZE_16, SIZE_32 unless a name says bytes. Read-modify-write is readAForWrite, then writeBackA: the address is
// computed once, and a fault reports a write and comes before anything has changed.

import { linear } from '../../src/core/cpu/system/segmentation.ts';
import * as record from '../../src/core/isa/record.ts';
import {
  load16,
  load32,
  load8,
  loadForWrite16,
  loadForWrite32,
  loadForWrite8,
  store16,
  store32,
  store8,
} from '../../src/core/memory/access.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import * as layout from '../../src/core/state/layout.ts';

// Constants of this module rather than imported ones: see hot.ts.
const {
  EA_16,
  KIND_IMMEDIATE,
  KIND_REGISTER,
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
} = record;
const { FLAT_SEGMENTS, MODE_FLAT_DATA, MODE_KEY } = layout;

/** Linear address of the last readAForWrite with a memory operand; consumed by writeBackA of the same instruction. */
let rmwLinear = 0;

/** Size of operand A. */
export function sizeA(code: Int32Array, pc: number): number {
  return (code[pc + R_META] >> META_SIZE_A_SHIFT) & 7;
}

/** Size of operand B. */
export function sizeB(code: Int32Array, pc: number): number {
  return (code[pc + R_META] >> META_SIZE_B_SHIFT) & 7;
}

export function kindA(code: Int32Array, pc: number): number {
  return (code[pc + R_META] >> META_KIND_A_SHIFT) & 15;
}

export function kindB(code: Int32Array, pc: number): number {
  return (code[pc + R_META] >> META_KIND_B_SHIFT) & 15;
}

/** Segment register number of the memory operand, after overrides. */
export function segmentOf(code: Int32Array, pc: number): number {
  return (code[pc + R_EA] >> 12) & 7;
}

/** Sign-extend the low bits of a value of the given size. */
export function extend(value: number, size: number): number {
  if (size === SIZE_32) return value | 0;
  return size === SIZE_16 ? (value << 16) >> 16 : (value << 24) >> 24;
}

/** Number of bits of SIZE_8, SIZE_16, SIZE_32. */
export function bitCount(size: number): number {
  return 8 << size;
}

/** Offset of the memory operand within its segment, int32. */
export function effectiveOffset(cpu: Cpu, code: Int32Array, pc: number): number {
  const m32 = cpu.m32;
  const ea = code[pc + R_EA];
  const offset = m32[ea & 15] + (m32[(ea >> 4) & 15] << ((ea >> 8) & 3)) + code[pc + R_DISP];
  return (ea & EA_16) === 0 ? offset | 0 : offset & 0xffff;
}

/** Offset of what lies `skip` bytes on in the memory operand: a 16-bit address wraps to 0 there, as on silicon. */
export function offsetPast(cpu: Cpu, code: Int32Array, pc: number, skip: number): number {
  const offset = (effectiveOffset(cpu, code, pc) + skip) | 0;
  return (code[pc + R_EA] & EA_16) === 0 ? offset : offset & 0xffff;
}

/** Linear address of an offset in a segment for an access of `bytes`; raises #GP(0) or #SS(0). */
export function linearOf(cpu: Cpu, segment: number, offset: number, bytes: number, write: boolean): number {
  if ((cpu.m32[MODE_KEY] & MODE_FLAT_DATA) !== 0 && ((FLAT_SEGMENTS >> segment) & 1) !== 0) return offset;
  return linear(cpu, segment, offset, bytes, write);
}

/** Linear address of the memory operand for an access of `bytes`; raises #GP(0) or #SS(0). */
export function addressOf(cpu: Cpu, code: Int32Array, pc: number, bytes: number, write: boolean): number {
  return linearOf(cpu, (code[pc + R_EA] >> 12) & 7, effectiveOffset(cpu, code, pc), bytes, write);
}

/**
 * As addressOf, for the part of the operand `skip` bytes on: far pointers and the pair of BOUND are two accesses on
 * silicon, each with its own limit, alignment and page check, the lower one first.
 */
export function addressPast(
  cpu: Cpu,
  code: Int32Array,
  pc: number,
  skip: number,
  bytes: number,
  write: boolean,
): number {
  return linearOf(cpu, (code[pc + R_EA] >> 12) & 7, offsetPast(cpu, code, pc, skip), bytes, write);
}

export function readRegister(cpu: Cpu, register: number, size: number): number {
  if (size === SIZE_32) return cpu.m32[register];
  if (size === SIZE_16) return cpu.m16[register << 1];
  return cpu.m8[((register & 3) << 2) | (register >> 2)];
}

/** Write the low bits of `value`; the rest of the register keeps its value. */
export function writeRegister(cpu: Cpu, register: number, size: number, value: number): void {
  if (size === SIZE_32) cpu.m32[register] = value;
  else if (size === SIZE_16) cpu.m16[register << 1] = value;
  else cpu.m8[((register & 3) << 2) | (register >> 2)] = value;
}

export function loadSized(cpu: Cpu, address: number, size: number): number {
  if (size === SIZE_32) return load32(cpu, address);
  return size === SIZE_16 ? load16(cpu, address) : load8(cpu, address);
}

export function loadForWriteSized(cpu: Cpu, address: number, size: number): number {
  if (size === SIZE_32) return loadForWrite32(cpu, address);
  return size === SIZE_16 ? loadForWrite16(cpu, address) : loadForWrite8(cpu, address);
}

export function storeSized(cpu: Cpu, address: number, size: number, value: number): void {
  if (size === SIZE_32) store32(cpu, address, value);
  else if (size === SIZE_16) store16(cpu, address, value & 0xffff);
  else store8(cpu, address, value & 0xff);
}

/** Operand A: register, memory or immediate. */
export function readA(cpu: Cpu, code: Int32Array, pc: number): number {
  const meta = code[pc + R_META];
  const size = (meta >> META_SIZE_A_SHIFT) & 7;
  const kind = (meta >> META_KIND_A_SHIFT) & 15;
  if (kind === KIND_REGISTER) return readRegister(cpu, code[pc + R_A], size);
  if (kind === KIND_IMMEDIATE) return code[pc + R_IMM];
  return loadSized(cpu, addressOf(cpu, code, pc, 1 << size, false), size);
}

/** Operand B: register, memory or immediate (R_IMM as the decoder extended it). */
export function readB(cpu: Cpu, code: Int32Array, pc: number): number {
  const meta = code[pc + R_META];
  const size = (meta >> META_SIZE_B_SHIFT) & 7;
  const kind = (meta >> META_KIND_B_SHIFT) & 15;
  if (kind === KIND_REGISTER) return readRegister(cpu, code[pc + R_B], size);
  if (kind === KIND_IMMEDIATE) return code[pc + R_IMM];
  return loadSized(cpu, addressOf(cpu, code, pc, 1 << size, false), size);
}

/** Write operand A, register or memory, without having read it. */
export function writeA(cpu: Cpu, code: Int32Array, pc: number, value: number): void {
  const meta = code[pc + R_META];
  const size = (meta >> META_SIZE_A_SHIFT) & 7;
  if (((meta >> META_KIND_A_SHIFT) & 15) === KIND_REGISTER) writeRegister(cpu, code[pc + R_A], size, value);
  else storeSized(cpu, addressOf(cpu, code, pc, 1 << size, true), size, value);
}

/** Read operand A, which writeBackA will write: memory must be writable or it faults as a write. */
export function readAForWrite(cpu: Cpu, code: Int32Array, pc: number): number {
  const meta = code[pc + R_META];
  const size = (meta >> META_SIZE_A_SHIFT) & 7;
  if (((meta >> META_KIND_A_SHIFT) & 15) === KIND_REGISTER) return readRegister(cpu, code[pc + R_A], size);
  rmwLinear = addressOf(cpu, code, pc, 1 << size, true);
  return loadForWriteSized(cpu, rmwLinear, size);
}

/** As readAForWrite, at an address the handler computed itself (bit strings). */
export function readAtForWrite(cpu: Cpu, address: number, size: number): number {
  rmwLinear = address;
  return loadForWriteSized(cpu, address, size);
}

/** Write operand A after readAForWrite: does not fault. */
export function writeBackA(cpu: Cpu, code: Int32Array, pc: number, value: number): void {
  const meta = code[pc + R_META];
  const size = (meta >> META_SIZE_A_SHIFT) & 7;
  if (((meta >> META_KIND_A_SHIFT) & 15) === KIND_REGISTER) writeRegister(cpu, code[pc + R_A], size, value);
  else storeSized(cpu, rmwLinear, size, value);
}
