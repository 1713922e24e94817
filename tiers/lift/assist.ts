// The handler in the middle of compiled code (`assist`): nothing is spilled, nothing reloaded, no way out. Only for
// rows that say so (isa/row.ts, `assists`), with registers of the unit alone for operands, and behind guards for what
// the handler would raise: SDM 1 §8.7 (x87), SDM 3 §2.5 (CR0.EM, CR0.TS, CR4.OSFXSR), SDM 1 §11.5 (SIMD exceptions).

import { ROWS } from '../../src/core/isa/ops.ts';
import { KIND_IMMEDIATE, KIND_NONE, KIND_ST, KIND_XMM, META_OP_MASK } from '../../src/core/isa/record.ts';
import {
  ARITHMETIC_FLAGS,
  CR0,
  CR0_EM,
  CR0_TS,
  CR4,
  CR4_OSFXSR,
  EFLAGS,
  FP_STATUS,
  MXCSR,
} from '../../src/core/state/layout.ts';
import { kindA, kindB, type Lift, metaOf, NOT_LIFTED } from './operands.ts';

/** Error summary of the x87's status word. */
const PENDING = 0x80;
/** The six masks of MXCSR. */
const ALL_MASKED = 0x1f80;

/** #NM is the handler's. */
export function requireX87(l: Lift): void {
  const { b } = l;
  b.guard(b.with('and', b.word(CR0), CR0_EM | CR0_TS));
}

export function requireNothingPending(l: Lift): void {
  const { b } = l;
  b.guard(b.with('and', b.peek(FP_STATUS), PENDING));
}

/** #UD and #NM are the handler's. */
export function requireSse(l: Lift): void {
  const { b } = l;
  b.guard(b.with('and', b.word(CR0), CR0_EM | CR0_TS));
  b.guard(b.with('eq', b.with('and', b.word(CR4), CR4_OSFXSR), 0));
}

/** NOT_LIFTED unless every operand is one of these. */
function requireKinds(l: Lift, ...kinds: readonly number[]): void {
  if (!kinds.includes(kindA(l)) || !kinds.includes(kindB(l))) throw NOT_LIFTED;
}

export function assisted(l: Lift): void {
  const { b } = l;
  const row = metaOf(l) & META_OP_MASK;
  const { assists, faults, flags } = ROWS[row];
  switch (assists) {
    case 'x87':
      requireKinds(l, KIND_ST, KIND_NONE);
      requireX87(l);
      requireNothingPending(l);
      break;
    case 'sse':
      if (kindA(l) !== KIND_XMM) throw NOT_LIFTED;
      requireKinds(l, KIND_XMM, KIND_IMMEDIATE);
      requireSse(l);
      if ((faults as readonly string[]).includes('XM')) {
        b.guard(b.with('ne', b.with('and', b.peek(MXCSR), ALL_MASKED), ALL_MASKED));
      }
      break;
    default:
      throw NOT_LIFTED;
  }
  b.assist(row);
  if (flags.written !== '') b.bits(b.with('and', b.peek(EFLAGS), ARITHMETIC_FLAGS));
}
