// MUL IMUL DIV IDIV, SDM 2. MUL and IMUL keep SF ZF AF PF; DIV and IDIV keep CF and OF, set AF, clear SF ZF PF.
// What raises #DE goes the slow way. IDIV of 64 bits works on magnitudes, unless CDQ has just made its dividend.

import { OP, type OpLiftedBy } from '../../src/core/isa/ops.ts';
import { registersWritten } from '../../src/core/isa/effects.ts';
import {
  META_OP_MASK,
  META_OPSIZE_32,
  RECORD_WORDS,
  R_META,
  SIZE_16,
  SIZE_32,
  SIZE_8,
} from '../../src/core/isa/record.ts';
import { AF, CF, EAX, EDX, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';
import type { Size, Temp } from '../ir/ir.ts';
import { changeFlags } from './flags.ts';
import {
  extend,
  immediate,
  type Lift,
  type Lifter,
  readA,
  readRegister,
  readSignedA,
  readSignedB,
  readSignedRegister,
  registerA,
  sizeA,
  writeRegister,
} from './operands.ts';

/** CF and OF both set where `overflow` is 1. */
function productFlags(l: Lift, overflow: Temp): void {
  const { b } = l;
  changeFlags(l, CF | OF, b.binary('mul', overflow, b.constant(CF | OF)));
}

function mul(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const source = readA(l);
  const left = readRegister(l, EAX, size);
  const low = b.binary('mul', left, source);
  if (size === SIZE_32) {
    const high = b.binary('mulhu', left, source);
    b.set(EAX, low);
    b.set(EDX, high);
    productFlags(l, b.with('ne', high, 0));
  } else if (size === SIZE_16) {
    const high = b.with('shr', low, 16);
    writeRegister(l, EAX, SIZE_16, low);
    writeRegister(l, EDX, SIZE_16, high);
    productFlags(l, b.with('ne', high, 0));
  } else {
    writeRegister(l, EAX, SIZE_16, low);
    productFlags(l, b.with('ne', b.with('shr', low, 8), 0));
  }
}

function imul1(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const source = readSignedA(l);
  const left = readSignedRegister(l, EAX, size);
  const low = b.binary('mul', left, source);
  if (size === SIZE_32) {
    const high = b.binary('mulhs', left, source);
    b.set(EAX, low);
    b.set(EDX, high);
    productFlags(l, b.binary('ne', high, b.with('sar', low, 31)));
    return;
  }
  writeRegister(l, EAX, SIZE_16, low);
  if (size === SIZE_16) writeRegister(l, EDX, SIZE_16, b.with('sar', low, 16));
  productFlags(l, b.binary('ne', low, extend(l, low, size)));
}

/** Of sign-extended values. */
function multiplyInto(l: Lift, x: Temp, y: Temp): void {
  const { b } = l;
  const size = sizeA(l);
  const product = b.binary('mul', x, y);
  writeRegister(l, registerA(l), size, product);
  if (size === SIZE_32) productFlags(l, b.binary('ne', b.binary('mulhs', x, y), b.with('sar', product, 31)));
  else productFlags(l, b.binary('ne', product, extend(l, product, size)));
}

function imul(l: Lift): void {
  const source = readSignedB(l);
  multiplyInto(l, readSignedRegister(l, registerA(l), sizeA(l)), source);
}

function imul3(l: Lift): void {
  const source = readSignedB(l);
  multiplyInto(l, source, extend(l, l.b.constant(immediate(l)), sizeA(l)));
}

function quotientFlags(l: Lift): void {
  changeFlags(l, SF | ZF | AF | PF, l.b.constant(AF));
}

/** DX:AX. */
function wordsOf(l: Lift): Temp {
  const { b } = l;
  return b.binary('or', b.with('shl', b.get(EDX), 16), readRegister(l, EAX, SIZE_16));
}

function div(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const divisor = readA(l);
  if (size === SIZE_32) {
    const high = b.get(EDX);
    // A divisor of 0 is not above it either.
    b.guard(b.binary('leu', divisor, high));
    const dividend = b.get(EAX);
    const quotient = b.quotient(high, dividend, divisor);
    b.set(EDX, b.binary('sub', dividend, b.binary('mul', quotient, divisor)));
    b.set(EAX, quotient);
    quotientFlags(l);
    return;
  }
  b.guard(b.with('eq', divisor, 0));
  if (size === SIZE_8) {
    const dividend = b.with('and', b.get(EAX), 0xffff);
    const quotient = b.binary('divu', dividend, divisor);
    b.guard(b.binary('ltu', b.constant(0xff), quotient));
    const rest = b.binary('remu', dividend, divisor);
    writeRegister(l, EAX, SIZE_16, b.binary('or', quotient, b.with('shl', rest, 8)));
  } else {
    const dividend = wordsOf(l);
    const quotient = b.binary('divu', dividend, divisor);
    b.guard(b.binary('ltu', b.constant(0xffff), quotient));
    const rest = b.binary('remu', dividend, divisor);
    writeRegister(l, EAX, SIZE_16, quotient);
    writeRegister(l, EDX, SIZE_16, rest);
  }
  quotientFlags(l);
}

/** AX or DX:AX by a byte or a word, signed. */
function narrowQuotient(l: Lift, size: Size, divisor: Temp): void {
  const { b } = l;
  const dividend = size === SIZE_8 ? readSignedRegister(l, EAX, SIZE_16) : wordsOf(l);
  if (size === SIZE_16) b.guard(b.binary('and', b.with('eq', divisor, -1), b.with('eq', dividend, -0x80000000)));
  const quotient = b.binary('divs', dividend, divisor);
  b.guard(b.binary('ne', quotient, extend(l, quotient, size)));
  const rest = b.binary('rems', dividend, divisor);
  if (size === SIZE_8) {
    writeRegister(l, EAX, SIZE_16, b.binary('or', b.with('and', quotient, 0xff), b.with('shl', rest, 8)));
  } else {
    writeRegister(l, EAX, SIZE_16, quotient);
    writeRegister(l, EDX, SIZE_16, rest);
  }
}

function idiv(l: Lift): void {
  const { b } = l;
  const size = sizeA(l);
  const divisor = readSignedA(l);
  b.guard(b.with('eq', divisor, 0));
  if (size !== SIZE_32) {
    narrowQuotient(l, size, divisor);
    quotientFlags(l);
    return;
  }
  if (isSignExtended(l)) {
    const dividend = b.get(EAX);
    // The one quotient of 32-bit numbers that does not fit.
    b.guard(b.binary('and', b.with('eq', divisor, -1), b.with('eq', dividend, -0x80000000)));
    const rest = b.binary('rems', dividend, divisor);
    b.set(EAX, b.binary('divs', dividend, divisor));
    b.set(EDX, rest);
  } else longQuotient(l, divisor);
  quotientFlags(l);
}

/** EDX is the sign of EAX for sure: CDQ stands before, and nothing in between writes either. */
function isSignExtended({ b, code, pc }: Lift): boolean {
  const insn = b.ops.filter(({ op }) => op === 'insn').at(-1);
  const first = insn?.op === 'insn' ? pc - insn.index * RECORD_WORDS : pc;
  for (let at = pc - RECORD_WORDS; at >= first; at -= RECORD_WORDS) {
    const meta = code[at + R_META];
    if ((meta & META_OP_MASK) === OP.CWD) return (meta & META_OPSIZE_32) !== 0;
    if ((registersWritten(code, at) & ((1 << EAX) | (1 << EDX))) !== 0) return false;
  }
  return false;
}

/** `value`, or where `sign` is −1 its negative. */
function signedBy(l: Lift, value: Temp, sign: Temp): Temp {
  const { b } = l;
  return b.binary('sub', b.binary('xor', value, sign), sign);
}

/** EDX:EAX, signed: magnitudes are divided; the remainder has the dividend's sign. */
function longQuotient(l: Lift, divisor: Temp): void {
  const { b } = l;
  const top = b.get(EDX);
  const sign = b.with('sar', top, 31);
  const low = signedBy(l, b.get(EAX), sign);
  // ~high, and one more where the low half was 0.
  const carry = b.binary('and', b.with('eq', low, 0), sign);
  const high = b.binary('add', b.binary('xor', top, sign), carry);
  const divisorSign = b.with('sar', divisor, 31);
  const magnitude = signedBy(l, divisor, divisorSign);
  b.guard(b.binary('leu', magnitude, high));
  const quotient = b.quotient(high, low, magnitude);
  const quotientSign = b.binary('xor', sign, divisorSign);
  b.guard(b.binary('ltu', b.binary('sub', b.constant(0x7fffffff), quotientSign), quotient));
  const rest = b.binary('sub', low, b.binary('mul', quotient, magnitude));
  b.set(EAX, signedBy(l, quotient, quotientSign));
  b.set(EDX, signedBy(l, rest, sign));
}

export const multiplyLifters = {
  MUL: mul,
  IMUL1: imul1,
  IMUL: imul,
  IMUL3: imul3,
  DIV: div,
  IDIV: idiv,
} satisfies Record<OpLiftedBy<'multiply'>, Lifter>;
