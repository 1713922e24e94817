// What MMX and SSE instructions check and change besides their operands. SDM 1 §9.5 (MMX and the x87 state: TOP 0, all
// tags valid, exponents all ones), §11.5 (SIMD exceptions); SDM 3 §2.5 and table 13-1 (CR0.EM and TS, CR4.OSFXSR,
// OSXMMEXCPT). #UD comes before #NM, #NM before #MF.

import * as statusWord from '../x87/status-word.ts';
import type { FloatEnvironment } from '../ieee/environment.ts';
import { makeFloatEnvironment, useMxcsr } from '../ieee/environment.ts';
import { type Cpu, raise } from '../../../state/cpu.ts';
import * as layout from '../../../state/layout.ts';
import * as vectors from '../../../base/vectors.ts';
import * as status from '../x87/status.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { CR0, CR0_EM, CR0_TS, CR4, CR4_OSFXSR, CR4_OSXMMEXCPT, FP_STATUS, FP_TAG, MXCSR } = layout;
const { ES_SUMMARY, TOP_FIELD } = statusWord;
const { reportPending } = status;
const { VECTOR_NM, VECTOR_UD, VECTOR_XM } = vectors;

/** Rounding, masks and modes of the SSE instruction in hand, and its flags when it is done. */
export const simd: FloatEnvironment = makeFloatEnvironment();

/** Instructions on XMM registers and MXCSR. */
export function enterSse(cpu: Cpu): void {
  if ((cpu.m32[CR0] & CR0_EM) !== 0 || (cpu.m32[CR4] & CR4_OSFXSR) === 0) raise(cpu, VECTOR_UD);
  if ((cpu.m32[CR0] & CR0_TS) !== 0) raise(cpu, VECTOR_NM);
}

/** Instructions on MMX registers: false while the processor waits for the board to report an x87 error. */
export function enterMmx(cpu: Cpu): boolean {
  if ((cpu.m32[CR0] & (CR0_EM | CR0_TS)) !== 0) raise(cpu, (cpu.m32[CR0] & CR0_EM) !== 0 ? VECTOR_UD : VECTOR_NM);
  return (cpu.m32[FP_STATUS] & ES_SUMMARY) === 0 || reportPending(cpu);
}

/** Instructions on both register files. */
export function enterBoth(cpu: Cpu): boolean {
  enterSse(cpu);
  return (cpu.m32[FP_STATUS] & ES_SUMMARY) === 0 || reportPending(cpu);
}

/** Every MMX instruction but EMMS leaves TOP 0 and all registers valid. After its last fault. */
export function touchMmx(cpu: Cpu): void {
  cpu.m32[FP_TAG] = 0;
  cpu.m32[FP_STATUS] &= ~TOP_FIELD;
}

/** EMMS. */
export function emptyMmx(cpu: Cpu): void {
  cpu.m32[FP_TAG] = 0xff;
  cpu.m32[FP_STATUS] &= ~TOP_FIELD;
}

/** Before an instruction that rounds or raises: take MXCSR into `simd`. */
export function prepareSimd(cpu: Cpu): void {
  useMxcsr(simd, cpu.m32[MXCSR]);
}

/** Add the flags of `simd` to MXCSR; an unmasked one is a fault, and the destination must not have been written. */
export function finishSimd(cpu: Cpu): void {
  if (simd.flags === 0) return;
  cpu.m32[MXCSR] |= simd.flags;
  if ((simd.flags & ~simd.masks) !== 0) raise(cpu, (cpu.m32[CR4] & CR4_OSXMMEXCPT) !== 0 ? VECTOR_XM : VECTOR_UD);
}
