// x87 loads, stores, exchanges, conditional moves and constants. SDM 2 under each name. A store computes, then writes
// memory, then changes the status word and the stack, so that a fault leaves everything for another try.

import { keepsMemory } from '../../../src/core/cpu/float/ieee/environment.ts';
import { loadConstant } from '../../../src/core/cpu/float/x87/f80-compare.ts';
import {
  fromInt32,
  fromInt64,
  loadF32,
  loadF64,
  storeF32,
  storeF64,
  storeInt16,
  storeInt32,
  storeInt64,
} from '../../../src/core/cpu/float/x87/f80-convert.ts';
import { type Decimal, loadDecimal, storeDecimal } from '../../../src/core/cpu/float/x87/f80-decimal.ts';
import type { F80 } from '../../../src/core/cpu/float/x87/f80.ts';
import { isEmpty, pop, push, readStack, writeStack } from '../../../src/core/cpu/float/x87/registers.ts';
import { clearC1, enter, finish, fp, prepare, stackFault } from '../../../src/core/cpu/float/x87/status.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_MEMORY, R_A, R_B, R_IMM, SIZE_16, SIZE_32, SIZE_64 } from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite, load16, load32, store16, store32 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { condition } from '../../../src/core/state/flags.ts';
import type { Handler } from '../handler.ts';
import { kindA, sizeA } from '../operands.ts';
import {
  address80,
  first,
  INDEFINITE,
  load64,
  load80,
  note,
  noteOperand,
  operandAddress,
  outcome,
  pair,
  second,
  store64,
  store80,
} from './x87-operands.ts';
import {
  plainConstant,
  plainExchange,
  plainLoad,
  plainLoadInteger,
  plainStore,
  plainStoreInteger,
} from './x87-plain.ts';

const decimal: Decimal = { lo: 0, middle: 0, top: 0 };

/** Push a value that raised nothing, or report the overflow. */
function pushChecked(cpu: Cpu, value: F80): void {
  if (isEmpty(cpu, 7)) {
    clearC1(cpu);
    push(cpu, value);
  } else if (stackFault(cpu, true)) push(cpu, INDEFINITE);
}

function fld(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  if (kindA(code, pc) !== KIND_MEMORY) {
    note(cpu, code, pc);
    const index = code[pc + R_A];
    if (isEmpty(cpu, index)) {
      if (stackFault(cpu, false)) push(cpu, INDEFINITE);
      return;
    }
    readStack(cpu, index, outcome);
    pushChecked(cpu, outcome);
    return;
  }
  const size = sizeA(code, pc);
  if (size === SIZE_32) pair.lo = load32(cpu, operandAddress(cpu, code, pc, 4, false));
  else if (size === SIZE_64) load64(cpu, operandAddress(cpu, code, pc, 8, false));
  else load80(cpu, code, pc, outcome);
  noteOperand(cpu, code, pc);
  if (size !== SIZE_32 && size !== SIZE_64) {
    pushChecked(cpu, outcome);
    return;
  }
  if (!isEmpty(cpu, 7)) {
    if (stackFault(cpu, true)) push(cpu, INDEFINITE);
    return;
  }
  prepare(cpu);
  const pushes = size === SIZE_32 ? loadF32(fp, pair.lo, outcome) : loadF64(fp, pair.lo, pair.hi, outcome);
  finish(cpu);
  if (pushes) push(cpu, outcome);
}

function fild(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  switch (sizeA(code, pc)) {
    case SIZE_16:
      fromInt32((load16(cpu, operandAddress(cpu, code, pc, 2, false)) << 16) >> 16, outcome);
      break;
    case SIZE_32:
      fromInt32(load32(cpu, operandAddress(cpu, code, pc, 4, false)), outcome);
      break;
    default:
      load64(cpu, operandAddress(cpu, code, pc, 8, false));
      fromInt64(pair.lo, pair.hi, outcome);
  }
  noteOperand(cpu, code, pc);
  pushChecked(cpu, outcome);
}

function fbld(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  load80(cpu, code, pc, first);
  loadDecimal(first.lo, first.hi, first.se, outcome);
  noteOperand(cpu, code, pc);
  pushChecked(cpu, outcome);
}

/** FLD1 to FLDZ: the low bits of the last opcode tell which. */
function constant(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  note(cpu, code, pc);
  prepare(cpu);
  loadConstant(fp, code[pc + R_IMM] & 7, outcome);
  pushChecked(cpu, outcome);
}

/** The alias D9 D8+i does not report an empty register: it only pops. */
const SILENT_FSTP = 0x1d8;

