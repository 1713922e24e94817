/**
 * The committed vectors of silicon on every engine that this build has: what a real processor answered, on hosts
 * without one too. And the files themselves: a damaged one fails by name, and every form that silicon can be asked
 * about has vectors.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineNames, loadEngine } from '../../../src/engines.ts';
import { readCommitted, readCommittedFound, vectorFileNames } from './committed.ts';
import { showComparison } from './compare.ts';
import { Emulated } from './emulated.ts';
import { formName, WITNESSED_FORMS } from './forms.ts';
import { foundLine, readFound, type Found } from './found.ts';
import { runOurs } from './hunt.ts';
import { readVectors, VectorFileError, writeVectors } from './vectors.ts';

const SHOWN_MAX = 5;
const VECTORS_PER_FORM_MIN = 3;

function checkAll(list: readonly Found[], ours: Emulated): void {
  const wrong: string[] = [];
  for (const { label, machineCase, result, tolerance } of list) {
    const { result: mine, differences } = runOurs(ours, machineCase, result, tolerance);
    if (differences.length === 0) continue;
    const said = typeof mine === 'string' ? mine : showComparison(machineCase, result, mine, tolerance);
    wrong.push(`${label}\n${said}`);
  }
  const shown = wrong.slice(0, SHOWN_MAX).join('\n\n');
  assert.equal(wrong.length, 0, `${wrong.length} of ${list.length} differ from silicon:\n${shown}`);
}

/**
 * Engines that compile do it at the second execution, which is the last of each case, and however often code is lost.
 */
const AT_ONCE = ':threshold=1,wait=0,losses=999999999';
const COMPILED_MIN = 200;

for (const name of engineNames())
  for (const file of vectorFileNames())
    test(`${file} on ${name}`, async () => {
      const makeEngine = await loadEngine(name + AT_ONCE);
      let engine: { figures?: { compiled: number } } = {};
      const ours = new Emulated((cpu) => {
        const made = makeEngine(cpu);
        engine = made as typeof engine;
        return made;
      });
      const { processor, vectors } = readCommitted(file);
      assert.ok(processor.length > 0 && vectors.length > 0);
      checkAll(vectors, ours);
      if (engine.figures)
        assert.ok(engine.figures.compiled >= COMPILED_MIN, `only ${engine.figures.compiled} compiled`);
    });

for (const name of engineNames())
  test(`mismatches kept as tests on ${name}`, async () => {
    checkAll(readCommittedFound(), new Emulated(await loadEngine(name + AT_ONCE)));
  });

test('every form that silicon can be asked about has vectors', () => {
  const counts = new Map<string, number>();
  for (const name of vectorFileNames())
    for (const { label } of readCommitted(name).vectors) {
      const form = label.replace(/ (code16|;).*$/, '');
      counts.set(form, (counts.get(form) ?? 0) + 1);
    }
  const poor = WITNESSED_FORMS.map(formName).filter((form) => (counts.get(form) ?? 0) < VECTORS_PER_FORM_MIN);
  assert.deepEqual(poor, []);
});

test('a committed file with a byte changed is an error with its name', () => {
  const [name] = vectorFileNames();
  const bytes = writeVectors({ processor: 'p', vectors: readCommitted(name).vectors.slice(0, 20) });
  bytes[bytes.length >> 1] ^= 4;
  assert.throws(
    () => readVectors(bytes, name),
    (error) => error instanceof VectorFileError && error.message.startsWith(`${name}: damaged`),
  );
});

test('a kept mismatch is read as it was written, and a spoiled line is named', () => {
  const [name] = vectorFileNames();
  const { label, machineCase, result, tolerance } = readCommitted(name).vectors[0];
  const found = { label, machineCase, result, tolerance };
  const line = foundLine(found);
  assert.deepEqual(readFound(`${line}\n`, 'f'), [found]);
  assert.throws(() => readFound(`${line}\n${line.slice(0, 50)}\n`, 'f.jsonl'), /^Error: f\.jsonl:2: /);
});
