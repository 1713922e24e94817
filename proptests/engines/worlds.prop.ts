/**
 * Engines are invisible in whole random guests too: mode switches, paging of both kinds, page faults, rings, 16-bit
 * code and a timer that interrupts anywhere (verify/worlds.ts), in several compile shapes and under schedules; and an
 * interrupt at every tick of a window finds the same state on every engine.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLog } from '../../src/core/log/log.ts';
import { isSameOutcome, Runner } from '../../src/core/verify/lockstep.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { record, verify } from '../../src/library.ts';
import { loadContestants } from '../../src/contestants.ts';
import { randomWorld } from '../verify/worlds.ts';

const seed = Number(process.env.REPRISE_SEED ?? 1);
const WORLDS = Number(process.env.REPRISE_WORLDS ?? 3);
const ENGINES = [
  'interp',
  'step',
  'js:threshold=1',
  'js:threshold=2,region=1,optimise=0',
  'wasm:wait=0,threshold=1',
  'wasm:threshold=2,region=1,wait=4,evict=100',
  'tiered:threshold=3,evict=100',
];

async function recordWorld(world: number): Promise<{ readonly kernel: Uint8Array; readonly log: Uint8Array }> {
  const kernel = randomWorld(world);
  const settings = { images: { kernel }, memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 0 };
  return { kernel, log: (await record({ ...settings, maxTicks: 100_000 })).log };
}

test('random worlds go alike on every engine and under schedules', async () => {
  for (let world = seed; world < seed + WORLDS; world++) {
    const { log } = await recordWorld(world);
    const verified = await verify(log, { engines: ENGINES, intervalTicks: 1999, schedules: 2, seed: world });
    assert.equal(verified.report, '', `world ${world}`);
    assert.equal(verified.log, null, `world ${world}`);
    assert.equal(verified.reason, 'debug-exit', `world ${world}`);
  }
});

/** Ticks before which a world only sets itself up. */
const SETUP_TICKS = 15_500;
const WINDOW_TICKS = 120;

test('an interrupt at every tick of a window finds the same state on every engine', async () => {
  for (let world = seed; world < seed + 1; world++) {
    const { kernel, log } = await recordWorld(world);
    const inputs: TimedInput[] = [];
    const reader = openLog(log);
    const images = new Map([['kernel', kernel]]);
    const contestants = await loadContestants(ENGINES);
    const runners = contestants.map((contestant) => new Runner(contestant, reader, images, inputs, reader.lastTick));
    for (const runner of runners) runner.runTo(SETUP_TICKS);
    const [reference, ...others] = runners;
    const snapshot = reference.store.take();
    const seen = new Set<string>();
    for (let tick = SETUP_TICKS; tick < SETUP_TICKS + WINDOW_TICKS; tick++) {
      inputs[0] = { tick, event: { kind: 'nmi' } };
      reference.restore(snapshot, true);
      const until = SETUP_TICKS + WINDOW_TICKS + 60;
      const expected = reference.runTo(until);
      seen.add(expected.root);
      for (const runner of others) {
        runner.restore(snapshot, true);
        const outcome = runner.runTo(until);
        assert.ok(isSameOutcome(outcome, expected), `world ${world}, ${runner.contestant.name}: NMI at tick ${tick}`);
      }
    }
    // It does arrive, and where it arrives is noted.
    assert.ok(seen.size > WINDOW_TICKS / 4, `${seen.size} states`);
  }
});
