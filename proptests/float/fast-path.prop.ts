/**
 * The guarded host arithmetic against the integer path: where it is taken, every bit is the same and no exception flag
 * but PE (sticky already) is raised; and it is taken often enough to be worth having. No host processor needed beyond
 * the one that runs the tests.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFloatEnvironment, PE, useMxcsr } from '../../src/core/cpu/float/ieee/environment.ts';
import {
  allowsFastPath,
  fastAddF32,
  fastAddF64,
  fastDivideF32,
  fastDivideF64,
  fastMultiplyF32,
  fastMultiplyF64,
  fastSubtractF32,
  fastSubtractF64,
} from '../../src/core/cpu/float/ieee/fast-path.ts';
import { addF32, divideF32, multiplyF32, subtractF32 } from '../../src/core/cpu/float/sse/sse-f32.ts';
import { addF64, divideF64, multiplyF64, subtractF64 } from '../../src/core/cpu/float/sse/sse-f64.ts';
import { putF32, putF64 } from './values.ts';

const caseCount = Number(process.env.REPRISE_CASES ?? 40_000);
const seed = Number(process.env.REPRISE_SEED ?? 1);
const environment = makeFloatEnvironment();
const words = new Int32Array(8);
const doubles = new Float64Array(words.buffer);
const singles = new Float32Array(words.buffer);
const out = { hi: 0, lo: 0 };
/** RC nearest, all masked, PE sticky; with and without FTZ and DAZ. */
const MXCSRS = [0x1fa0, 0x9fa0, 0x1fe0, 0x9fe0];

const NEAR_F64 = [1023, 1023, 0, 1, 2046, 511, 1023 + 52, 1534];
const NEAR_F32 = [127, 127, 0, 1, 254, 63, 127 + 23, 190];
const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');

for (const [name, fast, integer] of [
  ['add', fastAddF64, addF64],
  ['subtract', fastSubtractF64, subtractF64],
  ['multiply', fastMultiplyF64, multiplyF64],
  ['divide', fastDivideF64, divideF64],
] as const) {
  test(`doubles: ${name} on the fast path is the integer path's, bits and flags`, () => {
    const random = new Random(seed);
    let taken = 0;
    for (let i = 0; i < caseCount; i++) {
      const near = NEAR_F64[random.below(NEAR_F64.length)]!;
      putF64(random, words.subarray(0, 4), near);
      putF64(random, words.subarray(4, 8), near);
      words[2] = words[4]!;
      words[3] = words[5]!;
      const [aLo, aHi, bLo, bHi] = [words[0]!, words[1]!, words[2]!, words[3]!];
      const answer = fast(doubles[0]!, doubles[1]!);
      if (Number.isNaN(answer)) continue;
      taken++;
      useMxcsr(environment, MXCSRS[i & 3]!);
      integer(environment, aLo, aHi, bLo, bHi, out);
      doubles[0] = answer;
      const operands = `${name} ${hex(aHi)}${hex(aLo)} ${hex(bHi)}${hex(bLo)}`;
      const fastBits = `${hex(words[1]!)}${hex(words[0]!)}`;
      const seen = `${operands}: fast ${fastBits}, integer ${hex(out.hi)}${hex(out.lo)} flags ${environment.flags}`;
      assert.ok(words[0] === out.lo && words[1] === out.hi && (environment.flags & ~PE) === 0, seen);
    }
    assert.ok(taken > caseCount / 4, `taken ${taken} times of ${caseCount}`);
  });
}

for (const [name, fast, integer] of [
  ['add', fastAddF32, addF32],
  ['subtract', fastSubtractF32, subtractF32],
  ['multiply', fastMultiplyF32, multiplyF32],
  ['divide', fastDivideF32, divideF32],
] as const) {
  test(`singles: ${name} on the fast path is the integer path's, bits and flags`, () => {
    const random = new Random(seed);
    let taken = 0;
    for (let i = 0; i < caseCount; i++) {
      const near = NEAR_F32[random.below(NEAR_F32.length)]!;
      putF32(random, words.subarray(0, 4), near);
      putF32(random, words.subarray(4, 8), near);
      words[1] = words[4]!;
      const [a, b] = [words[0]!, words[1]!];
      const answer = fast(singles[0]!, singles[1]!);
      if (Number.isNaN(answer)) continue;
      taken++;
      useMxcsr(environment, MXCSRS[i & 3]!);
      const expected = integer(environment, a, b);
      singles[0] = answer;
      const operands = `${name} ${hex(a)} ${hex(b)}`;
      const seen = `${operands}: fast ${hex(words[0]!)}, integer ${hex(expected)} flags ${environment.flags}`;
      assert.ok(words[0] === expected && (environment.flags & ~PE) === 0, seen);
    }
    assert.ok(taken > caseCount / 4, `taken ${taken} times of ${caseCount}`);
  });
}

test('only round to nearest with every exception masked and PE sticky allows the fast path', () => {
  for (let mxcsr = 0; mxcsr <= 0xffff; mxcsr++) {
    useMxcsr(environment, mxcsr);
    const expected = environment.rounding === 0 && environment.masks === 63 && (mxcsr & PE) !== 0;
    assert.equal(allowsFastPath(mxcsr), expected, mxcsr.toString(16));
  }
});
