/**
 * A diskette with a FAT12 file system of ours boots through SeaBIOS, in real mode: guests/floppy.asm reads a file by
 * its clusters and writes a copy, waiting for a key in between. What it left is read here by the file system's rules
 * and by mtools. proptests/boot/systems.mjs holds its screen against QEMU's.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import type { FloppyController } from '../../src/core/devices/disk/floppy.ts';
import { openLog } from '../../src/core/log/log.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { describeDivergence, record, replay, verify } from '../../src/library.ts';
import { screenText } from '../../src/core/devices/display/screen.ts';
import { vgaOf } from '../../src/core/devices/display/vga.ts';
import { makeEngine } from '../timeline/fixture.ts';
import { DISKETTE_BYTES, fatDiskette, fileOf } from './fat-disk.ts';

const FOLDER = '/usr/share/seabios';
const hasFirmware = existsSync(`${FOLDER}/bios-256k.bin`) && existsSync(`${FOLDER}/vgabios-stdvga.bin`);
const skip = hasFirmware ? false : 'needs SeaBIOS (Debian: seabios)';
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

/** Three clusters and a bit. */
const TEXT = new TextEncoder().encode(
  ['first line', ...Array.from({ length: 60 }, (_, i) => `line ${i}: the quick fox is lazy`), ''].join('\n'),
);
const files = { 'OTHER.TXT': new TextEncoder().encode('not this one\n'), 'README.TXT': TEXT };
const CAPITALS = new TextDecoder().decode(TEXT).toUpperCase();

const run = async () => {
  const bios = new Uint8Array(readFileSync(`${FOLDER}/bios-256k.bin`));
  const vgaBios = new Uint8Array(readFileSync(`${FOLDER}/vgabios-stdvga.bin`));
  const fda = fatDiskette(files);
  const images = { bios, vgaBios, drives: { fda } };
  const recording = await record({
    images,
    memoryMegabytes: 32,
    hashEveryTicks: 5_000_000,
    bootOrder: 'a',
    epochSeconds: 1_767_225_600,
    script: 'when screen "press a key:" type "y"',
    maxTicks: 900_000_000,
  });
  const log = openLog(recording.log);
  const all = new Map([
    ['bios', bios],
    ['vgabios', vgaBios],
    ['fda', fda],
  ]);
  const session = createReplay({ log, images: all, makeEngine, output: SILENT_OUTPUT });
  session.advance(Number.MAX_SAFE_INTEGER);
  const { board } = session.machine;
  const floppy = board.devices.find(({ name }) => name === 'floppy') as FloppyController;
  const left = new Uint8Array(DISKETTE_BYTES);
  floppy.disks.get('fda')?.read(0, left);
  const vga = vgaOf(board);
  const screen = vga === null ? null : screenText(vga.picture());
  return { images, fda, recording, log, left, screen };
};
const shared = skip === false ? run() : null;
const done = () => shared as ReturnType<typeof run>;

test('it reads its file by clusters and writes a copy through INT 13h', { skip }, async () => {
  const { recording, left, screen, fda } = await done();
  assert.equal(recording.debugExit, 1, screen?.join('\n'));
  assert.equal(new TextDecoder().decode(fileOf(left, 'COPY.TXT') ?? undefined), CAPITALS);
  assert.deepEqual(fileOf(left, 'README.TXT'), TEXT);
  assert.deepEqual(fileOf(left, 'OTHER.TXT'), files['OTHER.TXT']);
  assert.deepEqual(fda, fatDiskette(files));
  const shown = screen?.join('\n') ?? '';
  // The first range of the memory map ends at 9FC00h, midnight; the size of the file, its first line; the key.
  assert.match(shown, /diskette 0009 fc00 0000/);
  assert.ok(shown.includes(`${TEXT.length.toString(16).padStart(4, '0')} first line\npress a key: y\nall well`), shown);
});

test('it is replayed with devices and without, and verified', { skip }, async () => {
  const { images, log } = await done();
  for (const devices of ['model', 'log'] as const) {
    const { divergence } = await replay(log, { images, devices });
    assert.equal(divergence, null, divergence === null ? '' : describeDivergence(divergence));
  }
  assert.equal((await verify(log, { images, engines: ['interp', 'tiered'] })).difference, null);
});

const noMtools = has('mtype') ? false : 'needs mtools (Debian: mtools)';
test('mtools finds the copy and nothing wrong', { skip: skip === false ? noMtools : skip }, async () => {
  const { left } = await done();
  const folder = mkdtempSync(join(tmpdir(), 'reprise-fat-'));
  try {
    const image = join(folder, 'left.img');
    writeFileSync(image, left);
    const tool = (program: string, ...words: string[]): string => {
      const { status, stdout, stderr } = spawnSync(program, ['-i', image, ...words], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout;
    };
    assert.equal(tool('mtype', '::COPY.TXT'), CAPITALS);
    assert.match(tool('mdir', '::'), /README {3}TXT[\s\S]*COPY {5}TXT[\s\S]*3 files/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
