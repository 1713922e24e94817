// Sums, products and quotients of plain x87 numbers (core/cpu/float/plain.ts) as WebAssembly functions: exact integers
// of 64 bits with a tail of 64 more, whose lowest bit is sticky, rounded once. Normal numbers and zeros, to nearest, 53
// or 64 bits. Doubles of the host would be exact only where operands and result are doubles, and that had to be told
// first. SDM 1 §4.8, §8.1.5.3. Each function has the same parameters and answers 1 when
// it has done all of the instruction, or changes nothing and answers 0.

import { NORMAL_COUNT_F80 } from '../../src/core/cpu/float/ieee/limits.ts';
import { NEAR } from '../../src/core/cpu/float/ieee/significand.ts';
import { PC_53, PC_FIELD } from '../../src/core/cpu/float/x87/control-word.ts';
import { F80_BIAS } from '../../src/core/cpu/float/x87/f80.ts';
import { I32, I64, type ModuleBuilder, type ValueType } from './encode.ts';
import {
  C1_SHIFT,
  CONTROL_AT,
  EXPONENT,
  hasTopBit,
  isNormalExponent,
  PE_SHIFT,
  readTop,
  setRegister,
  SIGN,
  signExponentOf,
  significandOf,
  STATUS_AT,
  statusAfter,
  TAG_AT,
  TOP_BIT,
} from './x87-state.ts';
import { choose, chooseLong, load32, type Long, long, LongLocal, real, type Word, word } from './writer.ts';
import { WordLocal, Writer } from './writer.ts';

/**
 * Physical number of the destination, which is the first operand; what the function makes of it; sign with exponent,
 * and significand, of the second operand; how often the stack is popped (0 or 1).
 */
export const ARITHMETIC_TYPE: readonly ValueType[] = [I32, I32, I32, I64, I32];

/** Numbers of the three functions. The second parameter: */
export interface Arithmetic {
  /** 8000h changes the sign of the first operand. */
  readonly sum: number;
  /** Unused. */
  readonly product: number;
  /** Not 0: second / first. */
  readonly quotient: number;
}

/** A function of ARITHMETIC_TYPE with its operands read. */
class Operation extends Writer {
  readonly register: Word = new WordLocal(0);
  readonly how: Word = new WordLocal(1);
  readonly signB: WordLocal;
  readonly significandB: LongLocal = new LongLocal(3);
  readonly pops: Word = new WordLocal(4);
  readonly signA: WordLocal;
  readonly significandA: LongLocal;
  readonly exponentA: WordLocal;
  readonly exponentB: WordLocal;

  constructor(isSum: boolean) {
    super(ARITHMETIC_TYPE);
    const signA = signExponentOf(this.register);
    this.signA = this.keep(isSum ? signA.xor(this.how) : signA);
    this.signB = new WordLocal(2);
    this.significandA = this.keepLong(significandOf(this.register));
    this.exponentA = this.keep(this.signA.and(EXPONENT));
    this.exponentB = this.keep(this.signB.and(EXPONENT));
  }

  private isNormal(significand: Long, exponent: Word): Word {
    return hasTopBit(significand).and(isNormalExponent(exponent));
  }

  areNormal(): Word {
    const { significandA, significandB, exponentA, exponentB } = this;
    return this.isNormal(significandA.and(significandB), exponentA).and(isNormalExponent(exponentB));
  }

  isNormalA(): Word {
    return this.isNormal(this.significandA, this.exponentA);
  }

  isNormalB(): Word {
    return this.isNormal(this.significandB, this.exponentB);
  }

  isZeroA(): Word {
    return this.significandA.or(this.exponentA.wide()).isZero();
  }

  isZeroB(): Word {
    return this.significandB.or(this.exponentB.wide()).isZero();
  }

  /** The end: a value in the register, bits in the status word, pops. */
  done(signExponent: Word, significand: Long, bits: Word): void {
    setRegister(this, this.register, signExponent, significand);
    const { status, top } = readTop(this);
    this.store32(TAG_AT, 0, load32(TAG_AT).or(this.pops.shl(top)));
    this.store32(STATUS_AT, 0, statusAfter(status, this.pops, bits));
    this.give(1);
  }

  zero(sign: Word): void {
    this.done(sign, long(0n), word(0));
  }

