// MOV MOVZX MOVSX LEA XCHG CMOVcc SETcc CBW/CWDE CWD/CDQ, what moves nothing (NOP PAUSE PREFETCH and
// fences), and the stack's PUSH POP LEAVE of doublewords on a flat stack, SDM 2.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { KIND_MEMORY, R_EA, SIZE_16, SIZE_32, SIZE_8 } from '../../src/core/isa/record.ts';
import { EAX, EBP, EDX, ESP } from '../../src/core/state/layout.ts';
import {
  effectiveOffset,
  immediate,
  kindA,
  type Lift,
  type Lifter,
  linear,
  modifyA,
  NOT_LIFTED,
  operandSize32,
  readA,
  readB,
  readRegister,
  readSignedB,
  registerA,
  registerB,
  requireFlatStack,
  sizeA,
  writeA,
  writeBack,
  writeRegister,
} from './operands.ts';

function mov(l: Lift): void {
  writeA(l, readB(l));
}

function movzx(l: Lift): void {
  writeRegister(l, registerA(l), sizeA(l), readB(l));
}

function movsx(l: Lift): void {
  writeRegister(l, registerA(l), sizeA(l), readSignedB(l));
}

function lea(l: Lift): void {
  writeRegister(l, registerA(l), sizeA(l), effectiveOffset(l));
}

function xchg(l: Lift): void {
  const value = readB(l);
  const target = modifyA(l);
  writeBack(l, target, value);
  writeRegister(l, registerB(l), sizeA(l), target.value);
}

/** The source is read, and may fault, even when the condition does not hold. */
function cmovcc(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const value = readB(l);
  const old = readRegister(l, registerA(l), size);
  writeRegister(l, registerA(l), size, b.select(b.condition(immediate(l)), value, old));
}

function setcc(l: Lift): void {
  writeA(l, l.b.condition(registerB(l)));
}

function cbw(l: Lift): void {
  if (operandSize32(l)) l.b.set(EAX, l.b.unary('sext16', l.b.get(EAX)));
  else writeRegister(l, EAX, SIZE_16, l.b.unary('sext8', l.b.get(EAX)));
}

function cwd(l: Lift): void {
  const { b } = l;
  if (operandSize32(l)) b.set(EDX, b.with('sar', b.get(EAX), 31));
  else writeRegister(l, EDX, SIZE_16, b.with('sar', b.unary('sext16', b.get(EAX)), 31));
}

function nop(): void {}

function push(l: Lift): void {
  const { b } = l;
  requireFlatStack(l);
  // PUSH's operand has the operand size; a narrower immediate was extended by the decoder.
  const value = readA(l);
  const top = b.with('sub', b.get(ESP), 4);
  b.store(SIZE_32, top, value);
  b.set(ESP, top);
}

/** An ESP base in the destination's address counts after the increment; POP ESP keeps the popped value. */
function pop(l: Lift): void {
  const { b } = l;
  requireFlatStack(l);
  const old = b.get(ESP);
  const value = b.load(SIZE_32, old);
  const top = b.with('add', old, 4);
  if (kindA(l) === KIND_MEMORY) {
    let offset = effectiveOffset(l);
    if ((l.code[l.pc + R_EA] & 15) === ESP) offset = b.with('add', offset, 4);
    b.store(SIZE_32, linear(l, offset, 4), value);
    b.set(ESP, top);
  } else {
    b.set(ESP, top);
    writeRegister(l, registerA(l), SIZE_32, value);
  }
}

function leave(l: Lift): void {
  const { b } = l;
  requireFlatStack(l);
  const frame = b.get(EBP);
  const value = b.load(SIZE_32, frame);
  b.set(ESP, b.with('add', frame, 4));
  b.set(EBP, value);
}

/** AL := CF ? FFh : 0. */
function salc(l: Lift): void {
  writeRegister(l, EAX, SIZE_8, l.b.binary('sub', l.b.constant(0), l.b.carry()));
}

/** A far or 8-bit operand never gets here; checked so that a new form of PUSH cannot slip through. */
function only32(lifter: Lifter): Lifter {
  return (l) => {
    if (sizeA(l) !== SIZE_32) throw NOT_LIFTED;
    lifter(l);
  };
}

export const moveLifters = {
  MOV: mov,
  MOVZX: movzx,
  MOVSX: movsx,
  LEA: lea,
  XCHG: xchg,
  CMOVCC: cmovcc,
  SETCC: setcc,
  SALC: salc,
  CBW: cbw,
  CWD: cwd,
  NOP: nop,
  PAUSE: nop,
  PREFETCH: nop,
  LFENCE: nop,
  MFENCE: nop,
  SFENCE: nop,
  PUSH: only32(push),
  POP: only32(pop),
  LEAVE: leave,
} satisfies Record<OpLiftedBy<'move'>, Lifter>;
