/**
 * A device is one file and one line of the machine table: here is the line, for the scratch device beside it. Its guest
 * does on every engine what it must, is replayed with devices and without, sought in both directions, verified, stored
 * in checkpoints, saved and loaded at any moment; and states of it that are changed are refused by name or work.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { StateError } from '../../src/core/base/fields.ts';
import type { DeviceEntry } from '../../src/core/board/context.ts';
import type { DeviceValue } from '../../src/core/board/device.ts';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { DEVICES } from '../../src/core/board/table.ts';
import { openLog } from '../../src/core/log/log.ts';
import { peekPhysicalBytes } from '../../src/core/memory/peek.ts';
import { PageStore, type Snapshot } from '../../src/core/machine/snapshot.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { createMachine, describeDivergence, logEvents, record, replay, verify } from '../../src/library.ts';
import { compareSnapshots } from '../../src/core/verify/state-rows.ts';
import { go, hashOf, makeEngine, plainHashes, type Recorded, timelineOf } from '../timeline/fixture.ts';
import { scratch } from './scratch-device.ts';
import { assembleScratchGuest } from './scratch-guest.ts';

// The line of the table.
(DEVICES as DeviceEntry[]).push(scratch);

const kernel = assembleScratchGuest().bytes;

const packet = (tick: number, device: number, ...bytes: number[]) => ({
  tick,
  event: { kind: 'packet' as const, device, bytes: Uint8Array.from(bytes) },
});

const settings = {
  images: { kernel },
  memoryMegabytes: 8,
  hashEveryTicks: 100_000,
  maxTicks: 20_000_000,
  inputs: [
    { tick: 2_000_000, event: { kind: 'entropy' as const, bytes: Uint8Array.of(1, 9) } },
    packet(3_100_000, 7, 1, 2, 3),
    packet(3_150_000, 9, 9, 9, 9), // for another device
    packet(3_200_000, 7, 2, 2, 3),
    packet(3_300_000, 7, 3, 2, 3),
  ],
};

/** Word by word what the guest finds, where it follows from what the device is told to do. */
const EXPECTED = [
  '5c7a1234 fff00008 ffffffe1 fffff000 ',
  // Nothing is decoded before the command register says so.
  'ffffffff ffffffff 00000000 00000000',
  // Where it was is nothing, and the content has moved.
  /^([0-9a-f]{8}) ffffffff dc6318bc \1$/,
  /^0000000a [0-9a-f]{8}$/,
  /^[0-9a-f]{8} 12345678 [0-9a-f]{8} ffffffff$/,
  /^[0-9a-f]{8} [0-9a-f]{8}$/,
  /^[0-9a-f]{8} 00000000 00000010 00000004$/,
  '00000384 000005dc 00000834',
  /^[0-9a-f]{8} [0-9a-f]{8} 00000002$/,
  // The transfer within the access comes after the instruction that makes it, and so does the bank.
  'e4524ffe 00000006 00000007 00007e90 0000600d 00000007',
];

const recorded = await record({ ...settings, checkpointEveryTicks: 400_000 });
const log = openLog(recorded.log);
const run: Recorded = { name: 'scratch', log, images: new Map([['kernel', kernel]]) };

test('the guest finds what it must, and the log has what it needs', () => {
  assert.equal(recorded.reason, 'debug-exit');
  assert.equal(recorded.debugExit, 0x10);
  const lines = Buffer.from(recorded.serial).toString().split('\n');
  EXPECTED.forEach((expected, i) => {
    if (typeof expected === 'string') assert.equal(lines[i], expected);
    else assert.match(lines[i], expected);
  });
  const counts = new Map<string, number>();
  for (const { event } of logEvents(log)) counts.set(event.kind, (counts.get(event.kind) ?? 0) + 1);
  for (const kind of ['map', 'reveal', 'dma-write', 'mmio-read', 'packet', 'entropy', 'timer']) {
    assert.ok((counts.get(kind) ?? 0) > 0, `no ${kind} in the log`);
  }
  const image = [...logEvents(log)].some(({ event }) => event.kind === 'dma-write' && 'image' in event.content);
  assert.ok(image, 'image content is named, not copied');
  assert.ok(log.header.machine.devices.some(({ name, version }) => name === 'scratch' && version === 1));
});

