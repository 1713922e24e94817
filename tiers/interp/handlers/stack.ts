// PUSH POP PUSHA POPA ENTER LEAVE (SDM 2) and the near stack accesses of CALL and RET. The width of SP comes
// from SS.B. ESP changes last: a fault leaves it alone. A fault in the middle of PUSHA, POPA or ENTER leaves
// the slots written and the registers popped before it, as SDM 3 §6.5 says of POPAD and silicon does; EIP and
// ESP let it start again. Far transfers use core/cpu/system/stack.ts.

import type { OpName } from '../../../src/core/isa/ops.ts';
import { EA_16, KIND_MEMORY, META_OPSIZE_32, R_A, R_EA, R_IMM, R_META } from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite, load16, load32, store16, store32 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { EAX, EBP, EDI, ESP, MODE_FLAT_DATA, MODE_KEY, MODE_SS32, SS } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { effectiveOffset, kindA, linearOf, readA, segmentOf, sizeA, storeSized, writeRegister } from '../operands.ts';

const FLAT_STACK = MODE_FLAT_DATA | MODE_SS32;

export function operandBytes(code: Int32Array, pc: number): number {
  return (code[pc + R_META] & META_OPSIZE_32) !== 0 ? 4 : 2;
}

/** Mask of the stack pointer: −1 or 0xffff. */
function stackMask(cpu: Cpu): number {
  return (cpu.m32[MODE_KEY] & MODE_SS32) !== 0 ? -1 : 0xffff;
}

/** ESP or SP := offset. */
export function setStackPointer(cpu: Cpu, offset: number): void {
  if ((cpu.m32[MODE_KEY] & MODE_SS32) !== 0) cpu.m32[ESP] = offset;
  else cpu.m16[ESP << 1] = offset;
}

/** Offset of the stack pointer moved by `bytes`. */
export function stackOffset(cpu: Cpu, bytes: number): number {
  return (cpu.m32[ESP] + bytes) & stackMask(cpu);
}

export function pushBytes(cpu: Cpu, bytes: number, value: number): void {
  const offset = stackOffset(cpu, -bytes);
  const address = linearOf(cpu, SS, offset, bytes, true);
  if (bytes === 4) store32(cpu, address, value);
  else store16(cpu, address, value & 0xffff);
  setStackPointer(cpu, offset);
}

function push32(cpu: Cpu, value: number): void {
  if ((cpu.m32[MODE_KEY] & FLAT_STACK) === FLAT_STACK) {
    const offset = (cpu.m32[ESP] - 4) | 0;
    store32(cpu, offset, value);
    cpu.m32[ESP] = offset;
  } else pushBytes(cpu, 4, value);
}

/** Push a value of the record's operand size. */
export function pushOperand(cpu: Cpu, code: Int32Array, pc: number, value: number): void {
  if ((code[pc + R_META] & META_OPSIZE_32) !== 0) push32(cpu, value);
  else pushBytes(cpu, 2, value);
}

/** Raise what writing `bytes` at a stack offset would raise. */
function checkSlot(cpu: Cpu, offset: number, bytes: number): void {
  const address = linearOf(cpu, SS, offset, bytes, true);
  checkAlignment(cpu, address, bytes);
  checkWrite(cpu, address, bytes);
}

/** Raise what pushing a value of the record's operand size would raise. */
export function checkPush(cpu: Cpu, code: Int32Array, pc: number): void {
  const bytes = operandBytes(code, pc);
  checkSlot(cpu, stackOffset(cpu, -bytes), bytes);
}

/** The value at the top of the stack, zero-extended; ESP does not move. */
export function peekBytes(cpu: Cpu, bytes: number): number {
  const address = linearOf(cpu, SS, stackOffset(cpu, 0), bytes, false);
  return bytes === 4 ? load32(cpu, address) : load16(cpu, address);
}

function push(cpu: Cpu, code: Int32Array, pc: number): void {
  pushOperand(cpu, code, pc, readA(cpu, code, pc));
}

