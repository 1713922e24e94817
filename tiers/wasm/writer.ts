// Functions written by hand as WebAssembly: expressions of 32 and 64 bits, locals, memory at constant places and at
// computed ones. An expression is emitted as often as it is used: what is used twice is kept in a local. encode.ts
// spells the bytes.

import { Body, F64, I32, I64, type ValueType, W } from './encode.ts';

type Push = (body: Body) => void;

/** An operation behind its operands. */
function after(code: number, ...operands: readonly { readonly push: Push }[]): Push {
  return (body) => {
    for (const operand of operands) operand.push(body);
    body.op(code);
  };
}

/** An i32 that code computes. */
export class Word {
  readonly push: Push;

  constructor(push: Push) {
    this.push = push;
  }

  add(other: Word | number): Word {
    return new Word(after(W.i32_add, this, word(other)));
  }

  sub(other: Word | number): Word {
    return new Word(after(W.i32_sub, this, word(other)));
  }

  and(other: Word | number): Word {
    return new Word(after(W.i32_and, this, word(other)));
  }

  or(other: Word | number): Word {
    return new Word(after(W.i32_or, this, word(other)));
  }

  xor(other: Word | number): Word {
    return new Word(after(W.i32_xor, this, word(other)));
  }

  shl(count: Word | number): Word {
    return new Word(after(W.i32_shl, this, word(count)));
  }

  /** Unsigned. */
  shr(count: Word | number): Word {
    return new Word(after(W.i32_shr_u, this, word(count)));
  }

  eq(other: Word | number): Word {
    return new Word(after(W.i32_eq, this, word(other)));
  }

  ne(other: Word | number): Word {
    return new Word(after(W.i32_ne, this, word(other)));
  }

  /** Signed; `below` is unsigned, as are its likes. */
  less(other: Word | number): Word {
    return new Word(after(W.i32_lt_s, this, word(other)));
  }

  below(other: Word | number): Word {
    return new Word(after(W.i32_lt_u, this, word(other)));
  }

  notBelow(other: Word | number): Word {
    return new Word(after(W.i32_ge_u, this, word(other)));
  }

  isZero(): Word {
    return new Word(after(W.i32_eqz, this));
  }

  signed16(): Word {
    return new Word(after(W.i32_extend16_s, this));
  }

  /** To 64 bits, with zeros or with the sign. */
  wide(): Long {
    return new Long(after(W.i64_extend_i32_u, this));
  }

  signedWide(): Long {
    return new Long(after(W.i64_extend_i32_s, this));
  }
}

/** An i64 that code computes. */
export class Long {
  readonly push: Push;

  constructor(push: Push) {
    this.push = push;
  }

  add(other: Long | bigint): Long {
    return new Long(after(W.i64_add, this, long(other)));
  }

  sub(other: Long | bigint): Long {
    return new Long(after(W.i64_sub, this, long(other)));
  }

  mul(other: Long | bigint): Long {
    return new Long(after(W.i64_mul, this, long(other)));
  }

  and(other: Long | bigint): Long {
    return new Long(after(W.i64_and, this, long(other)));
  }

  or(other: Long | bigint): Long {
    return new Long(after(W.i64_or, this, long(other)));
  }

  xor(other: Long | bigint): Long {
    return new Long(after(W.i64_xor, this, long(other)));
  }

  /** Counts are taken modulo 64. */
  shl(count: Long | bigint): Long {
    return new Long(after(W.i64_shl, this, long(count)));
  }

  shr(count: Long | bigint): Long {
    return new Long(after(W.i64_shr_u, this, long(count)));
  }

  sar(count: Long | bigint): Long {
    return new Long(after(W.i64_shr_s, this, long(count)));
  }

  clz(): Long {
    return new Long(after(W.i64_clz, this));
  }

  eq(other: Long | bigint): Word {
    return new Word(after(W.i64_eq, this, long(other)));
  }

  ne(other: Long | bigint): Word {
    return new Word(after(W.i64_ne, this, long(other)));
  }

  /** Signed; `below` is unsigned. */
  less(other: Long | bigint): Word {
    return new Word(after(W.i64_lt_s, this, long(other)));
  }

  below(other: Long | bigint): Word {
    return new Word(after(W.i64_lt_u, this, long(other)));
  }

  isZero(): Word {
    return new Word(after(W.i64_eqz, this));
  }

  /** The low 32 bits. */
  low(): Word {
    return new Word(after(W.i32_wrap_i64, this));
  }

  /** As a number, unsigned. */
  real(): Real {
    return new Real(after(W.f64_convert_i64_u, this));
  }

  signedReal(): Real {
    return new Real(after(W.f64_convert_i64_s, this));
  }

  /** 0 − this. */
  negated(): Long {
    return long(0n).sub(this);
  }
}

/** An f64 that code computes. */
export class Real {
  readonly push: Push;

  constructor(push: Push) {
    this.push = push;
  }

  add(other: Real | number): Real {
    return new Real(after(W.f64_add, this, real(other)));
  }

