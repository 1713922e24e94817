/**
 * Every fault that can be put into a run is a frame of its log and replays: on each engine, with devices and without.
 * The guest drives a disk, so that there is something to disturb; each fault comes at a moment at which the run
 * becomes another one, so that nothing here is true for want of an effect.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InputEvent } from '../../src/core/log/events.ts';
import { openLog } from '../../src/core/log/log.ts';
import { inputsOf } from '../../src/core/log/timed-input.ts';
import { engineNames, record, replay } from '../../src/library.ts';
import { hda, kernel } from '../disk/disk-guest.ts';

const images = { kernel, drives: { hda } };
const settings = { images, memoryMegabytes: 4, writeCacheKilobytes: 64, maxTicks: 400_000, reboot: true };

const FAULTS: readonly (readonly InputEvent[])[] = [
  [{ kind: 'disk-fault', drive: 'hda', isWrite: false, from: 8, to: 12 }],
  [{ kind: 'disk-fault', drive: 'hda', isWrite: true, from: 9, to: 10 }],
  [{ kind: 'stall', drive: 'hda', ticks: 5000 }],
  [{ kind: 'power-cut', drive: 'hda', seed: 1 }],
  [{ kind: 'power-cut', drive: 'hda', seed: 1 }, { kind: 'reset' }],
  [{ kind: 'flip-bit', address: 0x10_0048, bit: 2 }],
  [{ kind: 'irq-line', line: 5, level: true }],
  [{ kind: 'hold-interrupts', ticks: 10_000 }],
  [{ kind: 'time-stamp', ticks: 123_456 }],
  [{ kind: 'nmi' }],
  [{ kind: 'reset' }],
  [{ kind: 'epoch', seconds: 1_000_000 }],
];
/** What this guest cannot notice: it takes no interrupts and reads no clock. */
const UNNOTICED: readonly string[] = ['irq-line', 'hold-interrupts', 'epoch'];

test('each fault is in the log and replays on every engine, with devices and without', async () => {
  const plain = await record(settings);
  for (const events of FAULTS) {
    const name = events.map(({ kind }) => kind).join(', ');
    let changed = null;
    for (const part of [0.3, 0.6, 0.05, 0.9]) {
      const inputs = events.map((event) => ({ tick: Math.floor(plain.tick * part), event }));
      const recorded = await record({ ...settings, inputs });
      const isOther = recorded.tick !== plain.tick || recorded.hash !== plain.hash;
      if (!isOther && !UNNOTICED.includes(name)) continue;
      changed = { log: openLog(recorded.log), inputs };
      break;
    }
    assert.ok(changed !== null, `${name} changes nothing`);
    assert.deepEqual(inputsOf(changed.log), changed.inputs, name);
    for (const engine of engineNames()) {
      for (const devices of ['model', 'log'] as const) {
        const again = await replay(changed.log, { images, engine, devices });
        assert.equal(again.divergence, null, `${name}: ${engine}, devices ${devices}`);
      }
    }
  }
});
