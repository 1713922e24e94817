/**
 * Guests with a race on purpose (guests/races): none fails by itself, with its bug or without. Chaos finds the bug
 * within its budget of runs, what it found is shrunk to three perturbations or fewer and replays on every engine; the
 * twin without the bug is not accused. Here those that are found soon; the campaign (proptests/chaos/campaign.ts) does
 * it with all of them, and with more runs, seeds and replays.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listRaces } from '../../src/host/node/guest-images.ts';
import { openRace, proveBug, proveTwin } from './races.ts';

const TWIN_RUNS = 16;
const REPLAYS = 5;
const FOUND_SOON = ['early-publish', 'lock-order', 'lost-update', 'reentrancy', 'ring-overrun', 'torn-read'];

test('no guest fails by itself', async () => {
  const names = listRaces();
  assert.ok(names.length >= 10, names.join(' '));
  for (const name of names) for (const isFixed of [false, true]) await openRace(name, isFixed);
});

for (const name of FOUND_SOON) {
  test(`${name}: the race is found, shrunk and replayed, and the twin is not accused`, async () => {
    await proveBug(name, REPLAYS);
    await proveTwin(name, TWIN_RUNS);
  });
}
