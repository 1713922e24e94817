// SSE on 32-bit flat code, SDM 2 under each name: moves, logic, 32-bit and byte comparisons of integers, permutations of
// doublewords as IR; arithmetic on floats by `attempt`; what else has registers alone for operands by `assist`. The forms
// with MMX registers are left to the handlers. What every instruction checks first (SDM 3 §2.5): CR0.EM, CR0.TS and
// CR4.OSFXSR.

import { type OpName, rowOf } from '../../src/core/isa/ops.ts';
import {
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_XMM,
  META_OP_MASK,
  META_SIZE_B_SHIFT,
  SIZE_128,
  SIZE_32,
  SIZE_64,
} from '../../src/core/isa/record.ts';
import { SIMD_ROWS } from '../../src/core/isa/rows-simd.ts';
import { CR0, CR0_EM, CR0_TS, CR4, CR4_OSFXSR, MXCSR, WIDE, XMM } from '../../src/core/state/layout.ts';
import type { Binary, Temp, WideName } from '../ir/ir.ts';
import { WIDE_RESULT } from '../ir/wide-places.ts';
import {
  effectiveOffset,
  immediate,
  kindA,
  kindB,
  type Lift,
  type Lifter,
  linear,
  metaOf,
  NOT_LIFTED,
  readB,
  registerA,
  registerB,
  writeA,
  writeRegister,
} from './operands.ts';

const WORDS = [0, 1, 2, 3] as const;
const ALL_MASKED = 0x1f80;

const xmmWord = (register: number): number => XMM + 4 * register;

/** #UD and #NM are the handler's. */
function requireSse(l: Lift): void {
  const { b } = l;
  b.guard(b.with('and', b.word(CR0), CR0_EM | CR0_TS));
  b.guard(b.with('eq', b.with('and', b.word(CR4), CR4_OSFXSR), 0));
}

/** Linear address of the memory operand of `words`. */
const addressOf = (l: Lift, words: number): Temp => linear(l, effectiveOffset(l), 4 * words);

const destination = (l: Lift): number => {
  if (kindA(l) !== KIND_XMM) throw NOT_LIFTED;
  return xmmWord(registerA(l));
};

/** Word index of operand B: its register, or the scratch words after loading them; 128 bits must be aligned there. */
function source(l: Lift): number {
  if (kindB(l) === KIND_XMM) return xmmWord(registerB(l));
  if (kindB(l) !== KIND_MEMORY) throw NOT_LIFTED;
  switch ((metaOf(l) >> META_SIZE_B_SHIFT) & 7) {
    case SIZE_32:
      l.b.poke(WIDE, l.b.load(SIZE_32, addressOf(l, 1)));
      return WIDE;
    case SIZE_64:
      l.b.fetch(2, WIDE, addressOf(l, 2));
      return WIDE;
    case SIZE_128:
      l.b.fetch(4, WIDE, addressOf(l, 4), true);
      return WIDE;
    default:
      throw NOT_LIFTED;
  }
}

function copy(l: Lift, to: number, from: number, words: number): void {
  const values = WORDS.slice(0, words).map((k) => l.b.peek(from + k));
  values.forEach((value, k) => l.b.poke(to + k, value));
}

function clear(l: Lift, from: number, to: number): void {
  const zero = l.b.constant(0);
  for (let index = from; index < to; index++) l.b.poke(index, zero);
}

/** 128 bits: MOVAPS and its kind, or MOVUPS and its kind. */
function moveAll(aligned: boolean): Lifter {
  return (l) => {
    requireSse(l);
    if (kindA(l) === KIND_MEMORY) {
      if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
      l.b.stash(4, xmmWord(registerB(l)), addressOf(l, 4), aligned);
    } else if (kindB(l) === KIND_MEMORY) l.b.fetch(4, destination(l), addressOf(l, 4), aligned);
    else copy(l, destination(l), source(l), 4);
  };
}

