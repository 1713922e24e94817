// Multiplication and division, SDM 2: MUL IMUL DIV IDIV, exact without BigInt. Undefined flags as on AMD
// processors: MUL and IMUL keep SF ZF AF PF; DIV and IDIV keep CF and OF, set AF, clear SF ZF PF.
// #DE for a zero divisor and for a quotient that does not fit.

import { VECTOR_DE } from '../../../src/core/base/vectors.ts';
import type { OpName } from '../../../src/core/isa/ops.ts';
import { R_A, R_IMM, SIZE_16, SIZE_32, SIZE_8 } from '../../../src/core/isa/record.ts';
import { type Cpu, raise } from '../../../src/core/state/cpu.ts';
import { changeFlags } from '../../../src/core/state/flags.ts';
import { AF, CF, EAX, EDX, OF, PF, SF, ZF } from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { extend, readA, readB, sizeA, writeRegister } from '../operands.ts';

/** Bits 32–63 of the unsigned product, int32. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32
  const carryIn = aLow * bHigh + (middle & 0xffff); // below 2^32
  return (aHigh * bHigh + (middle >>> 16) + (carryIn >>> 16)) | 0;
}

/** Bits 32–63 of the signed product. */
export function multiplyHighSigned(a: number, b: number): number {
  return (multiplyHigh(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
}

function setProductFlags(cpu: Cpu, overflow: boolean): void {
  changeFlags(cpu, CF | OF, overflow ? CF | OF : 0);
}

function setQuotientFlags(cpu: Cpu): void {
  changeFlags(cpu, SF | ZF | AF | PF, AF);
}

function mul(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = readA(cpu, code, pc);
  if (size === SIZE_32) {
    const a = cpu.m32[EAX];
    const high = multiplyHigh(a, b);
    cpu.m32[EAX] = Math.imul(a, b);
    cpu.m32[EDX] = high;
    setProductFlags(cpu, high !== 0);
  } else if (size === SIZE_16) {
    const product = Math.imul(cpu.m16[EAX << 1], b);
    cpu.m16[EAX << 1] = product;
    cpu.m16[EDX << 1] = product >>> 16;
    setProductFlags(cpu, product >>> 16 !== 0);
  } else {
    const product = cpu.m8[EAX] * b;
    cpu.m16[EAX] = product;
    setProductFlags(cpu, product > 0xff);
  }
}

/** One-operand IMUL. */
function imul1(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const b = extend(readA(cpu, code, pc), size);
  if (size === SIZE_32) {
    const a = cpu.m32[EAX];
    const low = Math.imul(a, b);
    const high = multiplyHighSigned(a, b);
    cpu.m32[EAX] = low;
    cpu.m32[EDX] = high;
    setProductFlags(cpu, high !== low >> 31);
  } else if (size === SIZE_16) {
    const product = extend(cpu.m16[EAX << 1], SIZE_16) * b;
    cpu.m16[EAX << 1] = product;
    cpu.m16[EDX << 1] = product >> 16;
    setProductFlags(cpu, product !== extend(product, SIZE_16));
  } else {
    const product = extend(cpu.m8[EAX], SIZE_8) * b;
    cpu.m16[EAX] = product;
    setProductFlags(cpu, product !== extend(product, SIZE_8));
  }
}

function multiplyInto(cpu: Cpu, code: Int32Array, pc: number, a: number, b: number): void {
  const size = sizeA(code, pc);
  const x = extend(a, size);
  const y = extend(b, size);
  const low = extend(Math.imul(x, y), size);
  writeRegister(cpu, code[pc + R_A], size, low);
  // A product beyond 2^53 is rounded but stays far outside the 32-bit range, so the comparison is right.
  setProductFlags(cpu, x * y !== low);
}

function imul(cpu: Cpu, code: Int32Array, pc: number): void {
  multiplyInto(cpu, code, pc, readA(cpu, code, pc), readB(cpu, code, pc));
}

function imul3(cpu: Cpu, code: Int32Array, pc: number): void {
  multiplyInto(cpu, code, pc, readB(cpu, code, pc), code[pc + R_IMM]);
}

/** Remainder of the last divide(). */
let remainder = 0;

/**
 * high:low / divisor, all unsigned int32 patterns, high below the divisor. Schoolbook in base 2^16: each
 * partial dividend is below 2^48, so its quotient, a double, differs from the next integer by at least 2^-32
 * and floors exactly.
 */
function divide(high: number, low: number, divisor: number): number {
  const d = divisor >>> 0;
  const upper = (high >>> 0) * 0x10000 + (low >>> 16);
  const upperQuotient = Math.floor(upper / d);
  const lower = (upper - upperQuotient * d) * 0x10000 + (low & 0xffff);
  const lowerQuotient = Math.floor(lower / d);
  remainder = lower - lowerQuotient * d;
  return upperQuotient * 0x10000 + lowerQuotient;
}

function div(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const divisor = readA(cpu, code, pc);
  if (divisor === 0) raise(cpu, VECTOR_DE);
  if (size === SIZE_32) {
    const high = cpu.m32[EDX];
    if (high >>> 0 >= divisor >>> 0) raise(cpu, VECTOR_DE);
    cpu.m32[EAX] = divide(high, cpu.m32[EAX], divisor);
    cpu.m32[EDX] = remainder;
  } else if (size === SIZE_16) {
    const dividend = ((cpu.m16[EDX << 1] << 16) | cpu.m16[EAX << 1]) >>> 0;
    const quotient = Math.floor(dividend / divisor);
    if (quotient > 0xffff) raise(cpu, VECTOR_DE);
    cpu.m16[EAX << 1] = quotient;
    cpu.m16[EDX << 1] = dividend - quotient * divisor;
  } else {
    const dividend = cpu.m16[EAX];
    const quotient = Math.floor(dividend / divisor);
    if (quotient > 0xff) raise(cpu, VECTOR_DE);
    cpu.m16[EAX] = quotient | ((dividend - quotient * divisor) << 8);
  }
  setQuotientFlags(cpu);
}

function idiv(cpu: Cpu, code: Int32Array, pc: number): void {
  const size = sizeA(code, pc);
  const divisor = extend(readA(cpu, code, pc), size);
  if (divisor === 0) raise(cpu, VECTOR_DE);
  if (size === SIZE_32) divideSigned32(cpu, divisor);
  else if (size === SIZE_16) {
    const dividend = (cpu.m16[EDX << 1] << 16) | cpu.m16[EAX << 1];
    const quotient = Math.trunc(dividend / divisor);
    if (quotient !== extend(quotient, SIZE_16)) raise(cpu, VECTOR_DE);
    cpu.m16[EAX << 1] = quotient;
    cpu.m16[EDX << 1] = dividend - quotient * divisor;
  } else {
    const dividend = extend(cpu.m16[EAX], SIZE_16);
    const quotient = Math.trunc(dividend / divisor);
    if (quotient !== extend(quotient, SIZE_8)) raise(cpu, VECTOR_DE);
    cpu.m16[EAX] = (quotient & 0xff) | ((dividend - quotient * divisor) << 8);
  }
  setQuotientFlags(cpu);
}

/** EDX:EAX / divisor on magnitudes; the remainder has the dividend's sign. */
function divideSigned32(cpu: Cpu, divisor: number): void {
  const m32 = cpu.m32;
  const negative = m32[EDX] < 0;
  let low = m32[EAX];
  let high = m32[EDX];
  if (negative) {
    low = -low | 0;
    high = (low === 0 ? -high : ~high) | 0;
  }
  const magnitude = divisor < 0 ? -divisor : divisor;
  if (high >>> 0 >= magnitude) raise(cpu, VECTOR_DE);
  const quotient = divide(high, low, magnitude);
  const negativeQuotient = negative !== divisor < 0;
  if (quotient > (negativeQuotient ? 0x80000000 : 0x7fffffff)) raise(cpu, VECTOR_DE);
  m32[EAX] = negativeQuotient ? -quotient : quotient;
  m32[EDX] = negative ? -remainder : remainder;
}

export const multiplyHandlers = {
  MUL: mul,
  IMUL1: imul1,
  IMUL: imul,
  IMUL3: imul3,
  DIV: div,
  IDIV: idiv,
} satisfies Partial<Record<OpName, Handler>>;
