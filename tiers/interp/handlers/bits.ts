// Bit instructions, SDM 2: BT BTS BTR BTC (a register index into memory is a signed bit offset that reaches
// beyond the operand), BSF BSR, BSWAP. Undefined flags as on AMD processors: BTx keep all but CF; BSF and BSR
// clear CF OF SF AF and set PF from the index. A zero source leaves the destination of BSF and BSR alone.

import type { OpName } from '../../../src/core/isa/ops.ts';
import { EA_16, KIND_IMMEDIATE, KIND_MEMORY, R_A, R_B, R_EA, R_IMM, SIZE_32 } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { changeFlags, parity, setArithmeticFlags } from '../../../src/core/state/flags.ts';
import { CF, PF, ZF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import {
  bitCount,
  effectiveOffset,
  extend,
  kindA,
  kindB,
  linearOf,
  loadSized,
  readA,
  readAForWrite,
  readAtForWrite,
  readB,
  readRegister,
  segmentOf,
  sizeA,
  writeBackA,
  writeRegister,
} from '../operands.ts';

/** Bit index: the immediate, or the register sign-extended. */
function indexOf(cpu: Cpu, code: Int32Array, pc: number): number {
  if (kindB(code, pc) === KIND_IMMEDIATE) return code[pc + R_IMM];
  const size = sizeA(code, pc);
  return extend(readRegister(cpu, code[pc + R_B], size), size);
}

/** Whether the operand is a bit string in memory. */
function isBitString(code: Int32Array, pc: number): boolean {
  return kindA(code, pc) === KIND_MEMORY && kindB(code, pc) !== KIND_IMMEDIATE;
}

/** Linear address of the word or doubleword that holds bit `index`. */
function bitStringAddress(cpu: Cpu, code: Int32Array, pc: number, index: number, write: boolean): number {
  const size = sizeA(code, pc);
  const element = index >> (3 + size);
  const offset = effectiveOffset(cpu, code, pc) + (element << size);
  const wrapped = (code[pc + R_EA] & EA_16) === 0 ? offset | 0 : offset & 0xffff;
  return linearOf(cpu, segmentOf(code, pc), wrapped, 1 << size, write);
}

function bt(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const index = indexOf(cpu, code, pc);
  const value = isBitString(code, pc)
    ? loadSized(cpu, bitStringAddress(cpu, code, pc, index, false), size)
    : readA(cpu, code, pc);
  changeFlags(cpu, CF, (value >>> (index & (bitCount(size) - 1))) & CF);
}

function readForBit(cpu: Cpu, code: Int32Array, pc: number, index: number): number {
  if (!isBitString(code, pc)) return readAForWrite(cpu, code, pc);
  return readAtForWrite(cpu, bitStringAddress(cpu, code, pc, index, true), sizeA(code, pc));
}

function bts(cpu: Cpu, code: Int32Array, pc: number): void {
  const index = indexOf(cpu, code, pc);
  const value = readForBit(cpu, code, pc, index);
  const position = index & (bitCount(sizeA(code, pc)) - 1);
  writeBackA(cpu, code, pc, value | (1 << position));
  changeFlags(cpu, CF, (value >>> position) & CF);
}

function btr(cpu: Cpu, code: Int32Array, pc: number): void {
  const index = indexOf(cpu, code, pc);
  const value = readForBit(cpu, code, pc, index);
  const position = index & (bitCount(sizeA(code, pc)) - 1);
  writeBackA(cpu, code, pc, value & ~(1 << position));
  changeFlags(cpu, CF, (value >>> position) & CF);
}

function btc(cpu: Cpu, code: Int32Array, pc: number): void {
  const index = indexOf(cpu, code, pc);
  const value = readForBit(cpu, code, pc, index);
  const position = index & (bitCount(sizeA(code, pc)) - 1);
  writeBackA(cpu, code, pc, value ^ (1 << position));
  changeFlags(cpu, CF, (value >>> position) & CF);
}

function setScanResult(cpu: Cpu, code: Int32Array, pc: number, index: number): void {
  writeRegister(cpu, code[pc + R_A], sizeA(code, pc), index);
  setArithmeticFlags(cpu, parity(index));
}

function bsf(cpu: Cpu, code: Int32Array, pc: number): void {
  const value = readB(cpu, code, pc);
  if (value === 0) setArithmeticFlags(cpu, ZF | PF);
  else setScanResult(cpu, code, pc, 31 - Math.clz32(value & -value));
}

function bsr(cpu: Cpu, code: Int32Array, pc: number): void {
  const value = readB(cpu, code, pc);
  if (value === 0) setArithmeticFlags(cpu, ZF | PF);
  else setScanResult(cpu, code, pc, 31 - Math.clz32(value));
}

/** A 16-bit operand is undefined by the manual; processors of both makers clear it. */
function bswap(cpu: Cpu, code: Int32Array, pc: number): void {
  const register = code[pc + R_A];
  if (sizeA(code, pc) !== SIZE_32) {
    cpu.m16[register << 1] = 0;
    return;
  }
  const value = cpu.m32[register];
  cpu.m32[register] = (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

export const bitHandlers = {
  BT: bt,
  BTS: bts,
  BTR: btr,
  BTC: btc,
  BSF: bsf,
  BSR: bsr,
  BSWAP: bswap,
} satisfies Partial<Record<OpName, Handler>>;