for (const engine of ['interp', 'js', 'wasm', 'tiered']) {
  for (const devices of ['model', 'log'] as const) {
    test(`${engine} replays it with devices from the ${devices}`, async () => {
      const again = await replay(log, { images: { kernel }, engine, devices });
      assert.equal(again.divergence === null ? '' : describeDivergence(again.divergence), '');
      assert.equal(again.tick, recorded.tick);
      if (devices === 'model') assert.equal(again.hash, recorded.hash);
      assert.deepEqual(again.serial, recorded.serial);
    });
  }
}

for (const profile of ['checked', 'inputs'] as const) {
  test(`a ${profile} log of it replays`, async () => {
    const other = await record({ ...settings, profile, engine: 'js' });
    assert.equal(other.hash, recorded.hash, 'and engines do the same');
    const again = await replay(other.log, { images: { kernel }, engine: 'interp' });
    assert.equal(again.divergence === null ? '' : describeDivergence(again.divergence), '');
  });
}

test('engines in lockstep do the same', async () => {
  const verified = await verify(log, { images: { kernel }, engines: ['interp', 'js', 'wasm'], schedules: 1, seed: 3 });
  assert.equal(verified.difference, null, verified.report);
});

for (const devices of ['model', 'log'] as const) {
  test(`positions are the same from every side, with devices from the ${devices}`, () => {
    const dice = new Random(5);
    const ticks = Array.from({ length: 12 }, () => dice.below(recorded.tick));
    const warnings: string[] = [];
    const timeline = timelineOf(run, { devices, warn: (text) => warnings.push(text), intervalTicks: 1 << 17 });
    const seen = new Map<number, string>();
    if (devices === 'model') {
      const sorted = [...ticks].sort((a, b) => a - b);
      plainHashes(run, sorted).forEach((hash, i) => seen.set(sorted[i], hash));
    }
    for (const tick of [...ticks, ...ticks.slice().reverse(), recorded.tick - 1, 0, ...ticks]) {
      go(timeline.seek({ tick, seq: 0 }));
      const hash = hashOf(timeline);
      if (hash.startsWith('tick')) continue;
      assert.equal(hash, seen.get(tick) ?? hash, `tick ${tick}`);
      seen.set(tick, hash);
    }
    assert.equal(timeline.divergence, null);
    assert.deepEqual(warnings, []);
  });
}

test('a watchpoint on bulk memory is hit where it is mapped at the time', () => {
  const timeline = timelineOf(run, { intervalTicks: 1 << 17 });
  const { machine } = timeline;
  go(timeline.seek({ tick: recorded.tick - 1, seq: 0 }));
  // A byte of code in bulk memory that the guest changed, and then the device.
  const stop = go(timeline.lastWrite(0xe2040002, 1));
  assert.ok(stop !== null && stop.kind === 'watchpoint', JSON.stringify(stop));
  const at = stop.position.tick;
  go(timeline.seek(stop.position));
  const byte = new Uint8Array(1);
  peekPhysicalBytes(machine.cpu, 0xe2040002, byte);
  assert.equal(byte[0], 5, 'the state is that before the write of the device');
  go(timeline.seek({ tick: at + 1, seq: 0 }));
  peekPhysicalBytes(machine.cpu, 0xe2040002, byte);
  assert.equal(byte[0], 7);
  assert.equal(machine.space.hostPage(0xe2040002), -1, 'closed to the processor, and seen all the same');
  const before = go(timeline.lastWrite(0xe2040002, 1));
  assert.equal(before?.position.tick, at);
  timeline.addWatchpoint(0xe2040002, 1, 'read', null);
  const read = go(timeline.continueForward());
  assert.ok(read?.kind === 'watchpoint' && read.position.tick > at, 'a read, once it is open again');
});

/** A machine of the log that has nothing behind it. */
function fresh() {
  const session = createReplay({ log, images: run.images, makeEngine, output: SILENT_OUTPUT });
  return { session, store: new PageStore(session.machine) };
}

