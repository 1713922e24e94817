// The pass over a recording fills the same lanes however often it is given up and gone on with, and however long its
// pieces are.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lanes } from '../../src/host/page/viewer/worker/lanes.ts';
import { Pass } from '../../src/host/page/viewer/worker/pass.ts';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { openRun, record } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';

const PARTS = 4000;

/** Events of each lane in small stretches of the run, when the pass is given up after so many pieces. */
async function lanesOf(log: Uint8Array, chunkTicks: number, pieces: number): Promise<Map<string, string>> {
  const { timeline } = await openRun(log);
  timeline.chunkTicks = chunkTicks;
  const lanes = new Lanes();
  const pass = new Pass(timeline, lanes, new GuestSymbols(new SymbolTable(), new Map()));
  while (!pass.isDone) {
    const way = pass.steps();
    for (let piece = 0; piece < pieces && way.next().done !== true; piece++);
    way.return();
  }
  // When the engine compiles is its own affair.
  const told = lanes.all().filter(({ group }) => group !== 'engine');
  return new Map(told.map((lane) => [lane.name, lane.histogram(0, timeline.endTick, PARTS).join()]));
}

test('the lanes of a guest that draws are the same however the pass is paused', async () => {
  const kernel = assembleSource(readFileSync(join(projectRoot, 'guests/screen-chained.asm'), 'utf8')).bytes;
  const settings = { images: { kernel }, vga: 'std', append: 'guest 2000', memoryMegabytes: 8, embed: true } as const;
  const { log } = await record({ ...settings, maxTicks: 80_000_000 });
  const whole = await lanesOf(log, 2 ** 22, Number.POSITIVE_INFINITY);
  assert.match(whole.get('screen changes') ?? '', /[1-9].*[1-9]/);
  assert.deepEqual(await lanesOf(log, 300_007, 5), whole);
  assert.deepEqual(await lanesOf(log, 1_000_003, 2), whole);
});
