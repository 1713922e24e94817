/**
 * The transcendental instructions: within one unit of the host processor's results, with its special cases, exceptions
 * and condition codes; and, needing no host, the constants computed anew and identities at random points.
 * REPRISE_CASES, REPRISE_SEED and REPRISE_OPERATION as in native.prop.ts.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bitLength,
  CONSTANT_BITS,
  LN_2,
  LOG2_E,
  LOGARITHM_BITS,
  PI,
  PI_OF_66_BITS,
} from '../../src/core/cpu/float/ieee/big-fixed.ts';
import { makeFloatEnvironment, useControlWord } from '../../src/core/cpu/float/ieee/environment.ts';
import type { F80 } from '../../src/core/cpu/float/x87/f80.ts';
import { makeF80 } from '../../src/core/cpu/float/x87/f80.ts';
import {
  arcTangentF80,
  cosineF80,
  exponentialF80,
  logarithmPlusOneF80,
  sineCosineF80,
  sineF80,
  tangentF80,
} from '../../src/core/cpu/float/x87/f80-transcendental.ts';
import { whyNotImitated } from '../support/imitated.ts';
import { compareTranscendental, makeTranscendentalRequests, transcendentals } from './model-transcendental.ts';
import { ANSWER_WORDS, askNative, nativeFloat, REQUEST_WORDS } from './native.ts';

const caseCount = Number(process.env.REPRISE_CASES ?? 1500);
const seed = Number(process.env.REPRISE_SEED ?? 1);
const only = process.env.REPRISE_OPERATION;
const native = nativeFloat();

for (const instruction of transcendentals) {
  if (only !== undefined && only !== instruction.name) continue;
  test(`${instruction.name} is within one unit of silicon`, {
    skip: 'reason' in native ? native.reason : (whyNotImitated() ?? false),
  }, () => {
    if (!('path' in native)) return;
    const requests = makeTranscendentalRequests(instruction, seed, caseCount);
    const answers = askNative(native.path, requests, caseCount);
    const reports: string[] = [];
    for (let i = 0; i < caseCount; i++) {
      const report = compareTranscendental(instruction, requests, i * REQUEST_WORDS, answers, i * ANSWER_WORDS);
      if (report !== '') reports.push(`case ${i}: ${report}`);
    }
    const which = `REPRISE_SEED=${seed} REPRISE_CASES=${caseCount} REPRISE_OPERATION=${instruction.name}`;
    const again = `${which} npm test -- float/transcendental`;
    assert.equal(reports.length, 0, `${reports.length} mismatches; again: ${again}\n${reports.slice(0, 4).join('\n')}`);
  });
}

/** Machin's and Euler's ways to the constants, with guard bits to spare. */
const GUARD = 600n;

function inverseTangentOfReciprocal(n: bigint, sign: bigint): bigint {
  let power = (1n << GUARD) / n;
  let sum = power;
  for (let k = 3n; power !== 0n; k += 2n) {
    power = (sign * power) / (n * n);
    sum += power / k;
  }
  return sum;
}

test('the constants are those that series give', () => {
  const pi = 4n * (4n * inverseTangentOfReciprocal(5n, -1n) - inverseTangentOfReciprocal(239n, -1n));
  assert.equal(pi >> (GUARD - BigInt(CONSTANT_BITS)), PI);
  const ln2 = 2n * inverseTangentOfReciprocal(3n, 1n);
  assert.equal(ln2 >> (GUARD - BigInt(LOGARITHM_BITS)), LN_2);
  assert.equal((1n << (GUARD + BigInt(LOGARITHM_BITS))) / ln2, LOG2_E);
  assert.equal(PI_OF_66_BITS >> BigInt(CONSTANT_BITS - 64), 0x3243f6a8885a308d3n);
});

const environment = makeFloatEnvironment();
useControlWord(environment, 0x37f);

/** A finite number as an integer times 2^−300, cut. */
function fixed(a: F80): bigint {
  const significand = (BigInt(a.hi >>> 0) << 32n) | BigInt(a.lo >>> 0);
  const exponent = (a.se & 0x7fff) - 16383 - 63 + 300;
  const magnitude = exponent >= 0 ? significand << BigInt(exponent) : significand >> BigInt(-exponent);
  return (a.se & 0x8000) !== 0 ? -magnitude : magnitude;
}

