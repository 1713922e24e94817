/**
 * Snapshots: whoever goes on from a moment of a run does what the run did, check for check and hash for hash, on every
 * engine, with a disk in the middle of a block, with a screen, with wild guests. A recording that begins at one is
 * replayed with devices and without, verified, walked in both ways, and holds its snapshot when it embeds. Files that
 * somebody has tampered with are refused in words.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, readPayload } from '../../src/core/log/frames.ts';
import type { Packed } from '../../src/core/log/payload.ts';
import {
  describeDivergence,
  type ImageBytes,
  LogError,
  logEvents,
  openLog,
  openRun,
  record,
  type RecordSettings,
  replay,
  SessionError,
  verify,
} from '../../src/library.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { SCENES } from '../display/modes.ts';
import { Steps } from '../display/vga-guest.ts';
import { hda, kernel as diskKernel } from '../disk/disk-guest.ts';
import { wildRun } from './wild.ts';

const ENGINES = ['interp', 'step', 'js', 'wasm', 'tiered'];

function screenGuest(): RecordSettings {
  const steps = new Steps();
  for (const { draw } of SCENES.slice(0, 4)) {
    draw(steps);
    steps.pause();
  }
  const script = SCENES.map(() => 'when "#" serial "."').join('\n');
  return { images: { kernel: steps.kernel() }, memoryMegabytes: 4, vga: 'std', script };
}

const WORLDS: readonly (readonly [name: string, settings: RecordSettings, moments: number])[] = [
  ['a disk', { images: { kernel: diskKernel, drives: { hda } }, memoryMegabytes: 8 }, 4],
  ['a screen', screenGuest(), 3],
  ['interrupts', { images: { kernel: buildGuest('interrupts') }, memoryMegabytes: 4, maxTicks: 150_000 }, 3],
  ['tasks', { images: { kernel: buildGuest('tasks') }, memoryMegabytes: 4, maxTicks: 200_000 }, 2],
  ...[2, 5, 9].map((seed) => [`wild ${seed}`, wildRun(seed), 3] as const),
];

/** What a log says from a tick on; of state hashes what they are of, not which pages were written. */
function eventsFrom(bytes: Uint8Array, tick: number): unknown[] {
  return [...logEvents(openLog(bytes), { fromTick: tick })].map(({ tick: at, event }) =>
    event.kind === 'state-hash' ? [at, event.hash.root] : [at, event],
  );
}

async function snapshotAt(log: Uint8Array, images: ImageBytes, tick: number): Promise<Uint8Array> {
  const run = await openRun(log, { images });
  await run.seek({ tick, seq: 0 });
  assert.equal(run.position.tick, tick);
  return await run.snapshot();
}

for (const [name, given, moments] of WORLDS) {
  test(`${name}: going on from a moment is what the run did`, async () => {
    const settings = { ...given, hashEveryTicks: 20_000 };
    const whole = await record(settings);
    const inputs = [...logEvents(openLog(whole.log), { class: 'input' })];
    const dice = new Random(name.length);
    for (let round = 0; round < moments; round++) {
      const tick = 1 + dice.below(whole.tick - 1);
      const engine = ENGINES[round % ENGINES.length];
      const run = await openRun(whole.log, { images: settings.images });
      await run.seek({ tick, seq: 0 });
      // In the ticks of a reset there is no position.
      if (run.position.tick !== tick) continue;
      const images = { ...settings.images, snapshot: await run.snapshot() };
      const later = inputs.flatMap(({ tick: at, event }) =>
        at >= tick && event.kind !== 'state-hash' ? [{ tick: at, event: event as never }] : [],
      );
      const on = await record({ images, engine, inputs: later, maxTicks: whole.tick, embed: round === 0 });
      const told = `${name} from tick ${tick} on ${engine}`;
      assert.deepEqual([on.tick, on.reason, on.hash], [whole.tick, whole.reason, whole.hash], told);
      assert.equal(on.startTick, tick);
      assert.deepEqual(eventsFrom(on.log, tick), eventsFrom(whole.log, tick), told);
      for (const devices of ['model', 'log'] as const) {
        const again = await replay(on.log, { images: round === 0 ? {} : images, engine: 'interp', devices });
        assert.equal(again.divergence === null ? '' : describeDivergence(again.divergence), '', `${told}, ${devices}`);
        assert.deepEqual(again.serial, on.serial);
      }
    }
  });
}

const settings = { images: { kernel: diskKernel, drives: { hda } }, memoryMegabytes: 8, hashEveryTicks: 20_000 };
const whole = await record(settings);
const START = 9_234;
const snapshot = await snapshotAt(whole.log, settings.images, START);
const images = { ...settings.images, snapshot };

