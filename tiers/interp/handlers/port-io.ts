// IN OUT INS OUTS, SDM 2 and SDM 1 chapter 19 (input/output). The permission (IOPL, I/O bitmap) is checked
// first, also when a count of zero leaves nothing to do; INS proves its destination writable before it reads the
// port, so that a fault has no side effect.

import { matchIoBreakpoint } from '../../../src/core/cpu/system/debug.ts';
import { checkIo } from '../../../src/core/cpu/system/tss.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_IMMEDIATE, R_IMM } from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { EAX, EDI, EDX, ESI } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { kindA, kindB, loadSized, readRegister, sizeA, sizeB, storeSized, writeRegister } from '../operands.ts';
import { destinationAddress, sourceAddress } from './string.ts';
import { advance, REPEAT_COUNT, repeat } from './string-repeat.ts';

function input(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const port = kindB(code, pc) === KIND_IMMEDIATE ? code[pc + R_IMM] & 0xff : cpu.m16[EDX << 1];
  checkIo(cpu, port, 1 << size);
  writeRegister(cpu, EAX, size, cpu.ports.read(port, 1 << size));
  matchIoBreakpoint(cpu, port, 1 << size);
}

function output(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeB(code, pc);
  const port = kindA(code, pc) === KIND_IMMEDIATE ? code[pc + R_IMM] & 0xff : cpu.m16[EDX << 1];
  checkIo(cpu, port, 1 << size);
  // Port values are zero-extended numbers.
  cpu.ports.write(port, 1 << size, readRegister(cpu, EAX, size) >>> 0);
  matchIoBreakpoint(cpu, port, 1 << size);
}

function inputOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const port = cpu.m16[EDX << 1];
  const address = destinationAddress(cpu, code, pc, true);
  checkAlignment(cpu, address, 1 << size);
  checkWrite(cpu, address, 1 << size);
  storeSized(cpu, address, size, cpu.ports.read(port, 1 << size));
  matchIoBreakpoint(cpu, port, 1 << size);
  advance(cpu, code, pc, EDI, 1);
}

function ins(cpu: Cpu, code: Int32Array, pc: number): void {
  checkIo(cpu, cpu.m16[EDX << 1], 1 << sizeA(code, pc));
  repeat(cpu, code, pc, inputOne, undefined, REPEAT_COUNT);
}

function outputOne(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const port = cpu.m16[EDX << 1];
  const value = loadSized(cpu, sourceAddress(cpu, code, pc), size);
  cpu.ports.write(port, 1 << size, value >>> 0);
  matchIoBreakpoint(cpu, port, 1 << size);
  advance(cpu, code, pc, ESI, 1);
}

function outs(cpu: Cpu, code: Int32Array, pc: number): void {
  checkIo(cpu, cpu.m16[EDX << 1], 1 << sizeA(code, pc));
  repeat(cpu, code, pc, outputOne, undefined, REPEAT_COUNT);
}

export const portHandlers = {
  IN: input,
  OUT: output,
  INS: ins,
  OUTS: outs,
} satisfies Partial<Record<OpName, Handler>>;
