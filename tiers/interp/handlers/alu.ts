// Binary and unary arithmetic and logic, SDM 2: ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NOT NEG, and the
// locked ones that add or compare: XADD CMPXCHG CMPXCHG8B. Flags stay lazy (state/flags.ts). The one flag the
// manual leaves undefined, AF of the logical operations, is 0, as on AMD and Intel processors.

import type { OpName } from '../../../src/core/isa/ops.ts';
import { KIND_REGISTER, R_A, R_B } from '../../../src/core/isa/record.ts';
import { checkAlignment, loadForWrite32, store32 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import {
  CC_ADC,
  CC_ADD,
  CC_DEC,
  CC_INC,
  CC_LOGIC,
  CC_SBB,
  CC_SUB,
  carry,
  changeFlags,
  setLazy,
} from '../../../src/core/state/flags.ts';
import { EAX, EBX, ECX, EDX, ZF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import {
  addressOf,
  extend,
  kindA,
  readA,
  readAForWrite,
  readB,
  readRegister,
  sizeA,
  writeBackA,
  writeRegister,
} from '../operands.ts';

function add(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = extend(readB(cpu, code, pc), size);
  const result = extend(readAForWrite(cpu, code, pc) + b, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_ADD + size, result, b);
}

function adc(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const c = carry(cpu);
  const b = extend(readB(cpu, code, pc), size);
  const result = extend(readAForWrite(cpu, code, pc) + b + c, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, (c !== 0 ? CC_ADC : CC_ADD) + size, result, b);
}

function sub(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = extend(readB(cpu, code, pc), size);
  const result = extend(readAForWrite(cpu, code, pc) - b, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_SUB + size, result, b);
}

function sbb(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const c = carry(cpu);
  const b = extend(readB(cpu, code, pc), size);
  const result = extend(readAForWrite(cpu, code, pc) - b - c, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, (c !== 0 ? CC_SBB : CC_SUB) + size, result, b);
}

function cmp(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = extend(readB(cpu, code, pc), size);
  setLazy(cpu, CC_SUB + size, extend(readA(cpu, code, pc) - b, size), b);
}

function and(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = readB(cpu, code, pc);
  const result = extend(readAForWrite(cpu, code, pc) & b, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_LOGIC + size, result, 0);
}

function or(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = readB(cpu, code, pc);
  const result = extend(readAForWrite(cpu, code, pc) | b, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_LOGIC + size, result, 0);
}

function xor(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = readB(cpu, code, pc);
  const result = extend(readAForWrite(cpu, code, pc) ^ b, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_LOGIC + size, result, 0);
}

function test(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = readB(cpu, code, pc);
  setLazy(cpu, CC_LOGIC + size, extend(readA(cpu, code, pc) & b, size), 0);
}

function inc(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const result = extend(readAForWrite(cpu, code, pc) + 1, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_INC + size, result, carry(cpu));
}

function dec(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const result = extend(readAForWrite(cpu, code, pc) - 1, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_DEC + size, result, carry(cpu));
}

function not(cpu: Cpu, code: Int32Array, pc: number): void {
  writeBackA(cpu, code, pc, ~readAForWrite(cpu, code, pc));
}

function neg(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = extend(readAForWrite(cpu, code, pc), size);
  const result = extend(-b, size);
  writeBackA(cpu, code, pc, result);
  setLazy(cpu, CC_SUB + size, result, b);
}

/** TEMP := SRC + DEST; SRC := DEST; DEST := TEMP: with one register as both, the sum stays. */
function xadd(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = extend(readB(cpu, code, pc), size);
  const a = readAForWrite(cpu, code, pc);
  const result = extend(a + b, size);
  writeBackA(cpu, code, pc, result);
  if (kindA(code, pc) !== KIND_REGISTER || code[pc + R_A] !== code[pc + R_B]) {
    writeRegister(cpu, code[pc + R_B], size, a);
  }
  setLazy(cpu, CC_ADD + size, result, b);
}

/** The destination is written in both cases, as the manual says of the locked bus cycle. */
function cmpxchg(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const source = readB(cpu, code, pc);
  const old = extend(readAForWrite(cpu, code, pc), size);
  const result = extend(readRegister(cpu, EAX, size) - old, size);
  if (result === 0) {
    writeBackA(cpu, code, pc, source);
  } else {
    writeBackA(cpu, code, pc, old);
    writeRegister(cpu, EAX, size, old);
  }
  setLazy(cpu, CC_SUB + size, result, old);
}

function cmpxchg8b(cpu: Cpu, code: Int32Array, pc: number): void {
  const m32 = cpu.m32;
  const low = addressOf(cpu, code, pc, 8, true);
  const high = (low + 4) | 0;
  checkAlignment(cpu, low, 8);
  const oldLow = loadForWrite32(cpu, low);
  const oldHigh = loadForWrite32(cpu, high);
  const equal = oldLow === m32[EAX] && oldHigh === m32[EDX];
  store32(cpu, low, equal ? m32[EBX] : oldLow);
  store32(cpu, high, equal ? m32[ECX] : oldHigh);
  if (!equal) {
    m32[EAX] = oldLow;
    m32[EDX] = oldHigh;
  }
  changeFlags(cpu, ZF, equal ? ZF : 0);
}

export const aluHandlers = {
  ADD: add,
  OR: or,
  ADC: adc,
  SBB: sbb,
  AND: and,
  SUB: sub,
  XOR: xor,
  CMP: cmp,
  TEST: test,
  INC: inc,
  DEC: dec,
  NOT: not,
  NEG: neg,
  XADD: xadd,
  CMPXCHG: cmpxchg,
  CMPXCHG8B: cmpxchg8b,
} satisfies Partial<Record<OpName, Handler>>;
