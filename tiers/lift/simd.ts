// SSE, SDM 2 under each name: moves, logic, sums and comparisons of integers by lanes, permutations
// of doublewords and exact conversions as IR; arithmetic on floats by `attempt`. Rows that have no lifter here may
// assist (assist.ts); forms with MMX registers are left to the handlers.

import type { OpLiftedBy } from '../../src/core/isa/ops.ts';
import {
  KIND_IMMEDIATE,
  KIND_MEMORY,
  KIND_XMM,
  META_SIZE_B_SHIFT,
  SIZE_128,
  SIZE_32,
  SIZE_64,
} from '../../src/core/isa/record.ts';
import { WIDE, XMM } from '../../src/core/state/layout.ts';
import type { ValueAttempt, WordAttempt } from '../ir/attempts.ts';
import { type LaneShift, laneBits, type Temp, type Type, type Vector } from '../ir/ir.ts';
import { assisted, requireSse } from './assist.ts';
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

const xmmWord = (register: number): number => XMM + 4 * register;

/** Linear address of the memory operand of `words`. */
const addressOf = (l: Lift, words: number, isWrite = false): Temp => linear(l, effectiveOffset(l), 4 * words, isWrite);

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

/** A value from words to words. */
function copy(l: Lift, to: number, from: number, type: Type): void {
  l.b.poke(to, l.b.peek(from, type), type);
}

/** Words 1 to 3 of a register, of which word 0 has just been written. */
function clearAbove(l: Lift, to: number): void {
  l.b.poke(to + 1, l.b.constant(0));
  l.b.poke(to + 2, l.b.constant(0, 'i64'), 'i64');
}

/** 128 bits: MOVAPS and its kind, or MOVUPS and its kind. */
function moveAll(aligned: boolean): Lifter {
  return (l) => {
    requireSse(l);
    if (kindA(l) === KIND_MEMORY) {
      if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
      l.b.stash(4, xmmWord(registerB(l)), addressOf(l, 4, true), aligned);
    } else if (kindB(l) === KIND_MEMORY) l.b.fetch(4, destination(l), addressOf(l, 4), aligned);
    else copy(l, destination(l), source(l), 'v128');
  };
}

/** MOVSD and MOVQ: a load clears the upper half; MOVQ does between registers too. */
function moveDouble(clears: boolean): Lifter {
  return (l) => {
    requireSse(l);
    if (kindA(l) === KIND_MEMORY) {
      if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
      l.b.stash(2, xmmWord(registerB(l)), addressOf(l, 2, true));
      return;
    }
    const to = destination(l);
    const isLoad = kindB(l) === KIND_MEMORY;
    if (isLoad) l.b.fetch(2, to, addressOf(l, 2));
    else if (kindB(l) === KIND_XMM) copy(l, to, xmmWord(registerB(l)), 'i64');
    else throw NOT_LIFTED;
    if (isLoad || clears) l.b.poke(to + 2, l.b.constant(0, 'i64'), 'i64');
  };
}

function movss(l: Lift): void {
  const { b } = l;
  requireSse(l);
  if (kindA(l) === KIND_MEMORY) {
    b.store(SIZE_32, addressOf(l, 1, true), b.peek(xmmWord(registerB(l))));
    return;
  }
  const to = destination(l);
  if (kindB(l) !== KIND_MEMORY) {
    copy(l, to, source(l), 'i32');
    return;
  }
  b.poke(to, b.load(SIZE_32, addressOf(l, 1)));
  clearAbove(l, to);
}

function movd(l: Lift): void {
  requireSse(l);
  if (kindA(l) === KIND_XMM) {
    const to = destination(l);
    l.b.poke(to, readB(l));
    clearAbove(l, to);
  } else if (kindB(l) === KIND_XMM) writeA(l, l.b.peek(xmmWord(registerB(l))));
  else throw NOT_LIFTED;
}

/** MOVLPS and MOVLPD (half 0), MOVHPS and MOVHPD (1). */
function moveHalf(half: number): Lifter {
  return (l) => {
    requireSse(l);
    if (kindA(l) === KIND_MEMORY) l.b.stash(2, xmmWord(registerB(l)) + 2 * half, addressOf(l, 2, true));
    else l.b.fetch(2, destination(l) + 2 * half, addressOf(l, 2));
  };
}

