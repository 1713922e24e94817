// Data movement, SDM 2: MOV MOVZX MOVSX LEA XCHG CMOVcc SETcc XLAT SALC CBW/CWDE CWD/CDQ, and what moves
// nothing: NOP PAUSE PREFETCH (never touch memory), UD0 UD1 UD2 (#UD).

import { VECTOR_UD } from '../../../src/core/base/vectors.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, META_OPSIZE_32, R_A, R_B, R_IMM, R_META } from '../../../src/core/isa/record.ts';
import { load8 } from '../../../src/core/memory/access.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { carry, condition } from '../../../src/core/state/flags.ts';
import { EAX, EBX, EDX } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import {
  effectiveOffset,
  extend,
  linearOf,
  readAForWrite,
  readB,
  segmentOf,
  sizeA,
  sizeB,
  writeA,
  writeBackA,
  writeRegister,
} from '../operands.ts';

function mov(cpu: Cpu, code: Int32Array, pc: number): void {
  writeA(cpu, code, pc, readB(cpu, code, pc));
}

function movzx(cpu: Cpu, code: Int32Array, pc: number): void {
  writeRegister(cpu, code[pc + R_A], sizeA(code, pc), readB(cpu, code, pc));
}

function movsx(cpu: Cpu, code: Int32Array, pc: number): void {
  writeRegister(cpu, code[pc + R_A], sizeA(code, pc), extend(readB(cpu, code, pc), sizeB(code, pc)));
}

function lea(cpu: Cpu, code: Int32Array, pc: number): void {
  writeRegister(cpu, code[pc + R_A], sizeA(code, pc), effectiveOffset(cpu, code, pc));
}

function xchg(cpu: Cpu, code: Int32Array, pc: number): void {
  const b = readB(cpu, code, pc);
  const a = readAForWrite(cpu, code, pc);
  writeBackA(cpu, code, pc, b);
  writeRegister(cpu, code[pc + R_B], sizeA(code, pc), a);
}

/** The source is read, and may fault, even when the condition does not hold. */
function cmovcc(cpu: Cpu, code: Int32Array, pc: number): void {
  const b = readB(cpu, code, pc);
  if (condition(cpu, code[pc + R_IMM])) writeRegister(cpu, code[pc + R_A], sizeA(code, pc), b);
}

function setcc(cpu: Cpu, code: Int32Array, pc: number): void {
  writeA(cpu, code, pc, condition(cpu, code[pc + R_B]) ? 1 : 0);
}

/** AL := [segment:eBX + AL]. */
function xlat(cpu: Cpu, code: Int32Array, pc: number): void {
  const sum = cpu.m32[EBX] + cpu.m8[EAX];
  const offset = (code[pc + R_META] & META_ADDRSIZE_32) !== 0 ? sum | 0 : sum & 0xffff;
  cpu.m8[EAX] = load8(cpu, linearOf(cpu, segmentOf(code, pc), offset, 1, false));
}

/** Undocumented D6: AL := CF ? FFh : 0. */
function salc(cpu: Cpu): void {
  cpu.m8[EAX] = -carry(cpu);
}

/** CBW: AX := sign of AL; CWDE: EAX := sign of AX. */
function cbw(cpu: Cpu, code: Int32Array, pc: number): void {
  if ((code[pc + R_META] & META_OPSIZE_32) !== 0) cpu.m32[EAX] = (cpu.m32[EAX] << 16) >> 16;
  else cpu.m16[EAX] = (cpu.m32[EAX] << 24) >> 24;
}

/** CWD: DX:AX := sign of AX; CDQ: EDX:EAX := sign of EAX. */
function cwd(cpu: Cpu, code: Int32Array, pc: number): void {
  if ((code[pc + R_META] & META_OPSIZE_32) !== 0) cpu.m32[EDX] = cpu.m32[EAX] >> 31;
  else cpu.m16[EDX << 1] = (cpu.m32[EAX] << 16) >> 31;
}

function nop(): void {}

function undefinedInstruction(cpu: Cpu): void {
  raise(cpu, VECTOR_UD);
}

export const moveHandlers = {
  MOV: mov,
  MOVZX: movzx,
  MOVSX: movsx,
  LEA: lea,
  XCHG: xchg,
  CMOVCC: cmovcc,
  SETCC: setcc,
  XLAT: xlat,
  SALC: salc,
  CBW: cbw,
  CWD: cwd,
  NOP: nop,
  PAUSE: nop,
  PREFETCH: nop,
  UD0: undefinedInstruction,
  UD1: undefinedInstruction,
  UD2: undefinedInstruction,
} satisfies Partial<Record<OpName, Handler>>;
