/**
 * Checkpoints that outlive a session: the next one begins with them and comes to the same states without running what
 * lies before, finds text that was sent, and adds what is missing. What is damaged, cut off or of another run is passed
 * over with one remark, whatever it says. The file and its folder keep to their bounds.
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { Random } from '../../src/core/base/random.ts';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { encodeBookmark } from '../../src/core/timeline/bookmarks.ts';
import { type Checkpoint, snapshotBytes } from '../../src/core/timeline/checkpoints.ts';
import { encodeCheckpoint } from '../../src/core/timeline/checkpoint-source.ts';
import { type GatheredCheckpoints, LiveCheckpoints, recordsFor } from '../../src/core/timeline/live-checkpoints.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import type { TimelineOptions } from '../../src/core/timeline/timeline-options.ts';
import type { Timeline } from '../../src/core/timeline/timeline.ts';
import { Arguments } from '../../src/host/cli/args.ts';
import { keepNames } from '../../src/host/cli/keep.ts';
import { boundCache, keptNamesPath, runKey } from '../../src/host/node/cache-folder.ts';
import { KeptCheckpoints } from '../../src/host/node/kept-checkpoints.ts';
import { writeKept } from '../../src/host/node/kept-values.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import type { FoundPlaces, GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { openLog, record } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { wildRun } from '../replay/wild.ts';
import { go, hashOf, makeEngine, plainHashes, type Recorded, recordGuest, recordRun, timelineOf } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-kept-'));
const cacheBefore = process.env.XDG_CACHE_HOME;
process.env.XDG_CACHE_HOME = folder;
after(() => {
  if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheBefore;
  rmSync(folder, { recursive: true, force: true });
});

const runs = [
  await recordGuest('sort', { maxTicks: 600_000, hashEveryTicks: 1 << 16 }),
  await recordGuest('echo', { maxTicks: 600_000, hashEveryTicks: 1 << 16 }),
  await recordRun('wildRun(2)', wildRun(2)),
];
const INTERVAL = 16_384;
const BYTES_MAX = 1 << 26;

interface Opened {
  readonly timeline: Timeline;
  readonly kept: KeptCheckpoints;
  readonly remarks: string[];
}

function open(run: Recorded, options: Partial<TimelineOptions> = {}): Opened {
  const timeline = timelineOf(run, { intervalTicks: INTERVAL, ...options });
  const remarks: string[] = [];
  const key = runKey(run.log, options.devices ?? 'model');
  return { timeline, remarks, kept: new KeptCheckpoints({ timeline, key, warn: (text) => remarks.push(text) }) };
}

/** A session that walks to `tick` and keeps what it has; the size of the file. */
async function session(run: Recorded, tick: number, options: Partial<TimelineOptions> = {}): Promise<number> {
  const { timeline, kept, remarks } = open(run, options);
  go(timeline.seek({ tick, seq: 0 }));
  const bytes = await kept.keep(BYTES_MAX, async () => true);
  assert.ok(bytes !== null, remarks.join());
  assert.equal(bytes, statSync(kept.path).size);
  return bytes;
}

/** Ticks that a walk makes the machine run. */
function ticksOf(timeline: Timeline, walk: () => void): number {
  const { machine } = timeline;
  const inner = machine.run.bind(machine);
  let ticks = 0;
  machine.run = (limit) => {
    const before = machine.tick;
    const reason = inner(limit);
    ticks += machine.tick - before;
    return reason;
  };
  walk();
  machine.run = inner;
  return ticks;
}

test('a second session begins with what the first has left, and comes to the same states', async () => {
  for (const devices of ['model', 'log'] as const) {
    for (const run of runs) {
      await session(run, run.log.lastTick, { devices });
      const dice = new Random(run.log.lastTick);
      const ticks = Array.from({ length: 4 }, () => dice.below(run.log.lastTick));
      const sorted = [...ticks].sort((a, b) => a - b);
      const expected = new Map(plainHashes(run, sorted).map((hash, i) => [sorted[i], hash]));
      const one = open(run, { devices });
      for (const tick of ticks) {
        // Each in a session of its own as well: the first seek is the one that matters.
        const own = open(run, { devices });
        for (const { timeline, remarks } of [own, one]) {
          const run_ = ticksOf(timeline, () => void go(timeline.seek({ tick, seq: 0 })));
          const { position } = timeline;
          if (devices === 'model') {
            assert.equal(
              position.tick === tick ? hashOf(timeline) : `tick ${position.tick}`,
              expected.get(tick),
              run.name,
            );
          }
          assert.ok(run_ <= 2 * INTERVAL, `${run.name}: ${run_} ticks to tick ${tick}`);
          assert.deepEqual(remarks, []);
        }
        own.kept.close();
      }
      go(one.timeline.seek({ tick: dice.below(run.log.lastTick), seq: 0 }));
      go(one.timeline.runOn(run.log.lastTick) as never);
      assert.equal(one.timeline.divergence, null, `${run.name}, ${devices}`);
      one.kept.close();
    }
  }
});

