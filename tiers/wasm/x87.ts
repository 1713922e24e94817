// What the IR's attempts do on the x87 (tiers/runtime/wide-x87.ts) as WebAssembly functions of the threads module, so
// that compiled code calls no JavaScript for them: (a, b) → 1, or 0 when nothing has been done. The same operands are
// plain, and nothing is rounded or set otherwise; proptests/wasm/x87.prop.ts compares.

import { PM, RC_FIELD, RC_SHIFT } from '../../src/core/cpu/float/x87/control-word.ts';
import { F80_BIAS as BIAS } from '../../src/core/cpu/float/x87/f80.ts';
import { C1, CONDITION_CODES, TOP_FIELD, TOP_SHIFT } from '../../src/core/cpu/float/x87/status-word.ts';
import { PE, ROUND_ZERO } from '../../src/core/cpu/float/ieee/environment.ts';
import { ARITHMETIC_FLAGS, EFLAGS } from '../../src/core/state/layout.ts';
import { type AttemptName, STACK_POPS, STORE_TRUNCATES } from '../ir/attempts.ts';
import { I32, I64, type ModuleBuilder, type ValueType } from './encode.ts';
import { type Arithmetic, defineArithmetic } from './x87-arithmetic.ts';
import * as state from './x87-state.ts';
import { callOf, choose, chooseLong, load32, load64, type Long, long, LongLocal, type Word, word } from './writer.ts';
import { WordLocal, Writer } from './writer.ts';

const { CONTROL_AT, EXPONENT, OPERAND_AT, OPERAND_SIGN_EXPONENT_AT } = state;
const { SIGN, STATUS_AT, TAG_AT, TOP_BIT, C1_SHIFT, PE_SHIFT } = state;
const { setSignExponent, forbidsPlain, hasTopBit, isEmpty, isNormalExponent, readTop, setRegister } = state;
const { signExponentOf, significandOf, statusAfter, tagAfter } = state;

const PAIR: readonly ValueType[] = [I32, I32];
const ORDER: readonly ValueType[] = [I32, I32, I64];
const A = new WordLocal(0);
const B = new WordLocal(1);
/** Byte address of the words at `b`. */
const PLACE = B.shl(2);

const EFLAGS_AT = 4 * EFLAGS;
const STACK_POPS_SHIFT = 31 - Math.clz32(STACK_POPS);

/** The functions that those of attempts call. */
interface Inner extends Arithmetic {
  /** (register, sign with exponent, significand): as comparePlain, negative when that is not plain. */
  readonly order: number;
}

/** Writes the body of an attempt. */
type Write = (w: Writer, inner: Inner) => void;

function refuse(w: Writer, test: Word): void {
  w.seldom(test, () => w.give(0));
}

// The operand

function setOperand(w: Writer, signExponent: Word, significand: Long): void {
  w.store64(OPERAND_AT, 0, significand);
  w.store32(OPERAND_SIGN_EXPONENT_AT, 0, signExponent);
}

/** A float: its sign in place, its biased exponent, and its significand left-aligned where it is normal. */
function widenFloat(w: Writer, sign: Word, exponent: Word, bias: number, significand: Long, isZero: Word): void {
  w.when(exponent.sub(1).below(2 * bias), () => {
    setOperand(w, sign.or(exponent.add(BIAS - bias)), significand.or(TOP_BIT));
    w.give(1);
  });
  setOperand(w, sign, long(0n));
  w.give(isZero);
}

function operandF32(w: Writer): void {
  const bits = w.keep(load32(0, PLACE));
  const exponent = w.keep(bits.shr(23).and(0xff));
  const sign = w.keep(bits.shr(16).and(SIGN));
  widenFloat(w, sign, exponent, 127, bits.wide().shl(40n), bits.shl(1).isZero());
}

