// Flags that have no lazy form of their own: some bits change and the others stay (SDM 1 §3.4.3.1).
// CLC STC CMC CLD STD, and what shifts, rotations, multiplications, divisions and bit tests leave.

import { ARITHMETIC_FLAGS, DF, EFLAGS, SF, ZF } from '../../src/core/state/layout.ts';
import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { CF } from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import type { Lift, Lifter } from './operands.ts';

/** Flags in `mask` become `bits` (which has no others); the rest keep their value. */
export function changeFlags(l: Lift, mask: number, bits: Temp): void {
  const { b } = l;
  b.bits(b.binary('or', b.with('and', b.flags(), ARITHMETIC_FLAGS & ~mask), bits));
}

/** Bit 0 of `carry` as CF, bit 0 of `overflow` as OF. */
export function carryOverflow(l: Lift, carry: Temp, overflow: Temp): Temp {
  const { b } = l;
  return b.binary('or', b.with('and', carry, 1), b.with('shl', b.with('and', overflow, 1), 11));
}

/** SF ZF PF of a sign-extended result. */
export function signZeroParity(l: Lift, result: Temp): Temp {
  const { b } = l;
  const sign = b.with('and', b.with('sar', result, 31), SF);
  const zero = b.binary('mul', b.with('eq', result, 0), b.constant(ZF));
  return b.binary('or', b.binary('or', sign, zero), b.unary('parity', result));
}

function clc(l: Lift): void {
  changeFlags(l, CF, l.b.constant(0));
}

function stc(l: Lift): void {
  changeFlags(l, CF, l.b.constant(CF));
}

function cmc(l: Lift): void {
  changeFlags(l, CF, l.b.with('xor', l.b.carry(), CF));
}

/** DF is no arithmetic flag: it is in EFLAGS itself. */
function cld(l: Lift): void {
  l.b.put(EFLAGS, l.b.with('and', l.b.word(EFLAGS), ~DF));
}

function std(l: Lift): void {
  l.b.put(EFLAGS, l.b.with('or', l.b.word(EFLAGS), DF));
}

export const flagLifters = { CLC: clc, STC: stc, CMC: cmc, CLD: cld, STD: std } satisfies Record<
  OpLiftedBy<'flags'>,
  Lifter
>;
