// Far flow: JMP, CALL and RET far, IRET, the INT family, BOUND, SYSENTER and SYSEXIT. The work is in src/core/cpu
// (far.ts, iret.ts, exceptions.ts), which every engine shares; here are only the operands. SDM 2 under each name.

import { VECTOR_BP, VECTOR_BR, VECTOR_OF } from '../../../src/core/base/vectors.ts';
import { debugInterrupt, softwareInterrupt } from '../../../src/core/cpu/system/exceptions.ts';
import { farReturn, farTransfer, sysenter, sysexit } from '../../../src/core/cpu/system/far.ts';
import { interruptReturn } from '../../../src/core/cpu/system/iret.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { META_OPSIZE_32, R_A, R_DISP, R_IMM, R_META, SIZE_32 } from '../../../src/core/isa/record.ts';
import { load16, load32 } from '../../../src/core/memory/access.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { getFlags } from '../../../src/core/state/flags.ts';
import { OF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf, addressPast, extend, loadSized, readRegister, sizeA } from '../operands.ts';

/** Operand size in bytes. */
const operandBytes = (code: Int32Array, pc: number): number => ((code[pc + R_META] & META_OPSIZE_32) !== 0 ? 4 : 2);

/** JMP and CALL ptr16:16, ptr16:32. */
function transferDirect(isCall: boolean): Handler {
  return (cpu, code, pc) =>
    farTransfer(cpu, code[pc + R_DISP] & 0xffff, code[pc + R_IMM], operandBytes(code, pc), isCall);
}

/** JMP and CALL m16:16, m16:32. */
function transferIndirect(isCall: boolean): Handler {
  return (cpu, code, pc) => {
    const size = operandBytes(code, pc);
    const at = addressOf(cpu, code, pc, size, false);
    const offset = size === 4 ? load32(cpu, at) : load16(cpu, at);
    const selector = load16(cpu, addressPast(cpu, code, pc, size, 2, false));
    farTransfer(cpu, selector, offset, size, isCall);
  };
}

function returnFar(cpu: Cpu, code: Int32Array, pc: number): void {
  farReturn(cpu, operandBytes(code, pc), code[pc + R_IMM] & 0xffff);
}

function iret(cpu: Cpu, code: Int32Array, pc: number): void {
  interruptReturn(cpu, operandBytes(code, pc));
}

function interrupt(cpu: Cpu, code: Int32Array, pc: number): void {
  softwareInterrupt(cpu, code[pc + R_IMM] & 0xff, cpu.nextEip);
}

function into(cpu: Cpu): void {
  if ((getFlags(cpu) & OF) !== 0) softwareInterrupt(cpu, VECTOR_OF, cpu.nextEip, false);
}

/** #BR when the signed index is below the first or above the second word of the pair. */
function bound(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const bytes = size === SIZE_32 ? 4 : 2;
  const index = extend(readRegister(cpu, code[pc + R_A], size), size);
  const lower = extend(loadSized(cpu, addressOf(cpu, code, pc, bytes, false), size), size);
  const upper = extend(loadSized(cpu, addressPast(cpu, code, pc, bytes, bytes, false), size), size);
  if (index < lower || index > upper) raise(cpu, VECTOR_BR);
}

export const farFlowHandlers = {
  JMP_FAR: transferDirect(false),
  JMP_FAR_IND: transferIndirect(false),
  CALL_FAR: transferDirect(true),
  CALL_FAR_IND: transferIndirect(true),
  RET_FAR: returnFar,
  IRET: iret,
  INT: interrupt,
  INT3: (cpu) => softwareInterrupt(cpu, VECTOR_BP, cpu.nextEip, false),
  INT1: (cpu) => debugInterrupt(cpu, cpu.nextEip),
  INTO: into,
  BOUND: bound,
  SYSENTER: sysenter,
  SYSEXIT: sysexit,
} satisfies Partial<Record<OpName, Handler>>;
