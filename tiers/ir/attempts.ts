// What an `attempt` of the IR touches, declared once by name: the validator, the text and every backend read it. An
// attempt is a piece of float arithmetic done with the host's, all of it or nothing (wide.ts, wide-x87.ts say what each
// computes); `a` and `b` are words of the CPU block or plain numbers, and nothing passes from one attempt to another
// but through words that both name. Imports the layout alone.

import { OPERAND, OPERAND_WORDS } from '../../src/core/state/layout.ts';

/** What `a` or `b` of an attempt is. */
export type Role =
  | { readonly is: 'unused' }
  /** Not negative. */
  | { readonly is: 'number'; readonly below: number }
  /** The first of so many words. `at`: the only place where they can be. */
  | {
      readonly is: 'words';
      readonly words: number;
      readonly reads: boolean;
      readonly writes: boolean;
      readonly at?: number;
    };

/** What an attempt reads and may change besides the words that it names. */
export type Unit =
  | 'none'
  /** MXCSR: it decides, and PE may be set. */
  | 'sse'
  /** Registers, tags, status and control of the x87. */
  | 'x87';

export interface Attempt {
  readonly a: Role;
  readonly b: Role;
  readonly reads: Unit;
  readonly changes: Unit;
  /** Gives an i32, which is not negative; otherwise it gives nothing. */
  readonly gives: boolean;
}

const UNUSED: Role = { is: 'unused' };
const number = (below: number): Role => ({ is: 'number', below });
const from = (words: number): Role => ({ is: 'words', words, reads: true, writes: false });
const to = (words: number): Role => ({ is: 'words', words, reads: false, writes: true });
const both = (words: number): Role => ({ is: 'words', words, reads: true, writes: true });
const OPERAND_FROM: Role = { is: 'words', words: OPERAND_WORDS, reads: true, writes: false, at: OPERAND };
const OPERAND_TO: Role = { is: 'words', words: OPERAND_WORDS, reads: false, writes: true, at: OPERAND };

const make = (a: Role, b: Role, reads: Unit, changes: Unit, gives = false): Attempt => ({
  a,
  b,
  reads,
  changes,
  gives,
});
/** SSE: the destination is the first operand too. */
const sse = (words: number): Attempt => make(both(words), from(words), 'sse', 'sse');
/** SSE: from one format to another. */
const conversion = (toWords: number, fromWords: number): Attempt => make(to(toWords), from(fromWords), 'sse', 'sse');
const comparison = (words: number): Attempt => make(from(words), from(words), 'none', 'none', true);
/** x87: a value in memory's format becomes the operand. */
const operand = (words: number): Attempt => make(OPERAND_TO, from(words), 'none', 'none');
const withOperand = (a: Role): Attempt => make(a, OPERAND_FROM, 'x87', 'x87');
/** x87: registers alone, by their distance from the top. */
const stack = (a: Role, b: Role = UNUSED): Attempt => make(a, b, 'x87', 'x87');
/** `a`: the destination, which is the first operand, and STACK_POPS; `b`: the second. */
const arithmetic: Attempt = stack(number(16), number(8));
/**
 * x87: the value to store in two words, and in the two behind them what the status and the tag word become once it has
 * been stored. `a`: how many registers are popped, and STORE_TRUNCATES.
 */
const store = (below: number): Attempt => make(number(below), to(4), 'x87', 'none');

/** `a` of a store, added to the number of registers that it pops. */
export const STORE_TRUNCATES = 2;
/** `a` of arithmetic on registers: the stack is popped behind it. */
export const STACK_POPS = 8;

const TABLE = {
  addF32: sse(1),
  subtractF32: sse(1),
  multiplyF32: sse(1),
  divideF32: sse(1),
  addF64: sse(2),
  subtractF64: sse(2),
  multiplyF64: sse(2),
  divideF64: sse(2),
  addPackedF32: sse(4),
  subtractPackedF32: sse(4),
  multiplyPackedF32: sse(4),
  dividePackedF32: sse(4),
  addPackedF64: sse(4),
  subtractPackedF64: sse(4),
  multiplyPackedF64: sse(4),
  dividePackedF64: sse(4),
  compareF32: comparison(1),
  compareF64: comparison(2),
  fromInt32F32: conversion(1, 1),
  truncateF32: conversion(1, 1),
  truncateF64: conversion(1, 2),
  narrowF64: conversion(1, 2),
  operandF32: operand(1),
  operandF64: operand(2),
  operandInt32: operand(1),
  operandInt64: operand(2),
  pushOperand: withOperand(UNUSED),
  addOperand: withOperand(UNUSED),
  subtractOperand: withOperand(UNUSED),
  subtractFromOperand: withOperand(UNUSED),
  multiplyOperand: withOperand(UNUSED),
  divideOperand: withOperand(UNUSED),
  divideIntoOperand: withOperand(UNUSED),
  /** `a`: how many registers are popped. */
  compareOperand: withOperand(number(3)),
  addStack: arithmetic,
  subtractStack: arithmetic,
  subtractFromStack: arithmetic,
  multiplyStack: arithmetic,
  divideStack: arithmetic,
  divideIntoStack: arithmetic,
  /** `a`: how many registers are popped; `b`: what ST(0) is compared with. */
  compareStack: stack(number(3), number(8)),
  /** The same, and the result is in EFLAGS, where a peek takes it. */
  compareStackFlags: stack(number(2), number(8)),
  /** ST(0) is compared with a zero. */
  testTop: stack(UNUSED),
  /** `a`: what is pushed. */
  loadStack: stack(number(8)),
  /** `a`: the number that is pushed. */
  loadConstant: stack(number(2)),
  /** `a`: where ST(0) goes; `b`: how many registers are popped. */
  copyStack: stack(number(8), number(2)),
  /** `a`: what goes to ST(0) where the word at `b` is not 0. */
  moveStackIf: stack(number(8), from(1)),
  /** `a`: what ST(0) is exchanged with. */
  exchangeStack: stack(number(8)),
  negateTop: stack(UNUSED),
  absoluteTop: stack(UNUSED),
  storeF32: store(2),
  storeF64: store(2),
  storeInt16: store(4),
  storeInt32: store(4),
  storeInt64: store(4),
  /** The value in three words, behind them what the tag word becomes when it is popped. */
  storeF80: make(UNUSED, to(4), 'x87', 'none'),
  loadControl: make(UNUSED, from(1), 'x87', 'x87'),
} as const satisfies Record<string, Attempt>;

export type AttemptName = keyof typeof TABLE;
/** Those that give a value, and those that leave everything in words. */
export type ValueAttempt = 'compareF32' | 'compareF64';
export type WordAttempt = Exclude<AttemptName, ValueAttempt>;

export const ATTEMPTS: Readonly<Record<AttemptName, Attempt>> = TABLE;

/**
 * The functions: each does all of its work on words of the CPU block and answers 1, or changes nothing and answers 0.
 * One that gives a value answers it, or NOT_PLAIN.
 */
export type Wide = Readonly<Record<AttemptName, (a: number, b: number) => number>>;
