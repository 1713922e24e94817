// The x87 on 32-bit flat code: what has stack registers alone for operands is done by its handler in place (`assist`),
// FNSTSW AX as IR. Forms with memory, EFLAGS or control words are left to their handlers. Checked first, as by every
// waiting instruction (SDM 1 §8.7, SDM 3 §2.5): CR0.EM, CR0.TS, and that no exception is pending.

import { type OpName, rowOf } from '../../src/core/isa/ops.ts';
import { KIND_NONE, KIND_ST, META_OP_MASK, SIZE_16 } from '../../src/core/isa/record.ts';
import { X87_ROWS } from '../../src/core/isa/rows-x87.ts';
import { CR0, CR0_EM, CR0_TS, EAX, FP_STATUS } from '../../src/core/state/layout.ts';
import { kindA, kindB, type Lift, type Lifter, metaOf, NOT_LIFTED, writeRegister } from './operands.ts';

/** Error summary of the status word. */
const PENDING = 0x80;

function requireX87(l: Lift): void {
  const { b } = l;
  b.guard(b.with('and', b.word(CR0), CR0_EM | CR0_TS));
}

function assisted(l: Lift): void {
  const { b } = l;
  const row = metaOf(l) & META_OP_MASK;
  const { faults, flags } = rowOf(row);
  // Without #MF: a control instruction, which may change what waits for the processor.
  if (!faults.includes('MF') || flags.read !== '' || flags.written !== '') throw NOT_LIFTED;
  for (const kind of [kindA(l), kindB(l)]) if (kind !== KIND_ST && kind !== KIND_NONE) throw NOT_LIFTED;
  requireX87(l);
  b.guard(b.with('and', b.peek(FP_STATUS), PENDING));
  b.assist(row);
}

function statusToAx(l: Lift): void {
  requireX87(l);
  writeRegister(l, EAX, SIZE_16, l.b.peek(FP_STATUS));
}

export const x87Lifters: Partial<Record<OpName, Lifter>> = {
  ...Object.fromEntries(X87_ROWS.map(({ name }) => [name, assisted])),
  FNSTSW_AX: statusToAx,
};
