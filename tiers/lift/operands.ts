// Operands of decoded records as IR: registers by size, effective addresses (SDM 1 §3.7.5), memory. Forms that are
// left to their handler say NotLifted; segments.ts says what a segment costs. Values that are read are zero-
// extended unless a name says otherwise.

import {
  EA_16,
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_REGISTER,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OPSIZE_32,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_DISP,
  R_EA,
  R_IMM,
  R_META,
  SIZE_16,
  SIZE_32,
} from '../../src/core/isa/record.ts';
import { ZERO } from '../../src/core/state/layout.ts';
import type { Builder } from '../ir/builder.ts';
import type { Size, Temp } from '../ir/ir.ts';
import { linearIn } from './segments.ts';

/** Thrown by a lifter before it changed anything: this form is left to the handler. */
export class NotLifted {}
export const NOT_LIFTED = new NotLifted();

/** One instruction in the making. */
export interface Lift {
  readonly b: Builder;
  readonly code: Int32Array;
  readonly pc: number;
  readonly mode: number;
  /** Place of the instruction and of the following one, relative to the entry. */
  readonly at: number;
  readonly following: number;
}

export type Lifter = (l: Lift) => void;

export const metaOf = (l: Lift): number => l.code[l.pc + R_META];
export const kindA = (l: Lift): number => (metaOf(l) >> META_KIND_A_SHIFT) & 15;
export const kindB = (l: Lift): number => (metaOf(l) >> META_KIND_B_SHIFT) & 15;
export const immediate = (l: Lift): number => l.code[l.pc + R_IMM];
export const registerA = (l: Lift): number => l.code[l.pc + R_A];
export const registerB = (l: Lift): number => l.code[l.pc + R_B];
export const operandSize32 = (l: Lift): boolean => (metaOf(l) & META_OPSIZE_32) !== 0;

function integerSize(size: number): Size {
  if (size > SIZE_32) throw NOT_LIFTED;
  return size as Size;
}

export const sizeA = (l: Lift): Size => integerSize((metaOf(l) >> META_SIZE_A_SHIFT) & 7);
export const sizeB = (l: Lift): Size => integerSize((metaOf(l) >> META_SIZE_B_SHIFT) & 7);
export const bitsOf = (size: Size): number => 8 << size;

/** Sign-extend to 32 bits. */
export function extend(l: Lift, value: Temp, size: Size): Temp {
  if (size === SIZE_32) return value;
  return l.b.unary(size === SIZE_16 ? 'sext16' : 'sext8', value);
}

/** Register of a size: 8-bit 0–7 are AL CL DL BL AH CH DH BH. */
export function readRegister(l: Lift, register: number, size: Size): Temp {
  const { b } = l;
  if (size === SIZE_32) return b.get(register);
  if (size === SIZE_16) return b.with('and', b.get(register), 0xffff);
  const whole = b.get(register & 3);
  return b.with('and', register < 4 ? whole : b.with('shr', whole, 8), 0xff);
}

/** As readRegister, sign-extended. */
export function readSignedRegister(l: Lift, register: number, size: Size): Temp {
  const { b } = l;
  if (size === SIZE_32) return b.get(register);
  if (size === SIZE_16) return b.unary('sext16', b.get(register));
  const whole = b.get(register & 3);
  return b.unary('sext8', register < 4 ? whole : b.with('shr', whole, 8));
}

/** Put the low bits of `value` into the register; the rest of it stays. */
export function writeRegister(l: Lift, register: number, size: Size, value: Temp): void {
  const { b } = l;
  if (size === SIZE_32) {
    b.set(register, value);
    return;
  }
  const whole = size === SIZE_16 ? register : register & 3;
  const shift = size === SIZE_16 || register < 4 ? 0 : 8;
  const mask = (size === SIZE_16 ? 0xffff : 0xff) << shift;
  const kept = b.with('and', b.get(whole), ~mask);
  const moved = shift === 0 ? value : b.with('shl', value, shift);
  b.set(whole, b.binary('or', kept, b.with('and', moved, mask)));
}

const isAddress16 = (l: Lift): boolean => (l.code[l.pc + R_EA] & EA_16) !== 0;

/** An offset that was computed, as wide as the memory operand's addresses are: 16 bits wrap. */
export function wrapped(l: Lift, offset: Temp): Temp {
  return isAddress16(l) ? l.b.with('and', offset, 0xffff) : offset;
}

/** Offset of the memory operand in its segment. */
export function effectiveOffset(l: Lift): Temp {
  return wrapped(l, sumOf(l));
}

