// The x87. Loads, stores, arithmetic and comparisons with a single, double or integer in memory by
// `attempt`; what has stack registers alone for operands by its handler in place (`assist`); FNSTSW and FNSTCW as IR.
// Ten-byte operands and images are left to the handlers. Checked first, as by every waiting instruction (SDM 1 §8.7,
// SDM 3 §2.5): CR0.EM, CR0.TS, and that no exception is pending.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import {
  KIND_MEMORY,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_EA,
  SIZE_16,
  SIZE_32,
  SIZE_64,
} from '../../src/core/isa/record.ts';
import {
  CS,
  EAX,
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_IP,
  FP_OPCODE,
  FP_STATUS,
  FP_TAG,
  OPERAND,
  SEG_SELECTOR,
  WIDE,
} from '../../src/core/state/layout.ts';
import { STORE_TRUNCATES, type WordAttempt } from '../ir/attempts.ts';
import { BASE, type Temp } from '../ir/ir.ts';
import { assisted, requireNothingPending, requireX87 } from './assist.ts';
import {
  effectiveOffset,
  immediate,
  kindA,
  kindB,
  type Lift,
  type Lifter,
  linear,
  metaOf,
  NOT_LIFTED,
  writeRegister,
} from './operands.ts';

/** What the processor remembers of the instruction: EIP, CS, opcode, and the operand's offset and selector. */
function note(l: Lift, offset: Temp): void {
  const { b } = l;
  b.poke(FP_IP, b.with('add', b.get(BASE), l.at));
  b.poke(FP_CS, b.word(SEG_SELECTOR + CS));
  b.poke(FP_OPCODE, b.constant(immediate(l)));
  b.poke(FP_DP, offset);
  b.poke(FP_DS, b.word(SEG_SELECTOR + ((l.code[l.pc + R_EA] >> 12) & 7)));
}

/** The memory operand, widened in the words OPERAND; gives its offset. */
function operand(l: Lift, size: number, isInteger: boolean): Temp {
  const { b } = l;
  const offset = effectiveOffset(l);
  if (size === SIZE_64) {
    b.fetch(2, WIDE, linear(l, offset, 8, false));
    b.attempt(isInteger ? 'operandInt64' : 'operandF64', OPERAND, WIDE);
  } else if (size === SIZE_32) {
    b.poke(WIDE, b.load(SIZE_32, linear(l, offset, 4, false)));
    b.attempt(isInteger ? 'operandInt32' : 'operandF32', OPERAND, WIDE);
  } else if (size === SIZE_16 && isInteger) {
    b.poke(WIDE, b.load(SIZE_16, linear(l, offset, 2, false), { signed: true }));
    b.attempt('operandInt32', OPERAND, WIDE);
  } else throw NOT_LIFTED;
  return offset;
}

/** With a memory operand, of which `how` makes the result; `a` is the attempt's. */
function withOperand(how: WordAttempt, isInteger: boolean, a = 0): Lifter {
  return (l) => {
    const isFirst = kindA(l) === KIND_MEMORY;
    if (!isFirst && kindB(l) !== KIND_MEMORY) {
      assisted(l);
      return;
    }
    requireX87(l);
    requireNothingPending(l);
    const size = (metaOf(l) >> (isFirst ? META_SIZE_A_SHIFT : META_SIZE_B_SHIFT)) & 7;
    const offset = operand(l, size, isInteger);
    l.b.attempt(how, a, OPERAND);
    note(l, offset);
  };
}

/** FST, FIST and their kind: convert, write memory, then change the x87. */
function store(isInteger: boolean, a: number): Lifter {
  return (l) => {
    const { b } = l;
    if (kindA(l) !== KIND_MEMORY) {
      assisted(l);
      return;
    }
    requireX87(l);
    requireNothingPending(l);
    const size = (metaOf(l) >> META_SIZE_A_SHIFT) & 7;
    const offset = effectiveOffset(l);
    if (size === SIZE_64) {
      const address = linear(l, offset, 8, true);
      b.attempt(isInteger ? 'storeInt64' : 'storeF64', a, WIDE);
      b.stash(2, WIDE, address);
    } else if (size === SIZE_32) {
      const address = linear(l, offset, 4, true);
      b.attempt(isInteger ? 'storeInt32' : 'storeF32', a, WIDE);
      b.store(SIZE_32, address, b.peek(WIDE));
    } else if (size === SIZE_16) {
      const address = linear(l, offset, 2, true);
      b.attempt('storeInt16', a, WIDE);
      b.store(SIZE_16, address, b.peek(WIDE));
    } else throw NOT_LIFTED;
    b.poke(FP_STATUS, b.peek(WIDE + 2));
    b.poke(FP_TAG, b.peek(WIDE + 3));
    note(l, offset);
  };
}

function statusToAx(l: Lift): void {
  requireX87(l);
  writeRegister(l, EAX, SIZE_16, l.b.peek(FP_STATUS));
}

/** FNSTSW and FNSTCW. */
function storeWord(index: number): Lifter {
  return (l) => {
    requireX87(l);
    l.b.store(SIZE_16, linear(l, effectiveOffset(l), 2, true), l.b.peek(index));
  };
}

function fldcw(l: Lift): void {
  requireX87(l);
  requireNothingPending(l);
  l.b.poke(WIDE, l.b.load(SIZE_16, linear(l, effectiveOffset(l), 2, false)));
  l.b.attempt('loadControl', 0, WIDE);
}

export const x87Lifters = {
  FADD: withOperand('addOperand', false),
  FMUL: withOperand('multiplyOperand', false),
  FSUB: withOperand('subtractOperand', false),
  FSUBR: withOperand('subtractFromOperand', false),
  FDIV: withOperand('divideOperand', false),
  FDIVR: withOperand('divideIntoOperand', false),
  FIADD: withOperand('addOperand', true),
  FIMUL: withOperand('multiplyOperand', true),
  FISUB: withOperand('subtractOperand', true),
  FISUBR: withOperand('subtractFromOperand', true),
  FIDIV: withOperand('divideOperand', true),
  FIDIVR: withOperand('divideIntoOperand', true),
  FCOM: withOperand('compareOperand', false),
  FCOMP: withOperand('compareOperand', false, 1),
  FICOM: withOperand('compareOperand', true),
  FICOMP: withOperand('compareOperand', true, 1),
  FLD: withOperand('pushOperand', false),
  FILD: withOperand('pushOperand', true),
  FST: store(false, 0),
  FSTP: store(false, 1),
  FIST: store(true, 0),
  FISTP: store(true, 1),
  FISTTP: store(true, 1 | STORE_TRUNCATES),
  FNSTSW_AX: statusToAx,
  FNSTSW: storeWord(FP_STATUS),
  FNSTCW: storeWord(FP_CONTROL),
  FLDCW: fldcw,
} satisfies Record<OpLiftedBy<'x87'>, Lifter>;
