// What the IR's `attempt` does on the x87: normal numbers and zeros (core/cpu/float/plain.ts), registers that are not
// empty where one is read and empty where one is pushed. As in wide.ts a function does all or nothing. An operand is
// widened first, into scratch words that the next attempt names; a store gives the bits and the words that the status
// and tag words become, which the IR writes once memory has been written. Who may execute and what the processor
// remembers of the instruction is the IR's.

import * as slowWay from '../../src/core/base/slow-way.ts';
import * as statusWord from '../../src/core/cpu/float/x87/status-word.ts';
import * as environment from '../../src/core/cpu/float/ieee/environment.ts';
import * as plain from '../../src/core/cpu/float/plain.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import * as layout from '../../src/core/state/layout.ts';
import * as attempts from '../ir/attempts.ts';

const { ARITHMETIC_FLAGS, EFLAGS, FP_CONTROL, FP_SIGN_EXPONENT_16, FP_SIGNIFICAND, FP_STATUS, FP_TAG, OPERAND } =
  layout;
const { STACK_POPS, STORE_TRUNCATES } = attempts;
const { addPlain, allowsPlain, comparePlain, dividePlain, multiplyPlain, narrowed } = plain;
const { narrowPlainF32, narrowPlainF64, roundPlain, widenInt32, widenInt64, widenPlainF32, widenPlainF64 } = plain;

const { ROUND_ZERO } = environment;
const { NOT_PLAIN } = slowWay;
const { C1, CONDITION_CODES, TOP_FIELD, TOP_SHIFT } = statusWord;

type Attempt = (a: number, b: number) => number;