/** Halves of B become halves of A. */
function copyHalf(...moves: readonly (readonly [to: number, from: number])[]): Lifter {
  return (l) => {
    requireSse(l);
    const to = destination(l);
    const from = source(l);
    const values = moves.map(([, half]) => l.b.peek(from + 2 * half, 'i64'));
    moves.forEach(([half], k) => l.b.poke(to + 2 * half, values[k], 'i64'));
  };
}

/** What both operands make becomes A. */
function combines(compute: (l: Lift, a: Temp, b: Temp) => Temp): Lifter {
  return (l) => {
    requireSse(l);
    const to = destination(l);
    const from = source(l);
    l.b.poke(to, compute(l, l.b.peek(to, 'v128'), l.b.peek(from, 'v128')), 'v128');
  };
}

type Lanes = readonly [number, number, number, number];

/** Doubleword by doubleword: 0 to 3 of A, 4 to 7 of B. */
const permutes = (...lanes: Lanes): Lifter => combines((l, x, y) => l.b.shuffle(x, y, lanes));

/** Two doublewords of A and two of B, or four of B, as the immediate says. */
const shuffles = (...bases: Lanes): Lifter =>
  combines((l, x, y) => {
    const lane = (k: number): number => bases[k] + ((immediate(l) >> (2 * k)) & 3);
    return l.b.shuffle(x, y, [lane(0), lane(1), lane(2), lane(3)]);
  });

/** SHUFPD: a quadword of A, and one of B. */
const shufpd = combines((l, x, y) => {
  const [low, high] = [2 * (immediate(l) & 1), 4 + (immediate(l) & 2)];
  return l.b.shuffle(x, y, [low, low + 1, high, high + 1]);
});

/** Elements of so many bytes of A and B in turns, from byte `from` of each on. */
function interleaves(bytes: number, from: number): Lifter {
  const lanes = Array.from({ length: 16 }, (_, k) => {
    const element = k >> (bytes === 1 ? 0 : 1);
    return from + bytes * (element >> 1) + (k & (bytes - 1)) + (element & 1) * 16;
  });
  return combines((l, x, y) => l.b.shuffle(x, y, lanes));
}

/** PSHUFLW (half 0) and PSHUFHW (1): words of one half of B as the immediate says, and its other half. */
const shufflesWords = (half: number): Lifter =>
  combines((l, x, y) => {
    const word = (k: number): number => (k >> 2 === half ? 4 * half + ((immediate(l) >> (2 * (k & 3))) & 3) : k);
    const lanes = Array.from({ length: 16 }, (_, k) => 16 + 2 * word(k >> 1) + (k & 1));
    return l.b.shuffle(x, y, lanes);
  });

const zeros = (l: Lift, x: Temp): Temp => l.b.vector('xor', x, x);

/** PSLLDQ and PSRLDQ: bytes of A, and zeros behind them. */
const shiftsBytes =
  (isLeft: boolean): Lifter =>
  (l) => {
    requireSse(l);
    const to = destination(l);
    const count = Math.min(16, immediate(l) & 0xff);
    const x = l.b.peek(to, 'v128');
    const lanes = Array.from({ length: 16 }, (_, k) => {
      const from = isLeft ? k - count : k + count;
      return from < 0 || from > 15 ? 16 : from;
    });
    l.b.poke(to, l.b.shuffle(x, zeros(l, x), lanes), 'v128');
  };

/** PSLLW and the like by an immediate; by a register or memory the handler does it. */
const shifts =
  (how: LaneShift): Lifter =>
  (l) => {
    if (kindB(l) !== KIND_IMMEDIATE) {
      assisted(l);
      return;
    }
    requireSse(l);
    const to = destination(l);
    const count = immediate(l) & 0xff;
    const last = laneBits(how) - 1;
    const x = l.b.peek(to, 'v128');
    const isAll = count > last && !how.startsWith('sar');
    l.b.poke(to, isAll ? zeros(l, x) : l.b.laneShift(how, x, Math.min(count, last)), 'v128');
  };

