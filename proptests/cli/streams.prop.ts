/**
 * Standard output that goes away: a reader that closes the pipe ends every verb quietly, with the status that a shell
 * gives for it; a full disk gets one line. A recording is whole in both cases. Files that cannot be written any further
 * (the size limit of the process stands for a full disk) get one line each.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { openLog, record } from '../../src/library.ts';
import { inFolder, reprise, reprisePath } from './command.ts';

const kernel = buildGuest('echo');
const CLOSED = 141;

/** Looks at the line's state and writes the letter X, for ever. */
const HEADER = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
const chatter = assemble(
  `${HEADER}start: mov dx, 0x3fd\nin al, dx\nmov dx, 0x3f8\nmov al, 88\nout dx, al\njmp start\n`,
).bytes;

async function withLog(work: (cwd: string) => Promise<void>): Promise<void> {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'echo'), kernel);
    writeFileSync(join(cwd, 'chatter'), chatter);
    const settings = { images: { kernel: chatter }, memoryMegabytes: 4, maxTicks: 60_000, hashEveryTicks: 100 };
    writeFileSync(join(cwd, 'a.rlog'), (await record({ ...settings, embed: true })).log);
    await work(cwd);
  });
}

interface Piped {
  readonly status: number;
  readonly stderr: string;
}

/** The command with its standard output sent to `to`, by a shell. */
function shell(cwd: string, line: string, to: string): Piped {
  const command = `'${process.execPath}' '${reprisePath}' ${line}`;
  const script = `( ${command}; echo $? >status ) ${to}`;
  const ended = spawnSync('bash', ['-c', script], { cwd, encoding: 'utf8', timeout: 60_000 });
  return { status: Number(readFileSync(join(cwd, 'status'), 'utf8')), stderr: ended.stderr };
}

const VERBS = [
  'info a.rlog',
  'info a.rlog --json',
  'events a.rlog',
  'events a.rlog --json',
  'explain "83 c0 10"',
  'help',
  'record --help',
  '--version',
  'man',
  'completion zsh',
  'debug a.rlog --exec "help; registers; serial"',
  'debug a.rlog --exec "help; registers" --json',
  'replay a.rlog',
  'verify a.rlog --engines interp,step --json',
  'pack a.rlog --json',
] as const;

/** The command with a pipe for standard output that nobody reads. */
async function unread(cwd: string, words: readonly string[]): Promise<Piped> {
  const child = spawn(process.execPath, [reprisePath, ...words], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  return { status, stderr };
}

test('a reader that is gone ends every verb quietly', async () => {
  await withLog(async (cwd) => {
    for (const line of VERBS) {
      const words = [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
      assert.deepEqual(await unread(cwd, words), { status: CLOSED, stderr: '' }, line);
    }
    // As people do it, in the middle of many lines.
    const long = shell(cwd, 'events a.rlog', '| head -n 1 >/dev/null');
    assert.deepEqual([long.status, long.stderr], [CLOSED, '']);
  });
});

test('a full disk gets one line', { skip: existsSync('/dev/full') ? false : 'needs /dev/full' }, async () => {
  await withLog(async (cwd) => {
    for (const line of VERBS) {
      const { status, stderr } = shell(cwd, line, '>/dev/full');
      assert.equal(stderr, 'reprise: standard output cannot be written, the disk is full: send it elsewhere.\n', line);
      assert.equal(status, 2, line);
    }
  });
});

test('a recording whose output is lost is whole and replays', async () => {
  await withLog(async (cwd) => {
    const closed = shell(cwd, 'record b.rlog --kernel chatter --memory 4', '| head -c 10 >/dev/null');
    assert.equal(closed.status, CLOSED);
    assert.match(closed.stderr, /^record: nobody reads standard output any more; [^\n]*\n$/);
    const full = shell(cwd, 'record c.rlog --kernel chatter --memory 4', '>/dev/full');
    assert.equal(full.status, 2);
    assert.match(full.stderr, /^reprise: standard output cannot be written, the disk is full: send it elsewhere\.\n/);
    assert.equal(full.stderr.trimEnd().split('\n').length, 2, full.stderr);
    for (const name of ['b.rlog', 'c.rlog']) {
      assert.equal(openLog(readFileSync(join(cwd, name))).end?.reason, 'stopped');
      const { status, stderr } = await reprise(['replay', name, '--json'], { cwd });
      assert.equal(status, 0, stderr);
    }
  });
});

test('standard error may be closed or full', async () => {
  await withLog(async (cwd) => {
    for (const to of ['2>&-', '2>/dev/full', '2> >(true)']) {
      assert.equal(shell(cwd, 'info a.rlog', `>/dev/null ${to}`).status, 0, to);
      assert.equal(shell(cwd, 'replay nothing.rlog', `>/dev/null ${to}`).status, 2, to);
    }
  });
});

test('files that cannot be written to their end get one line', async () => {
  await withLog(async (cwd) => {
    const lines = [
      'trace a.rlog t.json --io',
      'trace a.rlog t.jsonl --format io',
      'pack a.rlog -o p.rlog',
      'record r.rlog --kernel chatter --memory 4 --serial none --hash-every 100 --max-ticks 10000000',
      'run --kernel chatter --memory 4 --serial file:s.out --max-ticks 10000000',
    ];
    for (const line of lines) {
      const script = `ulimit -f 4; '${process.execPath}' '${reprisePath}' ${line}`;
      const ended = spawnSync('bash', ['-c', script], { cwd, encoding: 'utf8', timeout: 60_000 });
      assert.equal(ended.status, 2, `${line}: ${ended.stderr}`);
      assert.match(
        ended.stderr,
        /^reprise: The [^\n]* cannot be written, files may not become so large here; [^\n]*\n$/,
      );
    }
    assert.ok(!existsSync(join(cwd, 'p.rlog')), 'nothing stands under the name of a packed log that is not whole');
    const replayed = await reprise(['replay', 'r.rlog', '--json'], { cwd });
    assert.equal(replayed.status, 0, replayed.stderr);
  });
});
