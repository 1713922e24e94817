/**
 * Add, subtract, multiply, divide and square root in all three formats against a second opinion that needs no host:
 * exact rationals in BigInt, rounded by the definition (IEEE 754, section 4.3; tininess after rounding). Finite
 * operands, every rounding and precision mode, exceptions masked: bits, OE, UE, PE and C1.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitLength } from '../../src/core/cpu/float/ieee/big-fixed.ts';
import { DE, makeFloatEnvironment, OE, PE, UE } from '../../src/core/cpu/float/ieee/environment.ts';
import type { FloatEnvironment } from '../../src/core/cpu/float/ieee/environment.ts';
import {
  addF80,
  divideF80,
  multiplyF80,
  squareRootF80,
  subtractF80,
} from '../../src/core/cpu/float/x87/f80-arithmetic.ts';
import type { F80 } from '../../src/core/cpu/float/x87/f80.ts';
import { addF32, divideF32, multiplyF32, squareRootF32, subtractF32 } from '../../src/core/cpu/float/sse/sse-f32.ts';
import { addF64, divideF64, multiplyF64, squareRootF64, subtractF64 } from '../../src/core/cpu/float/sse/sse-f64.ts';
import { putF32, putF64, putF80 } from './values.ts';
import { Judged } from '../support/judged.ts';

/** numerator / denominator, the denominator positive; `above` says that the true value is a little more (a root). */
type Rational = { numerator: bigint; denominator: bigint; above: boolean };

const OPERATIONS = ['add', 'subtract', 'multiply', 'divide', 'root'] as const;
type Name = (typeof OPERATIONS)[number];

function power(exponent: number): [bigint, bigint] {
  return exponent >= 0 ? [1n << BigInt(exponent), 1n] : [1n, 1n << BigInt(-exponent)];
}

function rational(sign: number, significand: bigint, exponent: number): Rational {
  const [up, down] = power(exponent);
  return { numerator: (sign === 1 ? -significand : significand) * up, denominator: down, above: false };
}

function floorRoot(value: bigint): bigint {
  let low = 0n;
  let high = 1n << BigInt((bitLength(value) >> 1) + 1);
  while (low + 1n < high) {
    const middle = (low + high) >> 1n;
    if (middle * middle <= value) low = middle;
    else high = middle;
  }
  return low;
}

function compute(name: Name, a: Rational, b: Rational): Rational {
  switch (name) {
    case 'add':
    case 'subtract': {
      const right = name === 'add' ? b.numerator : -b.numerator;
      return {
        numerator: a.numerator * b.denominator + right * a.denominator,
        denominator: a.denominator * b.denominator,
        above: false,
      };
    }
    case 'multiply':
      return {
        numerator: a.numerator * b.numerator,
        denominator: a.denominator * b.denominator,
        above: false,
      };
    case 'divide': {
      const numerator = a.numerator * b.denominator;
      const denominator = a.denominator * b.numerator;
      return denominator < 0n
        ? { numerator: -numerator, denominator: -denominator, above: false }
        : { numerator, denominator, above: false };
    }
    default: {
      // √(n/d) = √(n·d)/d, with 200 bits more.
      const radicand = (a.numerator * a.denominator) << 400n;
      const root = floorRoot(radicand);
      return { numerator: root, denominator: a.denominator << 200n, above: root * root !== radicand };
    }
  }
}

type Format = { precision: number; least: number; greatest: number };
type Rounded = { sign: number; significand: bigint; exponent: number; flags: number; up: number; infinite: boolean };

/** floor(value / 2^quantum) and what is left: 0 nothing, 1 below the half, 2 the half, 3 above it. */
function cut(value: Rational, magnitude: bigint, quantum: number): [bigint, number] {
  const [up, down] = power(quantum);
  const numerator = magnitude * down;
  const denominator = value.denominator * up;
  const whole = numerator / denominator;
  const twice = 2n * (numerator - whole * denominator);
  let rest = twice === 0n ? 0 : twice < denominator ? 1 : twice === denominator ? 2 : 3;
  if (value.above) rest = rest === 0 ? 1 : rest === 2 ? 3 : rest;
  return [whole, rest];
}

function roundAt(rounding: number, sign: number, whole: bigint, rest: number): bigint {
  const nearest = rest === 3 || (rest === 2 && (whole & 1n) === 1n);
  const away = rest !== 0 && rounding === (sign === 1 ? 1 : 2);
  return (rounding === 0 ? nearest : away) ? whole + 1n : whole;
}