function operandF64(w: Writer): void {
  const bits = w.keepLong(load64(0, PLACE));
  const exponent = w.keep(bits.shr(52n).low().and(0x7ff));
  const sign = w.keep(bits.shr(48n).low().and(SIGN));
  widenFloat(w, sign, exponent, 1023, bits.shl(11n), bits.shl(1n).isZero());
}

function widenInteger(w: Writer, value: Long): void {
  const kept = w.keepLong(value);
  const sign = w.keepLong(kept.sar(63n));
  const magnitude = w.keepLong(kept.xor(sign).sub(sign));
  const shift = w.keepLong(magnitude.clz());
  const signExponent = sign
    .low()
    .and(SIGN)
    .or(word(BIAS + 63).sub(shift.low()));
  setOperand(w, choose(kept.isZero(), 0, signExponent), magnitude.shl(shift));
  w.give(1);
}

/** Pushes a value; the register below the top must be empty. */
function push(w: Writer, signExponent: Word, significand: Long): void {
  const status = w.keep(load32(STATUS_AT));
  const register = w.keep(status.shr(TOP_SHIFT).sub(1).and(7));
  const tag = w.keep(load32(TAG_AT));
  const bit = w.keep(word(1).shl(register));
  refuse(w, tag.and(bit).isZero());
  setRegister(w, register, signExponent, significand);
  w.store32(TAG_AT, 0, tag.xor(bit));
  w.store32(STATUS_AT, 0, status.and(~(C1 | TOP_FIELD)).or(register.shl(TOP_SHIFT)));
  w.give(1);
}

// Arithmetic

/** `how` is that of the function; `flip` changes the operand's sign. */
const withOperand =
  (name: 'sum' | 'product' | 'quotient', how: number, flip: number): Write =>
  (w, inner) => {
    const { top } = readTop(w);
    refuse(w, isEmpty(top).or(forbidsPlain(w)));
    const signExponent = load32(OPERAND_SIGN_EXPONENT_AT);
    const flipped = flip === 0 ? signExponent : signExponent.xor(flip);
    w.giveCall(inner[name], top, word(how), flipped, load64(OPERAND_AT), word(0));
  };

/** ST(A) with ST(B). */
const withStack =
  (name: 'sum' | 'product' | 'quotient', how: number, flip: number): Write =>
  (w, inner) => {
    const { top } = readTop(w);
    const register = w.keep(top.add(A).and(7));
    const source = w.keep(top.add(B).and(7));
    refuse(w, isEmpty(register).or(isEmpty(source)).or(forbidsPlain(w)));
    const signExponent = signExponentOf(source);
    const flipped = flip === 0 ? signExponent : signExponent.xor(flip);
    w.giveCall(inner[name], register, word(how), flipped, significandOf(source), A.shr(STACK_POPS_SHIFT));
  };

// Comparisons

function order(): Writer {
  const w = new Writer(ORDER);
  const signB = new WordLocal(1);
  const significandB = new LongLocal(2);
  const signA = w.keep(signExponentOf(new WordLocal(0)));
  const significandA = w.keepLong(significandOf(new WordLocal(0)));
  const exponentA = w.keep(signA.and(EXPONENT));
  const exponentB = w.keep(signB.and(EXPONENT));
  const isOdd = (significand: Long, exponent: Word): Word =>
    choose(hasTopBit(significand), isNormalExponent(exponent).isZero(), significand.or(exponent.wide()).ne(0n));
  w.seldom(isOdd(significandA, exponentA).or(isOdd(significandB, exponentB)), () => w.give(-1));
  const isNegative = w.keep(signA.shr(15));
  w.when(signA.xor(signB).and(SIGN), () => {
    w.give(choose(exponentA.or(exponentB), isNegative, 4));
  });
  w.when(exponentA.ne(exponentB), () => w.give(exponentA.below(exponentB).xor(isNegative)));
  w.give(choose(significandA.eq(significandB), 4, significandA.below(significandB).xor(isNegative)));
  return w;
}