test('a second session knows what each interval did to pages, and searches backwards where that matters', async () => {
  for (const run of runs) {
    await session(run, run.log.lastTick);
    const first = timelineOf(run, { intervalTicks: INTERVAL });
    go(first.seek({ tick: run.log.lastTick, seq: 0 }));
    const second = open(run);
    const [address, physical] = [0xfee1_d000, 0x3f_f000];
    for (const timeline of [first, second.timeline]) {
      go(timeline.seek({ tick: run.log.lastTick, seq: 0 }));
      timeline.searchedIntervals = 0;
      timeline.addBreakpoint(address);
      timeline.addWatchpoint(physical, 4);
      assert.equal(go(timeline.continueBackward()).kind, 'start', run.name);
    }
    // The last interval is not over: nobody knows all of it. Above what RAM the machine has, nobody knows who writes.
    const most = run.name.startsWith('wild') ? first.searchedIntervals + 1 : 1;
    assert.ok(second.timeline.searchedIntervals <= most, `${run.name}: ${second.timeline.searchedIntervals} intervals`);
    assert.deepEqual(second.timeline.records.all(), first.records.all(), run.name);
    assert.deepEqual(second.remarks, []);
    second.kept.close();
  }
});

/** What is gathered while a run goes by, as it does while one is recorded. */
function gather(run: Recorded, bytesMax = 1 << 30): GatheredCheckpoints {
  const live = new LiveCheckpoints(bytesMax, INTERVAL);
  const { log, images } = run;
  const session = createReplay({ log, images, makeEngine, output: live.listen(SILENT_OUTPUT) });
  live.attach(session.machine);
  for (let tick = INTERVAL; session.advance(Math.min(tick, log.lastTick)) === 'tick'; tick += INTERVAL / 2) {
    live.passed();
    if (session.tick >= log.lastTick) break;
    tick = Math.floor(session.tick / (INTERVAL / 2)) * (INTERVAL / 2);
  }
  return live.of(log);
}

test('the first session after a recording that gathered checkpoints is like a second one', async () => {
  for (const run of runs) {
    rmSync(join(folder, 'reprise'), { recursive: true, force: true });
    const walked = timelineOf(run, { intervalTicks: INTERVAL });
    go(walked.seek({ tick: run.log.lastTick, seq: 0 }));
    const gathered = gather(run);
    const { checkpoints, records, text } = gathered;
    assert.deepEqual(records, walked.records.all(), run.name);
    // Of a run that has become long, the intervals are several of those that were gathered.
    const longer = timelineOf(run, { intervalTicks: INTERVAL * 4 });
    go(longer.seek({ tick: run.log.lastTick, seq: 0 }));
    assert.deepEqual(recordsFor(gathered, longer.intervalTicks), longer.records.all(), run.name);
    assert.deepEqual(recordsFor(gathered, INTERVAL / 2), []);
    assert.deepEqual(text.serial, walked.serial.partsSince(0));
    const [made, usual] = [checkpoints.map(({ snapshot }) => snapshot.tick), walked.checkpoints.ticks()];
    assert.deepEqual(
      made,
      usual.filter((tick) => tick > 0 && tick % INTERVAL === 0),
      run.name,
    );
    for (const checkpoint of checkpoints) {
      // Digests of checks there are none, and which check agreed last is for reports of what comes before the next.
      const same = ({ snapshot, port, sent }: Checkpoint): unknown => {
        const { running, agreedTick, ...rest } = port;
        return encodeCheckpoint({ snapshot, port: { ...rest, running: [0, 0, 0, 0], agreedTick: 0 }, sent });
      };
      assert.deepEqual(same(checkpoint), same(walked.checkpoints.before(checkpoint.snapshot.tick)));
    }
    const first = open(run);
    first.timeline.learn(text);
    first.timeline.records.learn(records);
    assert.ok((await first.kept.keep(BYTES_MAX, async () => true, first.kept.unkept(checkpoints))) !== null);
    const { timeline, remarks } = open(run);
    const tick = Math.floor(run.log.lastTick * 0.7);
    assert.ok(ticksOf(timeline, () => void go(timeline.seek({ tick, seq: 0 }))) <= 2 * INTERVAL, run.name);
    assert.deepEqual(remarks, []);
    assert.equal(hashOf(timeline), plainHashes(run, [tick])[0]);
    go(timeline.runOn(run.log.lastTick) as never);
    assert.equal(timeline.divergence, null);
  }
});