/** Rounds a rational other than zero by the definition; significand · 2^exponent. */
function round(value: Rational, format: Format, rounding: number): Rounded {
  const sign = value.numerator < 0n ? 1 : 0;
  const magnitude = sign === 1 ? -value.numerator : value.numerator;
  let exponent = bitLength(magnitude) - bitLength(value.denominator);
  const [up, down] = power(exponent);
  if (magnitude * down < value.denominator * up) exponent--;
  const { precision, least, greatest } = format;
  let quantum = exponent - precision + 1;
  let [whole, rest] = cut(value, magnitude, quantum);
  let significand = roundAt(rounding, sign, whole, rest);
  const carried = significand === 1n << BigInt(precision);
  const tiny = exponent + (carried ? 1 : 0) < least;
  if (exponent < least) {
    quantum = least - precision + 1;
    [whole, rest] = cut(value, magnitude, quantum);
    significand = roundAt(rounding, sign, whole, rest);
  }
  let flags = rest !== 0 ? (tiny ? PE | UE : PE) : 0;
  let upward = significand !== whole ? 1 : 0;
  if (exponent + (carried ? 1 : 0) > greatest) {
    flags |= OE | PE;
    const infinite = rounding === 0 || rounding === (sign === 1 ? 1 : 2);
    upward = infinite ? 1 : 0;
    significand = (1n << BigInt(precision)) - 1n;
    return { sign, significand, exponent: greatest - precision + 1, flags, up: upward, infinite };
  }
  return { sign, significand, exponent: quantum, flags, up: upward, infinite: false };
}

const caseCount = Number(process.env.REPRISE_CASES ?? 1500);
const seed = Number(process.env.REPRISE_SEED ?? 1);
const environment: FloatEnvironment = makeFloatEnvironment();

function begin(random: Random): void {
  environment.rounding = random.below(4);
  environment.precision = [0, 2, 3][random.below(3)]!;
  environment.flags = 0;
  environment.roundedUp = 0;
}

function check(name: string, a: string, b: string, answer: bigint, expected: bigint, flags: number, up: number): void {
  const modes = `rounding ${environment.rounding}, precision ${environment.precision}`;
  const seen = [
    `${name} ${a} ${b}, ${modes}:`,
    `  library   ${answer.toString(16)} flags ${environment.flags & ~DE} C1 ${environment.roundedUp}`,
    `  reference ${expected.toString(16)} flags ${flags} C1 ${up}`,
    `  again: REPRISE_SEED=${seed} REPRISE_CASES=${caseCount} npm test -- float/reference`,
  ].join('\n');
  const same = answer === expected && (environment.flags & ~DE) === flags && environment.roundedUp === up;
  assert.ok(same, seen);
}