/** ST(0) with a number: C3 where they are equal, C0 where the first is less; or ZF and CF. Then A registers go. */
function compare(w: Writer, inner: Inner, signExponent: Word, significand: Long, toFlags: boolean): void {
  const { status, top } = readTop(w);
  refuse(w, isEmpty(top));
  const found = w.keep(callOf(inner.order, top, signExponent, significand));
  refuse(w, found.less(0));
  w.store32(TAG_AT, 0, tagAfter(w, top, A));
  if (toFlags) {
    w.store32(STATUS_AT, 0, statusAfter(status, A, 0));
    const flags = found.and(4).shl(4).or(found.and(1));
    w.store32(EFLAGS_AT, 0, load32(EFLAGS_AT).and(~ARITHMETIC_FLAGS).or(flags));
  } else {
    const codes = found.and(4).shl(12).or(found.and(1).shl(8));
    w.store32(STATUS_AT, 0, statusAfter(status, A, codes, CONDITION_CODES));
  }
  w.give(1);
}

const compareStack =
  (toFlags: boolean): Write =>
  (w, inner) => {
    const source = w.keep(load32(STATUS_AT).shr(TOP_SHIFT).add(B).and(7));
    refuse(w, isEmpty(source));
    compare(w, inner, signExponentOf(source), significandOf(source), toFlags);
  };

// Moves between registers

function copyStack(w: Writer): void {
  const { status, top } = readTop(w);
  const register = w.keep(top.add(A).and(7));
  refuse(w, isEmpty(top));
  setRegister(w, register, signExponentOf(top), significandOf(top));
  const full = load32(TAG_AT).and(word(1).shl(register).xor(-1));
  w.store32(TAG_AT, 0, full.or(B.shl(top)));
  w.store32(STATUS_AT, 0, statusAfter(status, B, 0));
  w.give(1);
}

function moveStackIf(w: Writer): void {
  const { top } = readTop(w);
  const source = w.keep(top.add(A).and(7));
  refuse(w, isEmpty(top).or(isEmpty(source)));
  w.when(load32(0, PLACE), () => setRegister(w, top, signExponentOf(source), significandOf(source)));
  w.give(1);
}

function exchangeStack(w: Writer): void {
  const { status, top } = readTop(w);
  const other = w.keep(top.add(A).and(7));
  refuse(w, isEmpty(top).or(isEmpty(other)));
  const signExponent = w.keep(signExponentOf(top));
  const significand = w.keepLong(significandOf(top));
  setRegister(w, top, signExponentOf(other), significandOf(other));
  setRegister(w, other, signExponent, significand);
  w.store32(STATUS_AT, 0, status.and(~C1));
  w.give(1);
}

function loadStack(w: Writer): void {
  const source = w.keep(load32(STATUS_AT).shr(TOP_SHIFT).add(A).and(7));
  refuse(w, isEmpty(source));
  push(w, signExponentOf(source), significandOf(source));
}

/** FCHS and FABS: of any number. */
const changeSign =
  (change: (signExponent: Word) => Word): Write =>
  (w) => {
    const { status, top } = readTop(w);
    refuse(w, isEmpty(top));
    setSignExponent(w, top, change(signExponentOf(top)));
    w.store32(STATUS_AT, 0, status.and(~C1));
    w.give(1);
  };

// Stores: the bits in two words at `b`, behind them what the status and the tag word become

/** An inexact store is plain where the control word rounds to nearest and masks #P. */
const storesInexactly = (): Word =>
  load32(CONTROL_AT)
    .and(RC_FIELD | PM)
    .eq(PM);

function prepared(w: Writer, status: Word, top: Word, pops: Word, bits: Word): void {
  w.store32(8, PLACE, statusAfter(status, pops, bits));
  w.store32(12, PLACE, load32(TAG_AT).or(pops.shl(top)));
  w.give(1);
}