test('what is gathered while recording keeps to its memory, at equal distances', () => {
  let budgets = 0;
  for (let bytesMax = 4 << 20; budgets < 3; bytesMax /= 2) {
    const { checkpoints } = gather(runs[0], bytesMax);
    const ticks = checkpoints.map(({ snapshot }) => snapshot.tick);
    const held = checkpoints.reduce(
      (sum, { snapshot }, i) => sum + snapshotBytes(snapshot, checkpoints[i - 1]?.snapshot),
      0,
    );
    assert.ok(ticks.length > 0 && (held <= bytesMax || ticks.length === 1), `${held} of ${bytesMax}`);
    assert.ok(
      ticks.every((tick, i) => i === 0 || tick - ticks[i - 1] === ticks[0]),
      ticks.join(),
    );
    if (ticks[0] > INTERVAL) budgets++;
  }
});

test('reprise record --index leaves them, and says where it cannot', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'sort'), buildGuest('sort'));
    const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
    const run = async (line: string) => await reprise(line.split(' '), { cwd, env });
    writeFileSync(join(cwd, 'script'), '# nobody types\n');
    const machine = '--kernel sort --append 400 --memory 4 --max-ticks 40_000_000 --input script';
    const recorded = await run(`record a.rlog ${machine} --epoch 2026-01-01T00:00:00Z --index`);
    assert.match(recorded.stderr, /\nrecord: 4 checkpoints, [\d ]+ bytes in \S+\.checkpoints\n$/);
    await run(`record b.rlog ${machine} --epoch 2026-01-01T00:00:00Z`);
    assert.deepEqual(readFileSync(join(cwd, 'a.rlog')), readFileSync(join(cwd, 'b.rlog')), 'the log is the same');
    const exec = async (...more: string[]) => await reprise([...['debug', 'a.rlog'], ...more], { cwd, env });
    const seen = await exec('--exec', 'seek 34_000_000; hash; info');
    const without = await exec('--checkpoint-cache', '0', '--exec', 'seek 34_000_000; hash');
    assert.equal(seen.stdout.slice(0, without.stdout.length), without.stdout);
    for (const [more, why] of [
      ['--profile checked', '--profile checked, whose digests span checkpoints'],
      ['--checkpoint-every 9', '--checkpoint-every, which does it'],
    ]) {
      const refused = await run(`record d.rlog ${machine} --index ${more}`);
      assert.equal(refused.status, 2);
      assert.equal(refused.stderr, `reprise: --index cannot be had with ${why}: leave one of them out.\n`);
    }
  });
});

test('text is found without running to it, and shown', async () => {
  const [, echo] = runs;
  await session(echo, echo.log.lastTick);
  const reference = timelineOf(echo);
  const query = parsePosition('serial:"quit"');
  go(goTo(reference, query));
  const { timeline, kept } = open(echo);
  const ticks = ticksOf(timeline, () => void go(goTo(timeline, query)));
  assert.deepEqual(timeline.position, reference.position);
  assert.ok(ticks <= 2 * INTERVAL, `${ticks} ticks`);
  assert.deepEqual(timeline.serial.sent(0), reference.serial.sent(0));
  kept.close();
});

test('each session adds what is missing, and equal pages are kept once', async () => {
  const [sorting] = runs;
  const { log } = sorting;
  rmSync(open(sorting).kept.path, { force: true });
  const first = await session(sorting, Math.floor(log.lastTick / 2));
  const half = open(sorting).kept.count;
  const second = await session(sorting, log.lastTick);
  const { kept, timeline } = open(sorting);
  assert.equal(kept.count, Math.floor((log.lastTick - 1) / INTERVAL));
  assert.ok(half > 2 && half <= kept.count / 2 + 1);
  assert.ok(second > first);
  // Nothing is missing then.
  go(timeline.seek({ tick: log.lastTick, seq: 0 }));
  assert.deepEqual(kept.unkept(), []);
  const whole = timelineOf(sorting, { intervalTicks: INTERVAL });
  go(whole.seek({ tick: log.lastTick, seq: 0 }));
  const pages = whole.checkpoints.all().flatMap(({ snapshot }) => snapshot.groups.flat());
  const distinct = new Set(pages.map((page) => (page === null ? '' : Buffer.from(page).toString('latin1')))).size;
  const most = distinct * PAGE_BYTES + kept.count * 3200;
  assert.ok(second < most, `${second} bytes for ${kept.count} checkpoints with ${distinct} pages: ${most}`);
  assert.deepEqual(
    readdirSync(dirname(kept.path)).filter((name) => !name.endsWith('.checkpoints')),
    [],
  );
});

