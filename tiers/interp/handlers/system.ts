// System instructions: descriptor-table registers, control and debug registers, caches and TLB, HLT, MSRs, time-stamp
// counter, CPUID, interrupt flag and PUSHF/POPF. SDM 2 under each name; the rules are in src/core/cpu (control.ts,
// debug.ts, eflags.ts, msr.ts, cpuid.ts). INVD and WBINVD have no cache to empty, and INVLPG nothing to drop: what is
// translated is never older than the tables (core/memory/tlb.ts).

import { VECTOR_GP, VECTOR_UD } from '../../../src/core/base/vectors.ts';
import {
  clearTaskSwitched,
  loadMachineStatusWord,
  writeCr0,
  writeCr2,
  writeCr3,
  writeCr4,
} from '../../../src/core/cpu/system/control.ts';
import { cpuid } from '../../../src/core/cpu/system/cpuid.ts';
import { readDebugRegister, writeDebugRegister } from '../../../src/core/cpu/system/debug.ts';
import {
  checkFlagsInstruction,
  clearInterruptFlag,
  flagsToPush,
  popFlags,
  setInterruptFlag,
} from '../../../src/core/cpu/system/eflags.ts';
import { readMsr, readPerformanceCounter, readTimeStamp, writeMsr } from '../../../src/core/cpu/system/msr.ts';
import { cpl } from '../../../src/core/cpu/system/segmentation.ts';
import { peekValue, pushValue, topAfter } from '../../../src/core/cpu/system/stack.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { META_OPSIZE_32, R_A, R_B, R_META } from '../../../src/core/isa/record.ts';
import { checkWrite, load16, load32, store16, store32 } from '../../../src/core/memory/access.ts';
import { type Cpu, EXIT_HALT, raise } from '../../../src/core/state/cpu.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  ESP,
  GDTR_BASE,
  GDTR_LIMIT,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
} from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf, addressPast, readA, writeA } from '../operands.ts';

const operandBytes = (code: Int32Array, pc: number): number => ((code[pc + R_META] & META_OPSIZE_32) !== 0 ? 4 : 2);

function checkPrivilege(cpu: Cpu): void {
  if (cpl(cpu) !== 0) raise(cpu, VECTOR_GP, 0);
}

/** #GP(0) above CPL 0, else the rest. */
function privileged(handler: Handler): Handler {
  return (cpu, code, pc) => {
    checkPrivilege(cpu);
    handler(cpu, code, pc);
  };
}

/** LGDT, LIDT: with a 16-bit operand the base has 24 bits. */
function loadTable(baseWord: number, limitWord: number): Handler {
  return privileged((cpu, code, pc) => {
    const limit = load16(cpu, addressOf(cpu, code, pc, 2, false));
    const base = load32(cpu, addressPast(cpu, code, pc, 2, 4, false));
    cpu.m32[limitWord] = limit;
    cpu.m32[baseWord] = operandBytes(code, pc) === 2 ? base & 0xffffff : base;
  });
}

/**
 * SGDT, SIDT. The manual zeroes the top byte of the base for a 16-bit operand; silicon since the 386 stores all of it.
 */
function storeTable(baseWord: number, limitWord: number): Handler {
  return (cpu, code, pc) => {
    const limitAt = addressOf(cpu, code, pc, 2, true);
    checkWrite(cpu, limitAt, 2);
    const baseAt = addressPast(cpu, code, pc, 2, 4, true);
    checkWrite(cpu, baseAt, 4);
    store16(cpu, limitAt, cpu.m32[limitWord]);
    store32(cpu, baseAt, cpu.m32[baseWord]);
  };
}

function movToControl(cpu: Cpu, code: Int32Array, pc: number): void {
  const value = cpu.m32[code[pc + R_B]];
  switch (code[pc + R_A]) {
    case 0:
      writeCr0(cpu, value);
      return;
    case 2:
      writeCr2(cpu, value);
      return;
    case 3:
      writeCr3(cpu, value);
      return;
    case 4:
      writeCr4(cpu, value);
      return;
    default:
      raise(cpu, VECTOR_UD);
  }
}

function movFromControl(cpu: Cpu, code: Int32Array, pc: number): void {
  const word = [CR0, -1, CR2, CR3, CR4][code[pc + R_B]] ?? -1;
  if (word < 0) raise(cpu, VECTOR_UD);
  cpu.m32[code[pc + R_A]] = cpu.m32[word];
}

function movToDebug(cpu: Cpu, code: Int32Array, pc: number): void {
  writeDebugRegister(cpu, code[pc + R_A], cpu.m32[code[pc + R_B]]);
}

function movFromDebug(cpu: Cpu, code: Int32Array, pc: number): void {
  cpu.m32[code[pc + R_A]] = readDebugRegister(cpu, code[pc + R_B]);
}

function halt(cpu: Cpu): void {
  cpu.m32[HALTED] = 1;
  cpu.exitRequest |= EXIT_HALT;
}

function pushFlags(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = operandBytes(code, pc);
  pushValue(cpu, flagsToPush(cpu, size), size);
}

function popFlagsFromStack(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = operandBytes(code, pc);
  checkFlagsInstruction(cpu, size);
  const value = peekValue(cpu, size);
  popFlags(cpu, value, size);
  cpu.m32[ESP] = topAfter(cpu, size);
}

const nothing: Handler = () => {};
const undefinedOpcode: Handler = (cpu) => raise(cpu, VECTOR_UD);

export const systemHandlers = {
  LGDT: loadTable(GDTR_BASE, GDTR_LIMIT),
  LIDT: loadTable(IDTR_BASE, IDTR_LIMIT),
  SGDT: storeTable(GDTR_BASE, GDTR_LIMIT),
  SIDT: storeTable(IDTR_BASE, IDTR_LIMIT),
  LMSW: privileged((cpu, code, pc) => loadMachineStatusWord(cpu, readA(cpu, code, pc) & 0xffff)),
  SMSW: (cpu, code, pc) => writeA(cpu, code, pc, cpu.m32[CR0]),
  CLTS: privileged(clearTaskSwitched),
  MOV_TO_CR: privileged(movToControl),
  MOV_FROM_CR: privileged(movFromControl),
  MOV_TO_DR: privileged(movToDebug),
  MOV_FROM_DR: privileged(movFromDebug),
  INVD: privileged(nothing),
  WBINVD: privileged(nothing),
  INVLPG: privileged(nothing),
  HLT: privileged(halt),
  RDTSC: readTimeStamp,
  RDPMC: readPerformanceCounter,
  RDMSR: privileged(readMsr),
  WRMSR: privileged(writeMsr),
  CPUID: cpuid,
  CLI: clearInterruptFlag,
  STI: setInterruptFlag,
  PUSHF: pushFlags,
  POPF: popFlagsFromStack,
  RSM: undefinedOpcode,
  UD0: undefinedOpcode,
  UD1: undefinedOpcode,
  UD2: undefinedOpcode,
} satisfies Partial<Record<OpName, Handler>>;