test('saved at any moment and loaded into another machine it goes on the same', async () => {
  const dice = new Random(6);
  const live = await createMachine({ ...settings, engine: 'interp' });
  const store = new PageStore(live.machine);
  const other = await createMachine({ ...settings, engine: 'interp' });
  const otherStore = new PageStore(other.machine);
  for (const { tick, event } of settings.inputs) live.push(event, tick);
  for (let i = 0; i < 40; i++) {
    live.run(live.tick + 1 + dice.below(90_000));
    const snapshot = store.take();
    otherStore.restore(snapshot, dice.below(2) === 0);
    assert.equal(other.hash(), live.hash(), `at tick ${live.tick}`);
    for (const page of [0xa0, 0xe0000, 0xe0010, 0xe2000, 0xe2020, 0xe4000]) {
      const lead = (entry: number): number => Math.max(entry, -1);
      assert.equal(lead(other.machine.space.pageMap[page]), lead(live.machine.space.pageMap[page]), `page ${page}`);
    }
    const until = live.tick + 20_000;
    if (settings.inputs.some(({ tick }) => tick > live.tick && tick <= until)) continue;
    assert.equal(other.run(until), live.run(until));
    assert.equal(other.hash(), live.hash(), `after tick ${live.tick}`);
  }
});

test('two states that differ in bulk memory say in which and where', () => {
  const { session, store } = fresh();
  session.advance(100_000);
  const before = store.take();
  const bulk = session.machine.space.bulks.get('scratch.memory');
  assert.ok(bulk !== undefined);
  bulk.write8(0x12345, bulk.read8(0x12345) ^ 0xff);
  const { memory } = compareSnapshots(before, store.take());
  assert.deepEqual(
    memory.map(({ memory: name, address }) => [name, address]),
    [['scratch.memory', 0x12345]],
  );
});

/** Numbers, flags and bytes of a state as ways to change them. */
function changes(value: DeviceValue, path: string, dice: Random): { path: string; change(): void }[] {
  const found: { path: string; change(): void }[] = [];
  const visit = (holder: Record<string, DeviceValue>, key: string, within: string): void => {
    const each = holder[key];
    if (typeof each === 'number') {
      found.push({
        path: within,
        change: () => (holder[key] = dice.below(3) === 0 ? dice.word() : each ^ (1 << dice.below(31))),
      });
    } else if (typeof each === 'boolean') found.push({ path: within, change: () => (holder[key] = !each) });
    else if (each instanceof Uint8Array) {
      found.push({
        path: within,
        change: () => {
          if (each.length > 0) each[dice.below(each.length)] ^= 1 << dice.below(8);
        },
      });
    } else if (typeof each === 'object' && each !== null) {
      for (const name of Object.keys(each)) visit(each as never, name, `${within}.${name}`);
    }
  };
  if (typeof value === 'object' && value !== null) {
    for (const name of Object.keys(value)) visit(value as never, name, `${path}.${name}`);
  }
  return found;
}

test('a changed state is refused by name or works', () => {
  const dice = new Random(7);
  const { session, store } = fresh();
  const { machine } = session;
  const snapshots: Snapshot[] = [];
  for (let i = 0; i < 12; i++) {
    session.advance(Math.floor((recorded.tick * (i + 1)) / 14));
    snapshots.push(store.take());
  }
  const tally = { refused: 0, loaded: 0 };
  for (let round = 0; round < 250; round++) {
    const snapshot = snapshots[dice.below(snapshots.length)];
    const board = structuredClone(snapshot.board) as Snapshot['board'];
    const places = board
      .filter(([name]) => ['scratch', 'scratch.memory', 'pci', 'dma', 'interrupts'].includes(name))
      .flatMap(([name, state]) => changes(state, name, dice));
    const chosen = places[dice.below(places.length)];
    chosen.change();
    const told = `round ${round}: ${chosen.path} at tick ${snapshot.tick}`;
    try {
      store.restore({ ...snapshot, board });
    } catch (error) {
      assert.ok(error instanceof StateError, `${told}: ${String(error)}`);
      assert.match(error.message, new RegExp(`of ${chosen.path.split('.')[0]}`), told);
      tally.refused++;
      continue;
    }
    tally.loaded++;
    // The log has nothing to say to what is no longer its run; that nothing throws is all.
    assert.doesNotThrow(() => machine.run(snapshot.tick + 30_000), told);
    store.restore(store.take());
  }
  assert.ok(tally.refused > 30 && tally.loaded > 30, JSON.stringify(tally));
});
