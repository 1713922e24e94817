/**
 * Branches: a branch without changes is the parent's run again; with changes it is a run of its own that replays, also
 * without devices and without the parent; a branch of a branch replays; edits reach the guest exactly at their tick.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BranchSettings, logIdentity, readBranchParent, recordBranch } from '../../src/core/timeline/branch.ts';
import type { LogReader } from '../../src/core/log/log.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { type InputEvent, logEvents, openLog, replay, serialText } from '../../src/library.ts';
import { go, makeEngine, plainHashes, recordGuest, type Recorded, timelineOf } from './fixture.ts';

const run = await recordGuest('echo');

async function branchOf(parent: Recorded, tick: number, events: readonly InputEvent[], life = 2_000_000) {
  const frames: Uint8Array[] = [];
  const settings: BranchSettings = {
    parent: parent.log,
    parentName: parent.name,
    creator: 'test',
    images: parent.images,
    makeEngine,
    tick,
    inputs: events.map((event) => ({ tick, event })),
    lifeTicks: life,
    sink: (frame) => frames.push(frame),
  };
  const end = finish(recordBranch(settings));
  const file = Buffer.concat(frames);
  const log: LogReader = openLog(file);
  const replayed = await replay(file, { images: { kernel: parent.images.get('kernel') } });
  assert.equal(replayed.divergence, null);
  assert.equal(replayed.hash, end.hash);
  const text = Buffer.from(replayed.serial).toString('latin1');
  return { end, file, text, branch: { name: 'branch', log, images: parent.images } };
}

test('a branch without changes goes on as the parent until its input is missing', async () => {
  const { branch, text } = await branchOf(run, 300_000, [serialText('quit\n')]);
  assert.match(text, /^echo: type quit to end\nquit\nbye\n$/);
  const ticks = [1000, 100_000, 299_999, 300_000];
  assert.deepEqual(plainHashes(branch, ticks), plainHashes(run, ticks));
  const parent = readBranchParent(branch.log);
  assert.deepEqual(parent, { name: 'echo', tick: 300_000, header: logIdentity(run.log) });
  assert.equal(readBranchParent(run.log), null);
});

test('edits take effect at their tick and replay, with and without devices', async () => {
  const timeline = timelineOf(run);
  go(timeline.seek({ tick: 5000, seq: 0 }));
  const edits: InputEvent[] = [
    { kind: 'edit-register', register: 'edx', value: 0x1234 },
    { kind: 'edit-memory', address: 0x3ff000, bytes: Uint8Array.of(1, 2, 3) },
  ];
  const { branch, file, end } = await branchOf(run, 5000, edits, 1);
  assert.equal(end.tick, 5001);
  const there = timelineOf(branch);
  go(there.seek({ tick: 5000, seq: 0 }));
  assert.equal(there.machine.hash().root, timeline.machine.hash().root, 'at the tick itself nothing has changed yet');
  go(there.seek({ tick: 5001, seq: 0 }));
  assert.equal(there.machine.space.read32(0x3ff000), 0x030201);
  const kinds = [...logEvents(branch.log, { class: 'input' })].map(({ event }) => event.kind);
  assert.deepEqual(kinds, ['edit-register', 'edit-memory']);
  const devicesLog = await replay(file, { images: { kernel: run.images.get('kernel') }, devices: 'log' });
  assert.equal(devicesLog.divergence, null);
});

test('a branch of a branch replays', async () => {
  const first = await branchOf(run, 300_000, [serialText('one\n')]);
  const second = await branchOf(first.branch, 900_000, [serialText('two\nquit\n')]);
  assert.equal(second.text, 'echo: type quit to end\none\ntwo\nquit\nbye\n');
  assert.equal(readBranchParent(second.branch.log)?.header, logIdentity(first.branch.log));
});
