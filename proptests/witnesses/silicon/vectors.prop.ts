/**
 * The vector container: what is written is read back, a damaged or foreign file is an error with its name, and the
 * background that vectors are differences from has not changed.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { backgroundCase, CODE, DATA } from './background.ts';
import { type CaseResult, initialPages, joinChanges, type MachineCase, pageChanges } from './case.ts';
import { EXACT, readVectors, type Vector, VectorFileError, writeVectors } from './vectors.ts';

const RUNS = { seed: 20, numRuns: 60 };
const dword = fc.integer({ min: 0, max: 0xffffffff });

function fillArray(length: number, arbitrary: fc.Arbitrary<number>) {
  return fc.array(arbitrary, { minLength: length, maxLength: length });
}

const descriptor = fc.record({
  index: fc.integer({ min: 0, max: 63 }),
  base: dword,
  limit: fc.integer({ min: 0, max: 0xfffff }),
  kind: fc.constantFrom('data' as const, 'stack' as const, 'code' as const, 'conforming' as const),
  open: fc.boolean(),
  big: fc.boolean(),
  granular: fc.boolean(),
  present: fc.boolean(),
});

const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 });

const vector: fc.Arbitrary<Vector> = fc
  .record({
    label: fc.constantFrom('ADD r/m32,r32', 'FLD m80', 'MOVAPS'),
    seed: fc.integer({ min: 0, max: 1 << 30 }),
    registers: fillArray(8, dword),
    keep: fc.integer({ min: 0, max: 255 }),
    eflags: dword,
    descriptors: fc.array(descriptor, { maxLength: 3 }),
    code: bytes,
    otherRegions: fc.boolean(),
    fx: fc.option(fc.uint8Array({ minLength: 288, maxLength: 288 })),
    resultFx: fc.uint8Array({ minLength: 288, maxLength: 288 }),
    resultKeep: fc.integer({ min: 0, max: 255 }),
    fault: fc.option(
      fc.record({
        vector: fc.integer({ min: 0, max: 19 }),
        errorCode: fc.integer({ min: 0, max: 0xffff }),
        cr2: dword,
      }),
    ),
    change: fc.option(bytes),
    flags: fc.integer({ min: 0, max: 0x8d5 }),
    steps: fc.integer({ min: 0, max: 3 }),
  })
  .map((p) => {
    const background = backgroundCase(p.seed);
    const keep = (mask: number, base: number[]) => base.map((v, i) => (mask & (1 << i) ? v : p.registers[i]));
    const machineCase: MachineCase = {
      ...background,
      registers: keep(p.keep, background.registers),
      eflags: p.eflags,
      descriptors: p.descriptors.map((d) => ({ ...d })),
      regions: p.otherRegions ? background.regions.slice(0, 2) : background.regions,
      patches: [{ address: CODE, bytes: p.code }],
      fx: p.fx && (p.flags & 1 ? background.fx : p.fx),
      steps: p.steps,
      end: p.flags & 2 ? -1 : CODE + p.code.length,
    };
    const result: CaseResult = {
      stop: p.fault ? 'fault' : 'completed',
      registers: keep(p.resultKeep, machineCase.registers),
      eip: CODE + 3,
      eflags: p.eflags ^ p.flags,
      selectors: { ...machineCase.selectors, fs: p.flags & 3 },
      fx: p.resultFx,
      fault: p.fault && { ...p.fault },
      stepCount: p.steps,
      changes: p.change ? [{ address: DATA + 4, bytes: p.change }] : [],
      reason: '',
    };
    result.eflags >>>= 0;
    const tolerance = p.flags & 4 ? { ...EXACT, flags: p.flags, memory: [{ address: DATA, byteLength: 4 }] } : EXACT;
    return { label: p.label, seed: p.seed, machineCase, result, tolerance };
  });

test('vectors are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(vector, { maxLength: 5 }), (vectors) => {
      const read = readVectors(writeVectors({ processor: 'some processor', vectors }), 'memory');
      assert.equal(read.processor, 'some processor');
      assert.deepEqual(read.vectors, vectors);
    }),
    RUNS,
  );
});

test('a damaged, cut or foreign file is an error with its name', () => {
  const [one] = fc.sample(vector, { seed: 3, numRuns: 1 });
  const good = writeVectors({ processor: 'p', vectors: [one] });
  const named = (error: unknown) =>
    error instanceof VectorFileError && error.fileName === 'x.vec' && error.message.startsWith('x.vec: ');
  for (let i = 0; i < good.length; i++) {
    const bad = good.slice();
    bad[i] ^= 1 << (i & 7);
    assert.throws(() => readVectors(bad, 'x.vec'), named, `byte ${i} flipped`);
    assert.throws(() => readVectors(good.subarray(0, i), 'x.vec'), named, `cut at ${i}`);
  }
});

test('what silicon never answered cannot be written', () => {
  const [one] = fc.sample(vector, { seed: 3, numRuns: 1 });
  assert.throws(
    () => writeVectors({ processor: 'p', vectors: [{ ...one, result: { ...one.result, stop: 'timeout' } }] }),
    /timeout/,
  );
});

test('the background of a seed never changes', () => {
  const hash = createHash('sha256');
  for (let seed = 0; seed < 500; seed++) {
    const { fx, ...rest } = backgroundCase(seed * 7919);
    hash.update(JSON.stringify(rest)).update(fx as Uint8Array);
  }
  const page = initialPages(backgroundCase(1)).get(DATA) as Uint8Array;
  hash.update(page);
  assert.equal(hash.digest('hex').slice(0, 32), '87dd496c4689d8a44752173973efddc0');
});

test('changes between page images are exact runs', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 8191 }), bytes), { maxLength: 6 }), (writes) => {
      const c = backgroundCase(5);
      const before = initialPages(c);
      const after = new Map([...before].map(([address, page]) => [address, page.slice()]));
      for (const [offset, data] of writes)
        data.forEach((byte, i) => {
          const page = after.get(DATA + ((offset + i) & 0x1000));
          if (page && offset + i < 8192) page[(offset + i) & 0xfff] = byte;
        });
      const changes = pageChanges(before, after);
      const again = new Map([...before].map(([address, page]) => [address, page.slice()]));
      for (const { address, bytes: data } of changes)
        data.forEach((byte, i) => {
          const page = again.get(((address + i) & ~0xfff) >>> 0) as Uint8Array;
          assert.notEqual(page[(address + i) & 0xfff], byte);
          page[(address + i) & 0xfff] = byte;
        });
      assert.deepEqual(again, after);
      assert.deepEqual(joinChanges([...changes].reverse()), changes);
    }),
    RUNS,
  );
});
