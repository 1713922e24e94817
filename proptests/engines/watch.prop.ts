// Counted engines (tiers/watch.ts): the same states as without, and two kinds of numbers that must agree for every
// guest and every tier: ticks by difference of the clock, and ticks of blocks by entries and instructions.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { openLog } from '../../src/core/log/log.ts';
import { RunLoop } from '../../src/core/session/run-loop.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { EngineError, loadEngine, loadWatchedEngine, type WatchedEngine } from '../../src/engines.ts';
import { buildGuest, findGuest } from '../../src/host/node/guest-images.ts';
import { record, serialText } from '../../src/library.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { ROWS } from '../../src/core/isa/ops.ts';
import { projectRoot } from '../support/poison.ts';

/** Many page faults of compiled code, which are met without a handler. */
const FAULTS = 'faults';
const sourceOf = (name: string): string => {
  const path = ['benchmarks/guests', 'guests'].map((folder) => join(projectRoot, folder, name)).find(existsSync);
  return readFileSync(path ?? name, 'utf8');
};
const imageOf = (guest: string): Uint8Array =>
  guest === FAULTS ? assemble(sourceOf(`${FAULTS}.asm`), { include: sourceOf }).bytes : buildGuest(guest);

const GUESTS = ['interrupts', 'paging', 'ring3', 'smc', 'strings', 'tasks', 'echo', 'matmul', 'mix', FAULTS];
const SMALL: Readonly<Record<string, string>> = { sieve: '300', matmul: '1', mix: '20', [FAULTS]: 'guest 500' };
const ENGINES = ['interp', 'js:threshold=2', 'wasm:threshold=2', 'wasm:threshold=8,evict=30,cache=8', 'tiered'];
const MAX_TICKS = 300_000;

const logs = new Map<string, Uint8Array>();

async function logOf(guest: string): Promise<Uint8Array> {
  const found = logs.get(guest);
  if (found !== undefined) return found;
  const input = guest === FAULTS ? undefined : findGuest(guest).input;
  const { log } = await record({
    images: { kernel: imageOf(guest) },
    memoryMegabytes: 8,
    append: SMALL[guest] ?? '',
    maxTicks: MAX_TICKS,
    engine: 'interp',
    ...(input === undefined ? {} : { inputs: [{ tick: 30_000, event: serialText(input) }] }),
  });
  logs.set(guest, log);
  return log;
}

const imagesOf = (guest: string): Map<string, Uint8Array> => new Map([['kernel', imageOf(guest)]]);

async function watched(guest: string, engine: string) {
  const log = await logOf(guest);
  const make = await loadWatchedEngine(engine);
  const made: WatchedEngine[] = [];
  const reader = openLog(log);
  const images = imagesOf(guest);
  const session = createReplay({
    log: reader,
    images,
    output: SILENT_OUTPUT,
    makeEngine: (cpu) => {
      made.push(make(cpu));
      return made[0].engine;
    },
  });
  const reason = new RunLoop({ session }).run();
  const end = session.end(reason);
  const [{ watch }] = made;
  watch.finish();
  return { end, watch, machine: session.machine };
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, one) => total + one, 0);

for (const engine of ENGINES) {
  test(`${engine}: counted ticks of tiers and blocks are the run's`, async () => {
    for (const guest of GUESTS) {
      const where = `${guest} on ${engine}`;
      const { end, watch } = await watched(guest, engine);
      assert.equal(end.divergence, null, where);
      const blocks = watch.blocks.all;
      const loopTicks = watch.engineTicks - watch.functionTicks - watch.singleTicks;
      assert.equal(watch.unexplained, 0, where);
      assert.equal(sum(blocks.map((block) => block.loopTicks)), loopTicks, `inner loop of ${where}`);
      assert.equal(sum(blocks.map((block) => block.compiledTicks)), watch.functionTicks, `functions of ${where}`);
      const single =
        sum(blocks.map((block) => block.single)) + sum([...watch.blocks.alone.values()].map((a) => a.ticks));
      assert.equal(single, watch.singleTicks, `single instructions of ${where}`);
      assert.ok(end.tick - end.idleTicks - watch.engineTicks <= 1, `${where}: only the last tick may be nobody's`);
      if (engine.includes('threshold=2')) assert.ok(watch.functionTicks > 0, where);
    }
  });
}

test('what is compiled and when is the same with counts', async () => {
  for (const guest of ['mix', 'smc', 'paging']) {
    const log = await logOf(guest);
    const { watch } = await watched(guest, 'wasm:threshold=8');
    const units: string[] = [];
    const make = await loadEngine('wasm:threshold=8');
    const reader = openLog(log);
    const session = createReplay({
      log: reader,
      images: imagesOf(guest),
      output: SILENT_OUTPUT,
      makeEngine: (cpu) => {
        const engine = make(cpu);
        engine.onUnit = (what, physical, blocks) => {
          if (what === 'compile') units.push(`${physical}/${blocks}`);
        };
        return engine;
      },
    });
    new RunLoop({ session }).run();
    assert.deepEqual(
      watch.functions.map(({ physical, blocks }) => `${physical}/${blocks}`),
      units,
      guest,
    );
  }
});

test('a handler that a REP string, a fault or a device needs is told by its reason', async () => {
  const { watch } = await watched('paging', 'interp');
  assert.ok(watch.loopSlow.fault > 0 && watch.loopSlow.untranslated > 0);
  assert.ok(watch.handled[ROWS.findIndex(({ name }) => name === 'MOV')] > 0);
  assert.ok(sum([...watch.ports.values()].map(({ writes }) => writes)) > 0);
});

test('an engine that has nothing to count says so', async () => {
  await assert.rejects(loadWatchedEngine('step'), EngineError);
});
