// PUSH POP LEAVE, SDM 2, and the stack of near calls. The stack pointer is as wide as SS.B says, a value as the operand
// size says: all four combinations. ESP changes last.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { EA_16, KIND_MEMORY, R_EA, SIZE_16, SIZE_32 } from '../../src/core/isa/record.ts';
import { EBP, ESP, MODE_SS32, SS } from '../../src/core/state/layout.ts';
import type { Size, Temp } from '../ir/ir.ts';
import {
  effectiveOffset,
  kindA,
  type Lift,
  type Lifter,
  linear,
  NOT_LIFTED,
  operandSize32,
  readA,
  registerA,
  sizeA,
  writeRegister,
} from './operands.ts';
import { linearIn } from './segments.ts';

export const operandSize = (l: Lift): Size => (operandSize32(l) ? SIZE_32 : SIZE_16);

const isWide = (l: Lift): boolean => (l.mode & MODE_SS32) !== 0;

/** What is added to a stack pointer, as an offset in the stack segment. */
function moved(l: Lift, pointer: Temp, bytes: number): Temp {
  const sum = bytes === 0 ? pointer : l.b.with('add', pointer, bytes);
  return isWide(l) ? sum : l.b.with('and', sum, 0xffff);
}

/** ESP with the stack pointer at an offset: above a narrow one its high half stays. */
function pointerAt(l: Lift, offset: Temp): Temp {
  const { b } = l;
  return isWide(l) ? offset : b.binary('or', b.with('and', b.get(ESP), ~0xffff), offset);
}

const slot = (l: Lift, offset: Temp, size: Size, isWrite: boolean): Temp =>
  linearIn(l, SS, offset, 1 << size, isWrite, !isWide(l));

/** The low bits of a value, as many as the operand size says. */
export function pushValue(l: Lift, value: Temp): void {
  const { b } = l;
  const size = operandSize(l);
  const top = moved(l, b.get(ESP), -(1 << size));
  b.store(size, slot(l, top, size, true), value);
  b.set(ESP, pointerAt(l, top));
}

/** The value on top, zero-extended, and what ESP is `bytes` behind it. */
export function popValue(l: Lift, bytes = 0): { readonly value: Temp; readonly pointer: Temp } {
  const { b } = l;
  const size = operandSize(l);
  const old = b.get(ESP);
  const value = b.load(size, slot(l, moved(l, old, 0), size, false));
  return { value, pointer: pointerAt(l, moved(l, old, (1 << size) + bytes)) };
}

function push(l: Lift): void {
  // PUSH's operand has the operand size; a narrower immediate was extended by the decoder.
  pushValue(l, readA(l));
}

/** An ESP base in the destination's address counts after the increment; POP ESP keeps the popped value. */
function pop(l: Lift): void {
  const { b } = l;
  const { value, pointer } = popValue(l);
  if (kindA(l) === KIND_MEMORY) {
    let offset = effectiveOffset(l);
    const ea = l.code[l.pc + R_EA];
    if ((ea & 15) === ESP && (ea & EA_16) === 0) {
      offset = b.binary('add', offset, b.binary('sub', pointer, b.get(ESP)));
    }
    b.store(sizeA(l), linear(l, offset, 1 << sizeA(l), true), value);
    b.set(ESP, pointer);
  } else {
    b.set(ESP, pointer);
    writeRegister(l, registerA(l), sizeA(l), value);
  }
}

function leave(l: Lift): void {
  const { b } = l;
  const size = operandSize(l);
  const frame = b.get(EBP);
  const value = b.load(size, slot(l, moved(l, frame, 0), size, false));
  b.set(ESP, pointerAt(l, moved(l, frame, 1 << size)));
  writeRegister(l, EBP, size, value);
}

/** A far or 8-bit operand never gets here; checked so that a new form of PUSH cannot slip through. */
function sized(lifter: Lifter): Lifter {
  return (l) => {
    if (sizeA(l) !== operandSize(l)) throw NOT_LIFTED;
    lifter(l);
  };
}

export const stackLifters = {
  PUSH: sized(push),
  POP: sized(pop),
  LEAVE: leave,
} satisfies Record<OpLiftedBy<'stack'>, Lifter>;
