/**
 * What kernels do in the middle of their code goes alike on every engine: CLI, STI, PUSHF and POPF, CLTS, MOV CRn,
 * INVLPG, RDTSC, and segment registers pushed, popped, read and loaded from a table whose descriptors are of every kind
 * and change, at CPL 0, 1 and 3, with an interrupt waiting or none. Flags and stack are compared after each slice,
 * segment and system registers at the end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { updateMode } from '../../src/core/cpu/system/segmentation.ts';
import * as at from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY, WASM_POLICY } from '../../tiers/policy.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { makeWasmBackend } from '../../tiers/wasm/backend.ts';
import { Judged } from '../support/judged.ts';
import { compare, makeRunner, type Runner } from './lockstep.ts';
import { CODE, DATA } from './random-code.ts';

/** First the table, then the program. */
const TABLE_BYTES = 0x80;
const reference = makeRunner('steps', (cpu) => new Interpreter(cpu));
const shapes = {
  threshold: 1,
  losses: 1e9,
  wait: 0,
};
const runners: readonly Runner[] = [
  makeRunner('js', (cpu) => new CompilingEngine(cpu, 'js', { ...JS_POLICY, ...shapes, region: 24 }, makeJsBackend)),
  makeRunner('wasm', (cpu) => {
    return new CompilingEngine(cpu, 'wasm', { ...WASM_POLICY, ...shapes, region: 24 }, makeWasmBackend);
  }),
  makeRunner('wasm plain', (cpu) => {
    return new CompilingEngine(cpu, 'wasm', { ...WASM_POLICY, ...shapes, optimise: 0, region: 1 }, makeWasmBackend);
  }),
];

const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
/** Flags for POPF: TF seldom, IF often. */
const image = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 0x3fffff }).map((bits) => bits & ~0x20100) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x3fffff }) },
);
const selector = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 1, max: 12 }).map((entry) => entry * 8) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }).map((entry) => entry * 8 + 3) },
  // Descriptors of any kind, null, in the LDT, beyond the table.
  { weight: 3, arbitrary: fc.constantFrom(0x68, 0x70, 0x78) },
  { weight: 5, arbitrary: fc.constantFrom(0, 0, 0, 3, 0x14, 0x24, 0x80, 0x88) },
);
const register = fc.constantFrom(0, 1, 2, 3, 6, 7);
/** ES DS FS GS by their numbers, SS and CS seldom. */
const segment = fc.constantFrom(0, 3, 4, 5, 4, 5, 4, 5, 0, 3, 4, 5, 2, 1, 6);
const CONTROL_BITS = [0x10000, 0x8, 0x4, 0x2, 0x20, 0x40000, 0x40000000, 0x10, 0x10008, 0x80, 0x20000000];

const one = (weight: number, arbitrary: fc.Arbitrary<number[]>): fc.WeightedArbitrary<number[]> => ({
  weight,
  arbitrary,
});
const instruction: fc.Arbitrary<number[]> = fc.oneof(
  one(4, fc.constant([0xfa])),
  one(4, fc.constant([0xfb])),
  one(2, fc.constantFrom([0xfc], [0xfd], [0x9c, 0xf8, 0xfa], [0x9c, 0xf9, 0xfa], [0x9c, 0xf9, 0xfd])),
  one(3, fc.constant([0x9c])),
  // RDTSC, twice, and CR4.TSD turned around, which forbids it above CPL 0.
  one(4, fc.constantFrom([0x0f, 0x31], [0x0f, 0x31, 0x91, 0x0f, 0x31, 0x29, 0xc8])),
  one(1, fc.constant([0x0f, 0x20, 0xe0, 0x83, 0xf0, 4, 0x0f, 0x22, 0xe0])),
  one(2, fc.constant([0x9d])),
  one(
    6,
    image.map((value) => [0x68, ...le32(value), 0x9d]),
  ),
  one(3, fc.constantFrom([0x0f, 0x06], [0x0f, 0x20, 0xc0, 0x83, 0xc8, 8, 0x0f, 0x22, 0xc0, 0x0f, 0x06])),
  one(2, fc.constant([0x0f, 0x01, 0x3d, ...le32(DATA)])),
  // MOV register, CRn; there and back; with a bit turned around.
  one(
    2,
    fc.tuple(register, fc.constantFrom(0, 2, 3, 4)).map(([r, c]) => [0x0f, 0x20, 0xc0 | (c << 3) | r]),
  ),
  one(
    2,
    register.map((r) => [0x0f, 0x22, 0xc0 | (2 << 3) | r]),
  ),
  one(
    3,
    register.map((r) => [0x0f, 0x20, 0xd8 | r, 0x0f, 0x22, 0xd8 | r]),
  ),
  one(
    6,
    fc.constantFrom(...CONTROL_BITS).map((bit) => [0x0f, 0x20, 0xc0, 0x35, ...le32(bit), 0x0f, 0x22, 0xc0]),
  ),
  // A selector, and the segment from it, from the stack, from memory.
  one(
    8,
    fc.tuple(selector, segment).map(([s, seg]) => [0xb8, ...le32(s), 0x8e, 0xc0 | (seg << 3)]),
  ),
  one(
    2,
    fc.tuple(segment, register).map(([seg, r]) => [0x8e, 0xc0 | (seg << 3) | r]),
  ),
  one(
    2,
    fc
      .tuple(selector, segment)
      .map(([s, seg]) => [
        0x66,
        0xc7,
        5,
        ...le32(DATA + 64),
        s & 255,
        s >> 8,
        0x8e,
        5 | (seg << 3),
        ...le32(DATA + 64),
      ]),
  ),
  one(
    3,
    fc.tuple(segment, register).map(([seg, r]) => [0x8c, 0xc0 | (seg << 3) | r]),
  ),
  one(
    1,
    segment.map((seg) => [0x8c, 5 | (seg << 3), ...le32(DATA + 68)]),
  ),
  one(3, fc.constantFrom([0x0f, 0xa0], [0x0f, 0xa8], [0x06], [0x1e], [0x0e], [0x16])),
  one(
    6,
    fc
      .tuple(selector, fc.constantFrom([0x0f, 0xa1], [0x0f, 0xa9], [0x07], [0x1f], [0x0f, 0xa1], [0x17]))
      .map(([s, pop]) => [0x68, ...le32(s), ...pop]),
  ),
  // What is there is used, and a descriptor changes: a byte of its rights, its accessed bit.
  one(
    3,
    fc
      .tuple(fc.constantFrom(0x64, 0x65, 0x26, 0x3e), register)
      .map(([p, r]) => [p, 0x03, 5 | (r << 3), ...le32(DATA + 16)]),
  ),
  one(
    2,
    fc
      .tuple(fc.nat(15), fc.constantFrom(0x92, 0x93, 0xf3, 0x13, 0x9b, 0x97))
      .map(([e, byte]) => [0xc6, 5, ...le32(CODE + e * 8 + 5), byte]),
  ),
  one(4, fc.constantFrom([0x40], [0x01, 0xd8], [0x39, 0xf0], [0xf8], [0xf9], [0x0f, 0xa2], [0x11, 0xd8], [0x87, 0xdb])),
);

