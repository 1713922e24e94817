// Near control transfer in flat 32-bit code: Jcc JMP CALL RET LOOPcc JCXZ, SDM 2. Each sets the block's exit.
// Far transfers and everything with limits to check are left to the handlers.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { META_ADDRSIZE_32, SIZE_32 } from '../../src/core/isa/record.ts';
import { ECX, ESP } from '../../src/core/state/layout.ts';
import { BASE, type Temp } from '../ir/ir.ts';
import {
  immediate,
  type Lift,
  type Lifter,
  metaOf,
  NOT_LIFTED,
  operandSize32,
  readA,
  registerB,
  requireFlatStack,
} from './operands.ts';

function require32(l: Lift): void {
  if (!operandSize32(l)) throw NOT_LIFTED;
}

const targetOf = (l: Lift): number => (l.following + immediate(l)) | 0;

function branch(l: Lift, test: Temp): void {
  l.b.exit = { exit: 'branch', test, taken: targetOf(l), next: l.following };
}

function jcc(l: Lift): void {
  require32(l);
  branch(l, l.b.condition(registerB(l)));
}

function jmp(l: Lift): void {
  require32(l);
  l.b.exit = { exit: 'jump', delta: targetOf(l) };
}

function jmpIndirect(l: Lift): void {
  require32(l);
  l.b.exit = { exit: 'indirect', target: readA(l) };
}

/** Push the address of the following instruction. */
function pushReturn(l: Lift): void {
  const { b } = l;
  requireFlatStack(l);
  const top = b.with('sub', b.get(ESP), 4);
  b.store(SIZE_32, top, b.with('add', b.get(BASE), l.following));
  b.set(ESP, top);
}

function call(l: Lift): void {
  require32(l);
  pushReturn(l);
  l.b.exit = { exit: 'jump', delta: targetOf(l) };
}

function callIndirect(l: Lift): void {
  require32(l);
  requireFlatStack(l);
  const target = readA(l);
  pushReturn(l);
  l.b.exit = { exit: 'indirect', target };
}

function ret(l: Lift): void {
  const { b } = l;
  requireFlatStack(l);
  const top = b.get(ESP);
  const target = b.load(SIZE_32, top);
  b.set(ESP, b.with('add', top, 4 + immediate(l)));
  b.exit = { exit: 'indirect', target };
}

function requireWideCount(l: Lift): void {
  require32(l);
  if ((metaOf(l) & META_ADDRSIZE_32) === 0) throw NOT_LIFTED;
}

/** `code`: the condition that must hold as well, or −1. */
function loop(code: number): Lifter {
  return (l) => {
    const { b } = l;
    requireWideCount(l);
    const holds = code < 0 ? -1 : b.condition(code);
    const count = b.with('sub', b.get(ECX), 1);
    b.set(ECX, count);
    const more = b.with('ne', count, 0);
    branch(l, holds < 0 ? more : b.binary('and', more, holds));
  };
}

function jcxz(l: Lift): void {
  requireWideCount(l);
  branch(l, l.b.with('eq', l.b.get(ECX), 0));
}

export const flowLifters = {
  JCC: jcc,
  JMP: jmp,
  JMP_IND: jmpIndirect,
  CALL: call,
  CALL_IND: callIndirect,
  RET: ret,
  LOOP: loop(-1),
  LOOPE: loop(4),
  LOOPNE: loop(5),
  JCXZ: jcxz,
} satisfies Record<OpLiftedBy<'flow'>, Lifter>;
