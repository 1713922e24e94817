/**
 * Every permanent recording replays on every engine, and without devices where the log is full: old logs stay good.
 * replay-logs/README.md says how one is added.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineNames } from '../../src/engines.ts';
import { describeDivergence, replay, type Replayed } from '../../src/library.ts';
import { goldenFolder, goldenLogs, sha256 } from './golden.ts';

const logs = goldenLogs();

function assertAgrees(replayed: Replayed, file: string): void {
  const { divergence } = replayed;
  assert.equal(divergence === null ? '' : describeDivergence(divergence, `replay-logs/${file}`), '');
}

test('the manifest names every log, and no log changed since it was recorded', () => {
  const files = readdirSync(goldenFolder).filter((name) => name.endsWith('.rlog'));
  assert.deepEqual(files.sort(), logs.map(({ file }) => file).sort());
  assert.ok(files.length > 0);
  for (const log of logs) assert.equal(sha256(readFileSync(join(goldenFolder, log.file))), log.sha256, log.file);
});

test('some of the logs can be replayed without devices', () => {
  assert.ok(logs.filter(({ profile }) => profile === 'full').length >= 3);
});

for (const { file, description, profile, reason, tick, hash, serialSha256 } of logs) {
  test(`${file}: ${description}`, async () => {
    const bytes = readFileSync(join(goldenFolder, file));
    for (const engine of engineNames()) {
      const replayed = await replay(bytes, { engine });
      assertAgrees(replayed, file);
      assert.deepEqual([replayed.reason, replayed.tick, replayed.hash], [reason, tick, hash], engine);
      assert.equal(sha256(replayed.serial), serialSha256, engine);
    }
    if (profile !== 'full') return;
    const replayed = await replay(bytes, { devices: 'log' });
    assertAgrees(replayed, file);
    assert.equal(replayed.tick, tick);
  });
}
