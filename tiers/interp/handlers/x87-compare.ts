// FCOM, FUCOM, FICOM, FTST, FXAM by the condition codes, FCOMI and FUCOMI by EFLAGS. SDM 2 under each name. An empty
// register compares as unordered; an unmasked exception keeps the stack from being popped.

import { C0, C1, C3, CONDITION_CODES } from '../../../src/core/cpu/float/x87/status-word.ts';
import { keepsRegister } from '../../../src/core/cpu/float/ieee/environment.ts';
import {
  compareF80,
  comparisonCodes,
  comparisonEflags,
  examineF80,
  testF80,
  UNORDERED,
} from '../../../src/core/cpu/float/x87/f80-compare.ts';
import { fromInt32, widenF32, widenF64 } from '../../../src/core/cpu/float/x87/f80-convert.ts';
import { isEmpty, pop, readStack } from '../../../src/core/cpu/float/x87/registers.ts';
import { enter, finish, fp, prepare, stackFault } from '../../../src/core/cpu/float/x87/status.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_MEMORY, R_A, R_B, SIZE_16, SIZE_32 } from '../../../src/core/isa/record.ts';
import { load16, load32 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { setArithmeticFlags } from '../../../src/core/state/flags.ts';
import { FP_STATUS } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { kindA, sizeA } from '../operands.ts';
import { first, load64, note, noteOperand, operandAddress, pair, second } from './x87-operands.ts';
import { plainCompare, plainCompareInteger, plainCompareStack, plainCompareToFlags } from './x87-plain.ts';

function setCodes(cpu: Cpu, codes: number): void {
  cpu.m32[FP_STATUS] = (cpu.m32[FP_STATUS] & ~CONDITION_CODES) | codes;
}

/** ST(0) with `second`; true when the stack may be popped. */
function compareTop(cpu: Cpu, isQuiet: boolean, denormal: number): boolean {
  readStack(cpu, 0, first);
  prepare(cpu);
  const order = compareF80(fp, first, second, isQuiet, denormal);
  finish(cpu);
  setCodes(cpu, comparisonCodes(order));
  return !keepsRegister(fp);
}

/** A register of the comparison is empty. */
function unorderedFault(cpu: Cpu): boolean {
  const isMasked = stackFault(cpu, false);
  setCodes(cpu, comparisonCodes(UNORDERED));
  return isMasked;
}

function withRegister(cpu: Cpu, code: Int32Array, pc: number, index: number, isQuiet: boolean): boolean {
  note(cpu, code, pc);
  if (isEmpty(cpu, 0) || isEmpty(cpu, index)) return unorderedFault(cpu);
  readStack(cpu, index, second);
  return compareTop(cpu, isQuiet, 0);
}

function withMemory(cpu: Cpu, code: Int32Array, pc: number, denormal: number): boolean {
  noteOperand(cpu, code, pc);
  return isEmpty(cpu, 0) ? unorderedFault(cpu) : compareTop(cpu, false, denormal);
}

function popTimes(cpu: Cpu, count: number): void {
  for (let k = 0; k < count; k++) pop(cpu);
}

/** FCOM and FCOMP with ST(i), a single or a double. */
function compare(popCount: number): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    let pops: boolean;
    if (kindA(code, pc) !== KIND_MEMORY) pops = withRegister(cpu, code, pc, code[pc + R_A], false);
    else if (sizeA(code, pc) === SIZE_32) {
      const denormal = widenF32(load32(cpu, operandAddress(cpu, code, pc, 4, false)), second);
      pops = withMemory(cpu, code, pc, denormal);
    } else {
      load64(cpu, operandAddress(cpu, code, pc, 8, false));
      pops = withMemory(cpu, code, pc, widenF64(pair.lo, pair.hi, second));
    }
    if (pops) popTimes(cpu, popCount);
  };
}

function compareInteger(popCount: number): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    const value =
      sizeA(code, pc) === SIZE_16
        ? (load16(cpu, operandAddress(cpu, code, pc, 2, false)) << 16) >> 16
        : load32(cpu, operandAddress(cpu, code, pc, 4, false));
    fromInt32(value, second);
    if (withMemory(cpu, code, pc, 0)) popTimes(cpu, popCount);
  };
}

function compareQuietly(popCount: number): Handler {
  return (cpu, code, pc) => {
    if (enter(cpu) && withRegister(cpu, code, pc, code[pc + R_A], true)) popTimes(cpu, popCount);
  };
}

