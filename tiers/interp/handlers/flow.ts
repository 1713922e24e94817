// Near control transfer, SDM 2: Jcc JMP CALL RET LOOPcc JCXZ. A 16-bit operand size cuts the target to 16
// bits. A target beyond the CS limit is #GP(0) at the branch, with nothing changed; a CALL whose stack is bad
// as well reports the stack, as silicon does.

import { VECTOR_GP } from '../../../src/core/base/vectors.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, META_OPSIZE_32, R_B, R_IMM, R_META } from '../../../src/core/isa/record.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { condition } from '../../../src/core/state/flags.ts';
import { CS, ECX, MODE_FLAT_CODE, MODE_KEY, SEG_LIMIT } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { readA } from '../operands.ts';
import { checkPush, operandBytes, peekBytes, pushOperand, setStackPointer, stackOffset } from './stack.ts';

/** The target cut to the operand size; #GP(0) beyond the CS limit. */
function checkedTarget(cpu: Cpu, code: Int32Array, pc: number, target: number): number {
  const eip = (code[pc + R_META] & META_OPSIZE_32) !== 0 ? target | 0 : target & 0xffff;
  if ((cpu.m32[MODE_KEY] & MODE_FLAT_CODE) === 0 && eip >>> 0 > cpu.m32[SEG_LIMIT + CS] >>> 0) raise(cpu, VECTOR_GP, 0);
  return eip;
}

/** Target of a relative branch. */
function relative(cpu: Cpu, code: Int32Array, pc: number): number {
  return checkedTarget(cpu, code, pc, cpu.nextEip + code[pc + R_IMM]);
}

function jcc(cpu: Cpu, code: Int32Array, pc: number): void {
  if (condition(cpu, code[pc + R_B])) cpu.nextEip = relative(cpu, code, pc);
}

function jmp(cpu: Cpu, code: Int32Array, pc: number): void {
  cpu.nextEip = relative(cpu, code, pc);
}

function jmpIndirect(cpu: Cpu, code: Int32Array, pc: number): void {
  cpu.nextEip = checkedTarget(cpu, code, pc, readA(cpu, code, pc));
}

/** As checkedTarget, but faults of the coming push go first. */
function callTarget(cpu: Cpu, code: Int32Array, pc: number, target: number): number {
  if ((cpu.m32[MODE_KEY] & MODE_FLAT_CODE) === 0) checkPush(cpu, code, pc);
  return checkedTarget(cpu, code, pc, target);
}

function call(cpu: Cpu, code: Int32Array, pc: number): void {
  const target = callTarget(cpu, code, pc, cpu.nextEip + code[pc + R_IMM]);
  pushOperand(cpu, code, pc, cpu.nextEip);
  cpu.nextEip = target;
}

function callIndirect(cpu: Cpu, code: Int32Array, pc: number): void {
  const target = callTarget(cpu, code, pc, readA(cpu, code, pc));
  pushOperand(cpu, code, pc, cpu.nextEip);
  cpu.nextEip = target;
}

function ret(cpu: Cpu, code: Int32Array, pc: number): void {
  const bytes = operandBytes(code, pc);
  const target = checkedTarget(cpu, code, pc, peekBytes(cpu, bytes));
  setStackPointer(cpu, stackOffset(cpu, bytes + code[pc + R_IMM]));
  cpu.nextEip = target;
}

/** eCX, its width the address size, less one. */
function decremented(cpu: Cpu, code: Int32Array, pc: number): number {
  const count = cpu.m32[ECX] - 1;
  return (code[pc + R_META] & META_ADDRSIZE_32) !== 0 ? count | 0 : count & 0xffff;
}

function loopWhen(cpu: Cpu, code: Int32Array, pc: number, taken: boolean): void {
  const count = decremented(cpu, code, pc);
  if (taken && count !== 0) cpu.nextEip = relative(cpu, code, pc);
  if ((code[pc + R_META] & META_ADDRSIZE_32) !== 0) cpu.m32[ECX] = count;
  else cpu.m16[ECX << 1] = count;
}

function loop(cpu: Cpu, code: Int32Array, pc: number): void {
  loopWhen(cpu, code, pc, true);
}

function loope(cpu: Cpu, code: Int32Array, pc: number): void {
  loopWhen(cpu, code, pc, condition(cpu, 4));
}

function loopne(cpu: Cpu, code: Int32Array, pc: number): void {
  loopWhen(cpu, code, pc, condition(cpu, 5));
}

function jcxz(cpu: Cpu, code: Int32Array, pc: number): void {
  const count = (code[pc + R_META] & META_ADDRSIZE_32) !== 0 ? cpu.m32[ECX] : cpu.m16[ECX << 1];
  if (count === 0) cpu.nextEip = relative(cpu, code, pc);
}

export const flowHandlers = {
  JCC: jcc,
  JMP: jmp,
  JMP_IND: jmpIndirect,
  CALL: call,
  CALL_IND: callIndirect,
  RET: ret,
  LOOP: loop,
  LOOPE: loope,
  LOOPNE: loopne,
  JCXZ: jcxz,
} satisfies Partial<Record<OpName, Handler>>;
