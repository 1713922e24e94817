/**
 * Checkpoints that a recording stores in its log: they change nothing that is replayed, a fresh timeline begins at
 * them and comes to the same states, with the same serial text; damaged ones and those of another machine are passed
 * over with a warning, and the replay begins further back.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeFrame, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND, readPayload } from '../../src/core/log/frames.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import { buildGuest, findGuest } from '../../src/host/node/guest-images.ts';
import { logEvents, openLog, record, replay, serialText } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { wildRun } from '../replay/wild.ts';
import { go, hashOf, plainHashes, type Recorded, timelineOf } from './fixture.ts';

const EVERY = 40_000;

function settingsOf(name: string) {
  const { input } = findGuest(name);
  const inputs = input === undefined ? [] : [{ tick: 400_000, event: serialText(input) }];
  return {
    images: { kernel: buildGuest(name) },
    memoryMegabytes: 4,
    hashEveryTicks: 1 << 16,
    inputs,
    maxTicks: 600_000,
  };
}

const emptyRun = {
  kernel: buildGuest('sort'),
  log: (await record({ images: { kernel: buildGuest('sort') }, memoryMegabytes: 4, maxTicks: 10 })).log,
};

const RUNS = [
  { name: 'echo', settings: settingsOf('echo') },
  { name: 'interrupts', settings: { ...settingsOf('interrupts'), maxTicks: 200_000 } },
  { name: 'wildRun(1)', settings: wildRun(1) },
];

function recordedOf(name: string, file: Uint8Array, kernel: Uint8Array | undefined): Recorded {
  assert.ok(kernel !== undefined);
  return { name, log: openLog(file), images: new Map([['kernel', kernel]]) };
}

const stored = (run: Recorded): number[] =>
  run.log.frames.flatMap(({ kind }, i) => (kind === FRAME_KIND.checkpoint ? [i] : []));

test('stored checkpoints change nothing, and a fresh timeline comes from them to the same states', async () => {
  let used = 0;
  for (const { name, settings } of RUNS) {
    const plain = await record(settings);
    const recording = await record({ ...settings, checkpointEveryTicks: EVERY });
    const { kernel } = settings.images;
    const [with_, without] = [recording, plain].map(({ log }) => recordedOf(name, log, kernel));
    assert.ok(stored(with_).length > 0, name);
    assert.deepEqual(
      [...logEvents(with_.log)].map(({ tick, event }) => [tick, event]),
      [...logEvents(without.log)].map(({ tick, event }) => [tick, event]),
    );
    const replayed = await replay(recording.log, { images: { kernel } });
    assert.equal(replayed.divergence, null);
    assert.equal(replayed.hash, plain.hash);
    const dice = new Random(5);
    const ticks = Array.from({ length: 3 }, () => dice.below(plain.tick)).sort((a, b) => a - b);
    const expected = plainHashes(without, ticks);
    for (const [i, tick] of ticks.entries()) {
      const timeline = timelineOf(with_, { warn: assert.fail, intervalTicks: 16_384 });
      go(timeline.seek({ tick, seq: 0 }));
      assert.equal(timeline.position.tick === tick ? hashOf(timeline) : `tick ${timeline.position.tick}`, expected[i]);
      if (timeline.checkpoints.ticks().filter((at) => at > 0)[0] >= EVERY) used++;
      const reference = timelineOf(without);
      go(reference.seek({ tick, seq: 0 }));
      assert.deepEqual(timeline.serial.sent(0), reference.serial.sent(0));
      go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
      assert.equal(timeline.divergence, null, name);
      assert.equal(hashOf(timeline), plain.hash, name);
      // And back, to before the first of them.
      go(timeline.seek({ tick: 10, seq: 0 }));
      go(reference.seek({ tick: 10, seq: 0 }));
      assert.equal(hashOf(timeline), hashOf(reference));
    }
  }
  assert.ok(used >= 4, `${used} seeks began at a stored checkpoint`);
});

test('text that the guest sent before a stored checkpoint is found without running there', async () => {
  const recording = await record({ ...settingsOf('echo'), checkpointEveryTicks: EVERY });
  const run = recordedOf('echo', recording.log, buildGuest('echo'));
  const timeline = timelineOf(run, { intervalTicks: 16_384 });
  go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
  const found = go(goTo(timeline, parsePosition('serial:"echo: type"')));
  const reference = timelineOf(run, { devices: 'log' });
  assert.deepEqual(found.position, go(goTo(reference, parsePosition('serial:"echo: type"'))).position);
});

test('a damaged checkpoint, or one of another machine, is passed over with a warning', async () => {
  const recording = await record({ ...settingsOf('sort'), append: '1', checkpointEveryTicks: EVERY });
  const run = recordedOf('sort', recording.log, buildGuest('sort'));
  const frames = stored(run);
  const [tick] = [recording.tick - 5];
  const [expected] = plainHashes(run, [tick]);
  const dice = new Random(77);
  const last = run.log.frames[frames[frames.length - 1]];
  const lastFrames = run.log.frames.filter(({ kind, firstTick }) => {
    return kind === FRAME_KIND.checkpoint && firstTick === last.firstTick;
  });
  assert.ok(lastFrames.length > 1);
  const comesThere = (file: Uint8Array): string[] => {
    const warnings: string[] = [];
    const damaged = recordedOf('damaged', file, buildGuest('sort'));
    const timeline = timelineOf(damaged, { warn: (text) => warnings.push(text), intervalTicks: 16_384 });
    go(timeline.seek({ tick, seq: 0 }));
    assert.equal(hashOf(timeline), expected);
    assert.equal(timeline.divergence, null);
    return warnings;
  };
  assert.deepEqual(comesThere(recording.log), []);
  for (let round = 0; round < 6; round++) {
    // Of the last checkpoint, which is what a seek to the end uses.
    const frame = dice.pick(lastFrames);
    const file = recording.log.slice();
    file[frame.offset + FRAME_HEADER_BYTES + dice.below(frame.payloadBytes)] ^= 1 << dice.below(8);
    assert.match(
      comesThere(file).join('\n'),
      /^The checkpoint of the log at tick \d+ is not used, .*: the replay begins further back; others .* too\.$/,
    );
  }
  // All of them: one line.
  const file = recording.log.slice();
  for (const { kind, offset } of run.log.frames)
    if (kind === FRAME_KIND.checkpoint) file[offset + FRAME_HEADER_BYTES] ^= 1;
  assert.equal(comesThere(file).length, 1);
  // Sound frames with senseless contents: nothing throws.
  const state = [...(readPayload(recording.log, last) as unknown[])];
  const nonsense: [number, unknown][] = [
    [0, 'pages'],
    [2, 99],
    [3, null],
    [4, {}],
    [5, [1]],
    [6, []],
    [7, [[new Uint8Array(3), [1]]]],
  ];
  for (const [field, value] of nonsense) {
    const payload = state.map((each, i) => (i === field ? value : each)) as never;
    const bytes = encodeFrame(FRAME_KIND.checkpoint, FRAME_FLAG.maySkip, last.seq, last.firstTick, payload);
    const end = last.offset + FRAME_HEADER_BYTES + last.payloadBytes;
    const file = Buffer.concat([recording.log.subarray(0, last.offset), bytes, recording.log.subarray(end)]);
    assert.equal(comesThere(file).length, 1, `field ${field}`);
  }
});

test('timers may be armed that are not now, but only those that there are', () => {
  const timeline = timelineOf(recordedOf('none', emptyRun.log, emptyRun.kernel));
  const { clock } = timeline.machine;
  const armed = clock.save();
  for (const each of [armed, {}, { ...armed, pit: 77 }]) assert.equal(clock.problem(each), null);
  assert.match(clock.problem({ steam: 1 }) ?? '', /no timer steam/);
  assert.match(clock.problem({ pit: 'soon' }) ?? '', /pit is due at "soon"/);
  for (const each of [{ pit: -1 }, { pit: 0.5 }, { pit: Number.NaN }, [], null, 'pit']) assert.ok(clock.problem(each));
});

test('the command line stores them, and says where it cannot', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'a.rlog');
    const kernelPath = join(folder, 'sort.elf');
    writeFileSync(kernelPath, buildGuest('sort'));
    const options = ['--kernel', kernelPath, '--append', '2', '--memory', '4', '--max-ticks', '3000000'];
    const recorded = await reprise(['record', path, ...options, '--checkpoint-every', '300000']);
    assert.match(recorded.stderr, /record: /);
    assert.ok(statSync(path).size > 0);
    const shown = await reprise(['info', path]);
    assert.match(shown.stdout, /frames\s+\d+ checkpoint/);
    const refused = await reprise([
      'record',
      `${path}2`,
      ...options,
      '--profile',
      'checked',
      '--checkpoint-every',
      '9',
    ]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /--checkpoint-every cannot be had with --profile checked/);
  });
});
