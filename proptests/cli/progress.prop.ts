/**
 * At a terminal (a pseudo-terminal of util-linux `script`) everything long shows how far it is: bar, percentage, the
 * time that is left, averaged rates, never wider than the terminal and redrawn when that changes; Ctrl-C ends it with
 * what there is; a boot gives a sign of life within a second. Without a terminal there is not a byte of it.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { assemble } from '../../src/core/isa/assemble.ts';
import { concatenate } from '../../src/core/base/bytes.ts';
import { LogWriter } from '../../src/core/log/log.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise, reprisePath } from './command.ts';
import { skipTerminal as skip, Terminal } from './pseudo-terminal.ts';

const HEADER = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
/** Says nothing, reads a port now and then. */
const kernel = assemble(`${HEADER}start: mov dx, 0x3fd\nx: mov ecx, 200\ny: loop y\nin al, dx\njmp x\n`).bytes;

/** A long log, and one with very many events; the engine that takes its time makes seconds of them. */
async function withLogs(work: (cwd: string) => Promise<void>): Promise<void> {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'kernel'), kernel);
    const settings = { images: { kernel }, memoryMegabytes: 4, hashEveryTicks: 2 ** 22, embed: true };
    writeFileSync(join(cwd, 'a.rlog'), (await record({ ...settings, maxTicks: 120_000_000 })).log);
    await work(cwd);
  });
}

