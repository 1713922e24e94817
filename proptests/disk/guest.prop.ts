/**
 * Disks as a guest's driver has them, on a machine that is handed a kernel: what goes through the data port and by bus
 * master is in the log as part of the image where it is that, also where a block is broken off, left for the other
 * drive, or read across the port. Replayed with devices and without, verified on several engines, sought in.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { describeDivergence, logEvents, record, replay, verify } from '../../src/library.ts';
import { go, hashOf, plainHashes, timelineOf } from '../timeline/fixture.ts';
import { hda, kernel, SOURCE } from './disk-guest.ts';

const settings = { images: { kernel, drives: { hda } }, memoryMegabytes: 8, hashEveryTicks: 20_000 };

test('blocks of the image are in the log by their place, and what is not of it by its bytes', async () => {
  const said: number[] = [];
  const recorded = await record({
    ...settings,
    onDebugConsole: (byte) => said.push(byte),
    checkpointEveryTicks: 30_000,
  });
  assert.equal(recorded.reason, 'debug-exit');
  const log = openLog(recorded.log);
  const events = [...logEvents(log)].map(({ event }) => event);
  const blocks = events.filter((event) => event.kind === 'port-block');
  assert.deepEqual(
    blocks.map((event) => event.kind === 'port-block' && [event.offset / 512, event.length].join(' ')),
    ['5 512', '0 0', '6 512', '0 0', '7 512', '8 512', '0 0'],
    'what is broken off is taken back; the page of sectors 8 to 15 has been written',
  );
  const reads = events.filter((event) => event.kind === 'port-read' && event.port === 0x1f0).length;
  assert.equal(reads, 3 + 156 + 255 + 3 + 3 * 256, 'what is not in the image as it is');
  assert.ok(events.some((event) => event.kind === 'dma-write' && 'image' in event.content));
  assert.ok(events.some((event) => event.kind === 'dma-write' && 'bytes' in event.content));
  for (const devices of ['model', 'log'] as const) {
    const heard: number[] = [];
    const again = await replay(log, { images: settings.images, devices, onDebugConsole: (byte) => heard.push(byte) });
    assert.equal(again.divergence, null, again.divergence === null ? '' : describeDivergence(again.divergence));
    if (devices === 'model') assert.deepEqual(heard, said);
  }
  assert.equal(
    (await verify(log, { images: settings.images, engines: ['step', 'interp', 'js', 'tiered'] })).difference,
    null,
  );
  const run = {
    name: 'disk guest',
    log,
    images: new Map([
      ['kernel', kernel],
      ['hda', hda],
    ]),
  };
  const ticks = [0.2, 0.5, 0.8, 0.3].map((part) => Math.floor(log.lastTick * part));
  const inOrder = [...ticks].sort((a, b) => a - b);
  const hashes = plainHashes(run, inOrder);
  for (const devices of ['model', 'log'] as const) {
    const timeline = timelineOf(run, { devices });
    for (const tick of ticks) {
      go(timeline.seek({ tick, seq: 0 }));
      if (devices === 'model') assert.equal(hashOf(timeline), hashes[inOrder.indexOf(tick)]);
    }
    go(timeline.seek({ tick: log.lastTick - 1, seq: 0 }));
  }
});

test('a reset in the middle of a block takes it back, with devices and without', async () => {
  const common = SOURCE.slice(SOURCE.indexOf('command:\n'));
  const source = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esp, 0x200000
  mov ecx, 3
  call words
  mov ebx, 20
  mov cl, 1
  call command
  mov ecx, 7
  call words
  inc dword [0x500000]
  cmp dword [0x500000], 2
  je done
  mov dx, 0xcf9
  mov al, 6
  out dx, al
  hlt
done:
  mov ecx, 249
  call words
  mov al, 1
  out 0xf4, al
${common}`;
  const images = { kernel: assemble(source).bytes, drives: { hda } };
  const recorded = await record({ images, memoryMegabytes: 8, hashEveryTicks: 20_000, maxTicks: 10_000_000 });
  assert.equal(recorded.reason, 'debug-exit');
  const log = openLog(recorded.log);
  const blocks = [...logEvents(log)].flatMap(({ event }) => (event.kind === 'port-block' ? [event.length] : []));
  assert.deepEqual(blocks, [512, 0, 512]);
  for (const devices of ['model', 'log'] as const) {
    const again = await replay(log, { images, devices });
    assert.equal(again.divergence, null, again.divergence === null ? '' : describeDivergence(again.divergence));
  }
});

test('a script that speaks of a drive that is not there, or names no medium that was given, is refused', async () => {
  await assert.rejects(
    record({ ...settings, script: 'at 5 cdrom eject' }),
    /speaks of the drive cdrom, and the machine/,
  );
  await assert.rejects(record({ ...settings, script: 'at 5 cdrom insert a.iso' }), /puts a\.iso into a drive: give it/);
  const failing = await record({ ...settings, script: 'at 5 hda error read 6', maxTicks: 3_000_000 });
  assert.equal(failing.reason, 'max-ticks', 'the driver waits for a sector that does not come');
});

test('profiles without values agree too', async () => {
  for (const profile of ['checked', 'inputs'] as const) {
    const { log, hash } = await record({ ...settings, profile });
    const again = await replay(log, { images: settings.images });
    assert.equal(again.divergence, null);
    assert.equal(again.hash, hash);
  }
});