  /** Rounds significand and tail, normalised, to nearest by PC. */
  settle(sign: Word, exponent: WordLocal, significand: LongLocal, tail: LongLocal): void {
    // The greatest normal exponent is left to the handler: rounding may overflow it.
    this.seldom(exponent.sub(1).notBelow(NORMAL_COUNT_F80 - 1), () => this.give(0));
    const step = this.keepLong(long(1n));
    this.when(load32(CONTROL_AT).and(PC_FIELD).eq(PC_53), () => {
      this.set(step, long(0x800n));
      this.set(tail, significand.shl(53n).or(tail.shr(11n)).or(tail.and(0x7ffn).ne(0n).wide()));
      this.set(significand, significand.and(-0x800n));
    });
    // Up where the tail is above a half, or a half and the last bit is set.
    const up = this.keep(hasTopBit(tail).and(tail.shl(1n).or(significand.and(step)).ne(0n)));
    this.set(significand, significand.add(chooseLong(up, step, 0n)));
    this.seldom(significand.isZero(), () => {
      this.set(significand, long(TOP_BIT));
      this.set(exponent, exponent.add(1));
    });
    this.done(sign.or(exponent), significand, tail.ne(0n).shl(PE_SHIFT).or(up.shl(C1_SHIFT)));
  }
}

function sum(): Writer {
  const w = new Operation(true);
  const { signA, signB, significandA, significandB, exponentA, exponentB } = w;
  const tail = w.keepLong(long(0n));
  w.seldom(w.areNormal().isZero(), () => {
    w.when(w.isZeroA(), () => {
      // Zeros of unlike signs give +0 when rounding to nearest.
      w.when(w.isZeroB(), () => w.zero(signA.and(signB).and(SIGN)));
      w.when(w.isNormalB(), () => w.settle(signB.and(SIGN), exponentB, significandB, tail));
      w.give(0);
    });
    w.when(w.isZeroB().and(w.isNormalA()), () => w.settle(signA.and(SIGN), exponentA, significandA, tail));
    w.give(0);
  });
  // The greater in A, the lesser in B.
  const isLess = w.keep(exponentA.below(exponentB).or(exponentA.eq(exponentB).and(significandA.below(significandB))));
  const sign = w.keep(choose(isLess, signB, signA).and(SIGN));
  const differ = w.keep(signA.xor(signB).and(SIGN));
  const exponent = w.keep(choose(isLess, exponentB, exponentA));
  const distance = w.keepLong(exponent.shl(1).sub(exponentA).sub(exponentB).wide());
  const greater = w.keepLong(chooseLong(isLess, significandB, significandA));
  const lesser = w.keepLong(chooseLong(isLess, significandA, significandB));
  w.when(
    distance.below(64n),
    () => {
      w.set(tail, lesser.shl(long(63n).sub(distance)).shl(1n));
      w.set(lesser, lesser.shr(distance));
    },
    () => {
      // From 66 on less than a quarter of the last bit, even where the difference is one bit shorter.
      w.set(tail, chooseLong(distance.below(66n), lesser.shr(distance).or(lesser.and(distance).and(1n)), 1n));
      w.set(lesser, long(0n));
    },
  );
  const result = w.keepLong(greater.add(lesser));
  w.when(
    differ.isZero(),
    () => {
      w.when(result.below(greater), () => {
        w.set(tail, tail.shr(1n).or(tail.and(1n)).or(result.shl(63n)));
        w.set(result, result.shr(1n).or(TOP_BIT));
        w.set(exponent, exponent.add(1));
      });
    },
    () => {
      w.set(result, greater.sub(lesser).sub(tail.ne(0n).wide()));
      w.set(tail, tail.negated());
      w.when(result.isZero(), () => {
        w.when(tail.isZero(), () => w.zero(word(0)));
        w.set(result, tail);
        w.set(tail, long(0n));
        w.set(exponent, exponent.sub(64));
      });
      const shift = w.keepLong(result.clz());
      w.set(result, result.shl(shift).or(tail.shr(1n).shr(long(63n).sub(shift))));
      w.set(tail, tail.shl(shift));
      w.set(exponent, exponent.sub(shift.low()));
    },
  );
  w.settle(sign, exponent, result, tail);
  return w;
}

const LOW_WORD = 0xffffffffn;