/** A float of so many bits, `fraction` of them below the point. */
const narrow =
  (bitCount: 32 | 64, fraction: number, bias: number): Write =>
  (w) => {
    const { status, top } = readTop(w);
    refuse(w, isEmpty(top));
    const signExponent = w.keep(signExponentOf(top));
    const significand = w.keepLong(significandOf(top));
    const exponent = w.keep(signExponent.and(EXPONENT).sub(BIAS - bias));
    const sign = w.keepLong(
      signExponent
        .shr(15)
        .wide()
        .shl(BigInt(bitCount - 1)),
    );
    const store = (value: Long): void => {
      if (bitCount === 64) w.store64(0, PLACE, value);
      else w.store32(0, PLACE, value.low());
    };
    // The greatest normal exponent is left to the handler.
    w.seldom(
      hasTopBit(significand)
        .isZero()
        .or(exponent.sub(1).notBelow(2 * bias - 1)),
      () => {
        refuse(w, significand.or(signExponent.and(EXPONENT).wide()).ne(0n));
        store(sign);
        prepared(w, status, top, A, word(0));
      },
    );
    // A carry out of the fraction goes into the exponent, as the leading 1 does.
    const cut = w.keepLong(
      sign.add(exponent.sub(1).wide().shl(BigInt(fraction))).add(significand.shr(BigInt(63 - fraction))),
    );
    const below = w.keepLong(significand.shl(BigInt(fraction + 1)));
    const isInexact = w.keep(below.ne(0n));
    refuse(w, isInexact.and(storesInexactly().isZero()));
    const up = w.keep(hasTopBit(below).and(below.shl(1n).or(cut.and(1n)).ne(0n)));
    store(cut.add(up.wide()));
    prepared(w, status, top, A, isInexact.shl(PE_SHIFT).or(up.shl(C1_SHIFT)));
  };

/** ST(0) rounded to an integer of 16, 32 or 64 bits. */
const round =
  (bitCount: 16 | 32 | 64): Write =>
  (w) => {
    const { status, top } = readTop(w);
    refuse(w, isEmpty(top));
    const control = w.keep(load32(CONTROL_AT));
    const signExponent = w.keep(signExponentOf(top));
    const significand = w.keepLong(significandOf(top));
    const exponent = w.keep(signExponent.and(EXPONENT));
    const pops = w.keep(A.and(1));
    w.seldom(
      hasTopBit(significand)
        .isZero()
        .or(exponent.sub(1).notBelow(BIAS + 62)),
      () => {
        refuse(w, significand.or(exponent.wide()).ne(0n));
        w.store64(0, PLACE, long(0n));
        prepared(w, status, top, pops, word(0));
      },
    );
    const shift = w.keepLong(
      word(BIAS + 63)
        .sub(exponent)
        .wide(),
    );
    const whole = w.keepLong(long(0n));
    /** The fraction, left-aligned; where nothing else is left of it its lowest bit is sticky. */
    const below = w.keepLong(long(1n));
    w.when(
      shift.below(64n),
      () => {
        w.set(whole, significand.shr(shift));
        w.set(below, significand.shl(long(64n).sub(shift)));
      },
      () => w.when(shift.eq(64n), () => w.set(below, significand)),
    );
    const isNegative = w.keep(signExponent.shr(15));
    const bits = w.keep(word(0));
    w.when(below.ne(0n), () => {
      refuse(w, control.and(PM).isZero());
      const rounding = w.keep(choose(A.and(STORE_TRUNCATES), ROUND_ZERO, control.shr(RC_SHIFT).and(3)));
      const nearest = hasTopBit(below).and(below.shl(1n).or(whole.and(1n)).ne(0n));
      // Down is up in magnitude where the number is negative.
      const directed = rounding.eq(word(2).sub(isNegative));
      const up = w.keep(choose(rounding, directed, nearest));
      w.set(whole, whole.add(up.wide()));
      refuse(w, hasTopBit(whole));
      w.set(bits, up.shl(C1_SHIFT).or(PE));
    });
    const mask = w.keepLong(isNegative.wide().negated());
    const value = w.keepLong(whole.xor(mask).sub(mask));
    if (bitCount === 32) refuse(w, value.low().signedWide().ne(value));
    if (bitCount === 16) refuse(w, value.low().signed16().signedWide().ne(value));
    w.store64(0, PLACE, value);
    prepared(w, status, top, pops, bits);
  };