function pextrw(l: Lift): void {
  if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
  requireSse(l);
  const { b } = l;
  const at = immediate(l) & 7;
  const word = b.peek(xmmWord(registerB(l)) + (at >> 1));
  const value = (at & 1) === 0 ? b.with('and', word, 0xffff) : b.with('shr', word, 16);
  writeRegister(l, registerA(l), SIZE_32, value);
}

function pinsrw(l: Lift): void {
  requireSse(l);
  const { b } = l;
  const at = immediate(l) & 7;
  const to = destination(l) + (at >> 1);
  const value = b.with('and', readB(l), 0xffff);
  const kept = b.with('and', b.peek(to), (at & 1) === 0 ? ~0xffff : 0xffff);
  b.poke(to, b.binary('or', kept, (at & 1) === 0 ? value : b.with('shl', value, 16)));
}

const lanewise = (how: Vector): Lifter => combines((l, x, y) => l.b.vector(how, x, y));
/** ~A & B. */
const andNot = combines((l, x, y) => l.b.vector('andnot', y, x));

/** Sign bits of an XMM register's lanes to a general register. */
function signMask(bits: 8 | 32 | 64): Lifter {
  return (l) => {
    if (kindB(l) !== KIND_XMM) throw NOT_LIFTED;
    requireSse(l);
    writeRegister(l, registerA(l), SIZE_32, l.b.mask(bits, l.b.peek(xmmWord(registerB(l)), 'v128')));
  };
}

/** Arithmetic by the host where that is exact. */
function attempts(how: WordAttempt): Lifter {
  return (l) => {
    requireSse(l);
    const to = destination(l);
    l.b.attempt(how, to, source(l));
  };
}

function compares(how: ValueAttempt): Lifter {
  return (l) => {
    requireSse(l);
    l.b.bits(l.b.attemptValue(how, destination(l), source(l)));
  };
}

function cvtsi2ss(l: Lift): void {
  requireSse(l);
  const to = destination(l);
  l.b.poke(WIDE, readB(l));
  l.b.attempt('fromInt32F32', to, WIDE);
}

function cvtsi2sd(l: Lift): void {
  requireSse(l);
  const to = destination(l);
  l.b.poke(to, l.b.convert('fromInt32', readB(l)), 'f64');
}

/** CVTDQ2PD: exact. */
function cvtdq2pd(l: Lift): void {
  requireSse(l);
  const to = destination(l);
  const from = source(l);
  const values = [l.b.peek(from), l.b.peek(from + 1)];
  values.forEach((value, k) => l.b.poke(to + 2 * k, l.b.convert('fromInt32', value), 'f64'));
}

/** Exact for normal numbers and zeros; denormals, infinities and NaNs are the handler's. `count`: how many. */
const widens =
  (count: 1 | 2): Lifter =>
  (l) => {
    const { b } = l;
    requireSse(l);
    const to = destination(l);
    const from = source(l);
    for (let k = 0; k < count; k++) {
      const magnitude = b.with('and', b.peek(from + k), 0x7fffffff);
      const isNotNormal = b.binary('leu', b.constant(0x7f000000), b.with('sub', magnitude, 0x00800000));
      b.guard(b.binary('and', b.with('ne', magnitude, 0), isNotNormal));
    }
    const values = Array.from({ length: count }, (_, k) => b.peek(from + k, 'f32'));
    values.forEach((value, k) => b.poke(to + 2 * k, b.convert('promote', value), 'f64'));
  };

function truncates(how: WordAttempt): Lifter {
  return (l) => {
    requireSse(l);
    // The source may lie in the words before.
    const to = WIDE + 3;
    l.b.attempt(how, to, source(l));
    writeRegister(l, registerA(l), SIZE_32, l.b.peek(to));
  };
}

