/**
 * A recording opens by itself: its images are found where this user's recordings had them, beside the log, in the
 * folder LOG.images or where the user says, always by their SHA-256 and never at a path that stands in the log; what
 * is missing is named with the places that were looked at. The index survives damage, crowds and an unwritable home.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256 } from '../../src/core/base/sha256.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { notePlace, placesOf } from '../../src/host/node/image-index.ts';
import { openLog } from '../../src/library.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../src/core/log/frames.ts';
import { encodeHeader } from '../../src/core/log/manifest.ts';
import { inFolder, reprise } from './command.ts';

const echo = buildGuest('echo');

/** Folders `guest` with the kernel, `logs` with a recording of it, `elsewhere`; and a state folder of its own. */
async function withRecording(
  work: (folder: string, run: (line: string, cwd?: string) => ReturnType<typeof reprise>) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    for (const name of ['guest', 'logs', 'elsewhere']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'guest/echo.bin'), echo);
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const run = (line: string, cwd = folder) => reprise(line.split(' '), { cwd, env, input: 'quit\n' });
    const recorded = await run('record logs/a.rlog --kernel guest/echo.bin --memory 4');
    assert.equal(recorded.status, 33, recorded.stderr);
    await work(folder, run);
  });
}

test('record, then replay, verify, debug, trace and bench from another directory without naming an image', async () => {
  await withRecording(async (folder, run) => {
    const elsewhere = join(folder, 'elsewhere');
    for (const line of [
      'replay ../logs/a.rlog',
      'verify ../logs/a.rlog --engines interp,step',
      'debug ../logs/a.rlog --exec registers',
      'trace ../logs/a.rlog out.json --functions --to 5000',
      'bench ../logs/a.rlog --engines interp --rounds 1 --no-sampling',
    ]) {
      const { status, stderr } = await run(line, elsewhere);
      assert.equal(status, 0, `${line}: ${stderr}`);
    }
    renameSync(join(folder, 'guest/echo.bin'), join(folder, 'guest/moved.bin'));
    const gone = await run('replay ../logs/a.rlog', elsewhere);
    assert.equal(gone.status, 2);
    const wanted = `the kernel image "echo.bin" (${echo.length} bytes, SHA-256 ${sha256(echo)})`;
    assert.ok(gone.stderr.includes(wanted), gone.stderr);
    assert.match(gone.stderr, /guest\/echo\.bin, where it was, cannot be used \(there is no such file\)/);
    assert.match(gone.stderr, /logs and a\.rlog\.images in it do not have it: name the file .* --image PATH\.\n$/);
    assert.equal(gone.stderr.trimEnd().split('\n').length, 1);
    // A second place that is gone as well is named in the same breath.
    writeFileSync(join(folder, 'guest/again.bin'), echo);
    await run('record logs/b.rlog --kernel guest/again.bin --memory 4');
    renameSync(join(folder, 'guest/again.bin'), join(folder, 'guest/moved.bin'));
    const both = await run('replay ../logs/a.rlog', elsewhere);
    assert.match(both.stderr, /guest\/\w+\.bin and \S+guest\/\w+\.bin, where it was, cannot be used \(there is no/);
    assert.equal(both.stderr.match(/where it was/g)?.length, 1, both.stderr);
    // Named once, it is known from then on.
    assert.equal((await run('replay ../logs/a.rlog --image ../guest', elsewhere)).status, 0);
    assert.equal((await run('replay ../logs/a.rlog', elsewhere)).status, 0);
  });
});

test('the image lies beside the log under any name, or in its own folder', async () => {
  await withRecording(async (folder, run) => {
    renameSync(join(folder, 'guest/echo.bin'), join(folder, 'logs/some name'));
    assert.equal((await run('replay logs/a.rlog')).status, 0);
    mkdirSync(join(folder, 'logs/a.rlog.images'));
    renameSync(join(folder, 'logs/some name'), join(folder, 'logs/a.rlog.images/k'));
    assert.equal((await run('replay logs/a.rlog')).status, 0);
  });
});

test('a file that looks as the image did, size and date and all, is not taken for it', async () => {
  await withRecording(async (folder, run) => {
    const path = join(folder, 'guest/echo.bin');
    const { atime, mtime } = statSync(path);
    const other = echo.slice();
    other[other.length - 3] ^= 0x20;
    writeFileSync(path, other);
    utimesSync(path, atime, mtime);
    writeFileSync(join(folder, 'logs/echo.bin'), other);
    const { status, stderr } = await run('replay logs/a.rlog');
    assert.equal(status, 2, stderr);
    assert.match(stderr, /guest\/echo\.bin, where it was, holds something else now/);
    // A file of the right bytes counts although its date is another.
    writeFileSync(path, echo);
    assert.equal((await run('replay logs/a.rlog')).status, 0);
  });
});

test('a given file that is none of its images is named, and the right one used', async () => {
  await withRecording(async (folder, run) => {
    const other = echo.slice();
    other[other.length - 3] ^= 0x20;
    writeFileSync(join(folder, 'other.bin'), other);
    const { status, stderr } = await run('replay logs/a.rlog --kernel other.bin');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^replay: --kernel other\.bin is no image of this log/);
  });
});