/** MOVSD and MOVQ: a load clears the upper half; MOVQ does between registers too. */
function moveDouble(clears: boolean): Lifter {
  return (l) => {
    requireSse(l);
    if (kindA(l) === KIND_MEMORY) {
      if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
      l.b.stash(2, xmmWord(registerB(l)), addressOf(l, 2));
      return;
    }
    const to = destination(l);
    const isLoad = kindB(l) === KIND_MEMORY;
    if (isLoad) l.b.fetch(2, to, addressOf(l, 2));
    else if (kindB(l) === KIND_XMM) copy(l, to, xmmWord(registerB(l)), 2);
    else throw NOT_LIFTED;
    if (isLoad || clears) clear(l, to + 2, to + 4);
  };
}

function movss(l: Lift): void {
  const { b } = l;
  requireSse(l);
  if (kindA(l) === KIND_MEMORY) {
    b.store(SIZE_32, addressOf(l, 1), b.peek(xmmWord(registerB(l))));
    return;
  }
  const to = destination(l);
  if (kindB(l) !== KIND_MEMORY) {
    copy(l, to, source(l), 1);
    return;
  }
  b.poke(to, b.load(SIZE_32, addressOf(l, 1)));
  clear(l, to + 1, to + 4);
}

function movd(l: Lift): void {
  requireSse(l);
  if (kindA(l) === KIND_XMM) {
    const to = destination(l);
    l.b.poke(to, readB(l));
    clear(l, to + 1, to + 4);
  } else if (kindB(l) === KIND_XMM) writeA(l, l.b.peek(xmmWord(registerB(l))));
  else throw NOT_LIFTED;
}

/** MOVLPS and MOVLPD (half 0), MOVHPS and MOVHPD (2). */
function moveHalf(half: number): Lifter {
  return (l) => {
    requireSse(l);
    if (kindA(l) === KIND_MEMORY) l.b.stash(2, xmmWord(registerB(l)) + half, addressOf(l, 2));
    else l.b.fetch(2, destination(l) + half, addressOf(l, 2));
  };
}

/** Word by word: `order[k] & 3` of A, or of B when 4 is added, becomes word k. */
function permute(l: Lift, order: readonly number[]): void {
  requireSse(l);
  const to = destination(l);
  const from = source(l);
  const values = order.map((k) => l.b.peek((k < 4 ? to : from) + (k & 3)));
  values.forEach((value, k) => l.b.poke(to + k, value));
}

const permutes =
  (...order: number[]): Lifter =>
  (l) =>
    permute(l, order);

/** Two words of A and two of B, or four of B. */
function shuffle(bases: readonly number[]): Lifter {
  return (l) =>
    permute(
      l,
      bases.map((base, k) => base + ((immediate(l) >> (2 * k)) & 3)),
    );
}

/** Each word of A and of B by itself. */
function wordwise(compute: (l: Lift, a: Temp, b: Temp) => Temp): Lifter {
  return (l) => {
    requireSse(l);
    const to = destination(l);
    const from = source(l);
    const values = WORDS.map((k) => compute(l, l.b.peek(to + k), l.b.peek(from + k)));
    values.forEach((value, k) => l.b.poke(to + k, value));
  };
}

const plain = (how: Binary): Lifter => wordwise((l, x, y) => l.b.binary(how, x, y));

const andNot = wordwise((l, x, y) => l.b.binary('and', l.b.with('xor', x, -1), y));

/** All ones where lanes are equal: `low` has all bits of each lane but the top one, `shift` brings that one down. */
function equalLanes(low: number, shift: number, ones: number): Lifter {
  return wordwise((l, x, y) => {
    const { b } = l;
    const differ = b.binary('xor', x, y);
    // The top bit of a lane is set when any of its bits is.
    const sum = b.with('add', b.with('and', differ, low), low);
    const isOther = b.binary('or', sum, differ);
    const equal = b.with(
      'and',
      b.with('shr', b.with('xor', isOther, -1), shift),
      low === 0x7fff7fff ? 0x10001 : 0x1010101,
    );
    return b.with('mul', equal, ones);
  });
}

