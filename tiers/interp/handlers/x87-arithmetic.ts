// FADD, FMUL, FSUB, FDIV with their reversed, popping and integer forms. SDM 2 under each name, SDM 1 §8.5 (masked
// and unmasked responses): an unmasked invalid, denormal or zero-divide exception leaves the stack alone, an unmasked
// overflow or underflow stores the result with its exponent adjusted.

import { addF80, divideF80, multiplyF80, subtractF80 } from '../../../src/core/cpu/float/x87/f80-arithmetic.ts';
import { fromInt32, widenF32, widenF64 } from '../../../src/core/cpu/float/x87/f80-convert.ts';
import { type FloatEnvironment, keepsRegister } from '../../../src/core/cpu/float/ieee/environment.ts';
import type { F80 } from '../../../src/core/cpu/float/x87/f80.ts';
import { addPlain, dividePlain, multiplyPlain } from '../../../src/core/cpu/float/plain.ts';
import { isEmpty, pop, readStack, writeStack } from '../../../src/core/cpu/float/x87/registers.ts';
import { enter, finish, fp, prepare, stackFault } from '../../../src/core/cpu/float/x87/status.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_MEMORY, R_A, R_B, SIZE_16, SIZE_32 } from '../../../src/core/isa/record.ts';
import { load16, load32 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import type { Handler } from '../handler.ts';
import { kindB, sizeB } from '../operands.ts';
import { first, INDEFINITE, load64, note, noteOperand, operandAddress, outcome, pair, second } from './x87-operands.ts';
import { beginInteger, beginReal, finishPlain, finishPopping } from './x87-plain.ts';

type Operation = (env: FloatEnvironment, a: F80, b: F80, out: F80, memoryDenormal: number) => void;

/** `first` is the destination's value, `second` the source's. */
function compute(cpu: Cpu, operate: Operation, isReversed: boolean, destination: number, denormal: number): boolean {
  prepare(cpu);
  if (isReversed) operate(fp, second, first, outcome, denormal);
  else operate(fp, first, second, outcome, denormal);
  finish(cpu);
  if (keepsRegister(fp)) return false;
  writeStack(cpu, destination, outcome);
  return true;
}

function underflow(cpu: Cpu, destination: number): boolean {
  if (!stackFault(cpu, false)) return false;
  writeStack(cpu, destination, INDEFINITE);
  return true;
}

function onRegisters(cpu: Cpu, code: Int32Array, pc: number, operate: Operation, isReversed: boolean): boolean {
  note(cpu, code, pc);
  const destination = code[pc + R_A];
  const source = code[pc + R_B];
  if (isEmpty(cpu, destination) || isEmpty(cpu, source)) return underflow(cpu, destination);
  readStack(cpu, destination, first);
  readStack(cpu, source, second);
  return compute(cpu, operate, isReversed, destination, 0);
}

/** ST(i) with ST(0), or ST(0) with a single or double in memory. */
function real(operate: Operation, isReversed: boolean): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    if (kindB(code, pc) !== KIND_MEMORY) {
      onRegisters(cpu, code, pc, operate, isReversed);
      return;
    }
    let denormal = 0;
    if (sizeB(code, pc) === SIZE_32) {
      denormal = widenF32(load32(cpu, operandAddress(cpu, code, pc, 4, false)), second);
    } else {
      load64(cpu, operandAddress(cpu, code, pc, 8, false));
      denormal = widenF64(pair.lo, pair.hi, second);
    }
    onMemory(cpu, code, pc, operate, isReversed, denormal);
  };
}

function onMemory(
  cpu: Cpu,
  code: Int32Array,
  pc: number,
  operate: Operation,
  isReversed: boolean,
  denormal: number,
): void {
  noteOperand(cpu, code, pc);
  if (isEmpty(cpu, 0)) {
    underflow(cpu, 0);
    return;
  }
  readStack(cpu, 0, first);
  compute(cpu, operate, isReversed, 0, denormal);
}

function popping(operate: Operation, isReversed: boolean): Handler {
  return (cpu, code, pc) => {
    if (enter(cpu) && onRegisters(cpu, code, pc, operate, isReversed)) pop(cpu);
  };
}