test('no path that stands in a log is opened', async () => {
  await withRecording(async (folder, run) => {
    const bytes = readFileSync(join(folder, 'logs/a.rlog'));
    const log = openLog(bytes);
    const path = join(folder, 'guest/echo.bin');
    for (const name of [path, '../guest/echo.bin']) {
      const { machine } = log.header;
      const images = machine.images.map((record) => ({ ...record, name }));
      const header = encodeHeader({ ...log.header, machine: { ...machine, images } });
      const forged = [
        encodeFrame(FRAME_KIND.header, 0, 0, 0, header),
        bytes.subarray(FRAME_HEADER_BYTES + log.frames[0].payloadBytes),
      ];
      writeFileSync(join(folder, 'logs/forged.rlog'), Buffer.concat(forged));
      const env = { XDG_STATE_HOME: join(folder, 'nothing') };
      const { status, stderr } = await reprise(['replay', 'logs/forged.rlog'], { cwd: folder, env });
      assert.equal(status, 2, stderr);
      assert.ok(stderr.includes(JSON.stringify(name)), stderr);
    }
    assert.equal((await run('replay logs/forged.rlog')).status, 0, 'the index may know it by its digest');
  });
});

test('a damaged index is passed over with a word, and mended by the next recording', async () => {
  await withRecording(async (folder, run) => {
    const entry = join(folder, 'state/reprise/images', `${sha256(echo)}.json`);
    for (const damage of [
      '',
      'no json',
      '{"places":3}',
      '{"places":[{"path":7}]}',
      'x'.repeat(1 << 17),
      '[]',
      'null',
    ]) {
      writeFileSync(entry, damage);
      const { status, stderr } = await run('replay logs/a.rlog');
      assert.equal(status, 2);
      assert.match(stderr, /^replay: the index entry .* is damaged and passed over/);
    }
    await run('record logs/b.rlog --kernel guest/echo.bin --memory 4');
    assert.equal((await run('replay logs/a.rlog')).status, 0);
  });
});

test('recording goes on where nothing can be noted, and says so', async () => {
  await withRecording(async (folder) => {
    writeFileSync(join(folder, 'file'), '');
    const env = { XDG_STATE_HOME: join(folder, 'file') };
    const words = ['record', 'logs/c.rlog', '--kernel', 'guest/echo.bin', '--memory', '4'];
    const { status, stderr } = await reprise(words, { cwd: folder, env, input: 'quit\n' });
    assert.equal(status, 33);
    assert.match(stderr, /^record: where the images are cannot be noted in .*--image$/m);
  });
});

test('recordings at the same time lose no note', async () => {
  await inFolder(async (folder) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const kernels = [1, 2, 3, 4].map((value) => {
      const header =
        'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
      return assemble(`${header}start: mov al, ${value}\nout 0xf4, al\n`).bytes;
    });
    const statuses = await Promise.all(
      kernels.map(async (kernel, i) => {
        writeFileSync(join(folder, `k${i}`), kernel);
        return (await reprise(['record', `${i}.rlog`, '--kernel', `k${i}`], { cwd: folder, env })).status;
      }),
    );
    assert.deepEqual(statuses, [3, 5, 7, 9]);
    assert.deepEqual(
      readdirSync(join(folder, 'state/reprise/images')).sort(),
      kernels.map((kernel) => `${sha256(kernel)}.json`).sort(),
    );
  });
});

test('the index is bounded: the oldest are forgotten, and a hundred places of one image are few', async () => {
  await inFolder(async (folder) => {
    const before = process.env.XDG_STATE_HOME;
    process.env.XDG_STATE_HOME = join(folder, 'state');
    try {
      const images = join(folder, 'state/reprise/images');
      mkdirSync(images, { recursive: true });
      for (let i = 0; i < 1200; i++) {
        const path = join(images, `${String(i).padStart(64, '0')}.json`);
        writeFileSync(path, '{"places":[]}');
        utimesSync(path, 1000 + i, 1000 + i);
      }
      const digest = 'f'.repeat(64);
      for (let i = 0; i < 100; i++) {
        writeFileSync(join(folder, `file${i}`), 'x');
        assert.equal(notePlace(digest, join(folder, `file${i}`)), null);
      }
      const left = readdirSync(images).sort();
      assert.equal(left.length, 1000);
      assert.equal(left[0], `${'201'.padStart(64, '0')}.json`);
      assert.ok(left.includes(`${digest}.json`));
      const { places } = placesOf(digest);
      assert.deepEqual([places.length, places[0].path], [4, join(folder, 'file99')]);
    } finally {
      if (before === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = before;
    }
  });
});