function product(): Writer {
  const w = new Operation(false);
  const { signA, signB, significandA, significandB, exponentA, exponentB } = w;
  const sign = w.keep(signA.xor(signB).and(SIGN));
  w.seldom(w.areNormal().isZero(), () => {
    const isZero = w.isZeroA().and(w.isZeroB().or(w.isNormalB())).or(w.isZeroB().and(w.isNormalA()));
    w.when(isZero, () => w.zero(sign));
    w.give(0);
  });
  // Four products of words, in columns.
  const lowA = w.keepLong(significandA.and(LOW_WORD));
  const highA = w.keepLong(significandA.shr(32n));
  const lowB = w.keepLong(significandB.and(LOW_WORD));
  const highB = w.keepLong(significandB.shr(32n));
  const first = w.keepLong(highA.mul(lowB).add(lowA.mul(lowB).shr(32n)));
  const second = w.keepLong(lowA.mul(highB).add(first.and(LOW_WORD)));
  const result = w.keepLong(highA.mul(highB).add(first.shr(32n)).add(second.shr(32n)));
  const tail = w.keepLong(significandA.mul(significandB));
  // It is 1 to 4: below 2 it has no top bit yet.
  const shift = w.keepLong(result.shr(63n).xor(1n));
  w.set(result, result.shl(shift).or(tail.shr(1n).shr(long(63n).sub(shift))));
  w.set(tail, tail.shl(shift));
  const exponent = w.keep(
    exponentA
      .add(exponentB)
      .sub(F80_BIAS - 1)
      .sub(shift.low()),
  );
  w.settle(sign, exponent, result, tail);
  return w;
}

const WORD_VALUES = 4294967296;

function quotient(): Writer {
  const w = new Operation(false);
  const { how, signA, signB, significandA, significandB, exponentA, exponentB } = w;
  const sign = w.keep(signA.xor(signB).and(SIGN));
  w.seldom(w.areNormal().isZero(), () => {
    const isZero = choose(how, w.isZeroB().and(w.isNormalA()), w.isZeroA().and(w.isNormalB()));
    w.when(isZero, () => w.zero(sign));
    w.give(0);
  });
  const remainder = w.keepLong(chooseLong(how, significandB, significandA));
  const divisor = w.keepLong(chooseLong(how, significandA, significandB));
  const exponent = w.keep(choose(how, exponentB.sub(exponentA), exponentA.sub(exponentB)).add(F80_BIAS));
  // A quotient of 1 or more is halved first: its last bit is the top bit of the word that follows.
  const next = w.keepLong(long(0n));
  w.when(
    remainder.below(divisor),
    () => w.set(exponent, exponent.sub(1)),
    () => {
      w.set(next, remainder.and(1n).shl(31n));
      w.set(remainder, remainder.shr(1n));
    },
  );
  const inverse = w.keepReal(real(WORD_VALUES).div(divisor.real()));
  const estimate = w.keepReal(inverse);
  const digit = w.keepLong(next);
  const digits = w.keepLong(next);
  for (const isFirst of [true, false]) {
    // Next 32 bits of the quotient. The estimate errs by less than 2^−17 and may be too large, but then by so little
    // that the remainder, known modulo 2^64, is seen to be negative; elsewhere it is right.
    w.set(estimate, remainder.real().mul(inverse).add(NEAR));
    w.set(digit, estimate.min(WORD_VALUES - 1).truncated());
    w.set(remainder, (isFirst ? remainder.shl(32n).or(next) : remainder.shl(32n)).sub(digit.mul(divisor)));
    const isNear = estimate.sub(digit.signedReal()).less(NEAR + NEAR);
    w.seldom(isNear.and(hasTopBit(remainder)), () => {
      w.set(digit, digit.sub(1n));
      w.set(remainder, remainder.add(divisor));
    });
    if (isFirst) w.set(digits, digit.shl(32n));
  }
  w.set(digits, digits.or(digit));
  // The next bit: whether the remainder is more than half of the divisor. It is never the half itself: a quotient of 65
  // bits and a divisor make a product of more than 64, which is no dividend.
  const nextBit = divisor.sub(remainder).below(remainder).wide().shl(63n);
  const tail = w.keepLong(nextBit.or(remainder.ne(0n).wide()));
  w.settle(sign, exponent, digits, tail);
  return w;
}

export function defineArithmetic(module: ModuleBuilder): Arithmetic {
  const type = module.type(ARITHMETIC_TYPE, [I32]);
  const define = (w: Writer): number => module.define(type, w.finish());
  return { sum: define(sum()), product: define(product()), quotient: define(quotient()) };
}
