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

const { FP_CONTROL, FP_SIGN_EXPONENT_16, FP_SIGNIFICAND, FP_STATUS, FP_TAG, OPERAND } = layout;
const { STORE_TRUNCATES } = attempts;
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
    pushOperand: () => {
      const status = m32[FP_STATUS];
      const register = ((status >> TOP_SHIFT) + 7) & 7;
      if (((m32[FP_TAG] >> register) & 1) === 0) return 0;
      m32[FP_SIGNIFICAND + 2 * register] = m32[OPERAND];
      m32[FP_SIGNIFICAND + 2 * register + 1] = m32[OPERAND + 1];
      m16[FP_SIGN_EXPONENT_16 + register] = m32[OPERAND + 2];
      m32[FP_TAG] &= ~(1 << register);
      m32[FP_STATUS] = (status & ~(C1 | TOP_FIELD)) | (register << TOP_SHIFT);
      return 1;
    },
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
    compareOperand: (pops) => {
      const status = m32[FP_STATUS];
      const register = (status >> TOP_SHIFT) & 7;
      if (((m32[FP_TAG] >> register) & 1) !== 0) return 0;
      const order = comparePlain(cpu, register);
      if (order < 0) return 0;
      const codes = ((order & 4) << 12) | ((order & 1) << 8);
      m32[FP_TAG] |= popped(register, pops);
      m32[FP_STATUS] = (status & ~(CONDITION_CODES | TOP_FIELD)) | (((register + pops) & 7) << TOP_SHIFT) | codes;
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
