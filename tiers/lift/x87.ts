// The x87. Loads, stores, arithmetic and comparisons by `attempt`: with a single, double or integer in memory, and with
// the numbers of registers; what has registers alone for operands is done by its handler in place where the attempt
// does nothing. FNSTSW and FNSTCW as IR; ten-byte operands too, as they convert nothing. What has no lifter here
// assists (assist.ts), and images are left to the handlers. Checked first, as by every waiting instruction (SDM 1 §8.7,
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
  SIZE_80,
} from '../../src/core/isa/record.ts';
import { C1, TOP_FIELD, TOP_SHIFT } from '../../src/core/cpu/float/x87/status-word.ts';
import {
  ARITHMETIC_FLAGS,
  CS,
  EAX,
  EFLAGS,
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
import { STACK_POPS, STORE_TRUNCATES, type WordAttempt } from '../ir/attempts.ts';
import { BASE, type Temp } from '../ir/ir.ts';
import { requireNothingPending, requireX87 } from './assist.ts';
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
  registerA,
  registerB,
  wrapped,
  writeRegister,
} from './operands.ts';

/** What the processor remembers of the instruction: EIP, CS and opcode. */
function noteCode(l: Lift): void {
  const { b } = l;
  b.poke(FP_IP, b.with('add', b.get(BASE), l.at));
  b.poke(FP_CS, b.word(SEG_SELECTOR + CS));
  b.poke(FP_OPCODE, b.constant(immediate(l)));
}

/** And the operand's offset and selector. */
function note(l: Lift, offset: Temp): void {
  const { b } = l;
  noteCode(l);
  b.poke(FP_DP, offset);
  b.poke(FP_DS, b.word(SEG_SELECTOR + ((l.code[l.pc + R_EA] >> 12) & 7)));
}

/** Registers alone. */
function onStack(l: Lift, how: WordAttempt, a: number, b: number): void {
  requireX87(l);
  requireNothingPending(l);
  l.b.attempt(how, a, b, true);
  noteCode(l);
}

/** FADD and its like of registers: A with B. */
const arithmetic =
  (how: WordAttempt, pops = 0): Lifter =>
  (l) =>
    onStack(l, how, registerA(l) + pops * STACK_POPS, registerB(l));

const isMemory = (l: Lift): boolean => kindA(l) === KIND_MEMORY || kindB(l) === KIND_MEMORY;

/** By whether an operand is in memory. */
const either =
  (memory: Lifter, stack: Lifter): Lifter =>
  (l) =>
    (isMemory(l) ? memory : stack)(l);

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
  } else if (size === SIZE_80) {
    b.fetch(2, OPERAND, linear(l, offset, 8, false));
    b.poke(OPERAND + 2, b.load(SIZE_16, tail(l, offset, false)));
  } else throw NOT_LIFTED;
  return offset;
}

/** Linear address of the last two bytes of ten. */
function tail(l: Lift, offset: Temp, isWrite: boolean): Temp {
  return linear(l, wrapped(l, l.b.with('add', offset, 8)), 2, isWrite);
}