/** Adds or subtracts lanes: the top bits are kept apart, so that no carry goes from lane to lane. */
function addLanes(low: number, isSubtract: boolean): Lifter {
  return wordwise((l, x, y) => {
    const { b } = l;
    const top = b.with('and', b.binary('xor', x, y), ~low);
    if (!isSubtract) return b.binary('xor', b.binary('add', b.with('and', x, low), b.with('and', y, low)), top);
    const difference = b.binary('sub', b.with('or', x, ~low), b.with('and', y, low));
    return b.binary('xor', difference, b.with('xor', top, ~low));
  });
}

/** Sign bits of bytes, four of a word: the product moves each to its place. */
function pmovmskb(l: Lift): void {
  const { b } = l;
  if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
  requireSse(l);
  const from = xmmWord(registerB(l));
  const parts = WORDS.map((k) => {
    const tops = b.with('and', b.with('shr', b.peek(from + k), 7), 0x01010101);
    const bits = b.with('shr', b.with('mul', tops, 0x10204080), 28);
    return k === 0 ? bits : b.with('shl', bits, 4 * k);
  });
  writeRegister(
    l,
    registerA(l),
    SIZE_32,
    parts.reduce((all, part) => b.binary('or', all, part)),
  );
}

function signMask(words: readonly number[]): Lifter {
  return (l) => {
    const { b } = l;
    requireSse(l);
    const from = xmmWord(registerB(l));
    const parts = words.map((word, k) => {
      const bit = b.with('shr', b.peek(from + word), 31);
      return k === 0 ? bit : b.with('shl', bit, k);
    });
    writeRegister(
      l,
      registerA(l),
      SIZE_32,
      parts.reduce((all, part) => b.binary('or', all, part)),
    );
  };
}

/** Arithmetic by the host where that is exact. */
function attempts(how: WideName): Lifter {
  return (l) => {
    requireSse(l);
    const to = destination(l);
    l.b.attempt(how, to, source(l));
  };
}

function compares(how: WideName): Lifter {
  return (l) => {
    requireSse(l);
    l.b.attempt(how, destination(l), source(l));
    l.b.bits(l.b.peek(WIDE_RESULT));
  };
}

function fromInteger(how: WideName): Lifter {
  return (l) => {
    requireSse(l);
    const to = destination(l);
    l.b.poke(WIDE, readB(l));
    l.b.attempt(how, to, WIDE);
  };
}

function truncates(how: WideName): Lifter {
  return (l) => {
    requireSse(l);
    l.b.attempt(how, WIDE_RESULT, source(l));
    writeRegister(l, registerA(l), SIZE_32, l.b.peek(WIDE_RESULT));
  };
}

/** The handler on registers alone: no spilling, no way out. Unmasked SIMD exceptions are the handler's to report. */
function assisted(l: Lift): void {
  const { b } = l;
  const row = metaOf(l) & META_OP_MASK;
  const { faults, kind } = rowOf(row);
  const hasRegisters = kindA(l) === KIND_XMM && (kindB(l) === KIND_XMM || kindB(l) === KIND_IMMEDIATE);
  if (!hasRegisters || kind !== 'plain') throw NOT_LIFTED;
  requireSse(l);
  if (faults.includes('XM')) b.guard(b.with('ne', b.with('and', b.peek(MXCSR), ALL_MASKED), ALL_MASKED));
  b.assist(row);
}

