/**
 * A timeline of a recording whose devices the log plays (`debug --devices log`): every position is the same from every
 * side, and going back is no divergence, whatever pages a restore has written.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { go, hashOf, recordGuest, timelineOf } from './fixture.ts';

for (const [name, seed] of [
  ['sort', 1],
  ['strings', 2],
  ['race', 3],
] as const) {
  test(`${name}: positions without devices are the same from every side (seed ${seed})`, async () => {
    const run = await recordGuest(name, { maxTicks: 600_000, hashEveryTicks: 50_000 });
    const timeline = timelineOf(run, { devices: 'log', intervalTicks: 1 << 15 });
    const dice = new Random(seed);
    const ticks = Array.from({ length: 10 }, () => dice.below(run.log.lastTick));
    const seen = new Map<number, string>();
    for (const tick of [...ticks.sort((a, b) => a - b), ...ticks.slice().reverse(), ...ticks]) {
      go(timeline.seek({ tick, seq: 0 }));
      const hash = `${timeline.machine.tick} ${hashOf(timeline)}`;
      assert.equal(hash, seen.get(tick) ?? hash, `tick ${tick}`);
      seen.set(tick, hash);
      assert.equal(timeline.divergence, null, `tick ${tick}`);
    }
  });
}
