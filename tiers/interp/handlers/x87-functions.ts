// x87 functions of ST(0) and ST(1): FSQRT, FRNDINT, FSCALE, FXTRACT, FPREM and the transcendental ones; and what moves
// the stack without looking at it: FNOP, FDECSTP, FINCSTP, FFREE, FFREEP. SDM 2 under each name.

import { PI, PI_OF_66_BITS } from '../../../src/core/cpu/float/ieee/big-fixed.ts';
import { C1, C2, CONDITION_CODES } from '../../../src/core/cpu/float/x87/status-word.ts';
import { type FloatEnvironment, keepsRegister } from '../../../src/core/cpu/float/ieee/environment.ts';
import { squareRootF80 } from '../../../src/core/cpu/float/x87/f80-arithmetic.ts';
import { roundIntegralF80 } from '../../../src/core/cpu/float/x87/f80-convert.ts';
import { extractF80, REMAINDER_INVALID, remainderF80, scaleF80 } from '../../../src/core/cpu/float/x87/f80-scale.ts';
import {
  arcTangentF80,
  cosineF80,
  exponentialF80,
  logarithmF80,
  logarithmPlusOneF80,
  sineCosineF80,
  sineF80,
  tangentF80,
} from '../../../src/core/cpu/float/x87/f80-transcendental.ts';
import type { F80 } from '../../../src/core/cpu/float/x87/f80.ts';
import { rootPlain } from '../../../src/core/cpu/float/plain.ts';
import {
  isEmpty,
  physical,
  pop,
  push,
  readStack,
  setTop,
  writeStack,
} from '../../../src/core/cpu/float/x87/registers.ts';
import { clearC1, enter, finish, fp, prepare, stackFault } from '../../../src/core/cpu/float/x87/status.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { R_A } from '../../../src/core/isa/record.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { FP_STATUS, FP_TAG } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { beside, first, INDEFINITE, note, outcome, second } from './x87-operands.ts';
import { beginTop, finishPlain, plainSign } from './x87-plain.ts';

type Unary = (env: FloatEnvironment, a: F80, out: F80) => void;
type Binary = (env: FloatEnvironment, a: F80, b: F80, out: F80) => void;
/** False when the operand was out of range. */
type Circular = (env: FloatEnvironment, a: F80, out: F80, pi: bigint) => boolean;
type CircularPair = (env: FloatEnvironment, a: F80, out: F80, pushed: F80, pi: bigint) => boolean;

/** ST(0) := f(ST(0)). */
function unary(compute: Unary): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    if (isEmpty(cpu, 0)) {
      if (stackFault(cpu, false)) writeStack(cpu, 0, INDEFINITE);
      return;
    }
    readStack(cpu, 0, first);
    prepare(cpu);
    compute(fp, first, outcome);
    finish(cpu);
    if (!keepsRegister(fp)) writeStack(cpu, 0, outcome);
  };
}

/** ST(1) := f(ST(0), ST(1)), then pop. */
function binaryPopping(compute: Binary): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
      if (!stackFault(cpu, false)) return;
      writeStack(cpu, 1, INDEFINITE);
      pop(cpu);
      return;
    }
    readStack(cpu, 0, first);
    readStack(cpu, 1, second);
    prepare(cpu);
    compute(fp, first, second, outcome);
    finish(cpu);
    if (keepsRegister(fp)) return;
    writeStack(cpu, 1, outcome);
    pop(cpu);
  };
}

function fscale(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  note(cpu, code, pc);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
    if (stackFault(cpu, false)) writeStack(cpu, 0, INDEFINITE);
    return;
  }
  readStack(cpu, 0, first);
  readStack(cpu, 1, second);
  prepare(cpu);
  scaleF80(fp, first, second, outcome);
  finish(cpu);
  if (!keepsRegister(fp)) writeStack(cpu, 0, outcome);
}

/** FPREM and FPREM1: C2 while the reduction is not complete, else the low bits of the quotient in C0, C3, C1. */
function remainder(isNearest: boolean): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
      const isMasked = stackFault(cpu, false);
      cpu.m32[FP_STATUS] &= ~C2;
      if (isMasked) writeStack(cpu, 0, INDEFINITE);
      return;
    }
    readStack(cpu, 0, first);
    readStack(cpu, 1, second);
    prepare(cpu);
    const codes = remainderF80(fp, first, second, isNearest, outcome);
    finish(cpu);
    if (codes === REMAINDER_INVALID) cpu.m32[FP_STATUS] &= ~(C1 | C2);
    else cpu.m32[FP_STATUS] = (cpu.m32[FP_STATUS] & ~CONDITION_CODES) | codes;
    if (!keepsRegister(fp)) writeStack(cpu, 0, outcome);
  };
}

