/**
 * What people do in gdb beside stepping: breakpoints in 16-bit code whose segment does not begin at 0, places that
 * `monitor seek` leads to, commands that take longer than gdb waits, run, checkpoint and restart, writes that are
 * refused. With the real gdb where it is installed, and by packets.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import type { Debugger } from '../../src/host/debugger/debugger.ts';
import { RecordingTarget } from '../../src/host/gdb/recording-target.ts';
import { serveGdb } from '../../src/host/gdb/server.ts';
import { GdbStub } from '../../src/host/gdb/stub.ts';
import { openLog, record } from '../../src/library.ts';
import { recordGuest, type Recorded, timelineOf } from './fixture.ts';
import { runGdb, skipGdb } from './gdb-client.ts';
import { liveRun } from './live-fixture.ts';
import { debuggerOf } from './debugger-fixture.ts';

const sort = await recordGuest('sort', { append: '1', maxTicks: 60_000 });

/** Firmware at F000:0000, that calls. */
const FIRMWARE = `bits 16
org 0
start:  mov ax, 0x2000
        mov ss, ax
        mov sp, 0x100
        call work
back:   mov bx, 0x5678
        hlt
work:   mov ax, 0x1234
        ret
`;

async function firmware(): Promise<Recorded> {
  const bios = new Uint8Array(0x10000);
  bios.set(assemble(FIRMWARE).bytes);
  bios.set(assemble('bits 16\norg 0xfff0\njmp word 0xf000:0\n').bytes, 0xfff0);
  const { log } = await record({ images: { bios }, memoryMegabytes: 4, maxTicks: 1000 });
  return { name: 'firmware', log: openLog(log), images: new Map([['bios', bios]]) };
}

const rom = await firmware();
const { symbols } = assemble(FIRMWARE);
const offset = (name: string): number => symbols.get(name) ?? assert.fail(name);
const hex = (value: number): string => value.toString(16);

async function withGdb(recorded: Recorded, commands: readonly string[]): Promise<string[]> {
  const target = new RecordingTarget(debuggerOf(recorded));
  return await runGdb(await serveGdb({ target, port: 0, isOnce: true }), [...commands, 'detach']);
}

test('gdb stops at linear breakpoints in 16-bit code, and shows the right bytes', { skip: skipGdb }, async () => {
  const lines = await withGdb(rom, [
    'set architecture i8086',
    `break *0x${hex(0xf0000 + offset('work'))}`,
    'continue',
    'printf "@ %x %x\\n", $cs_base, $eip',
    'delete',
    'printf "@ %x\\n", *(unsigned char*)($cs_base+$eip)',
    // Its own breakpoints are offsets: over the call, and by offset.
    'stepi',
    `break *0x${hex(offset('back'))}`,
    'continue',
    'printf "@ %x %x\\n", $eip, $ax',
    'reverse-stepi',
    'printf "@ %x\\n", $eip',
  ]);
  assert.deepEqual(lines, [
    `@ f0000 ${hex(offset('work'))}`,
    '@ b8',
    `@ ${hex(offset('back'))} 1234`,
    `@ ${hex(offset('work') + 3)}`,
  ]);
});

async function talk(stub: GdbStub, ...packets: string[]): Promise<string[]> {
  const answers: string[] = [];
  for (const packet of packets) answers.push((await stub.answer(packet)) ?? '');
  return answers;
}

/** A stub, and what gdb's console shows. */
function stubOf(recorded: Recorded): {
  stub: GdbStub;
  debug: Debugger;
  shown: () => string;
  notes: string[];
  raw: string[];
} {
  const debug = debuggerOf(recorded);
  const raw: string[] = [];
  const notes: string[] = [];
  const output = { console: (packet: string) => void raw.push(packet), note: (text: string) => void notes.push(text) };
  const shown = (): string => raw.map((packet) => Buffer.from(packet.slice(1), 'hex').toString()).join('');
  return { stub: new GdbStub(new RecordingTarget(debug), output), debug, shown, notes, raw };
}

const monitor = (line: string): string => `qRcmd,${Buffer.from(line).toString('hex')}`;

