/**
 * What was recorded is what is read, in order, in every profile; the same run gives the same bytes; a replay of the
 * same run agrees, with devices and without; embedded images come back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DevicelessPort } from '../../src/core/session/deviceless-port.ts';
import { ReplayingPort } from '../../src/core/session/replaying-port.ts';
import { eventToJson, eventToText } from '../../src/core/log/events.ts';
import { FRAME_KIND, readPayload } from '../../src/core/log/frames.ts';
import { embedImages, readImage } from '../../src/core/log/log-images.ts';
import { summarizeLog } from '../../src/core/log/log-summary.ts';
import { logEvents, LogWriter, openLog, rebuildIndex } from '../../src/core/log/log.ts';
import { concat, header, PROFILES, playCheck, playSteps, record, run, seed } from './events.ts';
import type { Step } from './events.ts';
import { Judged } from '../support/judged.ts';

const options = { seed, numRuns: 60 };

test('a full log gives back every event at its tick, both classes in the order of the run', () => {
  fc.assert(
    fc.property(run, (steps) => {
      const log = openLog(record(steps, 'full').bytes);
      const read = [...logEvents(log)].map(({ class: kind, tick, event }) => ({ kind, tick, event }));
      assert.deepEqual(
        read,
        steps.map(({ kind, tick, event }) => ({ kind, tick, event })),
      );
      assert.deepEqual(log.header, header('full'));
      assert.equal(log.truncated, false);
      const [inputs, checks] = [
        steps.filter(({ kind }) => kind === 'input'),
        steps.filter(({ kind }) => kind === 'check'),
      ];
      assert.deepEqual([log.end?.inputCount, log.end?.checkCount], [inputs.length, checks.length]);
    }),
    options,
  );
});

test('every profile keeps all inputs and all state hashes; checked digests stand for all other checks', () => {
  fc.assert(
    fc.property(run, fc.constantFrom(...PROFILES), (steps, profile) => {
      const read = [...logEvents(openLog(record(steps, profile).bytes))];
      const hashesAndInputs = (list: readonly { tick: number; event: Step['event'] | { kind: 'digest' } }[]) =>
        list
          .filter(
            ({ event }) =>
              event.kind === 'state-hash' ||
              steps.some((step) => step.kind === 'input' && step.event.kind === event.kind),
          )
          .map(({ tick, event }) => ({ tick, event }));
      const inputs = read.filter((logged) => logged.class === 'input');
      assert.deepEqual(
        inputs.map(({ tick, event }) => ({ tick, event })),
        steps.filter(({ kind }) => kind === 'input').map(({ tick, event }) => ({ tick, event })),
      );
      assert.deepEqual(
        hashesAndInputs(read).filter(({ event }) => event.kind === 'state-hash'),
        hashesAndInputs(steps).filter(({ event }) => event.kind === 'state-hash'),
      );
      const digested = read.reduce((sum, { event }) => sum + (event.kind === 'digest' ? event.count : 0), 0);
      const others = steps.filter(({ kind, event }) => kind === 'check' && event.kind !== 'state-hash').length;
      assert.equal(digested, profile === 'checked' ? others : 0);
    }),
    options,
  );
});

test('the same run is the same bytes, however often the writer is told how far the run is', () => {
  fc.assert(
    fc.property(run, fc.constantFrom(...PROFILES), (steps, profile) => {
      const frames: Uint8Array[] = [];
      const writer = new LogWriter((frame) => frames.push(frame), header(profile), { frameTicks: 5000 });
      for (const { kind, tick, event } of steps) {
        writer.advance(tick);
        if (kind === 'input') writer.input(tick, event);
        else playCheck(writer.checks, writer.checks, tick, event);
        writer.advance(tick);
      }
      const again = record(steps, profile);
      writer.end(again.endTick, 'power-off', '0123456789abcdef');
      assert.deepEqual(concat(frames), again.bytes);
    }),
    options,
  );
});

type MachineCheck = Extract<Step, { kind: 'check' }>['event'];

/** The same check with another value; null of those that this test leaves alone. */
function altered(event: MachineCheck): MachineCheck | null {
  switch (event.kind) {
    case 'interrupt':
      return { ...event, vector: event.vector ^ 1 };
    case 'port-read':
    case 'mmio-read':
      return { ...event, value: (event.value ^ 1) >>> 0 };
    case 'timer':
      return { ...event, id: event.id ^ 1 };
    case 'a20':
      return { ...event, enabled: !event.enabled };
    case 'port-block':
      return { ...event, offset: event.offset ^ 1 };
    case 'signal':
      return { ...event, pin: event.pin === 'nmi' ? 'init' : 'nmi' };
    case 'map':
      return { ...event, memoryPage: event.memoryPage ^ 1 };
    case 'reveal':
      return { ...event, memoryPage: event.memoryPage ^ 1 };
    case 'dma-write':
      return { ...event, address: event.address ^ 1 };
    default:
      return null;
  }
}

