/**
 * Whole built-in guests (interrupts, paging, privilege, tasks, self-modifying code, strings) end at the same tick with
 * the same hash of the whole state on the interpreter and on compiling engines that compile nearly everything.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { endOf } from './states.ts';

const TICKS_MAX = 3e6;

const ending = (guest: string, engine: string) => endOf(buildGuest(guest), engine, TICKS_MAX);

const CASES: readonly [string, readonly string[]][] = [
  ['smc', ['js:threshold=1,ahead=1', 'wasm:wait=0,threshold=1,ahead=1', 'tiered:threshold=5']],
  ['paging', ['js:threshold=1', 'wasm:wait=0,threshold=1']],
  ['tasks', ['js:threshold=2', 'wasm:wait=0,threshold=2']],
  ['ring3', ['js:threshold=1', 'js:threshold=1,region=1', 'wasm:wait=0,threshold=1,region=1']],
  ['interrupts', ['tiered:threshold=3', 'wasm:wait=0,threshold=3']],
  ['strings', ['js:threshold=1', 'wasm:wait=0,threshold=1']],
  [
    'race',
    ['js:threshold=1,evict=100,seed=9', 'tiered:threshold=50,cache=4', 'wasm:wait=0,threshold=4,cache=8,evict=100'],
  ],
  ['sha256', ['js:threshold=8', 'wasm:wait=0,threshold=8']],
  ['mix', ['js:threshold=8,region=24,instructions=250']],
];

for (const [guest, engines] of CASES) {
  test(`${guest} ends alike on ${engines.join(' and ')}`, async () => {
    const expected = await ending(guest, 'interp');
    for (const engine of engines) assert.equal(await ending(guest, engine), expected, engine);
  });
}
