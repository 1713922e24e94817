/**
 * A disk that is full when something was found: one clear line, what was found is told all the same, nothing that is
 * not whole lies about, and with room the same command finds it again. The size limit of the process stands for a full
 * disk, and where a file system may be mounted a real one.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise, reprisePath } from '../cli/command.ts';
import { flatGuest, setUpPic } from '../support/flat-guest.ts';

/** Fails when line 5 interrupts it. */
const SHY = assemble(
  flatGuest(
    `${setUpPic(0xdf)}  sti
  mov ecx, 4000
again:
  dec ecx
  jnz again
  cli
  mov al, 0
  out 0xf4, al
five:
  mov al, 1
  out 0xf4, al`,
    `idt: times 296 db 0
  dw five - 0x100000, 0x08, 0x8e00, 0x10`,
    304,
  ),
).bytes;

const CHAOS = 'chaos --kernel shy --memory 4 --knobs spurious --fails exit:1 --runs 200 -o out/c.rlog';
const EXPLORE = 'explore good.rlog --window 2000..2040 --irq 5 --fails exit:1 -o out/e.rlog --json';
const SHRINK = 'shrink bad.rlog --fails exit:1 -o out/s.rlog';
const DOOM = 'doom bad.rlog --symptom exit:1 --moments 2 --trials 4 --svg out/d.svg';
const FUZZ = 'fuzz good.rlog --at 1000 --buffer 0x200000:16 --runs 64 --corpus out/f';

function shell(cwd: string, line: string) {
  const script = `ulimit -f 0; '${process.execPath}' '${reprisePath}' ${line}`;
  return spawnSync('bash', ['-c', script], { cwd, encoding: 'utf8', timeout: 120_000 });
}

test('what cannot be written is told in one line, behind what was found; with room it is found again', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'shy'), SHY);
    mkdirSync(join(cwd, 'out'));
    const images = { kernel: SHY };
    const pulled = [{ tick: 2000, event: { kind: 'irq-line', line: 5, level: true } }] as const;
    writeFileSync(join(cwd, 'good.rlog'), (await record({ images, memoryMegabytes: 4, embed: true })).log);
    const bad = await record({ images, memoryMegabytes: 4, embed: true, inputs: pulled });
    writeFileSync(join(cwd, 'bad.rlog'), bad.log);
    const problem =
      /\nreprise: The log out\/\S+ cannot be written, files may not become so large here; it is removed: /;
    const chaos = shell(cwd, CHAOS);
    assert.equal(chaos.status, 2, chaos.stderr);
    assert.match(chaos.stderr, /^chaos: run \d+ fails at tick [\d ]+, with\n(?: {2}at tick [\d ]+: .*\n)+/);
    assert.match(chaos.stderr, problem);
    const explored = shell(cwd, EXPLORE);
    const { log, failing } = JSON.parse(explored.stdout);
    assert.deepEqual([explored.status, log, failing], [2, null, 40]);
    assert.match(`\n${explored.stderr}`, problem);
    const shrunk = shell(cwd, SHRINK);
    assert.equal(shrunk.status, 2, shrunk.stderr);
    assert.match(`\n${shrunk.stderr}`, problem);
    const doomed = shell(cwd, DOOM);
    assert.equal(doomed.status, 2, doomed.stderr);
    assert.match(
      doomed.stderr,
      /^doom: runs that still fail[\s\S]*\nreprise: The picture out\/d\.svg cannot be written, /,
    );
    const fuzzed = shell(cwd, FUZZ);
    assert.equal(fuzzed.status, 2, fuzzed.stderr);
    assert.match(
      fuzzed.stderr,
      /The corpus out\/f cannot be written, files may not .*; what was found before is kept: /,
    );
    assert.deepEqual(readdirSync(join(cwd, 'out')), ['f'], 'nothing that is not whole is left');
    for (const [line, status] of [
      [CHAOS, 1],
      [FUZZ, 0],
    ] as const) {
      const again = await reprise(line.split(' '), { cwd });
      assert.equal(again.status, status, again.stderr);
    }
  });
});

const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;

test('a file system without room', { skip: canMount ? false : 'needs to be root, to mount one' }, async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'shy'), SHY);
    mkdirSync(join(cwd, 'out'));
    // Of its own: it is gone with the shell.
    const inside = `mount -t tmpfs -o size=4k none out && head -c 4096 /dev/zero > out/full; '${process.execPath}'`;
    const script = `${inside} '${reprisePath}' ${CHAOS}; echo $? $(ls out)`;
    const ended = spawnSync('unshare', ['--mount', 'bash', '-c', script], { cwd, encoding: 'utf8', timeout: 120_000 });
    assert.match(
      ended.stderr,
      /^chaos: run \d+ fails[\s\S]*The log out\/c\.rlog cannot be written, the disk is full; /,
    );
    assert.equal(ended.stdout, '2 full\n', ended.stderr);
  });
});
