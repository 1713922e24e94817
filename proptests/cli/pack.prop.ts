/**
 * `reprise pack`: one file out of a log and its images, whole or not at all, never in the place of another; and with
 * --sidecar a folder beside the log. `reprise info` says whether the images are inside.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { inFolder, reprise } from './command.ts';

const echo = buildGuest('echo');

async function withRecording(
  work: (folder: string, run: (line: string) => ReturnType<typeof reprise>) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    mkdirSync(join(folder, 'guest'));
    writeFileSync(join(folder, 'guest/echo.bin'), echo);
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const run = (line: string) => reprise(line.split(' '), { cwd: folder, env, input: 'quit\n' });
    const { status, stderr } = await run('record a.rlog --kernel guest/echo.bin --memory 4 --epoch 2026-01-31');
    assert.equal(status, 33, stderr);
    await work(folder, run);
  });
}

/** Nothing outside of the log is left that has the kernel. */
function forgetKernel(folder: string): void {
  rmSync(join(folder, 'guest'), { recursive: true });
  rmSync(join(folder, 'state'), { recursive: true });
}

test('a packed log replays by itself, and info says so', async () => {
  await withRecording(async (folder, run) => {
    assert.match((await run('info a.rlog')).stdout, /^images +not inside: reprise pack a\.rlog puts them in$/m);
    const { status, stderr } = await run('pack a.rlog');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^pack: a\.packed\.rlog, [\d ]+ bytes, holds a\.rlog and its images/);
    forgetKernel(folder);
    assert.equal((await run('replay a.rlog')).status, 2);
    assert.equal((await run('replay a.packed.rlog')).status, 0);
    assert.match((await run('info a.packed.rlog')).stdout, /^images +all inside: the log replays by itself$/m);
    assert.deepEqual(JSON.parse((await run('info a.packed.rlog --json')).stdout).embedded, [true]);
    const again = await run('pack a.packed.rlog');
    assert.deepEqual([again.status, existsSync(join(folder, 'a.packed.packed.rlog'))], [0, false]);
    assert.match(again.stderr, /holds its images already; nothing was written/);
  });
});

test('the output has the name that is asked for, and is never written over another file', async () => {
  await withRecording(async (folder, run) => {
    assert.equal((await run('pack a.rlog -o one.rlog')).status, 0);
    const before = readFileSync(join(folder, 'one.rlog'));
    const names = readdirSync(folder);
    for (const out of ['one.rlog', 'a.rlog', 'guest']) {
      const { status, stderr } = await run(`pack a.rlog --out ${out}`);
      assert.equal(status, 2);
      assert.match(stderr, new RegExp(`^reprise: ${out} exists, and nothing is overwritten: give another name`));
    }
    const nowhere = await run('pack a.rlog -o no/such/folder.rlog');
    assert.match(
      nowhere.stderr,
      /^reprise: The packed log no\/such\/folder[^\n]* cannot be created, there is no such folder/,
    );
    assert.deepEqual(readFileSync(join(folder, 'one.rlog')), before);
    assert.deepEqual(readdirSync(folder), names, 'nothing is left of what failed');
    renameSync(join(folder, 'guest/echo.bin'), join(folder, 'guest/gone'));
    const missing = await run('pack a.rlog -o two.rlog');
    assert.match(missing.stderr, /^reprise: The log needs the kernel image "echo\.bin"/);
    assert.equal((await run('pack a.rlog -o two.rlog --image guest')).status, 0);
    assert.deepEqual(readFileSync(join(folder, 'two.rlog')), before);
  });
});

test('a sidecar holds the images beside the log', async () => {
  await withRecording(async (folder, run) => {
    const { status, stderr } = await run('pack a.rlog --sidecar');
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(join(folder, 'a.rlog.images')), ['kernel-echo.bin']);
    forgetKernel(folder);
    assert.equal((await run('replay a.rlog')).status, 0);
    assert.equal((await run('pack a.rlog --sidecar')).status, 0, 'the same again is no harm');
    writeFileSync(join(folder, 'a.rlog.images/kernel-echo.bin'), 'mine');
    writeFileSync(join(folder, 'k'), echo);
    const other = await run('pack a.rlog --sidecar');
    assert.equal(other.status, 2);
    assert.match(other.stderr, /kernel-echo\.bin exists and is another file/);
    assert.equal((await run('pack a.rlog --sidecar -o x')).status, 2);
  });
});
