/**
 * Files of disk images: an overlay that is written reads back as the pages in it over the image below, for any pages;
 * what qemu-img makes and checks agrees, where it is installed; images that are damaged anywhere are refused in words
 * or read, and nothing outside of them is; a chain of images needs the user's word and does not go in circles.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { bytesSource } from '../../src/core/board/image.ts';
import { describeMachine } from '../../src/core/session/describe-machine.ts';
import { openDisk } from '../../src/host/node/disks.ts';
import { CommandError } from '../../src/host/node/errors.ts';
import { writeOverlay } from '../../src/host/node/overlay-file.ts';
import { Qcow2 } from '../../src/host/node/qcow2.ts';
import { numberedDisk } from './ide-driver.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-disks-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

const hasQemu = spawnSync('qemu-img', ['--version']).status === 0;
const noQemu = hasQemu ? false : 'needs qemu-img (Debian: apt-get install qemu-utils)';

const below = numberedDisk(4200, 300);
writeFileSync(at('below.img'), below);

function whole(source: { readonly sizeBytes: number; read(offset: number, target: Uint8Array): void }): Uint8Array {
  const bytes = new Uint8Array(source.sizeBytes);
  // In pieces that no cluster begins with.
  for (let from = 0; from < bytes.length; from += 70_001) source.read(from, bytes.subarray(from, from + 70_001));
  return bytes;
}

function qemu(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8', cwd: folder });
  assert.equal(status, 0, stderr);
  return stdout;
}

let number = 0;
function overlay(pages: readonly number[], sizeBytes = below.length): { path: string; expected: Uint8Array } {
  const path = at(`overlay${number++}.qcow2`);
  const expected = new Uint8Array(Math.ceil(sizeBytes / 512) * 512);
  expected.set(below.subarray(0, expected.length));
  const written = pages.map((page) => {
    const bytes = new Uint8Array(4096).fill(page + 1);
    expected.set(bytes.subarray(0, Math.max(0, expected.length - page * 4096)), page * 4096);
    return { page, bytes };
  });
  const backing = { name: at('below.img'), format: 'raw' as const };
  writeOverlay({ path, backing, sizeBytes: expected.length, pages: written });
  return { path, expected };
}

test('an overlay reads back as its pages over the image below, and is never written over another file', () => {
  const lastPage = Math.floor(below.length / 4096);
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: lastPage }), { maxLength: 40 }), (pages) => {
      const { path, expected } = overlay(pages);
      assert.deepEqual(whole(openDisk(path, 'image', 'x', [folder])), expected);
    }),
    { seed: 3, numRuns: 15 },
  );
  const { path } = overlay([1]);
  assert.throws(
    () => writeOverlay({ path, backing: { name: 'x', format: 'raw' }, sizeBytes: 512, pages: [] }),
    /exists and nothing is overwritten/,
  );
});

test('a file that is read in a row, or at random, or beyond its end, gives what it holds', () => {
  const raw = new Uint8Array(below);
  const step = fc.record({
    isOn: fc.boolean(),
    at: fc.nat(raw.length + 9000),
    count: fc.constantFrom(512, 4096, 70_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const disk = openDisk(at('below.img'), 'image', 'x');
      let end = 0;
      for (const { isOn, at: place, count } of steps) {
        const from = isOn ? end : place;
        const got = new Uint8Array(count).fill(0xa5);
        disk.read(from, got);
        const expected = new Uint8Array(count);
        expected.set(raw.subarray(from, from + count));
        assert.deepEqual(got, expected);
        end = from + count;
      }
    }),
    { seed: 4, numRuns: 30 },
  );
});

test('qemu-img finds nothing wrong with an overlay and sees the same disk', { skip: noQemu }, () => {
  const { path, expected } = overlay([0, 3, 511, 512, 524]);
  qemu('check', path);
  qemu('convert', '-O', 'raw', path, 'converted.img');
  assert.deepEqual(new Uint8Array(readFileSync(at('converted.img'))), expected);
});

test('what qemu-img makes is read: both versions, large and small clusters, compressed, zeros, chains', {
  skip: noQemu,
}, () => {
  const mixed = numberedDisk(9000);
  mixed.fill(0, 1_000_000, 2_500_000);
  writeFileSync(at('mixed.img'), mixed);
  for (const [name, options] of [
    ['v2.qcow2', ['-o', 'compat=0.10']],
    ['v3.qcow2', []],
    ['small.qcow2', ['-o', 'cluster_size=512']],
    ['large.qcow2', ['-o', 'cluster_size=2M']],
    ['packed.qcow2', ['-c']],
    ['packed4k.qcow2', ['-c', '-o', 'cluster_size=4096']],
    ['zstd.qcow2', ['-c', '-o', 'compression_type=zstd']],
    ['zstd4k.qcow2', ['-c', '-o', 'compression_type=zstd,cluster_size=4096']],
    ['zstd2m.qcow2', ['-c', '-o', 'compression_type=zstd,cluster_size=2M']],
  ] as const) {
    qemu('convert', '-O', 'qcow2', ...options, 'mixed.img', name);
    assert.deepEqual(whole(openDisk(at(name), 'image', 'x')), mixed, name);
  }
  for (const name of ['packed.qcow2', 'zstd.qcow2']) {
    const sound = new Uint8Array(readFileSync(at(name)));
    for (let round = 0; round < 200; round++) {
      const bytes = sound.slice();
      // Beyond the tables, among the clusters.
      bytes[0x50000 + ((round * 7919) % (bytes.length - 0x50000))] ^= 1 << (round & 7);
      try {
        new Qcow2(bytesSource(bytes), 'it').read(0, new Uint8Array(mixed.length));
      } catch (error) {
        assert.ok(
          error instanceof CommandError && /compressed cluster at \d+ cannot be/.test(error.message),
          `${error}`,
        );
      }
    }
  }
  qemu('create', '-f', 'qcow2', '-b', 'packed.qcow2', '-F', 'qcow2', 'top.qcow2');
  assert.throws(() => openDisk(at('top.qcow2'), 'image', 'x'), /lies over another, "packed.qcow2".*--backing/);
  assert.deepEqual(whole(openDisk(at('top.qcow2'), 'image', 'x', [folder])), mixed);
  assert.equal(
    openDisk(at('top.qcow2'), 'image', 'x', [folder]).sha256,
    openDisk(at('mixed.img'), 'image', 'x').sha256,
  );
  qemu('create', '-f', 'qcow2', 'circle.qcow2', '1M');
  qemu('rebase', '-u', '-b', 'circle.qcow2', '-F', 'qcow2', 'circle.qcow2');
  assert.throws(() => openDisk(at('circle.qcow2'), 'image', 'x', [folder]), /in a circle/);
});

test('an image that is damaged anywhere is refused in words, or read', () => {
  const { path } = overlay([0, 5, 300, 513]);
  const sound = new Uint8Array(readFileSync(path));
  const wild = fc.record({
    at: fc.oneof(fc.nat(135), fc.nat(sound.length - 1)),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x40, 0x80, 0xff)),
  });
  let refused = 0;
  fc.assert(
    fc.property(fc.array(wild, { minLength: 1, maxLength: 4 }), fc.option(fc.nat(sound.length)), (changes, cut) => {
      const bytes = sound.slice(0, cut ?? sound.length);
      for (const change of changes) if (change.at < bytes.length) bytes[change.at] = change.value;
      try {
        const image = new Qcow2(bytesSource(bytes), 'it');
        const part = new Uint8Array(5000);
        for (const offset of [0, 4000, 20_000, image.sizeBytes - 4000]) if (offset >= 0) image.read(offset, part);
      } catch (error) {
        assert.ok(
          error instanceof CommandError && /The qcow2 image it .*: (mend|convert) it/.test(error.message),
          String(error),
        );
        refused++;
      }
    }),
    { seed: 8, numRuns: 400 },
  );
  assert.ok(refused > 50);
});

test('headers that lie are refused by what they say, and a name below is looked for by its last part alone', () => {
  const { path } = overlay([0, 300]);
  const sound = new Uint8Array(readFileSync(path));
  const changed = (offset: number, ...bytes: number[]): Qcow2 => {
    const copy = sound.slice();
    copy.set(bytes, offset);
    return new Qcow2(bytesSource(copy), 'it');
  };
  for (const [offset, bytes, words] of [
    [4, [0, 0, 0, 4], /of version 4/],
    [20, [0, 0, 0, 40], /clusters of 2\^40 bytes/],
    [24, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], /size/],
    [24, [0, 0, 0x10, 0, 0, 0, 0, 0], /too short for its size/],
    [32, [0, 0, 0, 1], /encrypted/],
    [36, [0x7f, 0, 0, 0], /first table has/],
    [40, [0, 0, 0x7f, 0, 0, 0, 0, 0], /first table/],
  ] as const) {
    assert.throws(() => changed(offset, ...bytes), words, `${offset}`);
  }
  assert.throws(() => new Qcow2(bytesSource(sound.subarray(0, 60)), 'it'), /header/);
  // Tables that lead to themselves: what stands there is read as data of the file, and nothing else is.
  const own = new Uint8Array(8);
  own.set(sound.subarray(40, 48));
  const circle = changed(Number(new DataView(own.buffer).getBigUint64(0)), 0x80, ...own.subarray(1));
  try {
    circle.read(0, new Uint8Array(4096));
  } catch (error) {
    assert.ok(error instanceof CommandError, String(error));
  }
  const outside = at('outside.qcow2');
  writeOverlay({ path: outside, backing: { name: '../../etc/passwd', format: 'raw' }, sizeBytes: 512, pages: [] });
  assert.throws(() => openDisk(outside, 'image', 'x'), /lies over another, "..\/..\/etc\/passwd"/);
  assert.throws(() => openDisk(outside, 'image', 'x', [folder]), /--backing PATH/);
});

test('a disk that no machine has is refused before it is read', () => {
  const { path } = overlay([0]);
  const sound = new Uint8Array(readFileSync(path));
  // With clusters of 2 MiB a few entries of the first table are enough for a size of 1 TiB.
  const claimed = sound.slice();
  const header = new DataView(claimed.buffer);
  header.setUint32(20, 21);
  header.setBigUint64(24, 2n ** 40n);
  header.setUint32(36, 2);
  writeFileSync(at('claims.qcow2'), claimed);
  assert.equal(openDisk(at('claims.qcow2'), 'hda image', 'x', [folder]).sizeBytes, 2 ** 40);
  const never = (): never => {
    throw new Error('it was read');
  };
  const large = (sizeBytes: number) => ({
    sizeBytes,
    read: never,
    get sha256() {
      return never();
    },
  });
  const machine = (role: string, sizeBytes: number) =>
    describeMachine(
      {
        bios: { name: 'bios', data: new Uint8Array(0x10000).fill(1).fill(2, 0xfff0, 0xfff8) },
        drives: { [role]: { name: 'it', data: large(sizeBytes) } },
      },
      {},
      () => '',
    );
  assert.throws(
    () => machine('hda', 2 ** 41 + 512),
    /hda image it has 2199023256064 bytes, and a disk has 2199023255552/,
  );
  assert.throws(() => machine('cdrom', 2 ** 50), /cdrom image it has .* at most \(2 TiB\): give another/);
  assert.throws(() => machine('fda', 3_000_000), /fda image it has 3000000 bytes, and a diskette has 2949120 at most/);
  assert.throws(() => machine('hdb', 0), /hdb image it is empty: give another/);
  assert.throws(() => machine('hda', 2 ** 41), /it was read/);
});

test('what cannot be opened as a disk is said in words', () => {
  assert.throws(() => openDisk(folder, 'hda image', 'give one'), /The hda image .* is a directory: give one/);
  assert.throws(() => openDisk(at('none'), 'hda image', 'give one'), /there is no such file: give one/);
});

test('an image that somebody else writes to while it is open says so, also below another', () => {
  writeFileSync(at('shared.img'), numberedDisk(64));
  const top = at('over-shared.qcow2');
  writeOverlay({ path: top, backing: { name: 'shared.img', format: 'raw' }, sizeBytes: 64 * 512, pages: [] });
  const images = [openDisk(at('shared.img'), 'image', 'x'), openDisk(top, 'image', 'x', [folder])];
  assert.deepEqual(
    images.map(({ hasChanged }) => hasChanged),
    [false, false],
  );
  appendFileSync(at('shared.img'), 'x');
  assert.deepEqual(
    images.map(({ hasChanged }) => hasChanged),
    [true, true],
  );
});