/** Data, flat or not, written to or not, in use before or not. */
const descriptor = fc
  .tuple(
    fc.constantFrom(0, 0, 0, DATA),
    fc.constantFrom(0, 0, 1, 2),
    fc.constantFrom(0x93, 0x93, 0xf3, 0x92, 0x91, 0x97),
  )
  .map(([base, size, rights]) => [
    ...(size === 1 ? [0x7f, 0] : [0xff, 0xff]),
    ...le32(base).slice(0, 3),
    rights,
    [0xcf, 0x40, 0xc0][size],
    0,
  ]);
const anyDescriptor = fc.array(fc.nat(255), { minLength: 8, maxLength: 8 });

const start = fc.record({
  table: fc.array(descriptor, { minLength: 11, maxLength: 11 }),
  others: fc.array(anyDescriptor, { minLength: 3, maxLength: 3 }),
  program: fc.array(instruction, { minLength: 1, maxLength: 9 }),
  privilege: fc.constantFrom([0, 0], [0, 0], [0, 1], [0, 3], [1, 0], [3, 0], [3, 3], [3, 3]),
  isWaiting: fc.boolean(),
  seed: fc.nat(255),
  registers: fc.array(fc.integer(), { minLength: 8, maxLength: 8 }),
  flags: fc.nat(0xfff),
  lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
});

/** What compare leaves out. Of the shadow only a loop knows when it is over. */
const WORDS = [...at.PLACED.values()]
  .filter(({ group }) => group === 'segment' || group === 'system')
  .flatMap(({ name, offset, count }) =>
    Array.from({ length: count }, (_, k) => ({ name: `${name} ${k}`, index: (offset >> 2) + k })),
  );
WORDS.push({ name: 'modeKey', index: at.MODE_KEY });
const show = ({ cpu }: Runner): string[] =>
  WORDS.map(({ name, index }) => `${name}: ${(cpu.m32[index] >>> 0).toString(16)}`);

test('interrupt flags, control registers and segment registers in compiled code', () => {
  const judged = new Judged('ticks');
  fc.assert(
    fc.property(start, ({ table, others, program, privilege: [level, iopl], isWaiting, lengths, ...rest }) => {
      const head = [
        ...new Array<number>(8).fill(0),
        0xff,
        0xff,
        0,
        0,
        0,
        0x9b,
        0xcf,
        0,
        ...table.flat(),
        ...others.flat(),
      ];
      head.length = TABLE_BYTES;
      // Around the program forever: its descriptors change meanwhile.
      const body = program.flat();
      const code = Uint8Array.from([...head, ...body, 0xe9, ...le32(-body.length - 5)]);
      for (const runner of runners) {
        for (const each of [reference, runner]) {
          const { m32 } = each.cpu;
          for (const seg of [at.ES, at.CS, at.SS, at.DS, at.FS, at.GS]) m32[at.SEG_SELECTOR + seg] = 0;
          m32[at.GDTR_BASE] = CODE;
          m32[at.GDTR_LIMIT] = isWaiting ? TABLE_BYTES - 1 : 12 * 8 - 2;
          m32[at.INTR] = isWaiting ? 1 : 0;
          m32[at.CR2] = 0;
        }
        const settle = ({ cpu }: Runner): void => {
          cpu.m32[at.EIP] = CODE + TABLE_BYTES;
          cpu.m32[at.EFLAGS] |= (iopl << 12) | (rest.flags & at.IF);
          if (level === 1) cpu.m32[at.SEG_ATTRIBUTES + at.SS] |= 0x20;
          updateMode(cpu);
        };
        judged.add(compare(reference, [runner], { ...rest, code, user: level === 3, settle }, 40, lengths));
        assert.deepEqual(show(runner), show(reference), `${runner.name}: ${Buffer.from(code).toString('hex')}`);
      }
    }),
    { seed: Number(process.env.REPRISE_SEED ?? 1), numRuns: 300 },
  );
  judged.atLeast(300 * 20);
});
