/**
 * The verbs do what their help says: runs end with the status of how the guest ended, input from pipes reaches the
 * guest, logs replay and can be looked at, signals leave whole logs, help and info are quick.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { isQuirk, QUIRKS } from '../../src/core/log/quirks.ts';
import { buildGuest, findGuest } from '../../src/host/node/guest-images.ts';
import { openLog, summarizeLog } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { inFolder, reprise, reprisePath } from './command.ts';

const HEADER =
  'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start\nstart:\n';
const guest = (body: string): Uint8Array => assemble(HEADER + body).bytes;

const SCRIPT = 'when "quit to end" serial "one\\n"\nwhen "one" serial "two"\nat 9_000_000 serial "\\nquit\\n"\n';

async function withGuests(work: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const write = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(folder, name), bytes);
    write('echo', buildGuest('echo'));
    write('exit7', guest('mov al, 7\nout 0xf4, al\n'));
    write('triple', guest('ud2\n'));
    write('dead', guest('cli\nhlt\n'));
    write('spin', guest('mov dx, 0x3f8\nmov al, 88\nout dx, al\ncli\nx: jmp x\n'));
    write('storm', guest('lidt [zero]\nud2\nzero: dd 0, 0\n'));
    write('script', SCRIPT);
    await work(folder);
  });
}

test('a run ends with the status of how the guest ended', async () => {
  await withGuests(async (cwd) => {
    const expected: Record<string, number> = {
      'run --kernel exit7 --memory 4': 15,
      'run --kernel triple --memory 4 --no-reboot': 3,
      'run --kernel dead --memory 4': 0,
      'run --kernel spin --memory 4 --max-ticks 1000000': 0,
      'run --kernel storm --memory 4 --max-ticks 1_000_000': 0,
    };
    for (const [line, status] of Object.entries(expected)) {
      const ended = await reprise(line.split(' '), { cwd, timeoutMs: 30_000 });
      assert.equal(ended.status, status, `${line}\n${ended.stderr}`);
    }
  });
});

test('what comes through a pipe reaches the guest, and the log replays to the same bytes', async () => {
  await withGuests(async (cwd) => {
    const { input = '', output, status } = findGuest('echo');
    const recorded = await reprise(['record', 'a.rlog', '--kernel', 'echo', '--memory', '4'], { cwd, input });
    assert.equal(recorded.status, status, recorded.stderr);
    assert.equal(recorded.stdout, output);
    const replays = ['replay a.rlog --kernel echo', 'replay a.rlog --image .', 'replay a.rlog --image . --devices log'];
    for (const line of replays) {
      const replayed = await reprise(line.split(' '), { cwd });
      assert.equal(replayed.status, 0, replayed.stderr);
      assert.equal(replayed.stdout, output, line);
      assert.match(replayed.stderr, /^replay: [\d ]+ ticks, .* checks agreed/);
    }
    const again = await reprise(['record', 'a.rlog', '--kernel', 'echo'], { cwd });
    assert.equal(again.status, 2);
  });
});

test('recordings with the same epoch and script are the same bytes, whatever stands on standard input', async () => {
  await withGuests(async (cwd) => {
    const words = ['--kernel', 'echo', '--memory', '4', '--epoch', '2026-01-31T12:00:00Z', '--input', 'script'];
    for (const [name, input] of Object.entries({ one: '', two: 'noise\n', three: 'hold' })) {
      const { status, stderr } = await reprise(['record', `${name}.rlog`, ...words], { cwd, input });
      assert.equal(status, 33, stderr);
    }
    const [one, two, three] = ['one', 'two', 'three'].map((name) => readFileSync(join(cwd, `${name}.rlog`)));
    assert.deepEqual(two, one);
    assert.deepEqual(three, one);
  });
});

test('info, events and explain say what there is, for people and as JSON', async () => {
  await withGuests(async (cwd) => {
    const words = ['record', 'a.rlog', '--kernel', 'echo', '--memory', '4', '--input', 'script', '--embed', '--json'];
    const recorded = await reprise(words, { cwd });
    const summary = JSON.parse(recorded.stdout);
    assert.equal(summary.status, 33);
    const info = JSON.parse((await reprise(['info', 'a.rlog', '--json'], { cwd })).stdout);
    assert.equal(info.machine.memoryMegabytes, 4);
    assert.deepEqual(info.embedded, [true]);
    assert.equal(info.end.hash, summary.hash);
    const told = (await reprise(['info', 'a.rlog'], { cwd })).stdout;
    assert.match(told, /multiboot echo/);
    assert.doesNotMatch(told, /quirk/);
    const old = (await reprise(['info', join(projectRoot, 'replay-logs/echo.rlog')], { cwd })).stdout;
    const { quirks } = openLog(readFileSync(join(projectRoot, 'replay-logs/echo.rlog'))).header.machine;
    assert.ok(quirks.length >= 8);
    for (const name of quirks) assert.ok(isQuirk(name) && old.includes(`${name}: ${QUIRKS[name]}`), old);
    const lines = (await reprise(['events', 'a.rlog', '--json'], { cwd })).stdout.trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { tick: number; class: string; kind: string });
    const log = openLog(readFileSync(join(cwd, 'a.rlog')));
    const counted = summarizeLog(log).events.reduce((sum, { count }) => sum + count, 0);
    assert.equal(events.length, counted);
    const filtered = await reprise('events a.rlog --class input --from 9000000 --limit 1'.split(' '), { cwd });
    assert.equal(filtered.stdout.trim().replace(/\s+/g, ' '), '9000000 input 2 serial0 "\\nquit\\n"');
    const explained = await reprise(['explain', '66 8b 4508', '--json'], { cwd });
    assert.deepEqual(
      JSON.parse(explained.stdout).instructions.map(({ iced }: { iced: string }) => iced),
      ['mov ax,[ebp+8]'],
    );
    assert.match((await reprise(['explain', 'f00fa2'], { cwd })).stdout, /#UD/);
    const whole = await reprise(['explain', '83 c0 10 0f 84 10 00 00 00'], { cwd });
    assert.match(
      whole.stdout,
      /row +ADD.*row +JCC.*\nIR\n.*cc add32.*\nOptimised IR, after \w+\n.*\nJavaScript\n.*eax = /s,
    );
    assert.doesNotMatch((await reprise(['explain', '83 c0 10', '--rows'], { cwd })).stdout, /IR|JavaScript/);
  });
});

test('explain takes digits, standard input, a part of a file, a moment of a recording', async () => {
  await withGuests(async (cwd) => {
    const rows = async (words: string[], input?: string) => {
      const ended = await reprise(['explain', ...words, '--rows', '--json'], {
        cwd,
        ...(input === undefined ? {} : { input }),
      });
      assert.equal(ended.status, 0, ended.stderr);
      return JSON.parse(ended.stdout) as { bits: number; address?: number; instructions: Record<string, unknown>[] };
    };
    const [sub] = (await rows(['29d8'])).instructions;
    assert.deepEqual(
      [sub.row, sub.operands, sub.faults, sub.flags, sub.length, sub.bytes, sub.problem],
      ['SUB', ['eax', 'ebx'], [], { read: '', written: 'OSZAPC', undefined: '', choice: '' }, 2, [0x29, 0xd8], null],
    );
    assert.match((await reprise(['explain', '29d8', '--rows'], { cwd })).stdout, /^faults {5}none$/m);
    assert.deepEqual(
      (await rows(['-'], '8b 45\n08 90')).instructions.map(({ row }) => row),
      ['MOV', 'NOP'],
    );
    assert.deepEqual(
      (await rows(['-', '--raw'], 'AB')).instructions.map(({ row }) => row),
      ['INC', 'INC'],
    );
    writeFileSync(join(cwd, 'code'), Uint8Array.of(0, 0, 0xf4, 0x90, 0xc3, 0xcc));
    const part = await rows(['--file', 'code', '--offset', '2', '--length', '3']);
    assert.deepEqual(
      part.instructions.map(({ row }) => row),
      ['HLT', 'NOP', 'RET'],
    );
    assert.equal((await rows(['--file', 'code', '--count', '1'])).instructions.length, 1);
    await reprise(['record', 'a.rlog', '--kernel', 'echo', '--memory', '4', '--max-ticks', '1000', '--embed'], { cwd });
    const moment = await rows(['a.rlog@500', '--count', '2']);
    const debugged = await reprise(['debug', 'a.rlog', '--exec', 'seek 500', '--json'], { cwd });
    assert.equal(moment.address, JSON.parse(debugged.stdout).eip);
    assert.deepEqual([moment.bits, moment.instructions.length], [32, 2]);
    assert.equal(moment.instructions[0].address, moment.address);
    assert.equal((await rows(['a.rlog@50%'])).instructions.length, 8);
  });
});

test('a divergence is status 1, with the interval and the command to look closer', async () => {
  await withGuests(async (cwd) => {
    await reprise(['record', 'a.rlog', '--kernel', 'echo', '--memory', '4', '--input', 'script'], { cwd });
    // The same log about another kernel: the manifest is rewritten, the checks stay.
    const { forgeImage } = await import('./forge.ts');
    const other = buildGuest('echo').slice();
    other[other.length - 3] ^= 0x20; // a letter of "bye"
    writeFileSync(join(cwd, 'other'), other);
    writeFileSync(join(cwd, 'forged.rlog'), forgeImage(readFileSync(join(cwd, 'a.rlog')), other));
    const replayed = await reprise(['replay', 'forged.rlog', '--kernel', 'other'], { cwd });
    assert.equal(replayed.status, 1, replayed.stderr);
    assert.match(replayed.stderr, /after tick \d+ and by tick \d+/);
    assert.match(replayed.stderr, /page \d+ /);
    assert.match(replayed.stderr, /reprise events forged\.rlog --from \d+ --to \d+/);
    const json = JSON.parse((await reprise(['replay', 'forged.rlog', '--kernel', 'other', '--json'], { cwd })).stdout);
    assert.equal(json.divergence.kind, 'state');
  });
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends a guest that spins with interrupts off, and its log is whole`, async () => {
    await withGuests(async (cwd) => {
      const child = spawn(process.execPath, [reprisePath, 'record', 's.rlog', '--kernel', 'spin', '--memory', '4'], {
        cwd,
      });
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
      child.kill(signal);
      const status = await new Promise((resolve) => child.once('close', resolve));
      assert.equal(status, signal === 'SIGINT' ? 130 : 143);
      const log = openLog(readFileSync(join(cwd, 's.rlog')));
      assert.equal(log.end?.reason, 'stopped');
      const replayed = await reprise(['replay', 's.rlog', '--kernel', 'spin'], { cwd });
      assert.equal(replayed.status, 0, replayed.stderr);
    });
  });
}

test('serial output appears while the guest runs, and a reader that goes away ends the run', async () => {
  await withGuests(async (cwd) => {
    const child = spawn(process.execPath, [reprisePath, 'record', 's.rlog', '--kernel', 'spin', '--memory', '4'], {
      cwd,
    });
    const text = await new Promise<string>((resolve) =>
      child.stdout.once('data', (data: Buffer) => resolve(String(data))),
    );
    assert.equal(text, 'X');
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
    assert.ok(existsSync(join(cwd, 's.rlog')));
  });
});

/** Bytes of the files that the command loads from its own folders and its libraries. */
async function loadedBytes(words: readonly string[], cwd: string): Promise<number> {
  const folder = mkdtempSync(join(cwd, 'coverage-'));
  const { status, stdout } = await reprise(words, { cwd, env: { NODE_V8_COVERAGE: folder }, isAlone: true });
  assert.ok(status === 0 && stdout.length > 100, words.join(' '));
  const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  const urls = reports.flatMap((text) => (JSON.parse(text) as { result: { url: string }[] }).result.map((r) => r.url));
  const files = urls.filter((url) => url.startsWith('file:'));
  assert.ok(files.length > 10);
  return files.reduce((sum, url) => sum + statSync(new URL(url)).size, 0);
}

test('help and info answer quickly: they load little', async () => {
  await withGuests(async (cwd) => {
    await reprise(['record', 'a.rlog', '--kernel', 'exit7', '--memory', '4'], { cwd });
    const replayed = await loadedBytes(['replay', 'a.rlog', '--kernel', 'exit7', '--json'], cwd);
    for (const words of [['--help'], ['run', '--help'], ['replay', '--help']]) {
      assert.ok((await loadedBytes(words, cwd)) < replayed / 4, words.join(' '));
    }
    assert.ok((await loadedBytes(['info', 'a.rlog'], cwd)) < replayed * 0.75);
    const plain = await reprise(['--version'], { cwd });
    assert.match(plain.stdout, /^reprise \d+\.\d+\.\d+\n$/);
  });
});

test('what a command leaves open, so that its process would not end, is told on', async () => {
  const timer = 'data:text/javascript,setInterval(()=>{},1e6)';
  const left = await reprise(['--version'], { env: { NODE_OPTIONS: `--import=${timer}` } });
  assert.deepEqual([left.status, left.stderr], [70, 'left open: Timeout\n']);
});
