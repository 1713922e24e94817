// IN OUT INS OUTS, SDM 2 and SDM 1 chapter 19 (input/output). The permission (IOPL, I/O bitmap) is checked
// first, also when a count of zero leaves nothing to do; INS proves its destination writable before it reads the
// port, so that a fault has no side effect.

import { matchIoBreakpoint } from '../../../src/core/cpu/system/debug.ts';
import { checkIo } from '../../../src/core/cpu/system/tss.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import * as record from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import * as layout from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { loadSized, sizeA, storeSized } from '../operands.ts';
import { destinationAddress, sourceAddress } from './string.ts';
import { advance, REPEAT_COUNT, repeat } from './string-repeat.ts';

// Constants of this module: V8 checks imported ones at each use (MEASUREMENTS.md).
const { KIND_IMMEDIATE, R_IMM, R_META } = record;
const { META_KIND_A_SHIFT, META_KIND_B_SHIFT, META_SIZE_A_SHIFT, META_SIZE_B_SHIFT } = record;
const { DR, EAX, EDI, EDX, ESI } = layout;
const DR7 = DR + 7;
/** Ln and Gn: without any there is no breakpoint. */
const DR7_ENABLES = 0xff;

/** The port that a record names: its immediate byte, or DX. `kind`: of the operand. */
const portOf = (cpu: Cpu, code: Int32Array, pc: number, kind: number): number =>
  kind === KIND_IMMEDIATE ? code[pc + R_IMM] & 0xff : cpu.m32[EDX] & 0xffff;

function input(cpu: Cpu, code: Int32Array, pc: number): void {
  const { m32 } = cpu;
  const meta = code[pc + R_META];
  const bytes = 1 << ((meta >> META_SIZE_A_SHIFT) & 7);
  const port = portOf(cpu, code, pc, (meta >> META_KIND_B_SHIFT) & 15);
  checkIo(cpu, port, bytes);
  const value = cpu.ports.read(port, bytes);
  if (bytes === 1) cpu.m8[EAX << 2] = value;
  else if (bytes === 2) cpu.m16[EAX << 1] = value;
  else m32[EAX] = value;
  if ((m32[DR7] & DR7_ENABLES) !== 0) matchIoBreakpoint(cpu, port, bytes);
}

function output(cpu: Cpu, code: Int32Array, pc: number): void {
  const { m32 } = cpu;
  const meta = code[pc + R_META];
  const bytes = 1 << ((meta >> META_SIZE_B_SHIFT) & 7);
  const port = portOf(cpu, code, pc, (meta >> META_KIND_A_SHIFT) & 15);
  checkIo(cpu, port, bytes);
  // Port values are zero-extended numbers.
  const value = bytes === 1 ? m32[EAX] & 0xff : bytes === 2 ? m32[EAX] & 0xffff : m32[EAX] >>> 0;
  cpu.ports.write(port, bytes, value);
  if ((m32[DR7] & DR7_ENABLES) !== 0) matchIoBreakpoint(cpu, port, bytes);
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
