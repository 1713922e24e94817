// Lanes of the timeline against a list of all events: counts in any stretch and the state at any place, also of lanes
// that have more events than they keep one by one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { EVENTS_MAX, Lane } from '../../src/host/page/viewer/worker/lanes.ts';

const SEED = Number(process.env.REPRISE_SEED ?? 16);

test(`a lane counts what it was given, and knows the last of it (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const lane = new Lane('k', 'spaces', 'n');
  const ticks: number[] = [];
  for (let tick = 0, i = 0; i < 2000; i++) {
    tick += random.below(50);
    lane.add(tick, i);
    ticks.push(tick);
  }
  const end = ticks[ticks.length - 1] + 10;
  for (let i = 0; i < 50; i++) {
    const from = random.below(end);
    const to = from + 1 + random.below(end - from);
    const counts = lane.histogram(from, to, 7);
    const inside = ticks.filter((tick) => tick >= from && tick < to).length;
    assert.equal(
      counts.reduce((sum, each) => sum + each, 0),
      inside,
    );
    const [level] = lane.levels(from, to, 1);
    assert.equal(level, ticks.filter((tick) => tick <= from).length);
  }
});

test('a lane with too many events goes on counting them, in bounded memory', () => {
  const lane = new Lane('k', 'devices', 'n');
  for (let i = 0; i < EVENTS_MAX; i++) lane.add(i, 1);
  // Far behind them three crowds, the last so far that stretches grow.
  const crowds = [2 ** 24, 2 ** 31, 2 ** 45];
  for (const [i, at] of crowds.entries()) for (let k = 0; k < 1000; k++) lane.add(at + k, 10 + i);
  assert.equal(lane.count, EVENTS_MAX + 3000);
  const end = 2 ** 46;
  const counts = lane.histogram(0, end, 64);
  const total = counts.reduce((sum, each) => sum + each, 0);
  assert.ok(total >= lane.count && total < lane.count + 64, `${total} of ${lane.count}`);
  const near = 2 ** 45 - 2 ** 33;
  const [, last] = lane.histogram(near, near + 2 ** 34, 2);
  assert.ok(last >= 1000 && last <= 1001, `${last}`);
  assert.deepEqual([...lane.levels(EVENTS_MAX - 10, EVENTS_MAX - 9, 1)], [2]);
  assert.deepEqual([...lane.levels(end - 1, end, 1)], [13]);
  assert.equal(lane.tickAt(EVENTS_MAX), null);
});