/** With a memory operand, of which `how` makes the result; `a` is the attempt's. */
function withOperand(how: WordAttempt, isInteger: boolean, a = 0): Lifter {
  return (l) => {
    const isFirst = kindA(l) === KIND_MEMORY;
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
    const size = (metaOf(l) >> META_SIZE_A_SHIFT) & 7;
    if (size === SIZE_80) {
      storeLong(l);
      return;
    }
    requireX87(l);
    requireNothingPending(l);
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

/** FSTP of ten bytes. Both parts are made sure of before the first is written. */
function storeLong(l: Lift): void {
  const { b } = l;
  requireX87(l);
  requireNothingPending(l);
  const offset = effectiveOffset(l);
  const first = linear(l, offset, 8, true);
  const last = tail(l, offset, true);
  b.load(SIZE_16, last, { write: true });
  b.attempt('storeF80', 0, WIDE);
  b.stash(2, WIDE, first);
  b.store(SIZE_16, last, b.peek(WIDE + 2), true);
  const status = b.peek(FP_STATUS);
  const top = b.with('and', b.with('add', status, 1 << TOP_SHIFT), TOP_FIELD);
  b.poke(FP_STATUS, b.binary('or', b.with('and', status, ~(C1 | TOP_FIELD)), top));
  b.poke(FP_TAG, b.peek(WIDE + 3));
  note(l, offset);
}

/** FCOM and its kind with ST(index). */
const compare =
  (pops: number, index: (l: Lift) => number): Lifter =>
  (l) =>
    onStack(l, 'compareStack', pops, index(l));

/** FCOMI and FUCOMI, which differ for NaNs alone. */
const compareFlags =
  (pops: number): Lifter =>
  (l) => {
    const { b } = l;
    onStack(l, 'compareStackFlags', pops, registerB(l));
    b.bits(b.with('and', b.peek(EFLAGS), ARITHMETIC_FLAGS));
  };

/** FCMOVcc by the tttn condition of the same meaning. */
const moveIf =
  (condition: number): Lifter =>
  (l) => {
    requireX87(l);
    requireNothingPending(l);
    l.b.poke(WIDE, l.b.condition(condition));
    l.b.attempt('moveStackIf', registerB(l), WIDE);
    noteCode(l);
  };

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

const withRegister =
  (how: WordAttempt, b = 0): Lifter =>
  (l) =>
    onStack(l, how, registerA(l), b);

export const x87Lifters = {
  FADD: either(withOperand('addOperand', false), arithmetic('addStack')),
  FMUL: either(withOperand('multiplyOperand', false), arithmetic('multiplyStack')),
  FSUB: either(withOperand('subtractOperand', false), arithmetic('subtractStack')),
  FSUBR: either(withOperand('subtractFromOperand', false), arithmetic('subtractFromStack')),
  FDIV: either(withOperand('divideOperand', false), arithmetic('divideStack')),
  FDIVR: either(withOperand('divideIntoOperand', false), arithmetic('divideIntoStack')),
  FADDP: arithmetic('addStack', 1),
  FMULP: arithmetic('multiplyStack', 1),
  FSUBP: arithmetic('subtractStack', 1),
  FSUBRP: arithmetic('subtractFromStack', 1),
  FDIVP: arithmetic('divideStack', 1),
  FDIVRP: arithmetic('divideIntoStack', 1),
  FIADD: withOperand('addOperand', true),
  FIMUL: withOperand('multiplyOperand', true),
  FISUB: withOperand('subtractOperand', true),
  FISUBR: withOperand('subtractFromOperand', true),
  FIDIV: withOperand('divideOperand', true),
  FIDIVR: withOperand('divideIntoOperand', true),
  FCOM: either(withOperand('compareOperand', false), compare(0, registerA)),
  FCOMP: either(withOperand('compareOperand', false, 1), compare(1, registerA)),
  FCOMPP: compare(2, () => 1),
  FUCOM: compare(0, registerA),
  FUCOMP: compare(1, registerA),
  FUCOMPP: compare(2, () => 1),
  FCOMI: compareFlags(0),
  FCOMIP: compareFlags(1),
  FUCOMI: compareFlags(0),
  FUCOMIP: compareFlags(1),
  FTST: (l) => onStack(l, 'testTop', 0, 0),
  FICOM: withOperand('compareOperand', true),
  FICOMP: withOperand('compareOperand', true, 1),
  FLD: either(withOperand('pushOperand', false), withRegister('loadStack')),
  FILD: withOperand('pushOperand', true),
  FLD1: (l) => onStack(l, 'loadConstant', 1, 0),
  FLDZ: (l) => onStack(l, 'loadConstant', 0, 0),
  FST: either(store(false, 0), withRegister('copyStack')),
  FSTP: either(store(false, 1), withRegister('copyStack', 1)),
  FIST: store(true, 0),
  FISTP: store(true, 1),
  FISTTP: store(true, 1 | STORE_TRUNCATES),
  FXCH: withRegister('exchangeStack'),
  FCHS: (l) => onStack(l, 'negateTop', 0, 0),
  FABS: (l) => onStack(l, 'absoluteTop', 0, 0),
  FCMOVB: moveIf(2),
  FCMOVE: moveIf(4),
  FCMOVBE: moveIf(6),
  FCMOVU: moveIf(10),
  FCMOVNB: moveIf(3),
  FCMOVNE: moveIf(5),
  FCMOVNBE: moveIf(7),
  FCMOVNU: moveIf(11),
  FNSTSW_AX: statusToAx,
  FNSTSW: storeWord(FP_STATUS),
  FNSTCW: storeWord(FP_CONTROL),
  FLDCW: fldcw,
} satisfies Record<OpLiftedBy<'x87'>, Lifter>;
