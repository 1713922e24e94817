// MXCSR, EMMS, fences and CLFLUSH. SDM 2 under each name. Memory is always coherent and in order here, so that a fence
// has nothing to do; CLFLUSH faults as a load of the byte does and touches nothing.

import { MXCSR_MASK } from '../../../src/core/cpu/fpu/images.ts';
import { emptyMmx, enterMmx, enterSse } from '../../../src/core/cpu/fpu/simd.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { checkRead, load32, store32 } from '../../../src/core/memory/access.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { MXCSR } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf } from '../operands.ts';

function ldmxcsr(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  const value = load32(cpu, addressOf(cpu, code, pc, 4, false));
  if ((value & ~MXCSR_MASK) !== 0) raise(cpu, 13, 0);
  cpu.m32[MXCSR] = value;
}

function stmxcsr(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  store32(cpu, addressOf(cpu, code, pc, 4, true), cpu.m32[MXCSR]);
}

function emms(cpu: Cpu): void {
  if (enterMmx(cpu)) emptyMmx(cpu);
}

function clflush(cpu: Cpu, code: Int32Array, pc: number): void {
  checkRead(cpu, addressOf(cpu, code, pc, 1, false), 1);
}

const fence: Handler = () => {};

export const simdControlHandlers = {
  LDMXCSR: ldmxcsr,
  STMXCSR: stmxcsr,
  EMMS: emms,
  CLFLUSH: clflush,
  LFENCE: fence,
  MFENCE: fence,
  SFENCE: fence,
} satisfies Partial<Record<OpName, Handler>>;
