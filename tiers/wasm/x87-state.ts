// The x87's words as WebAssembly reads and writes them: where they lie, what makes a number normal, TOP, tags, and how
// an instruction leaves the status word. SDM 1 §8.1.2–8.1.5; src/core/cpu/float/plain.ts says the same in TypeScript.

import { PE } from '../../src/core/cpu/float/ieee/environment.ts';
import { NORMAL_COUNT_F80 } from '../../src/core/cpu/float/ieee/limits.ts';
import { PC_FIELD, PM, RC_FIELD } from '../../src/core/cpu/float/x87/control-word.ts';
import { C1, TOP_FIELD, TOP_SHIFT } from '../../src/core/cpu/float/x87/status-word.ts';
import {
  FP_CONTROL,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  FP_TAG,
  OPERAND,
} from '../../src/core/state/layout.ts';
import { type Long, load16, load32, load64, type Word, type WordLocal, word, type Writer } from './writer.ts';

/** Byte addresses. */
export const CONTROL_AT = 4 * FP_CONTROL;
export const STATUS_AT = 4 * FP_STATUS;
export const TAG_AT = 4 * FP_TAG;
const SIGNIFICAND_AT = 4 * FP_SIGNIFICAND;
const SIGN_EXPONENT_AT = 2 * FP_SIGN_EXPONENT_16;
/** The operand: its significand, then sign and exponent. */
export const OPERAND_AT = 4 * OPERAND;
export const OPERAND_SIGN_EXPONENT_AT = OPERAND_AT + 8;

export const TOP_BIT = 1n << 63n;
export const SIGN = 0x8000;
export const EXPONENT = 0x7fff;
export const PE_SHIFT = 31 - Math.clz32(PE);
export const C1_SHIFT = 31 - Math.clz32(C1);

/** Of a register, by its physical number. */
export const significandOf = (register: Word): Long => load64(SIGNIFICAND_AT, register.shl(3));
export const signExponentOf = (register: Word): Word => load16(SIGN_EXPONENT_AT, register.shl(1));
export function setRegister(w: Writer, register: Word, signExponent: Word, significand: Long): void {
  w.store16(SIGN_EXPONENT_AT, register.shl(1), signExponent);
  w.store64(SIGNIFICAND_AT, register.shl(3), significand);
}
export function setSignExponent(w: Writer, register: Word, signExponent: Word): void {
  w.store16(SIGN_EXPONENT_AT, register.shl(1), signExponent);
}

/** Of a biased exponent, the sign being away. */
export const isNormalExponent = (exponent: Word): Word => exponent.sub(1).below(NORMAL_COUNT_F80);
/** The top bit of a significand is set, so that with such an exponent the number is normal. */
export const hasTopBit = (significand: Long): Word => significand.less(0n);

/** The status word and TOP in it. */
export function readTop(w: Writer): { status: WordLocal; top: WordLocal } {
  const status = w.keep(load32(STATUS_AT));
  return { status, top: w.keep(status.shr(TOP_SHIFT).and(7)) };
}

/** Not 0 (1) when the register is empty. */
export const isEmpty = (register: Word): Word => load32(TAG_AT).shr(register).and(1);

/** Not 0 where the control word asks for more than arithmetic to nearest, of 53 or 64 bits, with #P masked. */
export function forbidsPlain(w: Writer): Word {
  const control = w.keep(load32(CONTROL_AT));
  return control
    .and(RC_FIELD | PM)
    .ne(PM)
    .or(control.and(PC_FIELD).isZero());
}

/** The status word with C1 cleared, `cleared` too, TOP moved up by so many pops, and bits set. */
export const statusAfter = (status: Word, pops: Word | number, bits: Word | number, cleared = 0): Word =>
  status
    .and(~(C1 | TOP_FIELD | cleared))
    .or(status.add(word(pops).shl(TOP_SHIFT)).and(TOP_FIELD))
    .or(bits);

/** The tag word when `pops` registers (0 to 2) from `top` on have been popped. */
export function tagAfter(w: Writer, top: Word, pops: Word): Word {
  const popped = w.keep(word(1).shl(pops).sub(1).shl(top));
  return load32(TAG_AT).or(popped.or(popped.shr(8)).and(0xff));
}