const magnitudeOf = (value: bigint) => (value < 0n ? -value : value);

function randomF80(random: Random, low: number, high: number): F80 {
  const sign = random.below(2) << 15;
  return {
    se: sign | (16383 + low + random.below(high - low + 1)),
    hi: random.word() | 0x80000000,
    lo: random.word(),
  };
}

test('sine and cosine of every size of argument lie on the unit circle, and the tangent is their quotient', () => {
  const random = new Random(seed);
  const [sine, cosine, tangent, one, alone] = [makeF80(), makeF80(), makeF80(), makeF80(), makeF80()];
  for (let i = 0; i < 400; i++) {
    const x = randomF80(random, -40, 62);
    assert.ok(sineCosineF80(environment, x, sine, cosine, PI));
    const square = (fixed(sine) ** 2n + fixed(cosine) ** 2n) >> 300n;
    assert.ok(bitLength(magnitudeOf(square - (1n << 300n)) + 1n) < 300 - 60, JSON.stringify(x));
    assert.ok(tangentF80(environment, x, tangent, one, PI));
    const product = (fixed(tangent) * fixed(cosine)) >> 300n;
    const error = magnitudeOf(product - fixed(sine));
    assert.ok(bitLength(error + 1n) <= bitLength(magnitudeOf(fixed(sine))) - 60, JSON.stringify(x));
    sineF80(environment, x, alone, PI);
    assert.deepEqual(alone, sine);
    cosineF80(environment, x, alone, PI);
    assert.deepEqual(alone, cosine);
  }
});

test('sine and cosine of 2^62 are what series in 600 bits give', () => {
  const [sine, cosine] = [makeF80(), makeF80()];
  sineCosineF80(environment, { se: 16383 + 62, hi: 0x80000000 | 0, lo: 0 }, sine, cosine, PI);
  const pi = 4n * (4n * inverseTangentOfReciprocal(5n, -1n) - inverseTangentOfReciprocal(239n, -1n));
  let angle = ((1n << 62n) << GUARD) % (2n * pi);
  // Duplication instead of reduction: sin and cos of angle / 1024 by short series, doubled ten times.
  angle >>= 10n;
  const scale = 1n << GUARD;
  let s = 0n;
  let c = 0n;
  let term = scale;
  for (let n = 0n; term !== 0n; n++) {
    if (n % 4n === 0n) c += term;
    else if (n % 4n === 1n) s += term;
    else if (n % 4n === 2n) c -= term;
    else s -= term;
    term = (term * angle) / scale / (n + 1n);
  }
  for (let doubling = 0; doubling < 10; doubling++) [s, c] = [(2n * s * c) / scale, (c * c - s * s) / scale];
  for (const [value, ours] of [
    [s, sine],
    [c, cosine],
  ] as const) {
    const error = magnitudeOf((value >> (GUARD - 300n)) - fixed(ours));
    assert.ok(bitLength(error + 1n) <= bitLength(magnitudeOf(fixed(ours))) - 63);
  }
});

test('arctangent undoes the tangent, and the logarithm the exponential', () => {
  const random = new Random(seed);
  const [there, one, back] = [makeF80(), makeF80(), makeF80()];
  const unit: F80 = { se: 16383, hi: 0x80000000 | 0, lo: 0 };
  for (let i = 0; i < 400; i++) {
    const x = randomF80(random, -60, -2);
    tangentF80(environment, x, there, one, PI);
    arcTangentF80(environment, one, there, back);
    assert.ok(magnitudeOf(fixed(back) - fixed(x)) < magnitudeOf(fixed(x)) >> 61n, JSON.stringify(x));
    exponentialF80(environment, x, there);
    logarithmPlusOneF80(environment, there, unit, back);
    assert.ok(magnitudeOf(fixed(back) - fixed(x)) < magnitudeOf(fixed(x)) >> 61n, JSON.stringify(x));
  }
});
