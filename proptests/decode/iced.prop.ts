/**
 * The decoder against iced-x86: length, row and every operand. First each opcode of both maps with each ModRM byte
 * under the prefixes that change its meaning, in 16- and 32-bit code; then random bytes with many prefixes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Bits, disagreement, ourOpinion } from './iced.ts';
import { Judged } from '../support/judged.ts';

const seed = 20_040;
const PREFIX_BYTES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

/** Prefix sets that select other forms, other sizes, or nothing. */
const PREFIX_SETS = [[], [0x66], [0x67], [0xf2], [0xf3], [0xf0], [0x64]];
/** Sets where only the order or the combination could be mistaken: fewer ModRM bytes will do. */
const PREFIX_PAIRS = [
  [0x66, 0x67],
  [0x66, 0xf2],
  [0xf3, 0x66],
  [0xf2, 0xf3],
  [0xf3, 0xf2],
  [0xf0, 0xf2],
  [0x2e, 0x65],
];

/** Every byte after the opcode is different, so that a displacement read at the wrong place shows. */
function sample(prefixes: readonly number[], opcode: readonly number[], modrm: number, sib: number): Uint8Array {
  const bytes = Uint8Array.of(...prefixes, ...opcode, modrm, sib, 0x81, 0x92, 0x73, 0xe4, 0x15, 0x46, 0xf7, 0x28, 0x59);
  return bytes.subarray(0, 15);
}

function enumerate(bits: Bits, prefixes: readonly number[]): string[] {
  const problems: string[] = [];
  const check = (bytes: Uint8Array): void => {
    const problem = disagreement(bytes, bits);
    if (problem !== undefined && problems.length < 10) problems.push(problem);
  };
  for (let escaped = 0; escaped < 2; escaped++) {
    for (let opcode = 0; opcode < 256; opcode++) {
      if (escaped === 0 && (opcode === 0x0f || PREFIX_BYTES.includes(opcode))) continue;
      const bytes = escaped === 0 ? [opcode] : [0x0f, opcode];
      for (let modrm = 0; modrm < 256; modrm++) {
        // Registers all; memory with every r/m for the plain prefixes, else with those that differ in shape.
        if (modrm < 0xc0 && prefixes.length > 0 && ![0, 4, 6].includes(modrm & 7)) continue;
        if (prefixes.length > 1 && (modrm & 7) !== ((modrm >> 3) & 7)) continue;
        check(sample(prefixes, bytes, modrm, (opcode * 37 + modrm * 11) & 0xff));
      }
    }
  }
  return problems;
}

for (const bits of [16, 32] as const) {
  test(`every opcode and ModRM byte in ${bits}-bit code`, () => {
    for (const prefixes of [...PREFIX_SETS, ...PREFIX_PAIRS]) assert.deepEqual(enumerate(bits, prefixes), []);
  });
}

test('every SIB byte with every mod and displacement', () => {
  for (let mod = 0; mod < 3; mod++) {
    for (let sib = 0; sib < 256; sib++) {
      for (const opcode of [[0x8b], [0x81], [0x0f, 0x6f]]) {
        assert.equal(disagreement(sample([], opcode, (mod << 6) | 4, sib), 32), undefined);
        assert.equal(disagreement(sample([0x67, 0x36], opcode, (mod << 6) | 0x14, sib), 16), undefined);
      }
    }
  }
});

const byte = fc.integer({ min: 0, max: 255 });
const bytes = fc
  .tuple(
    fc.array(fc.constantFrom(...PREFIX_BYTES), { maxLength: 16 }),
    fc.constantFrom([], [0x0f]),
    fc.array(byte, { minLength: 16, maxLength: 16 }),
  )
  .map(([prefixes, escapes, rest]) => Uint8Array.of(...prefixes, ...escapes, ...rest));

test('random bytes with up to sixteen prefixes', () => {
  const judged = new Judged('instructions');
  fc.assert(
    fc.property(bytes, fc.constantFrom<Bits>(16, 32), (sequence, bits) => {
      assert.equal(disagreement(sequence, bits), undefined);
      // Where both say that it is none there are no operands to compare.
      if (ourOpinion(sequence, bits).length > 0) judged.add();
    }),
    { seed, numRuns: 30_000 },
  );
  judged.atLeast(10_000);
});