/** An ESP base in the destination's address counts after the increment; POP ESP keeps the popped value. */
function pop(cpu: Cpu, code: Int32Array, pc: number): void {
  const bytes = operandBytes(code, pc);
  const value = peekBytes(cpu, bytes);
  const top = stackOffset(cpu, bytes);
  const size = sizeA(code, pc);
  if (kindA(code, pc) === KIND_MEMORY) {
    let offset = effectiveOffset(cpu, code, pc);
    const ea = code[pc + R_EA];
    if ((ea & 15) === ESP && (ea & EA_16) === 0) {
      const moved = (cpu.m32[ESP] & ~stackMask(cpu)) | top;
      offset = (offset + moved - cpu.m32[ESP]) | 0;
    }
    storeSized(cpu, linearOf(cpu, segmentOf(code, pc), offset, bytes, true), size, value);
    setStackPointer(cpu, top);
  } else {
    setStackPointer(cpu, top);
    writeRegister(cpu, code[pc + R_A], size, value);
  }
}

function storeSlot(cpu: Cpu, offset: number, bytes: number, value: number): void {
  const address = linearOf(cpu, SS, offset & stackMask(cpu), bytes, true);
  if (bytes === 4) store32(cpu, address, value);
  else store16(cpu, address, value & 0xffff);
}

function loadSlot(cpu: Cpu, offset: number, bytes: number): number {
  const address = linearOf(cpu, SS, offset & stackMask(cpu), bytes, false);
  return bytes === 4 ? load32(cpu, address) : load16(cpu, address);
}

function pusha(cpu: Cpu, code: Int32Array, pc: number): void {
  const bytes = operandBytes(code, pc);
  const top = cpu.m32[ESP];
  for (let register = EAX; register <= EDI; register++) {
    storeSlot(cpu, top - (register + 1) * bytes, bytes, cpu.m32[register]);
  }
  setStackPointer(cpu, stackOffset(cpu, -8 * bytes));
}

/** The slot of ESP is skipped but must be readable. */
function popa(cpu: Cpu, code: Int32Array, pc: number): void {
  const bytes = operandBytes(code, pc);
  const top = cpu.m32[ESP];
  for (let register = EDI; register >= EAX; register--) {
    const value = loadSlot(cpu, top + (EDI - register) * bytes, bytes);
    if (register !== ESP) writeRegister(cpu, register, bytes >> 1, value);
  }
  setStackPointer(cpu, stackOffset(cpu, 8 * bytes));
}

/**
 * ENTER size, level: push eBP; copy level − 1 outer frame pointers; push the new one; make room. The level is
 * taken modulo 32. The stack must be writable where the stack pointer ends up.
 */
function enter(cpu: Cpu, code: Int32Array, pc: number): void {
  const m32 = cpu.m32;
  const bytes = operandBytes(code, pc);
  const mask = stackMask(cpu);
  const roomBytes = code[pc + R_IMM] & 0xffff;
  const level = (code[pc + R_IMM] >>> 16) & 31;
  const top = m32[ESP];
  const frame = (top - bytes) & mask;
  const frameEsp = (top & ~mask) | frame;
  const final = (frame - level * bytes - roomBytes) & mask;
  storeSlot(cpu, frame, bytes, m32[EBP]);
  for (let k = 1; k < level; k++) {
    storeSlot(cpu, frame - k * bytes, bytes, loadSlot(cpu, m32[EBP] - k * bytes, bytes));
  }
  if (level !== 0) storeSlot(cpu, frame - level * bytes, bytes, frameEsp);
  checkSlot(cpu, final, bytes);
  writeRegister(cpu, EBP, bytes >> 1, frameEsp);
  setStackPointer(cpu, final);
}

/** eSP := eBP by the width of the stack; pop eBP by the operand size. */
function leave(cpu: Cpu, code: Int32Array, pc: number): void {
  const bytes = operandBytes(code, pc);
  const value = loadSlot(cpu, cpu.m32[EBP], bytes);
  setStackPointer(cpu, cpu.m32[EBP] + bytes);
  writeRegister(cpu, EBP, bytes >> 1, value);
}

export const stackHandlers = {
  PUSH: push,
  POP: pop,
  PUSHA: pusha,
  POPA: popa,
  ENTER: enter,
  LEAVE: leave,
} satisfies Partial<Record<OpName, Handler>>;
