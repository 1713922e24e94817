/**
 * The budget of checkpoints is memory: what all of them hold together, pages with what a host takes for each, groups,
 * states of devices, is no more than the timeline says, and that no more than it may. What has not changed is shared.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { Checkpoint } from '../../src/core/timeline/checkpoints.ts';
import { PageRecords } from '../../src/core/timeline/page-records.ts';
import { go, hashOf, plainHashes, recordRun, timelineOf } from './fixture.ts';

const HEADER = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
/** Writes a word of page after page, of 256 KiB, again and again, and waits between two of them. */
const kernel = assemble(
  `${HEADER}start: mov ebx, 0x200000\nx: inc dword [ebx]\nmov ecx, 60\ny: loop y\nadd ebx, 4096\n` +
    'cmp ebx, 0x240000\njb x\njmp start\n',
).bytes;
const run = await recordRun('pages', { images: { kernel }, memoryMegabytes: 8, maxTicks: 1_500_000 });
const INTERVAL = 4096;

/** What a host takes for a page: its bytes and the objects around them. */
const PAGE_COST = 4608;
/** One whole state of all devices; a checkpoint is charged for what changes from one to the next. */
const STATE_BYTES = 100_000;

function heldBytes(checkpoints: readonly Checkpoint[]): number {
  const seen = new Set<unknown>();
  let bytes = 0;
  const once = (value: object, size: number): boolean => {
    if (seen.has(value)) return false;
    seen.add(value);
    bytes += size;
    return true;
  };
  const addState = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (ArrayBuffer.isView(value)) once(value, 100 + value.byteLength);
    else if (once(value, 32)) {
      for (const part of Object.values(value)) {
        bytes += 16;
        addState(part);
      }
    }
  };
  for (const { snapshot } of checkpoints) {
    bytes += snapshot.groups.length * 8;
    addState(snapshot.cpu);
    addState(snapshot.board);
    for (const group of snapshot.groups) {
      if (!once(group, group.length * 8)) continue;
      for (const page of group) if (page !== null) once(page, PAGE_COST);
    }
  }
  return bytes;
}

test('what checkpoints hold is within the budget, wherever one goes', () => {
  for (const checkpointBytesMax of [3 << 20, 6 << 20, 1 << 30]) {
    const timeline = timelineOf(run, { intervalTicks: INTERVAL, checkpointBytesMax });
    const { checkpoints } = timeline;
    const dice = new Random(checkpointBytesMax);
    const ticks = [run.log.lastTick, ...Array.from({ length: 6 }, () => dice.below(run.log.lastTick))];
    for (const tick of ticks) {
      go(timeline.seek({ tick, seq: 0 }));
      const held = heldBytes(checkpoints.all());
      const what = `${checkpoints.count} checkpoints at tick ${tick}: ${held} held, ${checkpoints.bytes} counted`;
      assert.ok(checkpoints.bytes <= checkpointBytesMax, what);
      assert.ok(held <= checkpoints.bytes + STATE_BYTES, what);
      assert.ok(held >= checkpoints.bytes / 3, what);
    }
    assert.ok(checkpoints.count >= 5, `${checkpoints.count}`);
    assert.equal(hashOf(timeline), plainHashes(run, [timeline.position.tick])[0]);
  }
});

test('what intervals did to pages is packed, counted, and read as it was', () => {
  const dice = new Random(7);
  const records = new PageRecords();
  const expected: { written: Uint32Array; executed: Uint32Array; touched: Uint32Array }[] = [];
  const draw = (): Uint32Array => {
    const pages = new Set(Array.from({ length: dice.below(60) }, () => dice.below(2 ** dice.below(21))));
    return Uint32Array.from(pages).sort();
  };
  let arrays = 0;
  for (let interval = 0; interval < 3000; interval++) {
    const before = expected.at(-1);
    const written = before !== undefined && dice.below(3) === 0 ? before.written.slice() : draw();
    const executed = interval === 1000 ? Uint32Array.from({ length: 40_000 }, (_, i) => i * 107_000) : draw();
    const touched = before !== undefined && dice.below(3) === 0 ? before.touched.slice() : draw();
    arrays += written.byteLength + executed.byteLength + touched.byteLength + 600;
    expected.push({ written, executed, touched });
    records.note(interval, { written, executed, touched });
  }
  expected.forEach((pages, interval) => assert.deepEqual(records.of(interval), pages));
  const all = records.all();
  assert.deepEqual(
    all,
    expected.map((pages, interval) => ({ interval, ...pages })),
  );
  all.forEach(({ written }, i) => {
    if (i === 0) return;
    const isSame = written.length === all[i - 1].written.length && written.every((p, k) => p === all[i - 1].written[k]);
    assert.equal(written === all[i - 1].written, isSame);
  });
  assert.ok(records.bytes > 3000 * 32 && records.bytes < arrays / 3, `${records.bytes} of ${arrays}`);
  const others = new PageRecords();
  others.learn(all);
  assert.deepEqual(others.all(), all);
  assert.equal(others.of(3000), null);
});

test('what is not checkpoints counts in their budget, and a part stays free for what is given up', () => {
  const held = (otherBytes: number): number => {
    const timeline = timelineOf(run, { intervalTicks: INTERVAL, checkpointBytesMax: 6 << 20 });
    go(timeline.seek({ tick: 300_000, seq: 0 }));
    timeline.checkpoints.otherBytes = otherBytes;
    const { checkpoint } = timeline;
    go(timeline.seek({ tick: 300_001, seq: 0 }));
    assert.ok(checkpoint.call(timeline));
    return timeline.checkpoints.bytes;
  };
  assert.ok(held(0) <= (6 << 20) * 0.8);
  assert.ok(held(2 << 20) <= (6 << 20) * 0.8 - (2 << 20));
  assert.ok(held(1 << 30) > 1 << 20, 'half of it is the checkpoints in any case');
});

test('devices that do nothing are kept once', () => {
  const timeline = timelineOf(run, { intervalTicks: INTERVAL });
  go(timeline.seek({ tick: 400_000, seq: 0 }));
  const states = timeline.checkpoints.all().map(({ snapshot }) => new Map(snapshot.board));
  assert.ok(states.length > 90);
  for (const name of states[0].keys()) {
    const different = new Set(states.map((state) => state.get(name)));
    const equal = new Set(states.map((state) => JSON.stringify(state.get(name))));
    assert.equal(different.size, equal.size, name);
  }
});