/** All eighty bits; the tag word stands in the fourth word. */
function storeF80(w: Writer): void {
  const { top } = readTop(w);
  refuse(w, isEmpty(top));
  w.store64(0, PLACE, significandOf(top));
  w.store32(8, PLACE, signExponentOf(top));
  w.store32(12, PLACE, load32(TAG_AT).or(word(1).shl(top)));
  w.give(1);
}

/** The control word at `b`: not when an exception becomes pending or ceases to be. */
function loadControl(w: Writer): void {
  const control = w.keep(load32(0, PLACE).and(0x1f7f).or(0x40));
  refuse(w, load32(STATUS_AT).and(control.xor(0x3f)).and(0x3f));
  w.store32(CONTROL_AT, 0, control);
  w.give(1);
}

const BODIES = {
  operandF32,
  operandF64,
  operandInt32: (w) => widenInteger(w, load32(0, PLACE).signedWide()),
  operandInt64: (w) => widenInteger(w, load64(0, PLACE)),
  pushOperand: (w) => push(w, load32(OPERAND_SIGN_EXPONENT_AT), load64(OPERAND_AT)),
  addOperand: withOperand('sum', 0, 0),
  subtractOperand: withOperand('sum', 0, SIGN),
  subtractFromOperand: withOperand('sum', SIGN, 0),
  multiplyOperand: withOperand('product', 0, 0),
  divideOperand: withOperand('quotient', 0, 0),
  divideIntoOperand: withOperand('quotient', 1, 0),
  compareOperand: (w, inner) => compare(w, inner, load32(OPERAND_SIGN_EXPONENT_AT), load64(OPERAND_AT), false),
  addStack: withStack('sum', 0, 0),
  subtractStack: withStack('sum', 0, SIGN),
  subtractFromStack: withStack('sum', SIGN, 0),
  multiplyStack: withStack('product', 0, 0),
  divideStack: withStack('quotient', 0, 0),
  divideIntoStack: withStack('quotient', 1, 0),
  compareStack: compareStack(false),
  compareStackFlags: compareStack(true),
  testTop: (w, inner) => compare(w, inner, word(0), long(0n), false),
  loadStack,
  loadConstant: (w) => push(w, choose(A, BIAS, 0), chooseLong(A, TOP_BIT, 0n)),
  copyStack,
  moveStackIf,
  exchangeStack,
  negateTop: changeSign((signExponent) => signExponent.xor(SIGN)),
  absoluteTop: changeSign((signExponent) => signExponent.and(EXPONENT)),
  storeF32: narrow(32, 23, 127),
  storeF64: narrow(64, 52, 1023),
  storeInt16: round(16),
  storeInt32: round(32),
  storeInt64: round(64),
  storeF80,
  loadControl,
} satisfies Partial<Record<AttemptName, Write>>;

/** The attempts that are functions of the threads module. */
export const X87_ATTEMPTS = Object.keys(BODIES) as readonly AttemptName[];

/** Defines a function for each; gives their numbers by name. */
export function defineX87(module: ModuleBuilder): Map<string, number> {
  const inner: Inner = {
    ...defineArithmetic(module),
    order: module.define(module.type(ORDER, [I32]), order().finish()),
  };
  const type = module.type(PAIR, [I32]);
  const found = new Map<string, number>();
  for (const [name, write] of Object.entries<Write>(BODIES)) {
    const w = new Writer(PAIR);
    write(w, inner);
    found.set(name, module.define(type, w.finish()));
  }
  return found;
}