/** FCOMPP and FUCOMPP: ST(0) with ST(1), both popped. */
function compareBoth(isQuiet: boolean): Handler {
  return (cpu, code, pc) => {
    if (enter(cpu) && withRegister(cpu, code, pc, 1, isQuiet)) popTimes(cpu, 2);
  };
}

/** ZF, PF, CF as an unsigned comparison sets them; OF, SF, AF become 0. */
function compareToFlags(isQuiet: boolean, popCount: number): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    const index = code[pc + R_B];
    if (isEmpty(cpu, 0) || isEmpty(cpu, index)) {
      const isMasked = stackFault(cpu, false);
      setArithmeticFlags(cpu, comparisonEflags(UNORDERED));
      if (isMasked) popTimes(cpu, popCount);
      return;
    }
    readStack(cpu, 0, first);
    readStack(cpu, index, second);
    prepare(cpu);
    const order = compareF80(fp, first, second, isQuiet);
    finish(cpu);
    setArithmeticFlags(cpu, comparisonEflags(order));
    if (!keepsRegister(fp)) popTimes(cpu, popCount);
  };
}

function ftst(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  note(cpu, code, pc);
  if (isEmpty(cpu, 0)) {
    unorderedFault(cpu);
    return;
  }
  readStack(cpu, 0, first);
  prepare(cpu);
  const order = testF80(fp, first);
  finish(cpu);
  setCodes(cpu, comparisonCodes(order));
}

function fxam(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  note(cpu, code, pc);
  readStack(cpu, 0, first);
  setCodes(cpu, isEmpty(cpu, 0) ? C3 | C0 | ((first.se & 0x8000) !== 0 ? C1 : 0) : examineF80(first));
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalCompare = {
  FCOM: compare(0),
  FCOMP: compare(1),
  FCOMPP: compareBoth(false),
  FICOM: compareInteger(0),
  FICOMP: compareInteger(1),
  FUCOM: compareQuietly(0),
  FUCOMP: compareQuietly(1),
  FUCOMPP: compareBoth(true),
  FCOMI: compareToFlags(false, 0),
  FCOMIP: compareToFlags(false, 1),
  FUCOMI: compareToFlags(true, 0),
  FUCOMIP: compareToFlags(true, 1),
  FTST: ftst,
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalCompare = generalCompare;

// A function written out for each row: closures made by one factory would share what the host engine learns of them.
export const x87CompareHandlers = {
  FCOM: (cpu, code, pc) => {
    if (!plainCompare(cpu, code, pc, 0)) general.FCOM(cpu, code, pc);
  },
  FCOMP: (cpu, code, pc) => {
    if (!plainCompare(cpu, code, pc, 1)) general.FCOMP(cpu, code, pc);
  },
  FCOMPP: (cpu, code, pc) => {
    if (!plainCompareStack(cpu, code, pc, 1, 2)) general.FCOMPP(cpu, code, pc);
  },
  FICOM: (cpu, code, pc) => {
    if (!plainCompareInteger(cpu, code, pc, 0)) general.FICOM(cpu, code, pc);
  },
  FICOMP: (cpu, code, pc) => {
    if (!plainCompareInteger(cpu, code, pc, 1)) general.FICOMP(cpu, code, pc);
  },
  FUCOM: (cpu, code, pc) => {
    if (!plainCompare(cpu, code, pc, 0)) general.FUCOM(cpu, code, pc);
  },
  FUCOMP: (cpu, code, pc) => {
    if (!plainCompare(cpu, code, pc, 1)) general.FUCOMP(cpu, code, pc);
  },
  FUCOMPP: (cpu, code, pc) => {
    if (!plainCompareStack(cpu, code, pc, 1, 2)) general.FUCOMPP(cpu, code, pc);
  },
  FCOMI: (cpu, code, pc) => {
    if (!plainCompareToFlags(cpu, code, pc, 0)) general.FCOMI(cpu, code, pc);
  },
  FCOMIP: (cpu, code, pc) => {
    if (!plainCompareToFlags(cpu, code, pc, 1)) general.FCOMIP(cpu, code, pc);
  },
  FUCOMI: (cpu, code, pc) => {
    if (!plainCompareToFlags(cpu, code, pc, 0)) general.FUCOMI(cpu, code, pc);
  },
  FUCOMIP: (cpu, code, pc) => {
    if (!plainCompareToFlags(cpu, code, pc, 1)) general.FUCOMIP(cpu, code, pc);
  },
  FTST: (cpu, code, pc) => {
    if (!plainCompareStack(cpu, code, pc, -1, 0)) general.FTST(cpu, code, pc);
  },
  FXAM: fxam,
} satisfies Partial<Record<OpName, Handler>>;
