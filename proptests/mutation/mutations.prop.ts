/**
 * The faults that `npm run mutation` injects can still be injected: the place that each names by its text is in the
 * emitted file, and the file is another one with the fault in it. Whether they are caught takes minutes (run.ts).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../support/poison.ts';
import { mutate } from './answers.ts';
import { MUTATIONS } from './mutations.ts';

test('every fault names a place that is there, and changes it', () => {
  assert.ok(MUTATIONS.length > 100);
  const stale = MUTATIONS.filter((mutation) => {
    const text = readFileSync(join(projectRoot, 'dist', mutation.file), 'utf8');
    const faulty = mutate(text, mutation);
    return faulty === null || faulty === text;
  });
  assert.deepEqual(
    stale.map(({ file, breaks }) => `${file}: ${breaks}`),
    [],
    'carry the texts of these along in mutations.ts (the same fault in the new place)',
  );
});