test('a recording that begins at a snapshot is verified, and walked in both ways', async () => {
  const on = await record({ images });
  assert.equal((await verify(on.log, { images, engines: ENGINES, intervalTicks: 5000 })).difference, null);
  const positions = [START, START + 1, START + 9_000, whole.tick - 2];
  const reference = await openRun(whole.log, { images: settings.images });
  for (const devices of ['model', 'log'] as const) {
    const run = await openRun(on.log, { images, devices });
    assert.equal(run.position.tick, START);
    for (const tick of [...positions, ...positions.slice().reverse()]) {
      await run.seek(tick);
      await reference.seek(tick);
      if (devices === 'model') assert.equal(run.hash(), reference.hash(), `tick ${tick}`);
      assert.deepEqual(run.readPhysical(0x100000, 0x1000), reference.readPhysical(0x100000, 0x1000));
    }
    await run.seek('start');
    assert.equal(run.position.tick, START);
    assert.equal((await run.step(-1)).kind, 'start');
    await run.seek('end');
    assert.equal((await run.reverseContinue()).kind, 'start');
    assert.equal(run.position.tick, START);
    await run.seek('50%');
    assert.equal(run.position.tick, START + Math.floor((whole.tick - START) / 2));
    await assert.rejects(run.seek(START - 1), /before the snapshot that the run begins at/);
  }
});

test('a snapshot of a run that began at one is the same file', async () => {
  const on = await record({ images });
  const tick = START + 9000;
  const again = await snapshotAt(on.log, images, tick);
  assert.deepEqual(again, await snapshotAt(whole.log, settings.images, tick));
});

test('a snapshot is no run, and a log no snapshot', async () => {
  await assert.rejects(
    replay(snapshot, { images }),
    (error) => error instanceof SessionError && /--from/.test(`${error}`),
  );
  await assert.rejects(record({ images: { ...images, snapshot: whole.log } }), /log of a run and no snapshot/);
  await assert.rejects(record({ images: { ...images, snapshot: snapshot.slice(0, 2000) } }), LogError);
  const ended = await openRun(whole.log, { images: settings.images });
  await ended.seek('end');
  await assert.rejects(ended.snapshot(), /The run is over at tick/);
  await assert.rejects(record({ images: { snapshot } }), /none was given|nothing that was given/);
});

/** A file with other payloads, every checksum as it must be. */
function rewritten(file: Uint8Array, change: (kind: number, payload: Packed) => Packed): Uint8Array {
  const { frames } = openLog(file);
  return Buffer.concat(
    frames.map(({ kind, flags, seq, firstTick, offset, payloadBytes }) => {
      const payload = readPayload(file, frames[seq]);
      const changed = change(kind, payload);
      if (changed === payload) return file.subarray(offset, offset + FRAME_HEADER_BYTES + payloadBytes);
      return encodeFrame(kind, flags & 2, seq, firstTick, changed);
    }),
  );
}

const NONSENSE: readonly Packed[] = [null, -1, 2 ** 40, 'x', [], {}, new Uint8Array(3), true, Number.NaN, 0.5];

/** One value somewhere in it is another one. */
function tampered(value: Packed, dice: Random): Packed {
  if (value instanceof Uint8Array && value.length > 0 && dice.below(4) > 0) {
    const bytes = Uint8Array.from(value);
    bytes[dice.below(bytes.length)] ^= 1 << dice.below(8);
    return bytes;
  }
  if (Array.isArray(value) && value.length > 0 && dice.below(8) > 0) {
    const at = dice.below(value.length);
    return value.map((each: Packed, i: number) => (i === at ? tampered(each, dice) : each));
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)) {
    const names = Object.keys(value);
    const name = names[dice.below(names.length)];
    if (name !== undefined) {
      const held = value as Readonly<Record<string, Packed>>;
      return { ...held, [name]: tampered(held[name], dice) };
    }
  }
  return NONSENSE[dice.below(NONSENSE.length)];
}

test('a snapshot that somebody has tampered with is refused, or is what it was', async () => {
  const dice = new Random(41);
  const honest = await record({ images });
  const log = openLog(honest.log);
  let refused = 0;
  for (let round = 0; round < 40; round++) {
    const frames = openLog(snapshot).frames.filter(({ kind }) => kind === FRAME_KIND.snapshot).length;
    let left = round % 4 === 0 ? dice.below(frames) : frames - 1;
    const file = rewritten(snapshot, (kind, payload) =>
      kind === FRAME_KIND.snapshot && left-- === 0 ? tampered(payload, dice) : payload,
    );
    try {
      const on = await record({ images: { ...images, snapshot: file } });
      assert.equal(on.hash, honest.hash, `round ${round}`);
      await replay(on.log, { images: { ...images, snapshot: file }, devices: 'log' });
    } catch (error) {
      assert.ok(error instanceof LogError, `round ${round}: ${error instanceof Error ? error.stack : error}`);
      assert.match(error.message, /^The snapshot cannot be used, .+|Frame \d+/, `round ${round}`);
      refused++;
    }
  }
  assert.ok(refused > 25, `${refused} of 40 were refused`);
  // The file of a recording is known by its digest.
  const other = rewritten(snapshot, (kind, payload) =>
    kind === FRAME_KIND.snapshot ? tampered(payload, dice) : payload,
  );
  await assert.rejects(replay(log, { images: { ...images, snapshot: other } }), /needs the snapshot image/);
});
