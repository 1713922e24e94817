// Near control transfer, SDM 2: Jcc JMP CALL RET LOOPcc JCXZ. Each sets the block's exit. A target that the record
// names is a place relative to the entry when it is near: the function is entered only where all of those lie inside
// CS and, in 16-bit code, below 64 KiB (ir/reach.ts). Others are computed, cut and checked against the limit. Far
// transfers are left to the handlers.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, SIZE_16, SIZE_32 } from '../../src/core/isa/record.ts';
import { CS, ECX, ESP, MODE_CS32, MODE_FLAT_CODE, SEG_LIMIT } from '../../src/core/state/layout.ts';
import { BASE, type Temp } from '../ir/ir.ts';
import {
  immediate,
  type Lift,
  type Lifter,
  metaOf,
  NOT_LIFTED,
  operandSize32,
  readA,
  readRegister,
  registerB,
  writeRegister,
} from './operands.ts';
import { popValue, pushValue } from './stack.ts';

/** Farther away than any place of a function, which lies inside one page. */
const FAR_BYTES = 0x1000;

/** EIP of a place relative to the entry. */
const eipOf = (l: Lift, delta: number): Temp => l.b.with('add', l.b.get(BASE), delta);

/** EIP after a jump to a computed place: cut to the operand size; beyond the limit of CS it is the handler's. */
function codeTarget(l: Lift, target: Temp): Temp {
  const { b, mode } = l;
  const eip = operandSize32(l) ? target : b.with('and', target, 0xffff);
  if ((mode & MODE_FLAT_CODE) === 0) b.guard(b.binary('ltu', b.word(SEG_LIMIT + CS), eip));
  return eip;
}

/** Where a branch that is cut to 16 bits may wrap, its target is computed: `delta` is where it would go otherwise. */
function goesAround(l: Lift, delta: number): boolean {
  if ((l.mode & MODE_CS32) !== 0) {
    // Cut to 16 bits in wide code: nobody means it.
    if (!operandSize32(l)) throw NOT_LIFTED;
    return false;
  }
  return !operandSize32(l) && Math.abs(delta) >= FAR_BYTES;
}

const targetOf = (l: Lift): number => (l.following + immediate(l)) | 0;

/** To the target that the record names. */
function goTo(l: Lift): void {
  const delta = targetOf(l);
  if (goesAround(l, delta)) l.b.exit = { exit: 'indirect', target: codeTarget(l, eipOf(l, delta)) };
  else l.b.exit = { exit: 'jump', delta };
}

function branch(l: Lift, test: Temp): void {
  const { b } = l;
  const delta = targetOf(l);
  if (goesAround(l, delta)) {
    const target = b.select(test, codeTarget(l, eipOf(l, delta)), eipOf(l, l.following));
    b.exit = { exit: 'indirect', target };
  } else b.exit = { exit: 'branch', test, taken: delta, next: l.following };
}

function jcc(l: Lift): void {
  branch(l, l.b.condition(registerB(l)));
}

function jmpIndirect(l: Lift): void {
  l.b.exit = { exit: 'indirect', target: codeTarget(l, readA(l)) };
}

const pushReturn = (l: Lift): void => pushValue(l, eipOf(l, l.following));

function call(l: Lift): void {
  goTo(l);
  pushReturn(l);
}

function callIndirect(l: Lift): void {
  jmpIndirect(l);
  pushReturn(l);
}

function ret(l: Lift): void {
  const { b } = l;
  const { value, pointer } = popValue(l, immediate(l));
  b.exit = { exit: 'indirect', target: codeTarget(l, value) };
  b.set(ESP, pointer);
}

/** ECX or CX, which the address size says. */
const countSize = (l: Lift): 1 | 2 => ((metaOf(l) & META_ADDRSIZE_32) !== 0 ? SIZE_32 : SIZE_16);

/** `code`: the condition that must hold as well, or −1. */
function loop(code: number): Lifter {
  return (l) => {
    const { b } = l;
    const size = countSize(l);
    const holds = code < 0 ? -1 : b.condition(code);
    const less = b.with('sub', readRegister(l, ECX, size), 1);
    const count = size === SIZE_32 ? less : b.with('and', less, 0xffff);
    const more = b.with('ne', count, 0);
    branch(l, holds < 0 ? more : b.binary('and', more, holds));
    writeRegister(l, ECX, size, count);
  };
}

function jcxz(l: Lift): void {
  branch(l, l.b.with('eq', readRegister(l, ECX, countSize(l)), 0));
}

export const flowLifters = {
  JCC: jcc,
  JMP: goTo,
  JMP_IND: jmpIndirect,
  CALL: call,
  CALL_IND: callIndirect,
  RET: ret,
  LOOP: loop(-1),
  LOOPE: loop(4),
  LOOPNE: loop(5),
  JCXZ: jcxz,
} satisfies Record<OpLiftedBy<'flow'>, Lifter>;
