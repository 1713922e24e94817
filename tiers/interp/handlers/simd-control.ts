// MXCSR, EMMS, fences and CLFLUSH. SDM 2 under each name. Memory is always coherent and in order here, so that a fence
// has nothing to do; CLFLUSH faults as a load of the byte does, but for code
// that cannot be read, and touches nothing.

import { VECTOR_GP } from '../../../src/core/base/vectors.ts';
import { MXCSR_MASK } from '../../../src/core/cpu/float/x87/images.ts';
import { emptyMmx, enterMmx, enterSse } from '../../../src/core/cpu/float/sse/simd.ts';
import { checkLimit } from '../../../src/core/cpu/system/segmentation.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { checkRead, load32, store32 } from '../../../src/core/memory/access.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { ATTR_CODE, ATTR_PRESENT, MXCSR, SEG_ATTRIBUTES, SEG_BASE } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { addressOf, effectiveOffset, segmentOf } from '../operands.ts';

const EXECUTABLE = ATTR_PRESENT | ATTR_CODE;

function ldmxcsr(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  const value = load32(cpu, addressOf(cpu, code, pc, 4, false));
  if ((value & ~MXCSR_MASK) !== 0) raise(cpu, VECTOR_GP, 0);
  cpu.m32[MXCSR] = value;
}

function stmxcsr(cpu: Cpu, code: Int32Array, pc: number): void {
  enterSse(cpu);
  store32(cpu, addressOf(cpu, code, pc, 4, true), cpu.m32[MXCSR]);
}

function emms(cpu: Cpu): void {
  if (enterMmx(cpu)) emptyMmx(cpu);
}

/** Checked as a load of the byte, but a code segment need not be readable (SDM 2, CLFLUSH). */
function clflush(cpu: Cpu, code: Int32Array, pc: number): void {
  const segment = segmentOf(code, pc);
  let at: number;
  if ((cpu.m32[SEG_ATTRIBUTES + segment] & EXECUTABLE) === EXECUTABLE) {
    const offset = effectiveOffset(cpu, code, pc);
    checkLimit(cpu, segment, offset, 1);
    at = (cpu.m32[SEG_BASE + segment] + offset) | 0;
  } else at = addressOf(cpu, code, pc, 1, false);
  checkRead(cpu, at, 1);
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