test('a replay shows bar, percentage, rate and the time that is left, and fits what the terminal becomes', {
  skip,
}, async () => {
  await withLogs(async (cwd) => {
    const terminal = new Terminal(cwd, 'replay a.rlog --engine step', 100);
    await terminal.until(/replay: \[#*\.*\] +\d+ %, \d+:\d\d left, \d+\.\d M instr\/s, \d+\.\d\d s of guest time/);
    const before = terminal.shown.length;
    terminal.resize(40);
    await terminal.until(/\x1b\[\?7lreplay: {1,3}\d+ %, \d+:\d\d left[^\x1b]*\x1b\[\?7h\r\x1b\[K/);
    const drawn = terminal.lines(before);
    const first = drawn.findIndex((line) => line.length < 40);
    assert.ok(first >= 0 && drawn.slice(first).every((line) => line.length < 40), drawn.join('\n'));
    // The line that was there has become three rows: all of them are taken away.
    assert.match(terminal.shown.slice(before), /\r\x1b\[[12]A\x1b\[J\x1b\[\?7lreplay: /);
    terminal.child.stdin.write('\x03');
    assert.equal(await terminal.end(), 130);
    assert.match(terminal.shown, /replay: stopped at tick [\d ]+ of 120 000 000; [\d ]+ checks agreed so far\r\n$/);
    assert.ok(terminal.lines().every((line) => line.length < 100));
  });
});

test('verify and trace show theirs, and Ctrl-C gives what there is', { skip }, async () => {
  await withLogs(async (cwd) => {
    const verify = new Terminal(cwd, 'verify a.rlog --engines step,interp', 120);
    await verify.until(
      /verify step, interp: \[#*\.*\] +\d+ %, \d+:\d\d left, [\d ]+ ticks\/s, [\d ]+ ticks of 120 000 000/,
    );
    verify.child.stdin.write('\x03');
    assert.equal(await verify.end(), 130);
    assert.match(verify.shown, /step and interp agree: [\d ]+ ticks, .*; stopped by the user/);

    const trace = new Terminal(cwd, 'trace a.rlog t.jsonl --format io', 120);
    await trace.until(/trace: \[#*\.*\] +\d+ %, \d+:\d\d left/);
    trace.child.stdin.write('\x03');
    assert.equal(await trace.end(), 130);
    assert.match(
      trace.shown,
      /trace: ticks 0 to 120 000 000 in t\.jsonl: .* port-read.*; stopped by the user before the end/,
    );
    const lines = readFileSync(join(cwd, 't.jsonl'), 'utf8').trimEnd().split('\n');
    assert.ok(lines.length > 100 && lines.every((line) => typeof JSON.parse(line) === 'object'));

    const events = new Terminal(cwd, 'trace a.rlog t.json --functions', 120);
    await events.until(/trace: \[#*\.*\] +\d+ %/);
    events.child.stdin.write('\x03');
    assert.equal(await events.end(), 130);
    assert.ok(Array.isArray(JSON.parse(readFileSync(join(cwd, 't.json'), 'utf8'))), 'the file is whole');
  });
});

test('searches of the debugger show theirs, and Ctrl-C leads back to where they began', { skip }, async () => {
  await withLogs(async (cwd) => {
    const debug = new Terminal(cwd, 'debug a.rlog --engine step', 120);
    try {
      const prompt = /reprise> (?:\x1b\[\d+G)?$/;
      await debug.until(prompt);
      for (const search of ['seek serial:"never"', 'seek fault:14', 'seek eip > 0xfffffff0']) {
        debug.shown = '';
        debug.child.stdin.write(`${search}\r`);
        await debug.until(/debug: \[#*\.*\] +\d+ %, \d+:\d\d left, [\d ]+ ticks\/s, [\d ]+ ticks of [\d ]+ ticks/);
        debug.child.stdin.write('\x03');
        await debug.until(/Interrupted: back where it began\./);
        await debug.until(prompt);
      }
      debug.child.stdin.write('when\r');
      await debug.until(/tick 0 \(0\.00%\)/);
      debug.child.stdin.write('\x04');
      assert.equal(await debug.end(), 0);
    } finally {
      debug.child.kill();
    }
  });
});

test('a huge answer is told before its rows, and Ctrl-C keeps those that there are', { skip }, async () => {
  await withLogs(async (cwd) => {
    const line = "query a.rlog 'executions(0x100029)' --checkpoint-cache 0";
    const asked = new Terminal(cwd, line, 120);
    await asked.until(/query: there will be about [\d ]+ rows: --limit N, or count, or Ctrl-C/);
    await asked.until(/\r\n\d{4,} +0x00100029/);
    const rows = asked.shown.indexOf('0x00100029');
    assert.ok(asked.shown.indexOf('there will be about') < rows, 'told before the first row');
    asked.child.stdin.write('\x03');
    assert.equal(await asked.end(), 130);
    assert.match(
      asked.shown,
      /query: stopped by the user at tick [\d ]+; the answer is that of the run up to there\r\n$/,
    );
    const limited = spawnSync(
      process.execPath,
      [reprisePath, 'query', 'a.rlog', 'executions(0x100029)', '--limit', '3'],
      {
        cwd,
        encoding: 'utf8',
      },
    );
    assert.deepEqual([limited.status, limited.stdout.trimEnd().split('\n').length, limited.stderr], [0, 4, '']);
  });
});

test('packing shows its own, and Ctrl-C leaves nothing behind', {
  skip,
}, async () => {
  await inFolder(async (cwd) => {
    const filler = Buffer.alloc(160 << 20);
    // Pages that do not compress and are all different.
    for (let i = 0; i < filler.length; i += 4) filler.writeInt32LE(Math.imul(i + 1, 0x9e3779b1) ^ (i >>> 5), i);
    writeFileSync(join(cwd, 'kernel'), kernel);
    writeFileSync(join(cwd, 'module'), filler);
    const words = [
      'record',
      'b.rlog',
      '--kernel',
      'kernel',
      '--initrd',
      'module',
      '--memory',
      '256',
      '--max-ticks',
      '1000',
    ];
    const recorded = await reprise(words, { cwd });
    assert.equal(recorded.status, 0, recorded.stderr);
    const pack = new Terminal(cwd, 'pack b.rlog', 100);
    await pack.until(/pack: \[#*\.*\] +\d+ %, .*\d+\.\d MB/);
    pack.child.stdin.write('\x03');
    assert.equal(await pack.end(), 130);
    assert.match(pack.shown, /pack: stopped by the user; nothing was written/);
    assert.ok(!existsSync(join(cwd, 'b.packed.rlog')));
    assert.equal(spawnSync('ls', [cwd], { encoding: 'utf8' }).stdout, 'b.rlog\nkernel\nmodule\n');
  });
});

test('summing up a log with very many events shows how far it is, and Ctrl-C sums up what was seen', {
  skip,
}, async () => {
  await inFolder(async (cwd) => {
    const { manifest } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 1 });
    const frames: Uint8Array[] = [];
    const writer = new LogWriter((frame) => frames.push(frame), {
      creator: 'test',
      profile: 'full',
      machine: manifest,
    });
    const eventCount = 12_000_000;
    for (let i = 0; i < eventCount; i++) writer.checks.portRead(i * 3, 0x60, 1, i & 255);
    writer.end(eventCount * 3, 'stopped', null);
    writeFileSync(join(cwd, 'c.rlog'), concatenate(frames));
    const info = new Terminal(cwd, 'info c.rlog', 100);
    await info.until(/info: \[#*\.*\] +\d+ %, [^\x1b]*events\/s, [\d ]+ events of 12 000 000 events/);
    info.child.stdin.write('\x03');
    assert.equal(await info.end(), 130);
    assert.match(info.shown, /check +(?:\x1b\[\d+m)*[\d ]+ port-read\r\n/);
    assert.match(info.shown, /info: stopped by the user; the events are those at the beginning of the log/);
    const events = new Terminal(cwd, 'events c.rlog >out', 100);
    await events.until(/events: \[#*\.*\] +\d+ %/);
    events.child.stdin.write('\x03');
    assert.equal(await events.end(), 130);
    const lines = readFileSync(join(cwd, 'out'), 'utf8').split('\n');
    assert.ok(lines.length > 100 && lines.at(-1) === '' && lines.at(-2)?.includes('port'));
  });
});

/** What a loop runs in a fraction of a second. */
const FIRST_LOOK_TICKS = 2 ** 26;

test('a boot gives a sign of life within a second of processor time, or at once where starting takes it', {
  skip,
}, async () => {
  await withLogs(async (cwd) => {
    const watch = `const write = process.stderr.write.bind(process.stderr);
      process.stderr.write = (text, ...rest) => {
        if (!globalThis.wasSeen && String(text).includes('record: ')) {
          globalThis.wasSeen = true;
          const { user, system } = process.cpuUsage();
          write('CPU ' + Math.round((user + system) / 1000) + ' ms\\n');
        }
        return write(text, ...rest);
      };`;
    writeFileSync(join(cwd, 'watch.mjs'), watch);
    const words = 'record n.rlog --kernel kernel --memory 64';
    const line = `'${process.execPath}' --import ./watch.mjs '${reprisePath}' ${words}`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { cwd });
    let shown = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (shown += text));
    for (let waited = 0; !/M instr\/s/.test(shown); waited += 20) {
      assert.ok(waited < 30_000, shown);
      await later(20);
    }
    child.stdin.write('\x01x');
    await new Promise((resolve) => child.once('close', resolve));
    const milliseconds = Number(/CPU (\d+) ms/.exec(shown)?.[1]);
    // On a slow host the second is over before the guest begins: then one of the first looks shows it.
    const ticks = Number(/record: ([\d ]+) ticks/.exec(shown)?.[1].replaceAll(' ', ''));
    assert.ok(milliseconds < 1000 || ticks <= FIRST_LOOK_TICKS, `${milliseconds} ms, ${ticks} ticks`);
  });
});

test('without a terminal, and with --json, nothing of it is printed', async () => {
  await withLogs(async (cwd) => {
    const { stderr } = await reprise(['replay', 'a.rlog', '--engine', 'interp'], { cwd, timeoutMs: 120_000 });
    assert.match(stderr, /^replay: [^\n\r\x1b]*\n$/);
  });
});
