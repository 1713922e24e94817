// MOV MOVZX MOVSX LEA XCHG CMOVcc SETcc XLAT CBW/CWDE CWD/CDQ, and what moves nothing (NOP PAUSE PREFETCH and fences),
// SDM 2.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, SIZE_16, SIZE_8 } from '../../src/core/isa/record.ts';
import { EAX, EBX, EDX } from '../../src/core/state/layout.ts';
import {
  effectiveOffset,
  immediate,
  type Lift,
  type Lifter,
  linear,
  metaOf,
  modifyA,
  operandSize32,
  readB,
  readRegister,
  readSignedB,
  registerA,
  registerB,
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

/** AL := [segment:eBX + AL]. The record's operand is AL; what it reads has no ModRM. */
function xlat(l: Lift): void {
  const { b } = l;
  const sum = b.binary('add', b.get(EBX), readRegister(l, EAX, SIZE_8));
  const offset = (metaOf(l) & META_ADDRSIZE_32) !== 0 ? sum : b.with('and', sum, 0xffff);
  writeRegister(l, EAX, SIZE_8, b.load(SIZE_8, linear(l, offset, 1, false)));
}

/** AL := CF ? FFh : 0. */
function salc(l: Lift): void {
  writeRegister(l, EAX, SIZE_8, l.b.binary('sub', l.b.constant(0), l.b.carry()));
}

export const moveLifters = {
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
  LFENCE: nop,
  MFENCE: nop,
  SFENCE: nop,
} satisfies Record<OpLiftedBy<'move'>, Lifter>;