  sub(other: Real | number): Real {
    return new Real(after(W.f64_sub, this, real(other)));
  }

  mul(other: Real | number): Real {
    return new Real(after(W.f64_mul, this, real(other)));
  }

  div(other: Real | number): Real {
    return new Real(after(W.f64_div, this, real(other)));
  }

  /** The lesser. */
  min(other: Real | number): Real {
    return new Real(after(W.f64_min, this, real(other)));
  }

  less(other: Real | number): Word {
    return new Word(after(W.f64_lt, this, real(other)));
  }

  /** Toward zero, of a number that fits, signed. */
  truncated(): Long {
    return new Long(after(W.i64_trunc_f64_s, this));
  }
}

export const real = (value: Real | number): Real =>
  typeof value === 'number' ? new Real((body) => body.f64(value)) : value;
export const word = (value: Word | number): Word =>
  typeof value === 'number' ? new Word((body) => body.i32(value)) : value;
export const long = (value: Long | bigint): Long =>
  typeof value === 'bigint' ? new Long((body) => body.i64(value)) : value;

export class WordLocal extends Word {
  readonly index: number;

  constructor(index: number) {
    super((body) => body.get(index));
    this.index = index;
  }
}

export class LongLocal extends Long {
  readonly index: number;

  constructor(index: number) {
    super((body) => body.get(index));
    this.index = index;
  }
}

export class RealLocal extends Real {
  readonly index: number;

  constructor(index: number) {
    super((body) => body.get(index));
    this.index = index;
  }
}

/** A value at a byte address: `at` plus a constant. */
const load =
  (code: number, offset: number, at: Word | number): Push =>
  (body) => {
    word(at).push(body);
    body.memory(code, 0, offset);
  };
export const load16 = (offset: number, at: Word | number = 0): Word => new Word(load(W.i32_load16_u, offset, at));
export const load32 = (offset: number, at: Word | number = 0): Word => new Word(load(W.i32_load, offset, at));
export const load64 = (offset: number, at: Word | number = 0): Long => new Long(load(W.i64_load, offset, at));

/** `a` where the test is not 0; both are computed. */
export const choose = (test: Word, a: Word | number, b: Word | number): Word =>
  new Word(after(W.select, word(a), word(b), test));
export const chooseLong = (test: Word, a: Long | bigint, b: Long | bigint): Long =>
  new Long(after(W.select, long(a), long(b), test));

/** A function that gives an i32. */
export class Writer {
  readonly body: Body;

  constructor(parameters: readonly ValueType[]) {
    this.body = new Body(parameters.length);
  }

  keep(value: Word): WordLocal {
    const local = new WordLocal(this.body.local(I32));
    this.set(local, value);
    return local;
  }

  keepLong(value: Long): LongLocal {
    const local = new LongLocal(this.body.local(I64));
    this.set(local, value);
    return local;
  }

  keepReal(value: Real): RealLocal {
    const local = new RealLocal(this.body.local(F64));
    this.set(local, value);
    return local;
  }

  set(local: WordLocal, value: Word): void;
  set(local: LongLocal, value: Long): void;
  set(local: RealLocal, value: Real): void;
  set(local: WordLocal | LongLocal | RealLocal, value: Word | Long | Real): void {
    value.push(this.body);
    this.body.set(local.index);
  }

  private store(code: number, offset: number, at: Word | number, value: Word | Long): void {
    word(at).push(this.body);
    value.push(this.body);
    this.body.memory(code, 0, offset);
  }

  store16(offset: number, at: Word | number, value: Word): void {
    this.store(W.i32_store16, offset, at, value);
  }

  store32(offset: number, at: Word | number, value: Word): void {
    this.store(W.i32_store, offset, at, value);
  }

  store64(offset: number, at: Word | number, value: Long): void {
    this.store(W.i64_store, offset, at, value);
  }

  when(test: Word, then: () => void, otherwise?: () => void): void {
    test.push(this.body);
    this.body.open(W.if);
    then();
    if (otherwise !== undefined) {
      this.body.else();
      otherwise();
    }
    this.body.end();
  }

  /** As `when`, where it hardly ever is so. */
  seldom(test: Word, then: () => void): void {
    test.push(this.body);
    this.body.hintUnlikely();
    this.body.open(W.if);
    then();
    this.body.end();
  }

  give(value: Word | number): void {
    word(value).push(this.body);
    this.body.op(W.return);
  }

  /** The answer of another function of the module. */
  giveCall(index: number, ...values: readonly (Word | Long)[]): void {
    for (const value of values) value.push(this.body);
    this.body.call(W.return_call, index);
  }

  /** The end of the function, behind all that has been given. */
  finish(): Body {
    this.body.op(W.unreachable);
    return this.body;
  }
}

/** What another function of the module answers. */
export const callOf = (index: number, ...values: readonly (Word | Long)[]): Word =>
  new Word((body) => {
    for (const value of values) value.push(body);
    body.call(W.call, index);
  });
