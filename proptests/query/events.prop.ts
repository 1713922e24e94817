/**
 * One pass gathers all tables of events, and each is what a query of it alone finds: over whole runs and windows, for
 * narrower queries, on disk and back; what is kept without what a query wants to know answers nothing.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { GuestView } from '../../src/core/query/arguments.ts';
import type { Batch } from '../../src/core/query/batch.ts';
import type { Row } from '../../src/core/query/compile.ts';
import { EVENT_TABLES } from '../../src/core/query/events.ts';
import { EVENT_RECORD_FIELDS, EventsGatherer, splitEvents } from '../../src/core/query/gather-events.ts';
import { BatchBuilder } from '../../src/core/query/batch.ts';
import { makeGatherer } from '../../src/core/query/jobs.ts';
import { findWindow, runQuery } from '../../src/core/query/run.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import { loadEngine } from '../../src/engines.ts';
import { gatherEvents } from '../../src/host/cli/index-events.ts';
import { AllEvents } from '../../src/host/query/all-events.ts';
import { readEvents } from '../../src/host/query/kept-events.ts';
import { GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { serialText } from '../../src/library.ts';
import { type Recorded, recordGuest, timelineOf } from '../timeline/fixture.ts';
import { reprisePath } from '../cli/command.ts';
import { planOf } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-events-'));
process.env.XDG_CACHE_HOME = folder;
after(() => rmSync(folder, { recursive: true, force: true }));

const tiered = await loadEngine('tiered');
const RUNS: readonly Recorded[] = [
  await recordGuest('race', {
    inputs: [300_000, 500_123, 650_321].map((tick) => ({ tick, event: serialText('3') })),
    maxTicks: 800_000,
  }),
  await recordGuest('ring3'),
  await recordGuest('paging'),
  await recordGuest('tasks'),
];

const rowsOf = (timeline: Timeline, text: string, known: Partial<GuestView> = {}): Row[] => {
  const plan = planOf(text, new Map(), known);
  const rows: Row[] = [];
  finish(
    runQuery(
      timeline,
      plan,
      finish(findWindow(timeline, plan, () => undefined)),
      plan.start((row) => rows.push(row)),
    ),
  );
  return rows;
};

/** From what is kept; null: nothing is. */
function keptRows(timeline: Timeline, key: string, text: string, known: Partial<GuestView> = {}): Row[] | null {
  const plan = planOf(text, new Map(), known);
  const batches = readEvents(key, plan.job, finish(findWindow(timeline, plan, () => undefined)));
  if (batches === null) return null;
  const rows: Row[] = [];
  const answer = plan.start((row) => rows.push(row));
  for (const batch of batches) answer.fold.add(batch);
  answer.end();
  return rows;
}

/** Each table, and what may be asked of it more narrowly. */
const QUERIES: readonly string[] = [
  ...EVENT_TABLES.map((table) => `${table}()`),
  ...['interrupts(24h)', 'faults(14)', 'faults(13, 14)', 'io(3f8h)', 'io(20h, 2) where kind == "w"', 'serial(0)'],
  ...['syscalls() select number, arg0', 'syscalls() select number, result', 'mmio(0xb8000, 1000h)', 'serial(1)'],
];

test('all tables at once are each table by itself, and what is kept of them too', () => {
  const seen = new Set<string>();
  for (const [i, recorded] of RUNS.entries()) {
    const key = `run ${i}`;
    // The first query gathers everything.
    const first = timelineOf(recorded, { makeEngine: tiered, holdTicks: 1 });
    const plan = planOf(QUERIES[i]);
    const all = AllEvents.of(plan);
    assert.ok(all !== null);
    const asked: Row[] = [];
    const stretch = { fromTick: first.startTick, toTick: first.endTick };
    finish(
      runQuery(
        first,
        all.plan,
        stretch,
        all.answer(
          plan.start((row) => asked.push(row)),
          () => {},
        ),
      ),
    );
    assert.deepEqual(asked, rowsOf(first, QUERIES[i]), `${recorded.name}: ${QUERIES[i]}`);
    assert.equal(keptRows(first, key, 'io()'), null);
    all.keep(key, stretch);
    // Another session.
    const timeline = timelineOf(recorded);
    for (const query of QUERIES) {
      const alone = rowsOf(timeline, query);
      assert.deepEqual(keptRows(timeline, key, query), alone, `${recorded.name}: ${query}`);
      if (alone.length > 0) seen.add(query.slice(0, query.indexOf('(')));
      for (const [from, to] of [
        [25, 75],
        [66, 100],
      ]) {
        const window = `${query.slice(0, query.indexOf(')') + 1)} from ${from}% to ${to}%`;
        const kept = keptRows(timeline, key, window);
        if (query === 'tones()') assert.equal(kept, null);
        else assert.deepEqual(kept, rowsOf(timeline, window), `${recorded.name}: ${window}`);
      }
    }
  }
  for (const table of ['interrupts', 'faults', 'syscalls', 'switches', 'io', 'serial'])
    assert.ok(seen.has(table), table);
});

