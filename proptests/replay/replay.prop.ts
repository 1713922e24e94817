/**
 * Record, then replay: random guests with random inputs give the same bytes, the same checks and the same chain of
 * state hashes, with and without devices, with derived state dropped anywhere, cut anywhere, in another process with
 * another clock. Each line that fails names the seed; wildRun(seed) is the whole case.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineNames } from '../../src/engines.ts';
import { describeDivergence, logEvents, openLog, record, replay, type Replayed } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { wildRun } from './wild.ts';

const SEEDS = Array.from({ length: 9 }, (_, i) => i + 1);

function assertSame(
  what: string,
  replayed: Replayed,
  recorded: { hash: string; serial: Uint8Array; reason: string },
): void {
  const { divergence } = replayed;
  assert.equal(divergence === null ? '' : describeDivergence(divergence), '', what);
  assert.equal(replayed.hash, recorded.hash, `${what}: final hash`);
  assert.equal(replayed.reason, recorded.reason, what);
  assert.deepEqual(replayed.serial, recorded.serial, `${what}: serial bytes`);
}

test('every engine replays random guests with random inputs; recorded again they are the same bytes', async () => {
  const reasons = new Set<string>();
  const kinds = new Set<string>();
  for (const seed of SEEDS) {
    const settings = wildRun(seed);
    const recorded = await record(settings);
    reasons.add(recorded.reason);
    for (const { event } of logEvents(openLog(recorded.log))) kinds.add(event.kind);
    const twin = await record(settings);
    assert.deepEqual(twin.log, recorded.log, `seed ${seed}: two recordings`);
    // Every engine replays every third run, the reference all of them.
    for (const engine of engineNames().filter((_, i) => i === 0 || (seed + i) % 3 === 0)) {
      const replayed = await replay(recorded.log, { images: settings.images, engine });
      assertSame(`seed ${seed}, engine ${engine}`, replayed, recorded);
      assert.ok(replayed.checks > 0, `seed ${seed}: something was checked`);
    }
  }
  // The runs are worth the name: they end in several ways and all kinds of checks happen.
  assert.ok(reasons.size >= 2, [...reasons].join(' '));
  for (const kind of ['interrupt', 'port-read', 'timer', 'state-hash', 'serial']) assert.ok(kinds.has(kind), kind);
});

test('the profiles record the same run, and smaller ones say less', async () => {
  for (const seed of SEEDS.slice(0, 6)) {
    const settings = wildRun(seed);
    const full = await record(settings);
    for (const profile of ['checked', 'inputs'] as const) {
      const other = await record({ ...settings, profile });
      assert.equal(other.hash, full.hash, `seed ${seed}, ${profile}`);
      assertSame(`seed ${seed}, ${profile}`, await replay(other.log, { images: settings.images }), full);
      await assert.rejects(replay(other.log, { images: settings.images, devices: 'log' }), /profile full/);
    }
  }
});

test('without any device the CPU does the same, and says the same', async () => {
  for (const seed of SEEDS) {
    const settings = { ...wildRun(seed), serialTiming: 'instant' as const };
    const recorded = await record(settings);
    const replayed = await replay(recorded.log, { images: settings.images, devices: 'log' });
    const { divergence } = replayed;
    assert.equal(divergence === null ? '' : describeDivergence(divergence), '', `seed ${seed}`);
    assert.equal(replayed.tick, recorded.tick, `seed ${seed}`);
    assert.deepEqual(replayed.serial, recorded.serial, `seed ${seed}: serial bytes`);
  }
});

test('dropping derived state and stopping at random ticks changes nothing', async () => {
  for (const seed of SEEDS) {
    const settings = wildRun(seed);
    const recorded = await record(settings);
    const dice = new Random(seed + 1000);
    for (const everyTicks of [1 + dice.below(500), 10_000 + dice.below(10_000)]) {
      const inspect = {
        everyTicks,
        look: (machine: { dropDerived(): void }) => {
          if (dice.below(3) === 0) machine.dropDerived();
        },
      };
      const replayed = await replay(recorded.log, { images: settings.images, inspect });
      assertSame(`seed ${seed}, every ${everyTicks} ticks`, replayed, recorded);
    }
  }
});

test('every prefix of whole frames replays', async () => {
  for (const seed of SEEDS.slice(0, 8)) {
    const settings = wildRun(seed);
    const recorded = await record({ ...settings, hashEveryTicks: 4096 });
    const log = openLog(recorded.log);
    for (const { offset, seq } of log.frames.slice(1)) {
      for (const extra of [0, 17]) {
        const replayed = await replay(recorded.log.subarray(0, offset + extra), { images: settings.images });
        const { divergence } = replayed;
        assert.equal(
          divergence === null ? '' : describeDivergence(divergence),
          '',
          `seed ${seed}, cut in frame ${seq}`,
        );
      }
    }
  }
});

test('another process, another clock and another time zone replay the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-replay-'));
  try {
    for (const seed of [3, 4]) {
      const recorded = await record({ ...wildRun(seed), embed: true });
      const path = join(folder, `${seed}.rlog`);
      writeFileSync(path, recorded.log);
      const fakeClock = 'const now = Date.now; Date.now = () => now() - 1e12; Math.random = () => 0.25;';
      const ended = spawnSync(
        process.execPath,
        [
          '--import',
          `data:text/javascript,${encodeURIComponent(fakeClock)}`,
          join(projectRoot, 'src/host/reprise.mjs'),
          'replay',
          path,
          '--json',
        ],
        { encoding: 'utf8', env: { ...process.env, TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8' } },
      );
      assert.equal(ended.status, 0, ended.stderr);
      assert.equal(JSON.parse(ended.stdout).hash, recorded.hash, `seed ${seed}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