test('a stop in 16-bit code is no swbreak, which gdb would pass over, and says how to look', async () => {
  const { stub, debug, shown } = stubOf(rom);
  const linear = 0xf0000 + offset('work');
  const [, , stop] = await talk(stub, 'qSupported:swbreak+;hwbreak+', `Z0,${hex(linear)},1`, 'c');
  assert.equal(stop, 'T05thread:01;');
  assert.equal(debug.evaluate('eip'), offset('work'));
  assert.match(shown(), /x\/i \$cs_base\+\$pc .*monitor disassemble/);
  await talk(stub, monitor('disassemble 1'));
  assert.match(shown(), new RegExp(`=> 0x000f${hex(offset('work')).padStart(4, '0')} .*mov ax,0x1234`));
  const [, , again] = await talk(stub, `z0,${hex(linear)},1`, `Z0,${hex(offset('back'))},1`, 'c');
  assert.equal(again, 'T05thread:01;swbreak:;', 'at an offset gdb finds its own');
  assert.equal(shown().match(/monitor disassemble/g)?.length, 1, 'told once');
});

test('a live run shows its code and chips, and says what it knows', async () => {
  const answers: string[] = [];
  await liveRun(sort, async (stub, target) => {
    const say = async (line: string): Promise<void> => void answers.push((await target.monitor(line)).text);
    for (const line of ['disassemble 3', 'u 0x100000 1', 'help', 'info pic', 'info gdt']) await say(line);
    await assert.rejects(say('info steam'), /no topic "steam"/);
    await assert.rejects(say('u steam'), /steam/);
    await assert.rejects(target.restart(), /cannot begin again/);
    assert.equal(await stub.answer('!'), 'OK');
    assert.match((await stub.answer('vRun;')) ?? '', /^E\.a live run cannot begin again/);
  });
  const [code, one, help, pic, gdt] = answers;
  assert.match(code, /^=> 0x00100070 .*mov esp/);
  assert.deepEqual([code.split('\n').length, one.split('\n').length], [3, 1]);
  assert.match(help, /disassemble \[ADDRESS\] \[N\]/);
  assert.match(pic, /^master 8259A/);
  assert.match(gdt, /^GDT at/);
});

test('after monitor seek a step arrives at the new place, and the reply says so', { skip: skipGdb }, async () => {
  const timeline = timelineOf(sort);
  for (const way of [timeline.seek({ tick: 5000, seq: 0 })]) while (way.next().done !== true);
  const there = timeline.machine.cpu.eip >>> 0;
  const lines = await withGdb(sort, [
    'monitor seek 5000',
    'stepi',
    'printf "@ %x %lu\\n", $eip, $tick',
    'stepi',
    'printf "@ %lu\\n", $tick',
    'monitor seek 7000',
    'reverse-stepi',
    'printf "@ %lu\\n", $tick',
    'reverse-stepi',
    'printf "@ %lu\\n", $tick',
  ]);
  assert.deepEqual(lines, [`@ ${hex(there)} 5000`, '@ 5001', '@ 7000', '@ 6999']);
});

test('monitor help lists everything, branch and leave too; after a move the reply says how to see it', async () => {
  const { stub, shown } = stubOf(sort);
  await talk(stub, monitor('help'));
  for (const { names } of COMMANDS) assert.match(shown(), new RegExp(`^ {2}${names[0].replace('?', '\\?')}[, ]`, 'm'));
  assert.match(shown(), /^ {2}branch FILE +leave the recording[^\n]*\n {2}leave /m);
  assert.match(shown(), /^ {2}restart \[N\]/m);
  assert.doesNotMatch(shown(), /gdb still shows/);
  await talk(stub, monitor('seek 100'));
  assert.match(shown(), /tick 100 .*gdb still shows the place before: stepi arrives here/s);
});

test('a command that takes long keeps gdb from giving up', async (t) => {
  const { stub, debug, raw } = stubOf(sort);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { execute } = debug;
  // As slow as one likes: it ends when three signs of life have been seen.
  debug.execute = async (line) => {
    for (let i = 0; i < 3; i++) t.mock.timers.tick(500);
    return await execute.call(debug, line);
  };
  assert.deepEqual(await talk(stub, monitor('when')), ['OK']);
  assert.deepEqual(raw.slice(0, 3), ['O', 'O', 'O']);
  assert.ok(raw.length > 3);
  t.mock.timers.tick(5000);
  assert.equal(raw.filter((packet) => packet === 'O').length, 3, 'and no longer than that');
});

