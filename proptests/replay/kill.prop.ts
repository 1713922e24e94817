/**
 * A few recordings killed at random moments; each log must replay to its last whole frame. The campaign with hundreds
 * is kill.ts, started by hand.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killRecordings } from './kill.ts';

const KILLS = 3;

test('a recording killed at any moment leaves a log that replays to its last whole frame', async () => {
  const { replayed, nothing } = await killRecordings(KILLS, 1);
  assert.equal(replayed + nothing, KILLS);
  assert.ok(replayed > 0, `${nothing} of ${KILLS} were killed before there was a log`);
});

test('so does one whose guest is at its disk all the time, and the image stays as it is', async () => {
  const { replayed, nothing } = await killRecordings(2, 40, true);
  assert.equal(replayed + nothing, 2);
  assert.ok(replayed > 0, 'both were killed before there was a log');
});