export const simdLifters = {
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
  MOVHPS: moveHalf(1),
  MOVHPD: moveHalf(1),
  MOVHLPS: copyHalf([0, 1]),
  MOVLHPS: copyHalf([1, 0]),
  MOVSLDUP: permutes(4, 4, 6, 6),
  MOVSHDUP: permutes(5, 5, 7, 7),
  MOVDDUP: copyHalf([0, 0], [1, 0]),
  PSHUFD: shuffles(4, 4, 4, 4),
  SHUFPS: shuffles(0, 0, 4, 4),
  PUNPCKLDQ: permutes(0, 4, 1, 5),
  PUNPCKHDQ: permutes(2, 6, 3, 7),
  UNPCKLPS: permutes(0, 4, 1, 5),
  UNPCKHPS: permutes(2, 6, 3, 7),
  PUNPCKLQDQ: copyHalf([1, 0]),
  PUNPCKHQDQ: permutes(2, 3, 6, 7),
  UNPCKLPD: copyHalf([1, 0]),
  UNPCKHPD: permutes(2, 3, 6, 7),
  PMOVMSKB: signMask(8),
  MOVMSKPS: signMask(32),
  MOVMSKPD: signMask(64),
  PAND: lanewise('and'),
  ANDPS: lanewise('and'),
  ANDPD: lanewise('and'),
  PANDN: andNot,
  ANDNPS: andNot,
  ANDNPD: andNot,
  POR: lanewise('or'),
  ORPS: lanewise('or'),
  ORPD: lanewise('or'),
  PXOR: lanewise('xor'),
  XORPS: lanewise('xor'),
  XORPD: lanewise('xor'),
  PADDD: lanewise('add32'),
  PSUBD: lanewise('sub32'),
  PADDB: lanewise('add8'),
  PADDW: lanewise('add16'),
  PSUBB: lanewise('sub8'),
  PSUBW: lanewise('sub16'),
  PCMPEQB: lanewise('eq8'),
  PCMPEQW: lanewise('eq16'),
  PCMPEQD: lanewise('eq32'),
  PCMPGTB: lanewise('gt8'),
  PCMPGTW: lanewise('gt16'),
  PCMPGTD: lanewise('gt32'),
  PADDQ: lanewise('add64'),
  PSUBQ: lanewise('sub64'),
  PADDSB: lanewise('adds8'),
  PADDSW: lanewise('adds16'),
  PADDUSB: lanewise('addu8'),
  PADDUSW: lanewise('addu16'),
  PSUBSB: lanewise('subs8'),
  PSUBSW: lanewise('subs16'),
  PSUBUSB: lanewise('subu8'),
  PSUBUSW: lanewise('subu16'),
  PAVGB: lanewise('avg8'),
  PAVGW: lanewise('avg16'),
  PMINUB: lanewise('minu8'),
  PMINSW: lanewise('mins16'),
  PMAXUB: lanewise('maxu8'),
  PMAXSW: lanewise('maxs16'),
  PMULLW: lanewise('mul16'),
  PMULHW: lanewise('mulhs16'),
  PMULHUW: lanewise('mulhu16'),
  PMULUDQ: lanewise('mulu32'),
  PMADDWD: lanewise('dot16'),
  PSADBW: lanewise('sad8'),
  PACKSSWB: lanewise('packs16'),
  PACKSSDW: lanewise('packs32'),
  PACKUSWB: lanewise('packu16'),
  PUNPCKLBW: interleaves(1, 0),
  PUNPCKLWD: interleaves(2, 0),
  PUNPCKHBW: interleaves(1, 8),
  PUNPCKHWD: interleaves(2, 8),
  PSHUFLW: shufflesWords(0),
  PSHUFHW: shufflesWords(1),
  SHUFPD: shufpd,
  PSLLDQ: shiftsBytes(true),
  PSRLDQ: shiftsBytes(false),
  PSLLW: shifts('shl16'),
  PSLLD: shifts('shl32'),
  PSLLQ: shifts('shl64'),
  PSRLW: shifts('shr16'),
  PSRLD: shifts('shr32'),
  PSRLQ: shifts('shr64'),
  PSRAW: shifts('sar16'),
  PSRAD: shifts('sar32'),
  PEXTRW: pextrw,
  PINSRW: pinsrw,
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
  CVTSI2SS: cvtsi2ss,
  CVTSI2SD: cvtsi2sd,
  CVTTSS2SI: truncates('truncateF32'),
  CVTTSD2SI: truncates('truncateF64'),
  CVTSS2SD: widens(1),
  CVTPS2PD: widens(2),
  CVTDQ2PD: cvtdq2pd,
  CVTSD2SS: attempts('narrowF64'),
} satisfies Record<OpLiftedBy<'simd'>, Lifter>;