function piOf(cpu: Cpu): bigint {
  return cpu.reducesByExactPi ? PI : PI_OF_66_BITS;
}

/** FSIN and FCOS. */
function circular(compute: Circular): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    cpu.m32[FP_STATUS] &= ~C2;
    if (isEmpty(cpu, 0)) {
      if (stackFault(cpu, false)) writeStack(cpu, 0, INDEFINITE);
      return;
    }
    readStack(cpu, 0, first);
    prepare(cpu);
    const isDone = compute(fp, first, outcome, piOf(cpu));
    finish(cpu);
    if (!isDone) cpu.m32[FP_STATUS] |= C2;
    else if (!keepsRegister(fp)) writeStack(cpu, 0, outcome);
  };
}

/** Both results of an instruction that pushes are indefinite. */
function pairFault(cpu: Cpu, overflow: boolean): void {
  if (!stackFault(cpu, overflow)) return;
  writeStack(cpu, 0, INDEFINITE);
  push(cpu, INDEFINITE);
}

/** FSINCOS and FPTAN: one result replaces ST(0), the other is pushed. */
function circularPair(compute: CircularPair): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    cpu.m32[FP_STATUS] &= ~C2;
    if (isEmpty(cpu, 0) || !isEmpty(cpu, 7)) {
      pairFault(cpu, !isEmpty(cpu, 0));
      return;
    }
    readStack(cpu, 0, first);
    prepare(cpu);
    const isDone = compute(fp, first, outcome, beside, piOf(cpu));
    finish(cpu);
    if (!isDone) cpu.m32[FP_STATUS] |= C2;
    else if (!keepsRegister(fp)) {
      writeStack(cpu, 0, outcome);
      push(cpu, beside);
    }
  };
}

function fxtract(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  note(cpu, code, pc);
  if (isEmpty(cpu, 0) || !isEmpty(cpu, 7)) {
    pairFault(cpu, !isEmpty(cpu, 0));
    return;
  }
  readStack(cpu, 0, first);
  prepare(cpu);
  extractF80(fp, first, outcome, beside);
  finish(cpu);
  if (keepsRegister(fp)) return;
  writeStack(cpu, 0, outcome);
  push(cpu, beside);
}

/** FCHS and FABS change the sign of anything, NaNs and unsupported formats too. */
function changeSign(keep: number, flip: number): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    if (isEmpty(cpu, 0)) {
      if (stackFault(cpu, false)) writeStack(cpu, 0, INDEFINITE);
      return;
    }
    clearC1(cpu);
    readStack(cpu, 0, first);
    first.se = (first.se & keep) ^ flip;
    writeStack(cpu, 0, first);
  };
}

function moveTop(distance: number): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    clearC1(cpu);
    setTop(cpu, physical(cpu, distance));
  };
}

function free(pops: boolean): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    clearC1(cpu);
    cpu.m32[FP_TAG] |= 1 << physical(cpu, code[pc + R_A]);
    if (pops) pop(cpu);
  };
}

function fnop(cpu: Cpu, code: Int32Array, pc: number): void {
  if (enter(cpu)) note(cpu, code, pc);
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalFunctions = {
  FCHS: changeSign(0xffff, 0x8000),
  FABS: changeSign(0x7fff, 0),
  FSQRT: unary(squareRootF80),
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalFunctions = generalFunctions;

export const x87FunctionHandlers = {
  FCHS: (cpu, code, pc) => {
    if (!plainSign(cpu, code, pc, 0xffff, 0x8000)) general.FCHS(cpu, code, pc);
  },
  FABS: (cpu, code, pc) => {
    if (!plainSign(cpu, code, pc, 0x7fff, 0)) general.FABS(cpu, code, pc);
  },
  FSQRT: (cpu, code, pc) => {
    const register = beginTop(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, rootPlain(cpu, register))) general.FSQRT(cpu, code, pc);
  },
  FRNDINT: unary(roundIntegralF80),
  F2XM1: unary(exponentialF80),
  FSCALE: fscale,
  FXTRACT: fxtract,
  FPREM: remainder(false),
  FPREM1: remainder(true),
  FYL2X: binaryPopping(logarithmF80),
  FYL2XP1: binaryPopping(logarithmPlusOneF80),
  FPATAN: binaryPopping(arcTangentF80),
  FSIN: circular(sineF80),
  FCOS: circular(cosineF80),
  FSINCOS: circularPair(sineCosineF80),
  FPTAN: circularPair(tangentF80),
  FNOP: fnop,
  FDECSTP: moveTop(7),
  FINCSTP: moveTop(1),
  FFREE: free(false),
  FFREEP: free(true),
} satisfies Partial<Record<OpName, Handler>>;