/** FST and FSTP to ST(i). */
function storeRegister(cpu: Cpu, code: Int32Array, pc: number): boolean {
  note(cpu, code, pc);
  if (isEmpty(cpu, 0)) {
    if ((code[pc + R_IMM] & ~7) === SILENT_FSTP) {
      clearC1(cpu);
      return true;
    }
    if (!stackFault(cpu, false)) return false;
    writeStack(cpu, code[pc + R_A], INDEFINITE);
    return true;
  }
  clearC1(cpu);
  readStack(cpu, 0, outcome);
  writeStack(cpu, code[pc + R_A], outcome);
  return true;
}

/** An operand of 2 to 8 bytes that can be written, or a fault. */
function destination(cpu: Cpu, code: Int32Array, pc: number, bytes: number): number {
  const at = operandAddress(cpu, code, pc, bytes, true);
  if ((at & (bytes - 1)) !== 0) checkAlignment(cpu, at, bytes);
  checkWrite(cpu, at, bytes);
  return at;
}

/** The end of a store to memory; true when the stack may be popped. */
function finishStore(cpu: Cpu, code: Int32Array, pc: number): boolean {
  noteOperand(cpu, code, pc);
  finish(cpu);
  return !keepsMemory(fp);
}

/** The end of a store from an empty register: `isMasked` tells whether the indefinite was stored. */
function finishEmpty(cpu: Cpu, code: Int32Array, pc: number): boolean {
  noteOperand(cpu, code, pc);
  return stackFault(cpu, false);
}

const INVALID_MASKED = 1;

/** FST and FSTP to memory. */
function storeReal(cpu: Cpu, code: Int32Array, pc: number): boolean {
  const size = sizeA(code, pc);
  const bytes = size === SIZE_32 ? 4 : size === SIZE_64 ? 8 : 10;
  const at = bytes === 10 ? address80(cpu, code, pc) : destination(cpu, code, pc, bytes);
  const empty = isEmpty(cpu, 0);
  prepare(cpu);
  if (empty) {
    if ((fp.masks & INVALID_MASKED) !== 0) {
      if (size === SIZE_32) store32(cpu, at, 0xffc00000 | 0);
      else if (size === SIZE_64) store64(cpu, at, 0, 0xfff80000 | 0);
      else store80(cpu, at, INDEFINITE.lo, INDEFINITE.hi, INDEFINITE.se);
    }
    return finishEmpty(cpu, code, pc);
  }
  readStack(cpu, 0, first);
  if (size === SIZE_32) {
    const bits = storeF32(fp, first);
    if (!keepsMemory(fp)) store32(cpu, at, bits);
  } else if (size === SIZE_64) {
    storeF64(fp, first, pair);
    if (!keepsMemory(fp)) store64(cpu, at, pair.lo, pair.hi);
  } else store80(cpu, at, first.lo, first.hi, first.se);
  return finishStore(cpu, code, pc);
}

function fst(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  if (kindA(code, pc) === KIND_MEMORY) storeReal(cpu, code, pc);
  else storeRegister(cpu, code, pc);
}

function fstp(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  if (kindA(code, pc) === KIND_MEMORY ? storeReal(cpu, code, pc) : storeRegister(cpu, code, pc)) pop(cpu);
}

/** FIST, FISTP, FISTTP. */
function storeInteger(truncates: boolean, pops: boolean): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    const size = sizeA(code, pc);
    const at = destination(cpu, code, pc, 1 << size);
    prepare(cpu);
    let isStored: boolean;
    if (isEmpty(cpu, 0)) {
      if ((fp.masks & INVALID_MASKED) !== 0) {
        if (size === SIZE_16) store16(cpu, at, 0x8000);
        else if (size === SIZE_32) store32(cpu, at, 0x80000000 | 0);
        else store64(cpu, at, 0, 0x80000000 | 0);
      }
      isStored = finishEmpty(cpu, code, pc);
    } else {
      readStack(cpu, 0, first);
      if (size === SIZE_16) {
        const value = storeInt16(fp, first, truncates);
        if (!keepsMemory(fp)) store16(cpu, at, value & 0xffff);
      } else if (size === SIZE_32) {
        const value = storeInt32(fp, first, truncates);
        if (!keepsMemory(fp)) store32(cpu, at, value);
      } else {
        storeInt64(fp, first, truncates, pair);
        if (!keepsMemory(fp)) store64(cpu, at, pair.lo, pair.hi);
      }
      isStored = finishStore(cpu, code, pc);
    }
    if (isStored && pops) pop(cpu);
  };
}

