/**
 * What is kept of a run with disks. `--overlay` of a recording and of its replay, and `--writable`: what the guest has
 * written is there, and the image untouched or changed as asked. `--embed`: the log holds the pages that the guest has
 * read and nothing else, replays by itself on any engine and without devices, and says so where somebody wants what is
 * not there; a whole image that is at hand goes before the parts.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { sha256 } from '../../src/core/base/sha256.ts';
import { findImages } from '../../src/core/log/find-images.ts';
import { openLog } from '../../src/core/log/log.ts';
import { isImageInParts } from '../../src/core/log/log-images.ts';
import { LogError, replay } from '../../src/library.ts';
import { openDisk } from '../../src/host/node/disks.ts';
import { reprise } from '../cli/command.ts';
import { numberedDisk } from './ide-driver.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-embed-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Reads sectors 100 and 3000 by the data port, writes sector 200, and ends. */
const SOURCE = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esp, 0x200000
  mov ebx, 100
  mov al, 0x20
  call command
  mov edi, 0x300000
  mov ecx, 256
  mov dx, 0x1f0
  rep insw
  mov ebx, 3000
  mov al, 0x20
  call command
  mov ecx, 256
  mov dx, 0x1f0
  rep insw
  mov ebx, 200
  mov al, 0x30
  call command
  mov esi, 0x300000
  mov ecx, 256
  mov dx, 0x1f0
  rep outsw
busy:
  mov dx, 0x3f6
  in al, dx
  test al, 0x80
  jnz busy
  mov al, 3
  out 0xf4, al
command:
  push eax
  mov dx, 0x1f6
  mov al, 0xe0
  out dx, al
  mov dx, 0x1f2
  mov al, 1
  out dx, al
  mov eax, ebx
  inc edx
  out dx, al
  shr eax, 8
  inc edx
  out dx, al
  shr eax, 8
  inc edx
  out dx, al
  pop eax
  mov dx, 0x1f7
  out dx, al
waiting:
  mov dx, 0x3f6
  in al, dx
  and al, 0x88
  cmp al, 0x08
  jne waiting
  ret
`;

test('a log with the parts of a disk that were read replays by itself', async () => {
  const disk = numberedDisk(8000);
  writeFileSync(join(folder, 'kernel'), assemble(SOURCE).bytes);
  writeFileSync(join(folder, 'disk.img'), disk);
  const options = ['--kernel', 'kernel', '--hda', 'disk.img', '--memory', '8', '--embed', '--json'];
  const env = { XDG_STATE_HOME: join(folder, 'state') };
  const recorded = await reprise(['record', 'run.rlog', ...options], { cwd: folder, env });
  assert.equal(recorded.status, 7, recorded.stderr);
  const log = openLog(new Uint8Array(readFileSync(join(folder, 'run.rlog'))));
  assert.ok(log.file.length < 40_000, `${log.file.length} bytes`);
  assert.deepEqual([isImageInParts(log, 0), isImageInParts(log, 1)], [false, true]);
  for (const devices of ['model', 'log'] as const) {
    assert.equal((await replay(log, { devices })).divergence, null);
  }
  const inside = findImages(log, { sha256, candidates: () => [], tried: () => '' }).get('hda');
  assert.ok(inside !== undefined && !(inside instanceof Uint8Array));
  const sector = new Uint8Array(512);
  inside.read(100 * 512, sector);
  assert.deepEqual(sector, disk.slice(100 * 512, 101 * 512));
  assert.equal(inside.holds?.(0), false);
  assert.throws(
    () => inside.read(0, sector),
    (error) => error instanceof LogError && /in parts.*give the file/.test(error.message),
  );
  const outside = findImages(log, { sha256, candidates: () => [disk], tried: () => '' }).get('hda');
  assert.equal(outside, disk);
});

test('what the guest wrote is kept where it is asked for, and the image stays as it is', async () => {
  const disk = numberedDisk(8000);
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('kernel'), assemble(SOURCE).bytes);
  for (const name of ['base.img', 'own.img']) writeFileSync(at(name), disk);
  const env = { XDG_STATE_HOME: at('state') };
  const go = (...words: string[]) => reprise(words, { cwd: folder, env });
  const expected = disk.slice();
  expected.copyWithin(200 * 512, 100 * 512, 101 * 512);
  const machine = ['--kernel', 'kernel', '--memory', '8', '--serial', 'none'];
  const recorded = await go('record', 'kept.rlog', ...machine, '--hda', 'base.img', '--overlay', 'kept.qcow2');
  assert.equal(recorded.status, 7, recorded.stderr);
  assert.match(recorded.stderr, /kept\.qcow2 holds the 1 pages written to hda/);
  const overlay = new Uint8Array(disk.length);
  openDisk(at('kept.qcow2'), 'image', 'x', [folder]).read(0, overlay);
  assert.deepEqual(overlay, expected);
  assert.deepEqual(new Uint8Array(readFileSync(at('base.img'))), disk);
  const replayed = await go('replay', 'kept.rlog', '--overlay', 'again.qcow2', '--serial', 'none');
  assert.equal(replayed.status, 0, replayed.stderr);
  assert.deepEqual(readFileSync(at('again.qcow2')), readFileSync(at('kept.qcow2')));
  assert.match((await go('run', ...machine, '--hda', 'kept.qcow2')).stderr, /lies over another, .*--backing PATH/);
  assert.match(
    (await go('run', ...machine, '--hda', 'base.img', '--overlay', 'kept.qcow2')).stderr,
    /kept\.qcow2 cannot be created, it exists and nothing is overwritten/,
  );
  assert.match((await go('run', ...machine, '--hda', 'base.img', '--overlay', 'hdb=x')).stderr, /has no hdb/);
  const written = await go('run', ...machine, '--hda', 'own.img', '--writable', 'hda');
  assert.equal(written.status, 7, written.stderr);
  assert.deepEqual(new Uint8Array(readFileSync(at('own.img'))), expected);
});