const direct = {
  MOVAPS: moveAll(true),
  MOVAPD: moveAll(true),
  MOVDQA: moveAll(true),
  MOVNTPS: moveAll(true),
  MOVNTPD: moveAll(true),
  MOVNTDQ: moveAll(true),
  MOVUPS: moveAll(false),
  MOVUPD: moveAll(false),
  MOVDQU: moveAll(false),
  LDDQU: moveAll(false),
  MOVSD: moveDouble(false),
  MOVQ: moveDouble(true),
  MOVSS: movss,
  MOVD: movd,
  MOVNTI: (l) => writeA(l, readB(l)),
  MOVLPS: moveHalf(0),
  MOVLPD: moveHalf(0),
  MOVHPS: moveHalf(2),
  MOVHPD: moveHalf(2),
  MOVHLPS: permutes(6, 7, 2, 3),
  MOVLHPS: permutes(0, 1, 4, 5),
  MOVSLDUP: permutes(4, 4, 6, 6),
  MOVSHDUP: permutes(5, 5, 7, 7),
  MOVDDUP: permutes(4, 5, 4, 5),
  PSHUFD: shuffle([4, 4, 4, 4]),
  SHUFPS: shuffle([0, 0, 4, 4]),
  PUNPCKLDQ: permutes(0, 4, 1, 5),
  PUNPCKHDQ: permutes(2, 6, 3, 7),
  UNPCKLPS: permutes(0, 4, 1, 5),
  UNPCKHPS: permutes(2, 6, 3, 7),
  PUNPCKLQDQ: permutes(0, 1, 4, 5),
  PUNPCKHQDQ: permutes(2, 3, 6, 7),
  UNPCKLPD: permutes(0, 1, 4, 5),
  UNPCKHPD: permutes(2, 3, 6, 7),
  PMOVMSKB: pmovmskb,
  MOVMSKPS: signMask([0, 1, 2, 3]),
  MOVMSKPD: signMask([1, 3]),
  PAND: plain('and'),
  ANDPS: plain('and'),
  ANDPD: plain('and'),
  PANDN: andNot,
  ANDNPS: andNot,
  ANDNPD: andNot,
  POR: plain('or'),
  ORPS: plain('or'),
  ORPD: plain('or'),
  PXOR: plain('xor'),
  XORPS: plain('xor'),
  XORPD: plain('xor'),
  PADDD: plain('add'),
  PSUBD: plain('sub'),
  PADDB: addLanes(0x7f7f7f7f, false),
  PADDW: addLanes(0x7fff7fff, false),
  PSUBB: addLanes(0x7f7f7f7f, true),
  PSUBW: addLanes(0x7fff7fff, true),
  PCMPEQB: equalLanes(0x7f7f7f7f, 7, 0xff),
  PCMPEQW: equalLanes(0x7fff7fff, 15, 0xffff),
  PCMPEQD: wordwise((l, x, y) => l.b.binary('sub', l.b.constant(0), l.b.binary('eq', x, y))),
  PCMPGTD: wordwise((l, x, y) => l.b.binary('sub', l.b.constant(0), l.b.binary('lt', y, x))),
  ADDSS: attempts('addF32'),
  SUBSS: attempts('subtractF32'),
  MULSS: attempts('multiplyF32'),
  DIVSS: attempts('divideF32'),
  ADDSD: attempts('addF64'),
  SUBSD: attempts('subtractF64'),
  MULSD: attempts('multiplyF64'),
  DIVSD: attempts('divideF64'),
  ADDPS: attempts('addPackedF32'),
  SUBPS: attempts('subtractPackedF32'),
  MULPS: attempts('multiplyPackedF32'),
  DIVPS: attempts('dividePackedF32'),
  ADDPD: attempts('addPackedF64'),
  SUBPD: attempts('subtractPackedF64'),
  MULPD: attempts('multiplyPackedF64'),
  DIVPD: attempts('dividePackedF64'),
  COMISS: compares('compareF32'),
  UCOMISS: compares('compareF32'),
  COMISD: compares('compareF64'),
  UCOMISD: compares('compareF64'),
  CVTSI2SS: fromInteger('fromInt32F32'),
  CVTSI2SD: fromInteger('fromInt32F64'),
  CVTTSS2SI: truncates('truncateF32'),
  CVTTSD2SI: truncates('truncateF64'),
  CVTSS2SD: attempts('widenF32'),
  CVTSD2SS: attempts('narrowF64'),
} satisfies Partial<Record<OpName, Lifter>>;

export const simdLifters: Partial<Record<OpName, Lifter>> = {
  ...Object.fromEntries(SIMD_ROWS.map(({ name }) => [name, assisted])),
  ...direct,
};
