/**
 * Guests with a race on purpose (guests/races): chaos finds the bug of each within its budget of runs, what it found is
 * shrunk to three perturbations or fewer and replays on every engine; the twin without the bug is not accused, and no
 * guest fails by itself. The campaign (proptests/chaos/campaign.ts) does the same with more runs, seeds and replays.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listRaces } from '../../src/host/node/guest-images.ts';
import { proveBug, proveTwin } from './races.ts';

const TWIN_RUNS = 40;

test('the race of each guest is found, shrunk and replayed, and its twin stands as it is', async (t) => {
  const names = listRaces();
  assert.ok(names.length >= 10, names.join(' '));
  for (const name of names) {
    await t.test(name, async () => {
      await proveBug(name, 5);
      await proveTwin(name, TWIN_RUNS);
    });
  }
});
