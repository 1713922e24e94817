// The x87 register file: eight 80-bit registers seen as a stack through TOP, their tags, and the tag word computed
// from their contents. SDM 1 §8.1.2 (data registers), §8.1.7 (tag word). Registers are kept by physical number; a set
// bit of FP_TAG means empty. Nothing here checks for stack faults or exceptions: status.ts and the handlers do.

import * as statusWord from './status-word.ts';
import type { F80 } from './f80.ts';
import type { Cpu } from '../../../state/cpu.ts';
import * as layout from '../../../state/layout.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { FP_SIGN_EXPONENT_16, FP_SIGNIFICAND, FP_STATUS, FP_TAG } = layout;

const { TOP_FIELD, TOP_SHIFT } = statusWord;

/** Physical number of ST(index). */
export function physical(cpu: Cpu, index: number): number {
  return ((cpu.m32[FP_STATUS] >> TOP_SHIFT) + index) & 7;
}

export function setTop(cpu: Cpu, top: number): void {
  cpu.m32[FP_STATUS] = (cpu.m32[FP_STATUS] & ~TOP_FIELD) | ((top & 7) << TOP_SHIFT);
}

export function isEmpty(cpu: Cpu, index: number): boolean {
  return ((cpu.m32[FP_TAG] >> physical(cpu, index)) & 1) !== 0;
}

export function readStack(cpu: Cpu, index: number, out: F80): void {
  readPhysical(cpu, physical(cpu, index), out);
}

export function readPhysical(cpu: Cpu, register: number, out: F80): void {
  const m32 = cpu.m32;
  out.lo = m32[FP_SIGNIFICAND + 2 * register];
  out.hi = m32[FP_SIGNIFICAND + 2 * register + 1];
  out.se = cpu.m16[FP_SIGN_EXPONENT_16 + register];
}

/** Write ST(index) and mark it full. */
export function writeStack(cpu: Cpu, index: number, value: F80): void {
  const register = physical(cpu, index);
  writePhysical(cpu, register, value);
  cpu.m32[FP_TAG] &= ~(1 << register);
}

/** Write a register and leave its tag. */
export function writePhysical(cpu: Cpu, register: number, value: F80): void {
  const m32 = cpu.m32;
  m32[FP_SIGNIFICAND + 2 * register] = value.lo;
  m32[FP_SIGNIFICAND + 2 * register + 1] = value.hi;
  cpu.m16[FP_SIGN_EXPONENT_16 + register] = value.se;
}

/** Decrement TOP and write the new ST(0). */
export function push(cpu: Cpu, value: F80): void {
  setTop(cpu, physical(cpu, 7));
  writeStack(cpu, 0, value);
}

/** Empty ST(0) and increment TOP. */
export function pop(cpu: Cpu): void {
  const register = physical(cpu, 0);
  cpu.m32[FP_TAG] |= 1 << register;
  setTop(cpu, register + 1);
}

const TAG_VALID = 0;
const TAG_ZERO = 1;
const TAG_SPECIAL = 2;
const TAG_EMPTY = 3;

function tagOf(cpu: Cpu, register: number): number {
  const m32 = cpu.m32;
  if (((m32[FP_TAG] >> register) & 1) !== 0) return TAG_EMPTY;
  const exponent = cpu.m16[FP_SIGN_EXPONENT_16 + register] & 0x7fff;
  const hi = m32[FP_SIGNIFICAND + 2 * register + 1];
  if (exponent === 0 && (hi | m32[FP_SIGNIFICAND + 2 * register]) === 0) return TAG_ZERO;
  return exponent === 0 || exponent === 0x7fff || hi >= 0 ? TAG_SPECIAL : TAG_VALID;
}

/** The tag word that FNSTENV and FNSAVE store: two bits for each physical register. */
export function fullTagWord(cpu: Cpu): number {
  let word = 0;
  for (let register = 7; register >= 0; register--) word = (word << 2) | tagOf(cpu, register);
  return word;
}

/** Take the tags from a full tag word; only emptiness is kept, the rest follows from the contents. */
export function setFullTagWord(cpu: Cpu, word: number): void {
  let empty = 0;
  for (let register = 0; register < 8; register++) {
    if (((word >> (2 * register)) & 3) === TAG_EMPTY) empty |= 1 << register;
  }
  cpu.m32[FP_TAG] = empty;
}