test('a file that is damaged, cut off or of another run is passed over with one remark', async () => {
  const [sorting, echo] = runs;
  await session(sorting, sorting.log.lastTick);
  await session(echo, echo.log.lastTick);
  const { path } = open(sorting).kept;
  const good = readFileSync(path);
  const tick = Math.floor(sorting.log.lastTick * 0.8);
  const [hash] = plainHashes(sorting, [tick]);
  let ignored = 0;
  const check = (what: string): void => {
    const { timeline, remarks, kept } = open(sorting);
    go(timeline.seek({ tick, seq: 0 }));
    assert.equal(hashOf(timeline), hash, what);
    assert.equal(timeline.divergence, null, what);
    assert.ok(remarks.length <= 1, `${what}: ${remarks.join('; ')}`);
    for (const remark of remarks) assert.match(remark, /^the kept checkpoints \S+ are damaged and passed over; they/);
    ignored += remarks.length;
    kept.close();
  };
  const dice = new Random(7);
  for (let i = 0; i < 40; i++) {
    const bytes = Uint8Array.from(good);
    const at = dice.below(bytes.length);
    bytes[at] ^= 1 << dice.below(8);
    writeFileSync(path, bytes);
    check(`byte ${at} changed`);
  }
  for (let i = 0; i < 10; i++) {
    const length = dice.below(good.length);
    writeFileSync(path, good.subarray(0, length));
    check(`cut off at ${length}`);
  }
  // Whoever does not need the damaged piece goes on; a file that was cut off has no index.
  assert.ok(ignored >= 10 && ignored < 50, `${ignored}`);
  const met = ignored;
  copyFileSync(open(echo).kept.path, path);
  check('of another run');
  writeFileSync(path, '');
  check('empty');
  assert.equal(ignored, met + 2);
  rmSync(path);
  check('deleted');
  assert.equal(ignored, met + 2);
  // And it is made anew.
  writeFileSync(path, good.subarray(0, 1000));
  await session(sorting, sorting.log.lastTick);
  check('made anew');
  assert.equal(ignored, met + 2);
});

test('who gives up keeping leaves nothing behind, and what cannot be written is said', async () => {
  const [sorting] = runs;
  const { path } = open(sorting).kept;
  rmSync(path, { force: true });
  const { timeline, kept, remarks } = open(sorting);
  go(timeline.seek({ tick: sorting.log.lastTick, seq: 0 }));
  assert.equal(await kept.keep(BYTES_MAX, async (done) => done < 5), null);
  assert.ok(!existsSync(path));
  assert.deepEqual(remarks, []);
  const other = join(folder, 'no-folder');
  writeFileSync(other, '');
  process.env.XDG_CACHE_HOME = other;
  try {
    const nowhere = open(sorting);
    go(nowhere.timeline.seek({ tick: sorting.log.lastTick, seq: 0 }));
    assert.equal(await nowhere.kept.keep(BYTES_MAX, async () => true), null);
    assert.equal(nowhere.remarks.length, 1);
    assert.match(nowhere.remarks[0], /^checkpoints cannot be kept in \S+, /);
  } finally {
    process.env.XDG_CACHE_HOME = folder;
  }
});

test('bookmarks change nothing, another run has another file, and so have devices that the log plays', () => {
  const [sorting, echo] = runs;
  const { log } = sorting;
  const frame = encodeBookmark(log.frames.length, 'here', '', { tick: 5, seq: 0 });
  const marked = openLog(Buffer.concat([log.file, frame]));
  assert.equal(runKey(marked, 'model'), runKey(log, 'model'));
  assert.equal(new Set([runKey(log, 'model'), runKey(log, 'log'), runKey(echo.log, 'model')]).size, 3);
});

