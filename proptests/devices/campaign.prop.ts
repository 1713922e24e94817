/**
 * A short part of the campaign of random accesses to all devices of a whole machine (campaign.ts), which is started by
 * hand. REPRISE_SEED for another.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessEverything } from './campaign.ts';

test('random accesses to everything do no harm, and go on alike from a snapshot', async () => {
  const { accesses } = await accessEverything(12_000, Number(process.env.REPRISE_SEED ?? 1));
  assert.equal(accesses, 12_000);
});
