// Flags that have no lazy form of their own: some bits change and the others stay (SDM 1 §3.4.3.1).
// CLC STC CMC CLD STD LAHF SAHF, and what shifts, rotations, multiplications, divisions and bit tests leave.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import { SIZE_8 } from '../../src/core/isa/record.ts';
import { AF, ARITHMETIC_FLAGS, CF, DF, EFLAGS, PF, SF, ZF } from '../../src/core/state/layout.ts';
import type { Temp } from '../ir/ir.ts';
import { type Lift, type Lifter, readRegister, writeRegister } from './operands.ts';

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

/** AH among the registers of eight bits, the flags that it is exchanged with, and the bit that is always 1. */
const AH = 4;
const LOW_FLAGS = SF | ZF | AF | PF | CF;
const FIXED = 2;

function lahf(l: Lift): void {
  const { b } = l;
  writeRegister(l, AH, SIZE_8, b.with('or', b.with('and', b.flags(), LOW_FLAGS), FIXED));
}

function sahf(l: Lift): void {
  changeFlags(l, LOW_FLAGS, l.b.with('and', readRegister(l, AH, SIZE_8), LOW_FLAGS));
}

export const flagLifters = {
  CLC: clc,
  STC: stc,
  CMC: cmc,
  CLD: cld,
  STD: std,
  LAHF: lahf,
  SAHF: sahf,
} satisfies Record<OpLiftedBy<'flags'>, Lifter>;
