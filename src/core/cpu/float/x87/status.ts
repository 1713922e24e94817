// The x87 control and status words: who may execute, pending exceptions, the error summary, reset by FNINIT.
// SDM 1 §8.1.3–8.1.5 and §8.7 (native and MS-DOS compatible error reporting), SDM 3 §2.5 (CR0.EM, MP, TS, NE).

import * as statusWord from './status-word.ts';
import type { FloatEnvironment } from '../ieee/environment.ts';
import { IE, makeFloatEnvironment, useControlWord } from '../ieee/environment.ts';
import { type Cpu, EXIT_WINDOW, raise } from '../../../state/cpu.ts';
import * as layout from '../../../state/layout.ts';
import * as vectors from '../../../base/vectors.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const {
  CR0,
  CR0_EM,
  CR0_MP,
  CR0_NE,
  CR0_TS,
  EIP,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_FERR,
  FP_IGNNE,
  FP_IP,
  FP_OPCODE,
  FP_STATUS,
  FP_TAG,
} = layout;
const { BUSY, C1, ES_SUMMARY, SF_STACK } = statusWord;
const { VECTOR_MF, VECTOR_NM } = vectors;

const EXCEPTIONS = 0x3f;
const CONTROL_INIT = 0x37f;
/** Control bits that exist: masks, PC, RC and the 80287's infinity control. Bit 6 reads as one. */
const CONTROL_EXISTING = 0x1f7f;
const CONTROL_ALWAYS_ONE = 0x40;

/** Rounding, precision and masks of the instruction in hand, its flags and C1 when it is done. */
export const fp: FloatEnvironment = makeFloatEnvironment();

/** #NM where the x87 is not to be used: emulated, or with another task's state. */
export function checkAvailable(cpu: Cpu): void {
  if ((cpu.m32[CR0] & (CR0_EM | CR0_TS)) !== 0) raise(cpu, VECTOR_NM);
}

/**
 * What every waiting instruction looks at first. False: the processor waits for the interrupt by which the board
 * reports the error (CR0.NE = 0); the instruction is then to be executed again.
 */
export function enter(cpu: Cpu): boolean {
  if ((cpu.m32[CR0] & (CR0_EM | CR0_TS)) !== 0) raise(cpu, VECTOR_NM);
  return (cpu.m32[FP_STATUS] & ES_SUMMARY) === 0 || reportPending(cpu);
}

/** An unmasked exception is pending at a waiting x87 or MMX instruction. */
export function reportPending(cpu: Cpu): boolean {
  if ((cpu.m32[CR0] & CR0_NE) !== 0) raise(cpu, VECTOR_MF);
  if (cpu.ferr.assert()) return true;
  cpu.nextEip = cpu.m32[EIP];
  cpu.exitRequest |= EXIT_WINDOW;
  cpu.waitsForError = true;
  return false;
}

/** FWAIT: TS counts only together with MP, EM not at all. */
export function enterWait(cpu: Cpu): boolean {
  if ((cpu.m32[CR0] & (CR0_MP | CR0_TS)) === (CR0_MP | CR0_TS)) raise(cpu, VECTOR_NM);
  return (cpu.m32[FP_STATUS] & ES_SUMMARY) === 0 || reportPending(cpu);
}

/** Before an instruction that rounds or raises: take the control word into `fp`. */
export function prepare(cpu: Cpu): void {
  useControlWord(fp, cpu.m32[FP_CONTROL]);
}

/**
 * After computing: the flags of `fp` become sticky, C1 tells the rounding, an unmasked exception is pending from now.
 */
export function finish(cpu: Cpu): void {
  const flags = fp.flags;
  let status = (cpu.m32[FP_STATUS] & ~C1) | flags | (fp.roundedUp << 9);
  if ((flags & ~fp.masks) !== 0) status |= ES_SUMMARY | BUSY;
  cpu.m32[FP_STATUS] = status;
}

/** Stack overflow or underflow: IE, SF and C1. True when masked: the indefinite is then the result. */
export function stackFault(cpu: Cpu, overflow: boolean): boolean {
  const masked = (cpu.m32[FP_CONTROL] & IE) !== 0;
  let status = (cpu.m32[FP_STATUS] & ~C1) | IE | SF_STACK;
  if (overflow) status |= C1;
  if (!masked) status |= ES_SUMMARY | BUSY;
  cpu.m32[FP_STATUS] = status;
  return masked;
}

export function clearC1(cpu: Cpu): void {
  cpu.m32[FP_STATUS] &= ~C1;
}

/** Recompute ES and B from flags and masks, as every load of either word does. */
export function summarise(cpu: Cpu): void {
  const status = cpu.m32[FP_STATUS];
  const pending = (status & ~cpu.m32[FP_CONTROL] & EXCEPTIONS) !== 0;
  const rest = status & ~(ES_SUMMARY | BUSY);
  cpu.m32[FP_STATUS] = pending ? rest | ES_SUMMARY | BUSY : rest;
  if (!pending && (status & ES_SUMMARY) !== 0) cpu.ferr.release();
}

/** Load the control word. */
export function setControl(cpu: Cpu, word: number): void {
  cpu.m32[FP_CONTROL] = (word & CONTROL_EXISTING) | CONTROL_ALWAYS_ONE;
  summarise(cpu);
}

/** Load the status word; ES and B follow from the exceptions. The control word comes first. */
export function setStatus(cpu: Cpu, word: number): void {
  const old = cpu.m32[FP_STATUS];
  // The old ES and the pins stay for summarise, which sees a pending error go.
  cpu.m32[FP_STATUS] = (word & 0xffff & ~ES_SUMMARY) | (old & (ES_SUMMARY | FP_FERR | FP_IGNNE));
  summarise(cpu);
}

/** FNCLEX. */
export function clearExceptions(cpu: Cpu): void {
  cpu.m32[FP_STATUS] &= ~(EXCEPTIONS | SF_STACK);
  summarise(cpu);
}

/** FNINIT: control 37Fh, all empty, no exceptions, TOP 0, pointers 0. The registers keep their contents. */
export function initialise(cpu: Cpu): void {
  const m32 = cpu.m32;
  m32[FP_CONTROL] = CONTROL_INIT;
  setStatus(cpu, 0);
  m32[FP_TAG] = 0xff;
  m32[FP_OPCODE] = 0;
  m32[FP_IP] = 0;
  m32[FP_CS] = 0;
  m32[FP_DP] = 0;
  m32[FP_DS] = 0;
}