test('run, checkpoint and restart, over target extended-remote', { skip: skipGdb }, async () => {
  const debug = debuggerOf(sort);
  await debug.execute('seek 3');
  const there = debug.evaluate('eip');
  await debug.execute('seek start');
  const target = new RecordingTarget(debug);
  const server = await serveGdb({ target, port: 0, isOnce: true });
  const lines = await runGdb(
    server,
    [
      'stepi 10',
      'monitor checkpoint',
      'stepi 20',
      'printf "@ %lu\\n", $tick',
      'monitor restart 1',
      'stepi',
      'printf "@ %lu\\n", $tick',
      'starti',
      'printf "@ %lu\\n", $tick',
      'kill',
      'starti',
      'stepi 3',
      'printf "@ %lu\\n", $tick',
      `break *0x${hex(there)}`,
      'run',
      'printf "@ %lu\\n", $tick',
      'detach',
    ],
    undefined,
    'extended-remote',
  );
  assert.deepEqual(lines, ['@ 30', '@ 10', '@ 0', '@ 3', '@ 3']);
});

test("gdb's own words checkpoint and restart, as README defines them", { skip: skipGdb }, async () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const words = /```gdb\n([^`]*)```/.exec(readme)?.[1] ?? '';
  assert.match(words, /define checkpoint\n(.*\n)*define restart\n/);
  const folder = mkdtempSync(join(tmpdir(), 'reprise-gdb-'));
  try {
    writeFileSync(join(folder, 'words'), words);
    const server = await serveGdb({ target: new RecordingTarget(debuggerOf(sort)), port: 0, isOnce: true });
    const lines = await runGdb(
      server,
      [
        `source ${join(folder, 'words')}`,
        ...['stepi 10', 'checkpoint', 'stepi 20', 'checkpoint', 'stepi 5', 'printf "@ %lu\\n", $tick'],
        ...['restart 1', 'printf "@ %lu %lu\\n", $tick, $eip', 'reverse-stepi', 'printf "@ %lu\\n", $tick'],
        ...['restart 2', 'printf "@ %lu\\n", $tick', 'starti', 'printf "@ %lu\\n", $tick', 'kill'],
      ],
      undefined,
      'extended-remote',
    );
    const debug = debuggerOf(sort);
    await debug.execute('seek 10');
    assert.deepEqual(lines, ['@ 35', `@ 10 ${debug.evaluate('eip')}`, '@ 9', '@ 30', '@ 0']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a number that no checkpoint has is told, and restart alone goes to the start', async () => {
  const { stub, debug, shown } = stubOf(sort);
  await talk(stub, 's', 's', monitor('restart 1'));
  assert.match(shown(), /There is no checkpoint 1: none is set, monitor checkpoint sets one\./);
  await talk(stub, monitor('checkpoint'), 's', monitor('restart 7'));
  assert.match(shown(), /There is no checkpoint 7: there are 1 to 1/);
  await talk(stub, monitor('restart 1'));
  assert.equal(debug.timeline.position.tick, 2);
  await talk(stub, monitor('restart'));
  assert.equal(debug.timeline.position.tick, 0);
});

test('a breakpoint of monitor stops gdb too', async () => {
  const { stub, debug } = stubOf(sort);
  await talk(stub, 'qSupported:swbreak+;hwbreak+', 's', 's', 's');
  const there = debug.evaluate('eip');
  const [, , stop] = await talk(stub, monitor(`break 0x${hex(there)}`), monitor('seek start'), 'c');
  assert.equal(stop, 'T05thread:01;');
  assert.equal(debug.evaluate('eip'), there);
});

test('a refused write of memory is told where gdb does not show the reason', async () => {
  const { stub, notes } = stubOf(sort);
  const [refused] = await talk(stub, 'M100000,1:00');
  assert.match(refused, /^E\.a recording cannot be changed: monitor branch FILE/);
  assert.match(notes[0], /^a write was refused: a recording cannot be changed: monitor branch FILE/);
});
