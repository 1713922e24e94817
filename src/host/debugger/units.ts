// The floating-point and vector registers as a person reads them: values beside bits, control and status words by the
// names of their fields (SDM 1, chapter 8 and §10.2.3).

import { fullTagWord, physical } from '../../core/cpu/float/x87/registers.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import {
  FP_CONTROL,
  FP_CS,
  FP_DP,
  FP_DS,
  FP_FERR,
  FP_IGNNE,
  FP_IP,
  FP_OPCODE,
  FP_SIGN_EXPONENT_16,
  FP_SIGNIFICAND,
  FP_STATUS,
  MXCSR,
  XMM,
} from '../../core/state/layout.ts';
import { hex, hexValue } from './views.ts';

const EXCEPTIONS = ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE'];
const MASKS = ['IM', 'DM', 'ZM', 'OM', 'UM', 'PM'];
const ROUNDING = ['to nearest', 'down', 'up', 'toward zero'];
const PRECISION = ['24 bits', 'reserved', '53 bits', '64 bits'];
const TAGS = ['valid', 'zero', 'special', 'empty'];
const EXPONENT_BIAS = 16383;

const bitNames = (names: readonly string[], bits: number): string =>
  names.filter((_name, i) => ((bits >>> i) & 1) !== 0).join(' ') || 'none';

/** An 80-bit value in decimal, as near as a double comes. */
export function extendedText(significand: bigint, signExponent: number): string {
  const sign = (signExponent & 0x8000) !== 0 ? '-' : '';
  const exponent = signExponent & 0x7fff;
  if (exponent === 0x7fff) return `${sign}${significand << 1n === 1n << 64n ? 'infinity' : 'NaN'}`;
  if (significand === 0n) return `${sign}0`;
  const value = Number(significand) * 2 ** (Math.max(exponent, 1) - EXPONENT_BIAS - 63);
  const isBeyond = value === 0 || !Number.isFinite(value);
  const magnitude = Math.round(
    Math.log10(Number(significand)) + (exponent - EXPONENT_BIAS - 63) * Math.LOG10E * Math.LN2,
  );
  return `${sign}${isBeyond ? `about 1e${magnitude}` : value}`;
}

export interface FpuRegister {
  readonly name: string;
  readonly tag: string;
  readonly bits: string;
  readonly value: string;
}

export function fpuRegisters(cpu: Cpu): FpuRegister[] {
  const tags = fullTagWord(cpu);
  return Array.from({ length: 8 }, (_, i) => {
    const register = physical(cpu, i);
    const at = FP_SIGNIFICAND + register * 2;
    const significand = (BigInt(cpu.m32[at + 1] >>> 0) << 32n) | BigInt(cpu.m32[at] >>> 0);
    const signExponent = cpu.m16[FP_SIGN_EXPONENT_16 + register];
    return {
      name: `st${i}`,
      tag: TAGS[(tags >>> (register * 2)) & 3],
      bits: `${signExponent.toString(16).padStart(4, '0')}:${significand.toString(16).padStart(16, '0')}`,
      value: extendedText(significand, signExponent),
    };
  });
}

function statusNames(status: number): string {
  const bit = (number: number): boolean => ((status >>> number) & 1) !== 0;
  const conditions = ['C0', 'C1', 'C2', 'C3'].filter((_name, i) => bit([8, 9, 10, 14][i]));
  return [
    `exceptions ${bitNames(EXCEPTIONS, status)}`,
    ...(bit(6) ? ['stack fault'] : []),
    ...(bit(7) ? ['error summary'] : []),
    ...conditions,
  ].join(', ');
}

export function fpuLines(cpu: Cpu): string {
  const { m32 } = cpu;
  const [control, status] = [m32[FP_CONTROL], m32[FP_STATUS]];
  const pins = (status & FP_FERR) !== 0 ? `FERR# is active${(status & FP_IGNNE) !== 0 ? ', IGNNE# too' : ''}` : '';
  return [
    ...fpuRegisters(cpu).map(({ name, tag, bits, value }) =>
      `${name}  ${bits}  ${tag.padEnd(7)}${tag === 'empty' ? '' : `  ${value}`}`.trimEnd(),
    ),
    `control ${hexValue(control & 0xffff)}: rounds ${ROUNDING[(control >>> 10) & 3]}, ` +
      `${PRECISION[(control >>> 8) & 3]}, masked ${bitNames(MASKS, control)}`,
    `status  ${hexValue(status & 0xffff)}: TOP ${(status >>> 11) & 7}, ${statusNames(status)}`,
    `tags    ${hexValue(fullTagWord(cpu) & 0xffff)}`,
    `last instruction ${hexValue(m32[FP_CS] & 0xffff)}:${hex(m32[FP_IP])}, ` +
      `opcode ${hexValue(0xd800 | (m32[FP_OPCODE] & 0x7ff))}, ` +
      `operand ${hexValue(m32[FP_DS] & 0xffff)}:${hex(m32[FP_DP])}`,
    ...(pins === '' ? [] : [pins]),
  ].join('\n');
}

export function xmmRegisters(cpu: Cpu): { name: string; words: number[]; floats: number[]; doubles: number[] }[] {
  return Array.from({ length: 8 }, (_, i) => {
    const words = Array.from({ length: 4 }, (_word, k) => cpu.m32[XMM + i * 4 + k] >>> 0);
    const bytes = Uint32Array.from(words).buffer;
    return {
      name: `xmm${i}`,
      words,
      floats: [...new Float32Array(bytes)],
      doubles: [...new Float64Array(bytes)],
    };
  });
}

export function xmmLines(cpu: Cpu): string {
  const mxcsr = cpu.m32[MXCSR];
  const modes = `${(mxcsr & 0x40) !== 0 ? ', DAZ' : ''}${(mxcsr & 0x8000) !== 0 ? ', FTZ' : ''}`;
  const short = (value: number): string => String(Number(value.toPrecision(7)));
  return [
    ...xmmRegisters(cpu).map(({ name, words, floats, doubles }) => {
      const digits = [...words].reverse().map((word) => word.toString(16).padStart(8, '0'));
      const values = `floats ${floats.map(short).join(' ')}, doubles ${doubles.map(short).join(' ')}`;
      return `${name}  0x${digits.join('')}  ${values}`;
    }),
    `mxcsr ${hexValue(mxcsr)}: rounds ${ROUNDING[(mxcsr >>> 13) & 3]}, exceptions ${bitNames(EXCEPTIONS, mxcsr)}, ` +
      `masked ${bitNames(MASKS, mxcsr >>> 7)}${modes}`,
  ].join('\n');
}