const wide = (hi: number, lo: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
const words = new Int32Array(4);

const f80Operations = {
  add: addF80,
  subtract: subtractF80,
  multiply: multiplyF80,
  divide: divideF80,
  root: (env: FloatEnvironment, a: F80, _: F80, out: F80) => squareRootF80(env, a, out),
};

/** Exponents within 400 of `near`: wider rationals would make the reference slow. */
function randomF80(random: Random, near: number): F80 {
  for (;;) {
    putF80(random, words, near);
    const se = words[2]! & 0xffff;
    const [hi, lo] = [words[1]!, words[0]!];
    const exponent = se & 0x7fff;
    if (Math.abs(exponent - near) > 400) continue;
    if (exponent !== 0x7fff && (hi | lo) !== 0 && (exponent === 0 || hi < 0)) return { se, hi, lo };
  }
}

const f80Rational = (a: F80) => rational((a.se >> 15) & 1, wide(a.hi, a.lo), Math.max(a.se & 0x7fff, 1) - 16383 - 63);

for (const name of OPERATIONS) {
  test(`80 bits: ${name} is what exact rationals give`, () => {
    const random = new Random(seed);
    const judged = new Judged('results');
    const out: F80 = { se: 0, hi: 0, lo: 0 };
    for (let i = 0; i < caseCount; i++) {
      // Rarely at the ends of the range, for the same reason.
      const near = i % (name === 'root' ? 500 : 32) === 0 ? [0, 0x7ffe][random.below(2)]! : 16383;
      const a = randomF80(random, near);
      const b = randomF80(random, near);
      if (name === 'root') a.se &= 0x7fff;
      begin(random);
      const value = compute(name, f80Rational(a), f80Rational(b));
      if (value.numerator === 0n) continue;
      judged.add();
      const precision = [24, 0, 53, 64][environment.precision]!;
      const rounded = round(value, { precision, least: -16382, greatest: 16383 }, environment.rounding);
      f80Operations[name](environment, a, b, out);
      let expected = (BigInt(rounded.sign) << 79n) | (0x7fffn << 64n) | (1n << 63n);
      if (!rounded.infinite) {
        // The significand at the left of its 64-bit field.
        const significand = rounded.significand << BigInt(64 - precision);
        const [full, carry] = significand === 1n << 64n ? [1n << 63n, 1] : [significand, 0];
        const biased = full >> 63n === 0n ? 0 : rounded.exponent + precision - 1 + carry + 16383;
        expected = (BigInt(rounded.sign) << 79n) | (BigInt(biased) << 64n) | full;
      }
      const answer = (BigInt(out.se) << 64n) | wide(out.hi, out.lo);
      check(name, JSON.stringify(a), JSON.stringify(b), answer, expected, rounded.flags, rounded.up);
    }
    // What is zero has no rational with a sign.
    judged.atLeast(0.8 * caseCount);
  });
}

/** The bits of an IEEE interchange format with `fraction` bits of fraction. */
function interchange(rounded: Rounded, fraction: number, least: number, signBit: number): bigint {
  const sign = BigInt(rounded.sign) << BigInt(signBit);
  const bias = 1 - least;
  if (rounded.infinite) return sign | (BigInt(2 * bias + 1) << BigInt(fraction));
  // Adding the significand to the exponent field lets a carry and a denormal take care of themselves.
  const field = BigInt(rounded.exponent + fraction + bias - 1) << BigInt(fraction);
  return sign | (field + rounded.significand);
}

const f64Operations = { add: addF64, subtract: subtractF64, multiply: multiplyF64, divide: divideF64 };
const f32Operations = { add: addF32, subtract: subtractF32, multiply: multiplyF32, divide: divideF32 };

for (const name of OPERATIONS) {
  test(`doubles: ${name} is what exact rationals give`, () => {
    const random = new Random(seed);
    const judged = new Judged('results');
    const out = { hi: 0, lo: 0 };
    const operand = (near: number): [number, number, Rational] => {
      for (;;) {
        putF64(random, words, near);
        const [lo, hi] = [words[0]!, words[1]! & (name === 'root' ? 0x7fffffff : -1)];
        const exponent = (hi >>> 20) & 0x7ff;
        if (exponent === 0x7ff || ((hi & 0x7fffffff) | lo) === 0) continue;
        const significand = wide((hi & 0xfffff) | (exponent === 0 ? 0 : 0x100000), lo);
        return [lo, hi, rational(hi >>> 31, significand, Math.max(exponent, 1) - 1075)];
      }
    };
    for (let i = 0; i < caseCount; i++) {
      const near = [1023, 1023, 0, 2046, 511][random.below(5)]!;
      const [aLo, aHi, a] = operand(near);
      const [bLo, bHi, b] = operand(near);
      begin(random);
      const value = compute(name, a, b);
      if (value.numerator === 0n) continue;
      judged.add();
      const rounded = round(value, { precision: 53, least: -1022, greatest: 1023 }, environment.rounding);
      if (name === 'root') squareRootF64(environment, aLo, aHi, out);
      else f64Operations[name](environment, aLo, aHi, bLo, bHi, out);
      const expected = interchange(rounded, 52, -1022, 63);
      const [left, right] = [wide(aHi, aLo).toString(16), wide(bHi, bLo).toString(16)];
      check(name, left, right, wide(out.hi, out.lo), expected, rounded.flags, rounded.up);
    }
    // What is zero has no rational with a sign.
    judged.atLeast(0.8 * caseCount);
  });

  test(`singles: ${name} is what exact rationals give`, () => {
    const random = new Random(seed);
    const judged = new Judged('results');
    const operand = (near: number): [number, Rational] => {
      for (;;) {
        putF32(random, words, near);
        const bits = words[0]! & (name === 'root' ? 0x7fffffff : -1);
        const exponent = (bits >>> 23) & 0xff;
        if (exponent === 0xff || (bits & 0x7fffffff) === 0) continue;
        const significand = BigInt((bits & 0x7fffff) | (exponent === 0 ? 0 : 0x800000));
        return [bits, rational(bits >>> 31, significand, Math.max(exponent, 1) - 150)];
      }
    };
    for (let i = 0; i < caseCount; i++) {
      const near = [127, 127, 0, 254, 63][random.below(5)]!;
      const [aBits, a] = operand(near);
      const [bBits, b] = operand(near);
      begin(random);
      const value = compute(name, a, b);
      if (value.numerator === 0n) continue;
      judged.add();
      const rounded = round(value, { precision: 24, least: -126, greatest: 127 }, environment.rounding);
      const answer =
        name === 'root' ? squareRootF32(environment, aBits) : f32Operations[name](environment, aBits, bBits);
      const expected = interchange(rounded, 23, -126, 31);
      const [left, right] = [(aBits >>> 0).toString(16), (bBits >>> 0).toString(16)];
      check(name, left, right, BigInt(answer >>> 0), expected, rounded.flags, rounded.up);
    }
    // What is zero has no rational with a sign.
    judged.atLeast(0.8 * caseCount);
  });
}