test('a replay of the same run agrees; with any one check changed it diverges there', () => {
  const judged = new Judged('changed checks');
  fc.assert(
    fc.property(run, fc.constantFrom('full' as const, 'checked' as const), fc.nat(), (steps, profile, pick) => {
      const { bytes, endTick } = record(steps, profile);
      const port = new ReplayingPort(openLog(bytes));
      playSteps(port, steps);
      port.finish(endTick, 'power-off', '0123456789abcdef');
      assert.equal(port.divergence, null);
      const checks = steps.flatMap((step, i) => (step.kind === 'check' && altered(step.event) !== null ? [i] : []));
      if (checks.length === 0) return;
      judged.add();
      const at = checks[pick % checks.length];
      const changed = steps.map((step, i): Step => {
        const event = i === at && step.kind === 'check' ? altered(step.event) : null;
        return event === null ? step : { kind: 'check', tick: step.tick, event };
      });
      const other = new ReplayingPort(openLog(bytes));
      playSteps(other, changed);
      other.finish(endTick, 'power-off', '0123456789abcdef');
      const { divergence } = other;
      assert.ok(divergence !== null, 'the changed check went unnoticed');
      if (profile === 'full') assert.deepEqual([divergence.kind, divergence.tick], ['check', steps[at].tick]);
      else assert.ok(divergence.tick >= steps[at].tick && divergence.agreedTick <= steps[at].tick);
    }),
    options,
  );
  judged.atLeast(options.numRuns / 2);
});

test('without devices the log delivers and answers everything that the recorded devices did', () => {
  const judged = new Judged('values read and deliveries');
  fc.assert(
    fc.property(run, (steps) => {
      const { bytes, endTick } = record(steps, 'full');
      const port = new DevicelessPort(openLog(bytes));
      for (const step of steps) {
        if (step.kind === 'input') {
          assert.deepEqual(port.take(step.tick), step.event);
          continue;
        }
        const { tick, event } = step;
        if (event.kind !== 'state-hash' && event.kind !== 'timer') judged.add();
        if (event.kind === 'port-read') assert.equal(port.portRead(tick, event.port, event.size), event.value);
        else if (event.kind === 'mmio-read') assert.equal(port.mmioRead(tick, event.address, event.size), event.value);
        else if (event.kind === 'state-hash') port.stateHash(tick, event.hash);
        else if (event.kind !== 'timer') {
          assert.equal(port.nextDelivery()?.tick, tick);
          assert.deepEqual(port.takeDelivery(tick), event);
        }
      }
      assert.equal(port.nextDelivery(), null);
      port.finish(endTick, 'power-off', null);
      assert.equal(port.divergence, null);
    }),
    options,
  );
  judged.atLeast(options.numRuns);
});

test('the index can be made again from the frames, and a summary counts every event', () => {
  fc.assert(
    fc.property(run, (steps) => {
      const log = openLog(record(steps, 'full').bytes);
      const index = log.frames.findIndex(({ kind }) => kind === FRAME_KIND.index);
      assert.ok(index > 0);
      const rebuilt = rebuildIndex(log.frames.slice(0, index));
      assert.equal(JSON.stringify(rebuilt), JSON.stringify(normal(readPayload(log.file, log.frames[index]))));
      const summary = summarizeLog(log);
      assert.equal(
        summary.events.reduce((sum, { count }) => sum + count, 0),
        steps.length,
      );
      assert.equal(
        summary.frames.reduce((sum, { bytes }) => sum + bytes, 0),
        log.file.length,
      );
      for (const logged of logEvents(log)) {
        assert.equal(JSON.parse(JSON.stringify(eventToJson(logged))).kind, logged.event.kind);
        assert.ok(eventToText(logged.event).length > 0);
      }
    }),
    options,
  );
});

/** Buffers as plain byte arrays. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return Array.isArray(value) ? value.map(normal) : value;
}

test('frames of more events, ports and values than one frame holds come back whole', () => {
  const steps: Step[] = [];
  for (let i = 0; i < 150_000; i++) {
    const event =
      i % 3 === 0
        ? { kind: 'port-read' as const, port: (i * 7) & 0xffff, size: 4, value: (i * 0x9e3779b1) >>> 0 }
        : { kind: 'mmio-read' as const, address: 0xa0000 + (i & 0x3fff), size: 1, value: i & 255 };
    steps.push({ kind: 'check', tick: i * 3, event });
  }
  const log = openLog(record(steps, 'full', 2 ** 40).bytes);
  let count = 0;
  for (const { tick, seq, event } of logEvents(log)) {
    if (event.kind !== (steps[count].event.kind as string) || tick !== count * 3 || seq !== count)
      assert.fail(`check ${count}`);
    if (JSON.stringify(event) !== JSON.stringify(steps[count].event)) assert.deepEqual(event, steps[count].event);
    count++;
  }
  assert.equal(count, steps.length);
});

test('embedded images come back, their common pages stored once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3), { maxLength: 6 }),
      fc.nat(4096),
      fc.integer({ min: 0, max: 2 ** 31 }),
      (blocks, tail, salt) => {
        const page = (number: number): Uint8Array =>
          Uint8Array.from({ length: 4096 }, (_, i) => (i * (number + 3) + salt) >>> 3);
        const first = concat([...blocks.map(page), page(9).subarray(0, tail)]);
        const images = [first, first.slice(), new Uint8Array(0)];
        const base = header('full');
        const records = images.map((image, i) => ({
          role: `hd${i}`,
          name: `disk ${i}`,
          sha256: '11'.repeat(32),
          sizeBytes: image.length,
        }));
        const frames: Uint8Array[] = [];
        const writer = new LogWriter((frame) => frames.push(frame), {
          ...base,
          machine: { ...base.machine, images: records },
        });
        embedImages(writer, images);
        writer.end(0, 'stopped', null);
        const log = openLog(concat(frames));
        for (const [i, image] of images.entries()) assert.deepEqual(readImage(log, i), image);
        assert.throws(() => readImage(log, 3), { name: 'LogError', kind: 'image' });
        const pagesStored = log.frames
          .filter(({ kind }) => kind === FRAME_KIND.imagePages)
          .reduce((sum, { rawBytes }) => sum + Math.floor(rawBytes / 4096), 0);
        assert.ok(pagesStored <= new Set(blocks).size + 1);
      },
    ),
    { seed, numRuns: 30 },
  );
});
