// Shifts and rotates, SDM 2: ROL ROR RCL RCR SHL SHR SAR SHLD SHRD. Counts are taken modulo 32; a count of
// zero leaves all flags. What the manual leaves undefined follows the AMD processor these were compared
// with: AF is set by shifts; OF is computed for every count as for a count of one; SHLD and SHRD of words by
// more than 16 shift the source in twice and clear CF.

import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_IMMEDIATE, R_B, R_IMM, SIZE_32 } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { CC_SZP, carry, changeFlags, setLazy } from '../../../src/core/state/flags.ts';
import { AF, CF, ECX, OF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { bitCount, extend, kindB, readAForWrite, readRegister, sizeA, writeBackA } from '../operands.ts';

/** Shift count: the immediate or CL, modulo 32. */
function countOf(cpu: Cpu, code: Int32Array, pc: number): number {
  return (kindB(code, pc) === KIND_IMMEDIATE ? code[pc + R_IMM] : cpu.m8[ECX << 2]) & 31;
}

/** Flags of a shift. `carryOut` and `overflow` are 0 or 1 (higher bits ignored). */
function setShiftFlags(cpu: Cpu, size: number, result: number, carryOut: number, overflow: number): void {
  setLazy(cpu, CC_SZP + size, result, AF | (carryOut & 1) | ((overflow & 1) << 11));
}

function setRotateFlags(cpu: Cpu, carryOut: number, overflow: number): void {
  changeFlags(cpu, CF | OF, (carryOut & 1) | ((overflow & 1) << 11));
}

function shl(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const bits = bitCount(size);
  const count = countOf(cpu, code, pc);
  const a = readAForWrite(cpu, code, pc);
  const result = extend(a << count, size);
  writeBackA(cpu, code, pc, result);
  if (count === 0) return;
  const out = count <= bits ? (a >>> (bits - count)) & 1 : 0;
  setShiftFlags(cpu, size, result, out, (result >>> 31) ^ out);
}

function shr(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const count = countOf(cpu, code, pc);
  const a = readAForWrite(cpu, code, pc);
  const result = extend(a >>> count, size);
  writeBackA(cpu, code, pc, result);
  // Beyond a count of one the two top bits of the result are 0, and so is OF.
  if (count !== 0)
    setShiftFlags(cpu, size, result, a >>> (count - 1), (result ^ (result << 1)) >>> (bitCount(size) - 1));
}

function sar(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const count = countOf(cpu, code, pc);
  const a = extend(readAForWrite(cpu, code, pc), size);
  const result = a >> count;
  writeBackA(cpu, code, pc, result);
  if (count !== 0) setShiftFlags(cpu, size, result, a >> (count - 1), 0);
}

function rol(cpu: Cpu, code: Int32Array, pc: number): void {
  const bits = bitCount(sizeA(code, pc));
  const count = countOf(cpu, code, pc);
  const n = count & (bits - 1);
  const a = readAForWrite(cpu, code, pc);
  const result = (a << n) | (a >>> (bits - n));
  writeBackA(cpu, code, pc, result);
  if (count !== 0) setRotateFlags(cpu, result, (result >>> (bits - 1)) ^ result);
}

function ror(cpu: Cpu, code: Int32Array, pc: number): void {
  const bits = bitCount(sizeA(code, pc));
  const count = countOf(cpu, code, pc);
  const n = count & (bits - 1);
  const a = readAForWrite(cpu, code, pc);
  const result = (a >>> n) | (a << (bits - n));
  writeBackA(cpu, code, pc, result);
  if (count !== 0) setRotateFlags(cpu, result >>> (bits - 1), (result ^ (result << 1)) >>> (bits - 1));
}

/** Rotate through carry: 9, 17 or 33 bits. `n` is 1–32 and below that width; returns the result without the carry. */
function rotateLeft(a: number, carryIn: number, n: number, bits: number): number {
  if (n === 1) return (a << 1) | carryIn;
  return (a << n) | (carryIn << (n - 1)) | (a >>> (bits + 1 - n));
}

function rcl(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const bits = bitCount(size);
  const count = countOf(cpu, code, pc);
  const n = size === SIZE_32 ? count : count % (bits + 1);
  const a = readAForWrite(cpu, code, pc);
  const carryIn = carry(cpu);
  const result = n === 0 ? a : rotateLeft(a, carryIn, n, bits);
  writeBackA(cpu, code, pc, result);
  if (count === 0) return;
  const out = n === 0 ? carryIn : a >>> (bits - n);
  setRotateFlags(cpu, out, (result >>> (bits - 1)) ^ out);
}

function rcr(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const bits = bitCount(size);
  const count = countOf(cpu, code, pc);
  const n = size === SIZE_32 ? count : count % (bits + 1);
  const a = readAForWrite(cpu, code, pc);
  const carryIn = carry(cpu);
  // n steps to the right of bits + 1 are bits + 1 − n to the left.
  const result =
    n === 0 ? a : n === 1 ? (a >>> 1) | (carryIn << (bits - 1)) : rotateLeft(a, carryIn, bits + 1 - n, bits);
  writeBackA(cpu, code, pc, result);
  if (count === 0) return;
  setRotateFlags(cpu, n === 0 ? carryIn : a >>> (n - 1), (result ^ (result << 1)) >>> (bits - 1));
}

function shiftLeftDouble(cpu: Cpu, code: Int32Array, pc: number, count: number): void {
  const size = sizeA(code, pc);
  const bits = bitCount(size);
  const b = readRegister(cpu, code[pc + R_B], size);
  const a = readAForWrite(cpu, code, pc);
  if (count === 0) {
    writeBackA(cpu, code, pc, a);
    return;
  }
  const wide = count >= bits; // words by 16 and more
  const raw = wide ? (b << (count - bits)) | (b >>> (2 * bits - count)) : (a << count) | (b >>> (bits - count));
  const result = extend(raw, size);
  writeBackA(cpu, code, pc, result);
  const out = count > bits ? 0 : (a >>> (bits - count)) & 1;
  setShiftFlags(cpu, size, result, out, wide ? out : (result >>> 31) ^ out);
}

function shiftRightDouble(cpu: Cpu, code: Int32Array, pc: number, count: number): void {
  const size = sizeA(code, pc);
  const bits = bitCount(size);
  const b = readRegister(cpu, code[pc + R_B], size);
  const a = readAForWrite(cpu, code, pc);
  if (count === 0) {
    writeBackA(cpu, code, pc, a);
    return;
  }
  const wide = count >= bits;
  const raw = wide ? (b >>> (count - bits)) | (b << (2 * bits - count)) : (a >>> count) | (b << (bits - count));
  const result = extend(raw, size);
  writeBackA(cpu, code, pc, result);
  const out = count > bits ? 0 : a >>> (count - 1);
  setShiftFlags(cpu, size, result, out, (result ^ (result << 1)) >>> (bits - 1));
}

function shld(cpu: Cpu, code: Int32Array, pc: number): void {
  shiftLeftDouble(cpu, code, pc, code[pc + R_IMM] & 31);
}

function shldCl(cpu: Cpu, code: Int32Array, pc: number): void {
  shiftLeftDouble(cpu, code, pc, cpu.m8[ECX << 2] & 31);
}

function shrd(cpu: Cpu, code: Int32Array, pc: number): void {
  shiftRightDouble(cpu, code, pc, code[pc + R_IMM] & 31);
}

function shrdCl(cpu: Cpu, code: Int32Array, pc: number): void {
  shiftRightDouble(cpu, code, pc, cpu.m8[ECX << 2] & 31);
}

export const shiftHandlers = {
  ROL: rol,
  ROR: ror,
  RCL: rcl,
  RCR: rcr,
  SHL: shl,
  SHR: shr,
  SAR: sar,
  SHLD: shld,
  SHLD_CL: shldCl,
  SHRD: shrd,
  SHRD_CL: shrdCl,
} satisfies Partial<Record<OpName, Handler>>;