/** ST(0) with a 16- or 32-bit integer in memory. */
function integer(operate: Operation, isReversed: boolean): Handler {
  return (cpu, code, pc) => {
    if (!enter(cpu)) return;
    const value =
      sizeB(code, pc) === SIZE_16
        ? (load16(cpu, operandAddress(cpu, code, pc, 2, false)) << 16) >> 16
        : load32(cpu, operandAddress(cpu, code, pc, 4, false));
    fromInt32(value, second);
    onMemory(cpu, code, pc, operate, isReversed, 0);
  };
}

/** The general handlers, whatever the operands: what the plain ones fall back to and are tested against. */
export const generalArithmetic = {
  FADD: real(addF80, false),
  FMUL: real(multiplyF80, false),
  FSUB: real(subtractF80, false),
  FSUBR: real(subtractF80, true),
  FDIV: real(divideF80, false),
  FDIVR: real(divideF80, true),
  FADDP: popping(addF80, false),
  FMULP: popping(multiplyF80, false),
  FSUBP: popping(subtractF80, false),
  FSUBRP: popping(subtractF80, true),
  FDIVP: popping(divideF80, false),
  FDIVRP: popping(divideF80, true),
  FIADD: integer(addF80, false),
  FIMUL: integer(multiplyF80, false),
  FISUB: integer(subtractF80, false),
  FISUBR: integer(subtractF80, true),
  FIDIV: integer(divideF80, false),
  FIDIVR: integer(divideF80, true),
} satisfies Partial<Record<OpName, Handler>>;

const general: typeof generalArithmetic = generalArithmetic;

// A function written out for each row: closures made by one factory would share what the host engine learns of them.
export const x87ArithmeticHandlers = {
  FADD: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, addPlain(cpu, register, 0, 0))) general.FADD(cpu, code, pc);
  },
  FMUL: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, multiplyPlain(cpu, register))) general.FMUL(cpu, code, pc);
  },
  FSUB: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, addPlain(cpu, register, 0, 0x8000))) general.FSUB(cpu, code, pc);
  },
  FSUBR: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, addPlain(cpu, register, 0x8000, 0))) general.FSUBR(cpu, code, pc);
  },
  FDIV: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, dividePlain(cpu, register, false))) general.FDIV(cpu, code, pc);
  },
  FDIVR: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, dividePlain(cpu, register, true))) general.FDIVR(cpu, code, pc);
  },
  FADDP: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPopping(cpu, addPlain(cpu, register, 0, 0))) general.FADDP(cpu, code, pc);
  },
  FMULP: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPopping(cpu, multiplyPlain(cpu, register))) general.FMULP(cpu, code, pc);
  },
  FSUBP: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPopping(cpu, addPlain(cpu, register, 0, 0x8000))) general.FSUBP(cpu, code, pc);
  },
  FSUBRP: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPopping(cpu, addPlain(cpu, register, 0x8000, 0))) general.FSUBRP(cpu, code, pc);
  },
  FDIVP: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPopping(cpu, dividePlain(cpu, register, false))) general.FDIVP(cpu, code, pc);
  },
  FDIVRP: (cpu, code, pc) => {
    const register = beginReal(cpu, code, pc);
    if (register < 0 || !finishPopping(cpu, dividePlain(cpu, register, true))) general.FDIVRP(cpu, code, pc);
  },
  FIADD: (cpu, code, pc) => {
    const register = beginInteger(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, addPlain(cpu, register, 0, 0))) general.FIADD(cpu, code, pc);
  },
  FIMUL: (cpu, code, pc) => {
    const register = beginInteger(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, multiplyPlain(cpu, register))) general.FIMUL(cpu, code, pc);
  },
  FISUB: (cpu, code, pc) => {
    const register = beginInteger(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, addPlain(cpu, register, 0, 0x8000))) general.FISUB(cpu, code, pc);
  },
  FISUBR: (cpu, code, pc) => {
    const register = beginInteger(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, addPlain(cpu, register, 0x8000, 0))) general.FISUBR(cpu, code, pc);
  },
  FIDIV: (cpu, code, pc) => {
    const register = beginInteger(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, dividePlain(cpu, register, false))) general.FIDIV(cpu, code, pc);
  },
  FIDIVR: (cpu, code, pc) => {
    const register = beginInteger(cpu, code, pc);
    if (register < 0 || !finishPlain(cpu, dividePlain(cpu, register, true))) general.FIDIVR(cpu, code, pc);
  },
} satisfies Partial<Record<OpName, Handler>>;
