/**
 * Several threads give the answer that one gives: calls that end in another chunk than they began in, places behind
 * calls that a thread has not heard of, chunks that their pages rule out; and what is kept is believed only as it is.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Row } from '../../src/core/query/compile.ts';
import type { QueryPlan } from '../../src/core/query/plan.ts';
import { finish, Timeline } from '../../src/core/timeline/timeline.ts';
import { loadEngine } from '../../src/engines.ts';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { runKey } from '../../src/host/node/cache-folder.ts';
import { findImages } from '../../src/host/node/find-images.ts';
import { KeptCheckpoints } from '../../src/host/node/kept-checkpoints.ts';
import { readAnswer, writeAnswer } from '../../src/host/query/kept-lists.ts';
import { QueryPool, threadsFor } from '../../src/host/query/query-pool.ts';
import { QueryThreads } from '../../src/host/query/query-threads.ts';
import { openLog, record } from '../../src/library.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { ask, planOf, symbolsOf } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-query-'));
process.env.XDG_CACHE_HOME = folder;
after(() => rmSync(folder, { recursive: true, force: true }));

/** A function that takes longer than an interval, one that is called through a register, one that runs late only. */
const guest = assembleSource(
  flatGuest(`
  mov edx, 40
outer:
  push edx
  mov eax, work
  call eax
  pop edx
  cmp edx, 3
  ja early
  call late
early:
  dec edx
  jnz outer
  mov al, 0x10
  out 0xf4, al
  hlt
work:
  mov ecx, 5000
turn:
  call tiny
  dec ecx
  jnz turn
  mov eax, edx
  ret
tiny:
  inc dword [0x200000]
  ret
late:
  mov dword [0x300000], edx
  cmp edx, 2
  ja late_read
  cmp dword [0x310000], 0
late_read:
  mov eax, 7
  ret

`),
);
const symbols = symbolsOf(guest);
const { log: bytes } = await record({ images: { kernel: guest.bytes }, memoryMegabytes: 4, embed: true });
const log = openLog(bytes);
const path = join(folder, 'run.rlog');
writeFileSync(path, bytes);
const given = { files: [], places: [] };
const key = runKey(log, 'model');
const images = findImages({ log, path, given, warn: () => {} });
const makeEngine = await loadEngine('tiered');
const open = (): Timeline => new Timeline({ log, images, makeEngine });

const walked = open();
const kept = new KeptCheckpoints({ timeline: walked, key, warn: (text) => assert.fail(text) });
finish(walked.runOn(walked.endTick));
await kept.keep(1 << 28, async () => true);

/** `isReady`: the threads have been started before. */
async function askTogether(plan: QueryPlan, timeline: Timeline, isReady = false): Promise<Row[]> {
  const rows: Row[] = [];
  const answer = plan.start((row) => rows.push(row));
  const shared = new Uint8Array(new SharedArrayBuffer(log.file.length));
  shared.set(log.file);
  const start = { path, log: shared, given, images: null, engine: 'tiered', devices: 'model', key } as const;
  const threads = isReady ? new QueryThreads(3, { ...start, notesPages: false }) : null;
  const pool = new QueryPool({
    ...{ start, threads, timeline, plan, answer, workers: 3, heard: () => {}, tell: async () => true },
    stretch: { fromTick: 0, toTick: timeline.endTick },
  });
  await pool.run();
  assert.ok(!pool.hasDiverged);
  answer.end();
  return rows;
}

test('threads together answer as one does', async () => {
  const timeline = open();
  assert.ok(timeline.endTick / timeline.intervalTicks > 30);
  for (const text of ['calls(work)', 'calls(tiny)', 'calls(late)', 'accesses(0x300000, 4, w)', 'serial()']) {
    const plan = planOf(text, symbols);
    const alone = ask(open(), text, symbols);
    const rows = await askTogether(plan, timeline, text === 'calls(tiny)');
    assert.deepEqual(
      rows.map((row) => Object.fromEntries(plan.columns.map(({ name }, i) => [name, row[i]]))),
      alone,
      text,
    );
  }
  assert.equal((await askTogether(planOf('calls(work) where duration > 9000', symbols), timeline)).length, 40);
});

test('a processor for each thread, and one for what V8 compiles for it, unless there is much to do', () => {
  const counts = [
    [1, 1],
    [100, 2],
    [600, 2],
    [10, 8],
    [1300, 8],
    [100_000, 8],
  ].map(([chunks, processors]) => threadsFor(chunks, processors));
  assert.deepEqual(counts, [1, 1, 2, 4, 5, 8]);
});

test('pages rule intervals out, in a session that has not walked', async () => {
  const timeline = open();
  new KeptCheckpoints({ timeline, key, warn: (text) => assert.fail(text) });
  const count = timeline.knownRecords.all().length;
  assert.ok(count > 30);
  const plan = planOf('accesses(0x300000, 4, w)', symbols);
  const options = { timeline, plan, answer: plan.start(() => {}), workers: 1, heard: () => {}, tell: async () => true };
  const start = { path, log: log.file, given, images: null, engine: 'interp', devices: 'model', key } as const;
  const pool = new QueryPool({ ...options, start, stretch: { fromTick: 0, toTick: timeline.endTick } });
  assert.ok(pool.openChunks > 0 && pool.openChunks < count / 4, `${pool.openChunks} of ${count}`);
  assert.equal((await askTogether(plan, timeline)).length, 3);
  assert.equal(ask(timeline, 'accesses(0x300000, 4, w)', symbols).length, 3);
  // What was only looked at is known as well.
  const read = planOf('accesses(0x310000, 4, r)', symbols);
  const reading = new QueryPool({ ...options, plan: read, start, stretch: { fromTick: 0, toTick: timeline.endTick } });
  assert.ok(reading.openChunks > 0 && reading.openChunks < count / 4, `${reading.openChunks} of ${count}`);
  assert.equal((await askTogether(read, timeline)).length, 2);
  assert.equal(ask(timeline, 'accesses(0x310000, 4, r)', symbols).length, 2);
});

test('what is kept of an answer is the answer, or nothing', () => {
  const plan = planOf('calls(late)', symbols);
  const stretch = { fromTick: 0, toTick: 1000 };
  const batch = { count: 1, numbers: Float64Array.from({ length: plan.fields }, (_, i) => i), texts: ['a', 'ä'] };
  assert.equal(readAnswer(key, plan.job, plan.fields, stretch), null);
  writeAnswer(key, plan.job, stretch, [batch]);
  assert.deepEqual(readAnswer(key, plan.job, plan.fields, stretch), [batch]);
  assert.equal(readAnswer(key, plan.job, plan.fields, { fromTick: 0, toTick: 1001 }), null);
  assert.equal(readAnswer(key, plan.job, plan.fields + 1, stretch), null);
  const files = join(folder, 'reprise', 'checkpoints');
  const name = readdirSync(files).find((each) => each.endsWith('.answer')) ?? '';
  const file = readFileSync(join(files, name));
  for (const at of [0, 40, file.length - 1]) {
    const damaged = Buffer.from(file);
    damaged[at] ^= 1;
    writeFileSync(join(files, name), damaged);
    assert.equal(readAnswer(key, plan.job, plan.fields, stretch), null, `byte ${at}`);
  }
  writeFileSync(join(files, name), file.subarray(0, 20));
  assert.equal(readAnswer(key, plan.job, plan.fields, stretch), null);
});
