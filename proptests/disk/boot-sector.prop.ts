/**
 * A disk boots: a boot sector of ours through SeaBIOS. What it prints is what QEMU shows for the same image; the run is
 * replayed with devices and without, verified on several engines, sought in; the image stays as it is, and what the
 * guest wrote is in the machine.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import type { FloppyController } from '../../src/core/devices/disk/floppy.ts';
import type { Ide } from '../../src/core/devices/disk/ide.ts';
import { openLog } from '../../src/core/log/log.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { describeDivergence, openRun, record, replay, verify } from '../../src/library.ts';
import { go, hashOf, makeEngine, plainHashes, timelineOf } from '../timeline/fixture.ts';

const SEABIOS = '/usr/share/seabios/bios-256k.bin';
const skip = existsSync(SEABIOS) ? false : `needs ${SEABIOS} (Debian: apt-get install seabios)`;

const SOURCE = fileURLToPath(new URL('../../../guests/bootsector.asm', import.meta.url));

/** Two cylinders of sixteen heads and sixty-three sectors. */
function bootDisk(): Uint8Array {
  const disk = new Uint8Array(2 * 16 * 63 * 512);
  disk.set(assembleSource(readFileSync(SOURCE, 'utf8')).bytes);
  disk.set([0x55, 0xaa], 510);
  disk.set(new TextEncoder().encode('sector two '), 512);
  return disk;
}

const run = async () => {
  const bios = new Uint8Array(readFileSync(SEABIOS));
  const hda = bootDisk();
  const recording = await record({
    images: { bios, drives: { hda } },
    memoryMegabytes: 32,
    hashEveryTicks: 500_000,
    maxTicks: 400_000_000,
  });
  return { bios, hda, recording, log: openLog(recording.log) };
};
const shared = skip === false ? run() : null;

test('a boot sector reads, writes and compares through INT 13h, and says what machine it found', { skip }, async () => {
  const { recording, hda } = await (shared as ReturnType<typeof run>);
  assert.equal(recording.reason, 'debug-exit');
  assert.equal(recording.debugExit, 1);
  const text = new TextDecoder().decode(recording.serial);
  // Memory below 640 KB, above 1 MB, hours and minutes, cylinders and sectors, heads.
  assert.match(text, /boot 027f 7b[0-9a-f]{2} [0-9a-f]{4} 003f 0f00 sector two all wel/);
  assert.deepEqual(hda, bootDisk());
});

test('it is replayed with devices and without, and verified', { skip }, async () => {
  const { recording, hda, bios, log } = await (shared as ReturnType<typeof run>);
  const images = { bios, drives: { hda } };
  for (const devices of ['model', 'log'] as const) {
    const again = await replay(log, { images, devices });
    assert.equal(again.divergence, null, again.divergence === null ? '' : describeDivergence(again.divergence));
    assert.deepEqual(again.serial, recording.serial);
  }
  assert.equal((await verify(log, { images, engines: ['step', 'interp', 'js', 'tiered'] })).difference, null);
});

test('it goes on from snapshots that were taken while the firmware worked', { skip }, async () => {
  const { recording, hda, bios, log } = await (shared as ReturnType<typeof run>);
  const images = { bios, drives: { hda } };
  const walk = await openRun(log, { images });
  // Before and after the shadow is write-protected, and at the boot sector.
  for (const part of ['0.1%', '3%', '40%', '99%']) {
    await walk.seek(part);
    const from = { ...images, snapshot: await walk.snapshot() };
    const on = await record({ images: from, maxTicks: recording.tick });
    assert.deepEqual([on.tick, on.hash, on.debugExit], [recording.tick, recording.hash, 1], part);
    const again = await replay(on.log, { images: from, devices: 'log' });
    assert.equal(again.divergence === null ? '' : describeDivergence(again.divergence), '', part);
  }
});

test('what the guest wrote is in the overlay, and comes and goes with a seek', { skip }, async () => {
  const { hda, bios, log } = await (shared as ReturnType<typeof run>);
  const images = new Map([
    ['bios', bios],
    ['hda', hda],
  ]);
  const session = createReplay({ log, images, makeEngine, output: SILENT_OUTPUT });
  session.advance(Number.MAX_SAFE_INTEGER);
  const ide = session.machine.board.devices.find(({ name }) => name === 'ide') as Ide;
  const written = [...(ide.disks.get('hda')?.contents.written() ?? [])];
  assert.deepEqual(
    written.map(({ page }) => page),
    [5],
  );
  assert.deepEqual(
    written[0].bytes.slice(0, 512),
    hda.slice(512, 1024).map((each) => ~each),
  );
  const recorded = { name: 'boot sector', log, images };
  const ticks = [log.lastTick - 200_000, log.lastTick - 1];
  const hashes = plainHashes(recorded, ticks);
  const timeline = timelineOf(recorded);
  for (const index of [1, 0, 1]) {
    go(timeline.seek({ tick: ticks[index], seq: 0 }));
    assert.equal(hashOf(timeline), hashes[index]);
  }
});

test('the same boots from a diskette, by track and with DMA, and is replayed', { skip }, async () => {
  const bios = new Uint8Array(readFileSync(SEABIOS));
  const fda = new Uint8Array(1_474_560);
  fda.set(bootDisk().subarray(0, 2048));
  const images = { bios, drives: { fda } };
  const settings = { images, memoryMegabytes: 32, hashEveryTicks: 1_000_000, bootOrder: 'a', maxTicks: 100_000_000 };
  const recording = await record(settings);
  assert.equal(recording.debugExit, 1);
  // Eighty tracks of eighteen sectors, two sides.
  assert.match(new TextDecoder().decode(recording.serial), /[0-9a-f]{4} 4f12 0100 sector two all wel/);
  const log = openLog(recording.log);
  for (const devices of ['model', 'log'] as const) {
    assert.equal((await replay(log, { images, devices })).divergence, null);
  }
  assert.equal((await verify(log, { images, engines: ['interp', 'js', 'tiered'] })).difference, null);
  const all = new Map([
    ['bios', bios],
    ['fda', fda],
  ]);
  const session = createReplay({ log, images: all, makeEngine, output: SILENT_OUTPUT });
  session.advance(Number.MAX_SAFE_INTEGER);
  const floppy = session.machine.board.devices.find(({ name }) => name === 'floppy') as FloppyController;
  const sector = new Uint8Array(512);
  floppy.disks.get('fda')?.read(((1 * 2 + 1) * 18 + 4) * 512, sector);
  assert.deepEqual(
    sector,
    fda.slice(512, 1024).map((each) => ~each),
  );
});

test('a log of another image is refused by its digest', { skip }, async () => {
  const { bios, hda, log } = await (shared as ReturnType<typeof run>);
  const other = hda.slice();
  other[700] ^= 1;
  await assert.rejects(replay(log, { images: { bios, drives: { hda: other } } }), /hda image "hda" .*SHA-256/);
});