test('an index is made on the way of its pass; what is damaged or of another guest is not believed', () => {
  const [race] = RUNS;
  const timeline = timelineOf(race, { makeEngine: tiered });
  const guest = new GuestSymbols(new SymbolTable(), race.images);
  let keep: ((key: string) => void) | null = null;
  const way = gatherEvents(timeline, guest, (keeps) => {
    keep = keeps;
  });
  timeline.chunkTicks = 1000;
  way.next();
  way.return(undefined);
  assert.equal(keep, null, 'who gives it up has nothing');
  assert.equal(timeline.machine.cpu.probes, null);
  finish(
    gatherEvents(timeline, guest, (keeps) => {
      keep = keeps;
    }),
  );
  const keeps = keep as ((key: string) => void) | null;
  assert.ok(keeps !== null);
  keeps('index');
  assert.ok(timeline.checkpoints.count > 1, 'the pass leaves checkpoints');
  assert.deepEqual(keptRows(timeline, 'index', 'interrupts()'), rowsOf(timelineOf(race), 'interrupts()'));
  // Which process ran was not known then, nor how tasks are switched.
  const known = {
    currentTask: { pointerAt: 4096, directOffset: 0, nameOffset: 0 },
    tasks: { switchTo: 4096, nameOffset: 0 },
  };
  assert.equal(keptRows(timeline, 'index', 'interrupts() where process == "init"', known), null);
  assert.notEqual(keptRows(timeline, 'index', 'interrupts()', known), null);
  assert.equal(keptRows(timeline, 'index', 'switches()', known), null);
  assert.equal(keptRows(timeline, 'index', 'syscalls(vector=30h)'), null, 'another vector is not gathered');
  const files = join(folder, 'reprise', 'checkpoints');
  for (const name of readdirSync(files)) {
    const damaged = readFileSync(join(files, name));
    damaged[damaged.length >>> 1] ^= 1;
    writeFileSync(join(files, name), damaged);
  }
  for (const table of EVENT_TABLES) assert.equal(keptRows(timeline, 'index', `${table}()`), null, table);
});

test('reprise index, and then a query of events that runs nothing: what a run of it finds', () => {
  const [{ log, images }] = RUNS;
  writeFileSync(join(folder, 'race.rlog'), log.file);
  writeFileSync(join(folder, 'kernel'), images.get('kernel') ?? new Uint8Array());
  const reprise = (...line: readonly string[]): string => {
    const given = [reprisePath, line[0], 'race.rlog', ...line.slice(1), '--image', 'kernel'];
    const { status, stderr, stdout } = spawnSync(process.execPath, given, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  reprise('index');
  for (const query of ['io() where kind == "w" last 5', 'interrupts() from 10% to 90%']) {
    const found = reprise('query', query, '--json');
    assert.ok(found !== '');
    assert.equal(found, reprise('query', query, '--json', '--checkpoint-cache', '0'), query);
  }
});

test('a table of which there is too much is given up, but not the one that is asked for', () => {
  const [race] = RUNS;
  const gatheredWith = (asked: number): ReturnType<typeof splitEvents> & { batch: Batch } => {
    const timeline = timelineOf(race);
    const batch = new BatchBuilder(EVENT_RECORD_FIELDS);
    const place = { timeline, machine: timeline.machine, batch };
    const gatherer = makeGatherer({ table: 'events', tasks: null, asked }, place);
    assert.ok(gatherer instanceof EventsGatherer);
    gatherer.recordsMax = 20;
    for (let tick = 0; tick < timeline.endTick; tick += 100_000) {
      gatherer.begin();
      finish(timeline.runOn(tick));
      gatherer.end();
    }
    gatherer.release();
    const taken = batch.take();
    return { ...splitEvents(taken), batch: taken };
  };
  const io = EVENT_TABLES.indexOf('io');
  const none = gatheredWith(-1);
  assert.ok(none.givenUp.includes('io') && !none.givenUp.includes('resets'));
  const asked = gatheredWith(io);
  assert.ok(!asked.givenUp.includes('io') && asked.givenUp.includes('serial'));
  assert.ok((asked.byTable.get('io')?.count ?? 0) > (none.byTable.get('io')?.count ?? 0));
  assert.ok(none.batch.count < asked.batch.count);
});