export function makeWideX87(cpu: Cpu) {
  const { m32, m16 } = cpu;

  /** Physical number of ST(0), −1 when it is empty or the control word asks for more than plain arithmetic. */
  const top = (): number => {
    const register = (m32[FP_STATUS] >> TOP_SHIFT) & 7;
    return ((m32[FP_TAG] >> register) & 1) !== 0 || !allowsPlain(m32[FP_CONTROL]) ? NOT_PLAIN : register;
  };
  const finish = (bits: number): number => {
    if (bits < 0) return 0;
    m32[FP_STATUS] = (m32[FP_STATUS] & ~C1) | bits;
    return 1;
  };
  /** Tags of `pops` registers from one on. */
  const popped = (register: number, pops: number): number => {
    const bits = ((1 << pops) - 1) << register;
    return (bits | (bits >> 8)) & 0xff;
  };
  /** Behind the value at `to`: the status word with the bits that a store sets, and the tag word with what it pops. */
  const prepareStore = (to: number, register: number, bits: number, pops: number): number => {
    m32[to + 3] = m32[FP_TAG] | (pops << register);
    m32[to + 2] = (m32[FP_STATUS] & ~(C1 | TOP_FIELD)) | (((register + pops) & 7) << TOP_SHIFT) | bits;
    return 1;
  };
  /** ST(0) as an integer in the words from `to` on; −1, or bits of the status word. */
  const roundTop = (register: number, how: number, to: number): number => {
    if (((m32[FP_TAG] >> register) & 1) !== 0) return NOT_PLAIN;
    const rounding = (how & STORE_TRUNCATES) !== 0 ? ROUND_ZERO : (m32[FP_CONTROL] >> 10) & 3;
    const bits = roundPlain(cpu, register, rounding);
    m32[to] = narrowed[0];
    m32[to + 1] = narrowed[1];
    return bits;
  };

  const isEmpty = (register: number): boolean => ((m32[FP_TAG] >> register) & 1) !== 0;
  /** Physical number of ST(index). */
  const physical = (index: number): number => ((m32[FP_STATUS] >> TOP_SHIFT) + index) & 7;
  /** A register as the operand. */
  const take = (register: number): void => {
    m32[OPERAND] = m32[FP_SIGNIFICAND + 2 * register];
    m32[OPERAND + 1] = m32[FP_SIGNIFICAND + 2 * register + 1];
    m32[OPERAND + 2] = m16[FP_SIGN_EXPONENT_16 + register];
  };
  const put = (register: number): void => {
    m32[FP_SIGNIFICAND + 2 * register] = m32[OPERAND];
    m32[FP_SIGNIFICAND + 2 * register + 1] = m32[OPERAND + 1];
    m16[FP_SIGN_EXPONENT_16 + register] = m32[OPERAND + 2];
  };
  /** Pushes the operand. */
  const push = (): number => {
    const register = physical(7);
    if (!isEmpty(register)) return 0;
    put(register);
    m32[FP_TAG] &= ~(1 << register);
    m32[FP_STATUS] = (m32[FP_STATUS] & ~(C1 | TOP_FIELD)) | (register << TOP_SHIFT);
    return 1;
  };
  /** Takes the second operand of arithmetic on registers; gives the first one's number, or −1. */
  const begin = (a: number, b: number): number => {
    const register = physical(a);
    const source = physical(b);
    if (isEmpty(register) || isEmpty(source) || !allowsPlain(m32[FP_CONTROL])) return NOT_PLAIN;
    take(source);
    return register;
  };
  const end = (bits: number, a: number): number => {
    if (bits < 0) return 0;
    const register = physical(0);
    const pops = a >= STACK_POPS ? 1 : 0;
    m32[FP_TAG] |= pops << register;
    m32[FP_STATUS] = (m32[FP_STATUS] & ~(C1 | TOP_FIELD)) | (((register + pops) & 7) << TOP_SHIFT) | bits;
    return 1;
  };
  /** ST(0) with the operand, then pops; gives what `comparePlain` does. */
  const compareTop = (pops: number, cleared: number): number => {
    const register = physical(0);
    const order = isEmpty(register) ? NOT_PLAIN : comparePlain(cpu, register);
    if (order < 0) return order;
    m32[FP_TAG] |= popped(register, pops);
    m32[FP_STATUS] = (m32[FP_STATUS] & ~(C1 | cleared | TOP_FIELD)) | (((register + pops) & 7) << TOP_SHIFT);
    return order;
  };
  /** C3 where they are equal, C0 where the first is less. */
  const compareToCodes = (pops: number): number => {
    const order = compareTop(pops, CONDITION_CODES);
    if (order < 0) return 0;
    m32[FP_STATUS] |= ((order & 4) << 12) | ((order & 1) << 8);
    return 1;
  };

  return {
    operandF32: (_, b) => (widenPlainF32(cpu, m32[b]) ? 1 : 0),
    operandF64: (_, b) => (widenPlainF64(cpu, m32[b], m32[b + 1]) ? 1 : 0),
    operandInt32: (_, b) => {
      widenInt32(cpu, m32[b]);
      return 1;
    },
    operandInt64: (_, b) => {
      widenInt64(cpu, m32[b], m32[b + 1]);
      return 1;
    },
    pushOperand: push,
    addOperand: () => {
      const register = top();
      return register < 0 ? 0 : finish(addPlain(cpu, register, 0, 0));
    },
    subtractOperand: () => {
      const register = top();
      return register < 0 ? 0 : finish(addPlain(cpu, register, 0, 0x8000));
    },
    subtractFromOperand: () => {
      const register = top();
      return register < 0 ? 0 : finish(addPlain(cpu, register, 0x8000, 0));
    },
    multiplyOperand: () => {
      const register = top();
      return register < 0 ? 0 : finish(multiplyPlain(cpu, register));
    },
    divideOperand: () => {
      const register = top();
      return register < 0 ? 0 : finish(dividePlain(cpu, register, false));
    },
    divideIntoOperand: () => {
      const register = top();
      return register < 0 ? 0 : finish(dividePlain(cpu, register, true));
    },
    compareOperand: compareToCodes,
    addStack: (a, b) => {
      const register = begin(a, b);
      return register < 0 ? 0 : end(addPlain(cpu, register, 0, 0), a);
    },
    subtractStack: (a, b) => {
      const register = begin(a, b);
      return register < 0 ? 0 : end(addPlain(cpu, register, 0, 0x8000), a);
    },
    subtractFromStack: (a, b) => {
      const register = begin(a, b);
      return register < 0 ? 0 : end(addPlain(cpu, register, 0x8000, 0), a);
    },
    multiplyStack: (a, b) => {
      const register = begin(a, b);
      return register < 0 ? 0 : end(multiplyPlain(cpu, register), a);
    },
    divideStack: (a, b) => {
      const register = begin(a, b);
      return register < 0 ? 0 : end(dividePlain(cpu, register, false), a);
    },
    divideIntoStack: (a, b) => {
      const register = begin(a, b);
      return register < 0 ? 0 : end(dividePlain(cpu, register, true), a);
    },
    compareStack: (pops, b) => {
      const source = physical(b);
      if (isEmpty(source)) return 0;
      take(source);
      return compareToCodes(pops);
    },
    compareStackFlags: (pops, b) => {
      const source = physical(b);
      if (isEmpty(source)) return 0;
      take(source);
      const order = compareTop(pops, 0);
      if (order < 0) return 0;
      m32[EFLAGS] = (m32[EFLAGS] & ~ARITHMETIC_FLAGS) | ((order & 4) << 4) | (order & 1);
      return 1;
    },
    testTop: () => {
      widenInt32(cpu, 0);
      return compareToCodes(0);
    },
    loadStack: (a) => {
      const source = physical(a);
      if (isEmpty(source)) return 0;
      take(source);
      return push();
    },
    loadConstant: (a) => {
      widenInt32(cpu, a);
      return push();
    },
    copyStack: (a, pops) => {
      const register = physical(0);
      const to = physical(a);
      if (isEmpty(register)) return 0;
      take(register);
      put(to);
      m32[FP_TAG] = (m32[FP_TAG] & ~(1 << to)) | (pops << register);
      m32[FP_STATUS] = (m32[FP_STATUS] & ~(C1 | TOP_FIELD)) | (((register + pops) & 7) << TOP_SHIFT);
      return 1;
    },
    moveStackIf: (a, b) => {
      const source = physical(a);
      const register = physical(0);
      if (isEmpty(source) || isEmpty(register)) return 0;
      if (m32[b] === 0) return 1;
      take(source);
      put(register);
      return 1;
    },
    exchangeStack: (a) => {
      const register = physical(0);
      const other = physical(a);
      if (isEmpty(register) || isEmpty(other)) return 0;
      const at = FP_SIGNIFICAND + 2 * register;
      const low = m32[at];
      const high = m32[at + 1];
      const signExponent = m16[FP_SIGN_EXPONENT_16 + register];
      take(other);
      put(register);
      m32[FP_SIGNIFICAND + 2 * other] = low;
      m32[FP_SIGNIFICAND + 2 * other + 1] = high;
      m16[FP_SIGN_EXPONENT_16 + other] = signExponent;
      m32[FP_STATUS] &= ~C1;
      return 1;
    },
    negateTop: () => {
      const register = physical(0);
      if (isEmpty(register)) return 0;
      m16[FP_SIGN_EXPONENT_16 + register] ^= 0x8000;
      m32[FP_STATUS] &= ~C1;
      return 1;
    },
    absoluteTop: () => {
      const register = physical(0);
      if (isEmpty(register)) return 0;
      m16[FP_SIGN_EXPONENT_16 + register] &= 0x7fff;
      m32[FP_STATUS] &= ~C1;
      return 1;
    },
    storeF80: (_, b) => {
      const register = physical(0);
      if (isEmpty(register)) return 0;
      m32[b] = m32[FP_SIGNIFICAND + 2 * register];
      m32[b + 1] = m32[FP_SIGNIFICAND + 2 * register + 1];
      m32[b + 2] = m16[FP_SIGN_EXPONENT_16 + register];
      m32[b + 3] = m32[FP_TAG] | (1 << register);
      return 1;
    },
    storeF32: (pops, b) => {
      const register = (m32[FP_STATUS] >> TOP_SHIFT) & 7;
      if (((m32[FP_TAG] >> register) & 1) !== 0) return 0;
      const bits = narrowPlainF32(cpu, register);
      if (bits < 0) return 0;
      m32[b] = narrowed[0];
      return prepareStore(b, register, bits, pops);
    },
    storeF64: (pops, b) => {
      const register = (m32[FP_STATUS] >> TOP_SHIFT) & 7;
      if (((m32[FP_TAG] >> register) & 1) !== 0) return 0;
      const bits = narrowPlainF64(cpu, register);
      if (bits < 0) return 0;
      m32[b] = narrowed[0];
      m32[b + 1] = narrowed[1];
      return prepareStore(b, register, bits, pops);
    },
    storeInt16: (how, b) => {
      const register = (m32[FP_STATUS] >> TOP_SHIFT) & 7;
      const bits = roundTop(register, how, b);
      if (bits < 0 || m32[b + 1] !== m32[b] >> 31 || (m32[b] << 16) >> 16 !== m32[b]) return 0;
      return prepareStore(b, register, bits, how & 1);
    },
    storeInt32: (how, b) => {
      const register = (m32[FP_STATUS] >> TOP_SHIFT) & 7;
      const bits = roundTop(register, how, b);
      if (bits < 0 || m32[b + 1] !== m32[b] >> 31) return 0;
      return prepareStore(b, register, bits, how & 1);
    },
    storeInt64: (how, b) => {
      const register = (m32[FP_STATUS] >> TOP_SHIFT) & 7;
      const bits = roundTop(register, how, b);
      return bits < 0 ? 0 : prepareStore(b, register, bits, how & 1);
    },
    /** FLDCW of the word at `b`: not when an exception becomes pending or ceases to be. */
    loadControl: (_, b) => {
      const control = (m32[b] & 0x1f7f) | 0x40;
      if ((m32[FP_STATUS] & (~control & 0x3f)) !== 0) return 0;
      m32[FP_CONTROL] = control;
      return 1;
    },
  } satisfies Partial<Record<attempts.AttemptName, Attempt>>;
}
