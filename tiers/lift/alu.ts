// ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NOT NEG XADD CMPXCHG, SDM 2. AF of logical operations is 0.
// Flags stay lazy: the same three words as state/flags.ts, with the kind known statically.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { KIND_REGISTER } from '../../src/core/isa/record.ts';
import { CC_ADD, CC_DEC, CC_INC, CC_LOGIC, CC_SUB } from '../../src/core/state/flags.ts';
import { EAX } from '../../src/core/state/layout.ts';
import type { Binary } from '../ir/ir.ts';
import {
  extend,
  kindA,
  type Lift,
  type Lifter,
  modifyA,
  modifySignedA,
  readA,
  readB,
  readRegister,
  readSignedA,
  readSignedB,
  readSignedRegister,
  registerA,
  registerB,
  sizeA,
  writeBack,
  writeRegister,
} from './operands.ts';

function addOrSubtract(how: 'add' | 'sub', kind: number, withCarry: boolean): Lifter {
  return (l) => {
    const { b } = l;
    const size = sizeA(l);
    const source = readSignedB(l);
    const target = modifySignedA(l);
    const left = target.value;
    const carry = withCarry ? b.carry() : -1;
    const plain = b.binary(how, left, source);
    const result = extend(l, withCarry ? b.binary(how, plain, carry) : plain, size);
    writeBack(l, target, result);
    b.cc(kind + size, result, source, left, carry);
  };
}

function logic(how: Binary): Lifter {
  return (l) => {
    const { b } = l;
    const size = sizeA(l);
    const source = readB(l);
    const target = modifyA(l);
    const result = extend(l, b.binary(how, target.value, source), size);
    writeBack(l, target, result);
    b.cc(CC_LOGIC + size, result, b.constant(0));
  };
}

function cmp(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const source = readSignedB(l);
  const left = readSignedA(l);
  b.cc(CC_SUB + size, extend(l, b.binary('sub', left, source), size), source, left);
}

function test(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const source = readB(l);
  const result = extend(l, b.binary('and', readA(l), source), size);
  b.cc(CC_LOGIC + size, result, b.constant(0));
}

function step(by: 1 | -1, kind: number): Lifter {
  return (l) => {
    const { b } = l;
    const size = sizeA(l);
    const target = modifySignedA(l);
    const carry = b.carry();
    const left = target.value;
    const result = extend(l, b.with('add', left, by), size);
    writeBack(l, target, result);
    b.cc(kind + size, result, carry, left);
  };
}

function not(l: Lift): void {
  const target = modifyA(l);
  writeBack(l, target, l.b.with('xor', target.value, -1));
}

function neg(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const target = modifySignedA(l);
  const source = target.value;
  const zero = b.constant(0);
  const result = extend(l, b.binary('sub', zero, source), size);
  writeBack(l, target, result);
  b.cc(CC_SUB + size, result, source, zero);
}

/** With one register as both operands the sum stays. */
function xadd(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const source = readSignedB(l);
  const target = modifySignedA(l);
  const left = target.value;
  const result = extend(l, b.binary('add', left, source), size);
  writeBack(l, target, result);
  if (kindA(l) !== KIND_REGISTER || registerA(l) !== registerB(l)) writeRegister(l, registerB(l), size, left);
  b.cc(CC_ADD + size, result, source, left);
}

/** The destination is written in both cases. */
function cmpxchg(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const source = readB(l);
  const target = modifySignedA(l);
  const old = target.value;
  const accumulator = readSignedRegister(l, EAX, size);
  const result = extend(l, b.binary('sub', accumulator, old), size);
  const equal = b.with('eq', result, 0);
  writeBack(l, target, b.select(equal, source, old));
  // When they are equal the accumulator is the destination's old value already, unless it was just written.
  const now = readRegister(l, EAX, size);
  writeRegister(l, EAX, size, b.select(equal, now, old));
  b.cc(CC_SUB + size, result, old, accumulator);
}

export const aluLifters = {
  ADD: addOrSubtract('add', CC_ADD, false),
  ADC: addOrSubtract('add', CC_ADD, true),
  SUB: addOrSubtract('sub', CC_SUB, false),
  SBB: addOrSubtract('sub', CC_SUB, true),
  CMP: cmp,
  AND: logic('and'),
  OR: logic('or'),
  XOR: logic('xor'),
  TEST: test,
  INC: step(1, CC_INC),
  DEC: step(-1, CC_DEC),
  NOT: not,
  NEG: neg,
  XADD: xadd,
  CMPXCHG: cmpxchg,
} satisfies Record<OpLiftedBy<'alu'>, Lifter>;