function fbstp(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  const at = address80(cpu, code, pc);
  prepare(cpu);
  if (isEmpty(cpu, 0)) {
    if ((fp.masks & INVALID_MASKED) !== 0) store80(cpu, at, 0, 0xc0000000 | 0, 0xffff);
    if (finishEmpty(cpu, code, pc)) pop(cpu);
    return;
  }
  readStack(cpu, 0, first);
  storeDecimal(fp, first, decimal);
  if (!keepsMemory(fp)) store80(cpu, at, decimal.lo, decimal.middle, decimal.top);
  if (finishStore(cpu, code, pc)) pop(cpu);
}

/** An empty register takes part as the indefinite, if that is masked. */
function fxch(cpu: Cpu, code: Int32Array, pc: number): void {
  if (!enter(cpu)) return;
  note(cpu, code, pc);
  const index = code[pc + R_A];
  const isTopEmpty = isEmpty(cpu, 0);
  const isOtherEmpty = isEmpty(cpu, index);
  if (isTopEmpty || isOtherEmpty) {
    if (!stackFault(cpu, false)) return;
  } else clearC1(cpu);
  readStack(cpu, 0, first);
  readStack(cpu, index, second);
  writeStack(cpu, 0, isOtherEmpty ? INDEFINITE : second);
  writeStack(cpu, index, isTopEmpty ? INDEFINITE : first);
}

/** FCMOVcc by the tttn condition of the same meaning. */
function conditionalMove(tttn: number): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    note(cpu, code, pc);
    const index = code[pc + R_B];
    if (isEmpty(cpu, 0) || isEmpty(cpu, index)) {
      if (stackFault(cpu, false)) writeStack(cpu, 0, INDEFINITE);
      return;
    }
    if (!condition(cpu, tttn)) return;
    readStack(cpu, index, outcome);
    writeStack(cpu, 0, outcome);
  };
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalTransfer = {
  FLD: fld,
  FILD: fild,
  FST: fst,
  FSTP: fstp,
  FIST: storeInteger(false, false),
  FISTP: storeInteger(false, true),
  FISTTP: storeInteger(true, true),
  FXCH: fxch,
  FLD1: constant,
  FLDZ: constant,
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalTransfer = generalTransfer;

// A function written out for each row: closures made by one factory would share what the host engine learns of them.
export const x87TransferHandlers = {
  FLD: (cpu, code, pc) => {
    if (!plainLoad(cpu, code, pc)) general.FLD(cpu, code, pc);
  },
  FILD: (cpu, code, pc) => {
    if (!plainLoadInteger(cpu, code, pc)) general.FILD(cpu, code, pc);
  },
  FBLD: fbld,
  FST: (cpu, code, pc) => {
    if (!plainStore(cpu, code, pc, 0)) general.FST(cpu, code, pc);
  },
  FSTP: (cpu, code, pc) => {
    if (!plainStore(cpu, code, pc, 1)) general.FSTP(cpu, code, pc);
  },
  FIST: (cpu, code, pc) => {
    if (!plainStoreInteger(cpu, code, pc, false, 0)) general.FIST(cpu, code, pc);
  },
  FISTP: (cpu, code, pc) => {
    if (!plainStoreInteger(cpu, code, pc, false, 1)) general.FISTP(cpu, code, pc);
  },
  FISTTP: (cpu, code, pc) => {
    if (!plainStoreInteger(cpu, code, pc, true, 1)) general.FISTTP(cpu, code, pc);
  },
  FBSTP: fbstp,
  FXCH: (cpu, code, pc) => {
    if (!plainExchange(cpu, code, pc)) general.FXCH(cpu, code, pc);
  },
  FCMOVB: conditionalMove(2),
  FCMOVE: conditionalMove(4),
  FCMOVBE: conditionalMove(6),
  FCMOVU: conditionalMove(10),
  FCMOVNB: conditionalMove(3),
  FCMOVNE: conditionalMove(5),
  FCMOVNBE: conditionalMove(7),
  FCMOVNU: conditionalMove(11),
  FLD1: (cpu, code, pc) => {
    if (!plainConstant(cpu, code, pc)) general.FLD1(cpu, code, pc);
  },
  FLDL2T: constant,
  FLDL2E: constant,
  FLDPI: constant,
  FLDLG2: constant,
  FLDLN2: constant,
  FLDZ: (cpu, code, pc) => {
    if (!plainConstant(cpu, code, pc)) general.FLDZ(cpu, code, pc);
  },
} satisfies Partial<Record<OpName, Handler>>;