test('where a guest has its names is kept beside its checkpoints, and not believed', async () => {
  const { timeline } = open(runs[0]);
  const args = new Arguments([], new Map());
  const first: Pick<GuestSymbols, 'likely' | 'found'> = {
    likely: null,
    found: { digitsAt: 4096, moduleList: null, tasks: null },
  };
  keepNames(args, timeline, first)();
  const path = keptNamesPath(runKey(runs[0].log, 'model'));
  const again = (found: FoundPlaces | null): FoundPlaces | null => {
    const guest = { likely: null as FoundPlaces | null, found };
    keepNames(args, timeline, guest)();
    return guest.likely;
  };
  const tasks = { init: 0xc0de_1000, pointer: 0xc0de_2000 };
  const bare = { digitsAt: 4096, moduleList: null, tasks: null };
  assert.deepEqual(again({ ...bare, moduleList: 0xc0de_0000 }), bare);
  assert.deepEqual(again({ ...bare, tasks }), { ...bare, moduleList: 0xc0de_0000 });
  const known = { digitsAt: 4096, moduleList: 0xc0de_0000, tasks };
  const before = statSync(path).ino;
  assert.deepEqual(again(bare), known, 'what a session has not seen is not forgotten');
  assert.deepEqual(again(known), known);
  assert.equal(statSync(path).ino, before, 'what is known is not written again');
  for (const value of ['x', [1], [-1, null, null], [1, 2 ** 32, null], [1.5, null, null], [1, 2], [1, 2, [3]], null]) {
    writeKept(path, value as never);
    assert.equal(again(null), null);
  }
  writeFileSync(path, 'not this');
  assert.equal(again(null), null);
});

test('a file has no more than it may, at equal distances, and the oldest files go first', async () => {
  const [sorting] = runs;
  for (const run of runs) rmSync(open(run).kept.path, { force: true });
  const whole = await session(sorting, sorting.log.lastTick);
  const count = open(sorting).kept.count;
  rmSync(open(sorting).kept.path);
  const { timeline, kept } = open(sorting);
  go(timeline.seek({ tick: sorting.log.lastTick, seq: 0 }));
  const bytes = await kept.keep(Math.floor(whole / 2), async () => true);
  assert.ok(bytes !== null && bytes < whole * 0.7, `${bytes} of ${whole}`);
  const fewer = open(sorting).kept.count;
  assert.ok(fewer >= 1 && fewer < count, `${fewer} of ${count}`);
  const place = dirname(kept.path);
  for (const name of readdirSync(place)) if (name !== basename(kept.path)) rmSync(join(place, name));
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const path = join(place, `${name}.checkpoints`);
    writeFileSync(path, Buffer.alloc(1000));
    utimesSync(path, 1000 + i, 1000 + i);
  }
  boundCache(kept.path, bytes + 2500);
  const others = ['a', 'b', 'c'].filter((name) => existsSync(join(place, `${name}.checkpoints`)));
  assert.deepEqual(others, ['b', 'c']);
  boundCache(kept.path, 0);
  assert.ok(existsSync(kept.path));
  assert.ok(!existsSync(join(place, 'c.checkpoints')));
});

test('reprise index keeps them, reprise debug begins with them', async () => {
  await inFolder(async (cwd) => {
    const { log } = await record({
      images: { kernel: buildGuest('sort') },
      memoryMegabytes: 4,
      maxTicks: 3_000_000,
      embed: true,
    });
    writeFileSync(join(cwd, 'a.rlog'), log);
    const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
    const run = async (...words: string[]) => await reprise(words, { cwd, env });
    const first = await run('index', 'a.rlog');
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /^index: a\.rlog up to tick [\d ]+ of [\d ]+: \d+ checkpoints, [\d ]+ bytes in \S+\n$/);
    const again = await run('index', 'a.rlog', '--json');
    const json = JSON.parse(again.stdout);
    assert.deepEqual([json.command, json.status, json.added], ['index', 0, 0]);
    assert.ok(statSync(json.file).isFile());
    const seen = await run('debug', 'a.rlog', '--exec', 'seek 1_000_000; hash');
    const without = await run('debug', 'a.rlog', '--checkpoint-cache', '0', '--exec', 'seek 1_000_000; hash');
    assert.equal(seen.status, 0, seen.stderr);
    assert.equal(seen.stdout, without.stdout);
    writeFileSync(json.file, 'not this');
    const damaged = await run('debug', 'a.rlog', '--exec', 'seek 1_000_000; hash');
    assert.equal(damaged.stdout, seen.stdout);
    assert.match(damaged.stderr, /^debug: the kept checkpoints \S+ are damaged and passed over; they are made anew\n$/);
  });
});