/** Base, index and displacement. */
function sumOf(l: Lift): Temp {
  const { b, code, pc } = l;
  const ea = code[pc + R_EA];
  const base = ea & 15;
  const index = (ea >> 4) & 15;
  let sum = base === ZERO ? -1 : b.get(base);
  if (index !== ZERO) {
    const scale = (ea >> 8) & 3;
    const scaled = scale === 0 ? b.get(index) : b.with('shl', b.get(index), scale);
    sum = sum < 0 ? scaled : b.binary('add', sum, scaled);
  }
  if (sum < 0) return b.constant(code[pc + R_DISP]);
  return code[pc + R_DISP] === 0 ? sum : b.with('add', sum, code[pc + R_DISP]);
}

/** Linear address of an offset in the memory operand's segment for an access of `bytes`. */
export function linear(l: Lift, offset: Temp, bytes: number, isWrite: boolean): Temp {
  return linearIn(l, (l.code[l.pc + R_EA] >> 12) & 7, offset, bytes, isWrite, isAddress16(l));
}

/** Linear address of the memory operand. */
export function address(l: Lift, size: Size, isWrite: boolean): Temp {
  return linear(l, effectiveOffset(l), 1 << size, isWrite);
}

export function readA(l: Lift): Temp {
  const size = sizeA(l);
  if (kindA(l) === KIND_REGISTER) return readRegister(l, registerA(l), size);
  if (kindA(l) === KIND_IMMEDIATE) return l.b.constant(immediate(l));
  if (kindA(l) !== KIND_MEMORY) throw NOT_LIFTED;
  return l.b.load(size, address(l, size, false));
}

export function readB(l: Lift): Temp {
  if (kindB(l) === KIND_IMMEDIATE) return l.b.constant(immediate(l));
  const size = sizeB(l);
  if (kindB(l) === KIND_REGISTER) return readRegister(l, registerB(l), size);
  if (kindB(l) !== KIND_MEMORY) throw NOT_LIFTED;
  return l.b.load(size, address(l, size, false));
}

/** As readA, sign-extended. */
export function readSignedA(l: Lift): Temp {
  const size = sizeA(l);
  if (kindA(l) === KIND_REGISTER) return readSignedRegister(l, registerA(l), size);
  if (kindA(l) !== KIND_MEMORY) throw NOT_LIFTED;
  return l.b.load(size, address(l, size, false), { signed: true });
}

/** As readB, sign-extended: an immediate from the size of operand A. */
export function readSignedB(l: Lift): Temp {
  if (kindB(l) === KIND_IMMEDIATE) {
    const unused = 32 - bitsOf(sizeA(l));
    return l.b.constant((immediate(l) << unused) >> unused);
  }
  const size = sizeB(l);
  if (kindB(l) === KIND_REGISTER) return readSignedRegister(l, registerB(l), size);
  if (kindB(l) !== KIND_MEMORY) throw NOT_LIFTED;
  return l.b.load(size, address(l, size, false), { signed: true });
}

/** Write A without having read it. */
export function writeA(l: Lift, value: Temp): void {
  const size = sizeA(l);
  if (kindA(l) === KIND_REGISTER) writeRegister(l, registerA(l), size, value);
  else if (kindA(l) === KIND_MEMORY) l.b.store(size, address(l, size, true), value);
  else throw NOT_LIFTED;
}

/** A value read from A and where it goes back to (−1: the register). */
export interface Modified {
  readonly value: Temp;
  readonly address: Temp;
}

/** Read A, which writeBack will write. `at`: the address when the lifter computed it. */
export function modifyA(l: Lift, at?: Temp): Modified {
  const size = sizeA(l);
  if (kindA(l) === KIND_REGISTER) return { value: readRegister(l, registerA(l), size), address: -1 };
  if (kindA(l) !== KIND_MEMORY) throw NOT_LIFTED;
  const where = at ?? address(l, size, true);
  return { value: l.b.load(size, where, { write: true }), address: where };
}

/** As modifyA, sign-extended. */
export function modifySignedA(l: Lift): Modified {
  const size = sizeA(l);
  if (kindA(l) === KIND_REGISTER) return { value: readSignedRegister(l, registerA(l), size), address: -1 };
  if (kindA(l) !== KIND_MEMORY) throw NOT_LIFTED;
  const where = address(l, size, true);
  return { value: l.b.load(size, where, { signed: true, write: true }), address: where };
}

export function writeBack(l: Lift, modified: Modified, value: Temp): void {
  const size = sizeA(l);
  if (modified.address < 0) writeRegister(l, registerA(l), size, value);
  else l.b.store(size, modified.address, value, true);
}
