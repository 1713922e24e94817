// Decimal adjustments, SDM 2: DAA DAS AAA AAS AAM AAD. Undefined flags as on AMD processors: OF of DAA and DAS
// is that of the addition or subtraction done; AAA and AAS take OF SF ZF PF from adding or subtracting 0106h
// to AX before the high digit is cut off; AAM clears CF OF AF; AAD sets them as the addition does.

import { VECTOR_DE } from '../../../src/core/base/vectors.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { R_IMM } from '../../../src/core/isa/record.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { CC_ADD8, CC_LOGIC8, CC_SZP16, CC_SZP8, getFlags, setLazy } from '../../../src/core/state/flags.ts';
import { AF, CF, EAX, OF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';

/** Index of AL in the byte view, of AX in the word view. */
const AL = EAX;
const AX = EAX;
const AH = EAX + 1;

const signed8 = (value: number): number => (value << 24) >> 24;

/** Whether the low digit must be adjusted. */
function lowDigit(al: number, flags: number): boolean {
  return (al & 15) > 9 || (flags & AF) !== 0;
}

function daa(cpu: Cpu): void {
  const flags = getFlags(cpu);
  const al = cpu.m8[AL];
  const low = lowDigit(al, flags);
  const high = al > 0x99 || (flags & CF) !== 0;
  const addend = (low ? 6 : 0) + (high ? 0x60 : 0);
  const result = signed8(al + addend);
  const overflow = (al ^ result) & (addend ^ result) & 0x80;
  cpu.m8[AL] = result;
  setLazy(cpu, CC_SZP8, result, (low ? AF : 0) | (high ? CF : 0) | (overflow !== 0 ? OF : 0));
}

function das(cpu: Cpu): void {
  const flags = getFlags(cpu);
  const al = cpu.m8[AL];
  const low = lowDigit(al, flags);
  const high = al > 0x99 || (flags & CF) !== 0;
  const subtrahend = (low ? 6 : 0) + (high ? 0x60 : 0);
  const result = signed8(al - subtrahend);
  const borrow = high || (low && al < 6);
  const overflow = (al ^ subtrahend) & (al ^ result) & 0x80;
  cpu.m8[AL] = result;
  setLazy(cpu, CC_SZP8, result, (low ? AF : 0) | (borrow ? CF : 0) | (overflow !== 0 ? OF : 0));
}

function adjustUnpacked(cpu: Cpu, step: number): void {
  const adjust = lowDigit(cpu.m8[AL], getFlags(cpu));
  const before = (cpu.m16[AX] << 16) >> 16;
  const after = ((before + (adjust ? step : 0)) << 16) >> 16;
  const overflow = after !== before + (adjust ? step : 0);
  cpu.m16[AX] = after & 0xff0f;
  setLazy(cpu, CC_SZP16, after, (adjust ? AF | CF : 0) | (overflow ? OF : 0));
}

function aaa(cpu: Cpu): void {
  adjustUnpacked(cpu, 0x106);
}

function aas(cpu: Cpu): void {
  adjustUnpacked(cpu, -0x106);
}

function aam(cpu: Cpu, code: Int32Array, pc: number): void {
  const base = code[pc + R_IMM] & 0xff;
  if (base === 0) raise(cpu, VECTOR_DE);
  const al = cpu.m8[AL];
  const digit = al % base;
  cpu.m8[AH] = (al - digit) / base;
  cpu.m8[AL] = digit;
  setLazy(cpu, CC_LOGIC8, signed8(digit), 0);
}

function aad(cpu: Cpu, code: Int32Array, pc: number): void {
  const addend = signed8(cpu.m8[AH] * (code[pc + R_IMM] & 0xff));
  const result = signed8(cpu.m8[AL] + addend);
  cpu.m16[AX] = result & 0xff;
  setLazy(cpu, CC_ADD8, result, addend);
}

export const bcdHandlers = {
  DAA: daa,
  DAS: das,
  AAA: aaa,
  AAS: aas,
  AAM: aam,
  AAD: aad,
} satisfies Partial<Record<OpName, Handler>>;
