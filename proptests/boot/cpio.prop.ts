/**
 * The initramfs: an archive reads back as what was put in (by a reader of our own), and
 * the compressed bytes depend on nothing but the contents.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import {
  characterDevice,
  directory,
  regularFile,
  symbolicLink,
  writeCpio,
  type CpioEntry,
} from '../../src/host/node/guests/cpio.ts';
import { buildInitramfs, busyboxApplets } from '../../src/host/node/guests/initramfs.ts';

function readCpio(archive: Uint8Array): { path: string; mode: number; data: Uint8Array; rdev: number[] }[] {
  const entries = [];
  for (let at = 0; ; ) {
    assert.equal(at % 4, 0);
    const header = Buffer.from(archive.subarray(at, at + 110)).toString('latin1');
    assert.match(header, /^070701[0-9A-F]{104}$/);
    const field = (index: number): number => Number.parseInt(header.slice(6 + index * 8, 14 + index * 8), 16);
    const nameSize = field(11);
    const path = Buffer.from(archive.subarray(at + 110, at + 110 + nameSize - 1)).toString('utf8');
    assert.equal(archive[at + 110 + nameSize - 1], 0);
    assert.equal(field(5), 0, 'no time stamps');
    const dataAt = Math.ceil((at + 110 + nameSize) / 4) * 4;
    if (path === 'TRAILER!!!') return entries;
    entries.push({ path, mode: field(1), data: archive.slice(dataAt, dataAt + field(6)), rdev: [field(9), field(10)] });
    at = Math.ceil((dataAt + field(6)) / 4) * 4;
  }
}

const path = fc.stringMatching(/^[a-zé]{1,9}(\/[a-z]{1,9}){0,2}$/);
const entry: fc.Arbitrary<CpioEntry> = fc.oneof(
  path.map((p) => directory(p)),
  fc
    .tuple(path, fc.uint8Array({ maxLength: 300 }), fc.boolean())
    .map(([p, d, x]) => regularFile(p, d, x ? 0o755 : 0o644)),
  fc.tuple(path, path).map(([p, target]) => symbolicLink(p, target)),
  fc.tuple(path, fc.nat(255), fc.nat(255)).map(([p, major, minor]) => characterDevice(p, major, minor)),
);

test('an archive reads back as it was written', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
      const archive = writeCpio(entries);
      assert.equal(archive.length % 512, 0);
      const read = readCpio(archive);
      assert.deepEqual(
        read,
        entries.map((each) => ({
          path: each.path,
          mode: each.mode,
          data: each.data ?? new Uint8Array(0),
          rdev: [each.major ?? 0, each.minor ?? 0],
        })),
      );
    }),
    { seed: 7, numRuns: 200 },
  );
});

/** A stand-in for the program: only its table of applet names is looked at. */
const BUSYBOX = Buffer.from('\x7fELF....\0\0[\0[[\0ash\0busybox\0cat\0sh\0\0and so on', 'latin1');

test('applets are read from the program itself', () => {
  assert.deepEqual(busyboxApplets(BUSYBOX), ['[', '[[', 'ash', 'busybox', 'cat', 'sh']);
  assert.deepEqual(busyboxApplets(Buffer.from('nothing of the kind')), []);
});

test('the initramfs has init, busybox, its links and added files, and the same bytes every time', () => {
  const added = [{ path: '/opt/test/run', data: Uint8Array.of(1, 2, 3), executable: true }];
  const packed = buildInitramfs(BUSYBOX, added);
  assert.deepEqual(packed, buildInitramfs(BUSYBOX, added));
  assert.deepEqual([...packed.subarray(4, 8)], [0, 0, 0, 0], 'no time in the gzip header');
  const entries = new Map(readCpio(gunzipSync(packed)).map((each) => [each.path, each]));
  assert.equal(entries.get('init')?.mode, 0o100755);
  assert.equal(entries.get('bin/sh')?.mode, 0o120777);
  assert.equal(entries.get('opt/test/run')?.mode, 0o100755);
  assert.deepEqual([...(entries.get('opt/test/run')?.data ?? [])], [...added[0].data]);
  assert.ok(entries.has('opt') && entries.has('opt/test'));
  assert.deepEqual(entries.get('dev/console')?.rdev, [5, 1]);
  for (const bad of ['/', '/init', 'a/../b']) {
    assert.throws(() => buildInitramfs(BUSYBOX, [{ ...added[0], path: bad }]), /give another path/);
  }
});
