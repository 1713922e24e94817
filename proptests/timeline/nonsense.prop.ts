/**
 * Nothing that a person types into the debugger, or that gdb sends as `monitor`, ends in a stack trace: every command
 * with every kind of argument either does something or says in a sentence what it wants. Numbers at and beyond all
 * bounds, half expressions, foreign formats; at the start, in the middle and at the end of recordings of 32-bit and of
 * 16-bit code.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import { complete } from '../../src/host/debugger/complete.ts';
import type { Debugger } from '../../src/host/debugger/debugger.ts';
import { DebuggerError } from '../../src/host/debugger/debugger-error.ts';
import { TOPICS } from '../../src/host/debugger/info.ts';
import { openLog, record } from '../../src/library.ts';
import { inFolder } from '../cli/command.ts';
import { recordGuest, type Recorded } from './fixture.ts';
import { debuggerOf } from './debugger-fixture.ts';

async function firmware(): Promise<Recorded> {
  const bios = new Uint8Array(0x10000);
  bios.set(assemble('bits 16\norg 0\nmov sp, 0x100\ncall next\nnext: mov cx, 40\nx: loop x\nhlt\n').bytes);
  bios.set(assemble('bits 16\norg 0xfff0\njmp word 0xf000:0\n').bytes, 0xfff0);
  const { log } = await record({ images: { bios }, memoryMegabytes: 4, maxTicks: 200 });
  return { name: 'firmware', log: openLog(log), images: new Map([['bios', bios]]) };
}

const RUNS = [await recordGuest('smc', { maxTicks: 3000 }), await firmware()];

const ARGUMENTS = [
  '',
  '0',
  '1',
  '-1',
  '3',
  '1.5',
  '1000000000',
  '1000000001',
  '99999999999999999999',
  '4294967295',
  '0xffffffff',
  '0xffffffff 16',
  '0xfffffffe 4',
  '0x100000000',
  '0x1ffffffffffffffff',
  '-0x80000000',
  '00000000',
  'deadbeef',
  'eip',
  '$eip',
  '$pc + 2 * 3',
  '*$sp',
  '*',
  '$',
  '[',
  ']',
  '[[[esp]]]',
  '1 / 0',
  '1 << 999',
  '(((((((',
  '"',
  '""',
  '"text"',
  "'",
  'x y z',
  ',',
  ',,',
  'now, end',
  'start, start',
  'if',
  'eip if',
  'eip if eax',
  'if 1 ==',
  '100%',
  '101%',
  '-1%',
  '+0',
  '-0',
  '+99999999999999999999',
  'event:',
  'event:-1',
  'event:999999999',
  'serial:',
  'serial9:"x"',
  'serial:"x"#0',
  'irq:256',
  'fault:-1',
  'mark:',
  'mark:nobody',
  '1/999999',
  'all',
  'eax w',
  '0x1000 4 r',
  '0x1000 99999 a',
  '0xffd 8',
  '/10i',
  '/ 10',
  '/dev/null',
  '/nowhere/at/all',
  '.',
  'nowhere 10 eax = ',
  '\u0000',
  'ünïcödé',
  '%s%n',
  '../..',
  'x'.repeat(5000),
];
const FORMATS = ['', '/', '/10i', '/0x', '/4xw', '/999999999x', '/s', '/g', '/q', '/10', '/xxxx', '/-1'];

/** What is typed; null when it was answered, or refused in a sentence. */
async function complaintOf(debug: Debugger, line: string): Promise<string | null> {
  try {
    const { text, data } = await debug.execute(line);
    // What --json prints of it.
    JSON.stringify(data);
    return /undefined|\[object/.test(text) ? `${line}: ${text}` : null;
  } catch (error) {
    if (!(error instanceof DebuggerError)) return `${line}: ${error instanceof Error ? error.stack : String(error)}`;
    if (error.message.length < 5 || /undefined|NaN|\[object/.test(error.message)) return `${line}: ${error.message}`;
    return null;
  }
}

test('every command with every argument does something or says what it wants', async () => {
  await inFolder(async (folder) => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      for (const [i, run] of RUNS.entries()) {
        const debug = debuggerOf(run, { appendFrame: () => {} });
        const complaints: string[] = [];
        for (const command of COMMANDS) {
          const [name] = command.names;
          for (const [k, argument] of ARGUMENTS.entries()) {
            // Of the second run a part: it is about the size of code.
            if (i === 1 && k % 4 !== 0) continue;
            if (k % 8 === 0) await debug.execute(['seek start', 'seek 50%', 'seek end'][(k / 8) % 3]);
            const complaint = await complaintOf(debug, `${name} ${argument}`);
            if (complaint !== null) complaints.push(complaint);
            await debug.execute('delete all');
          }
          for (const format of FORMATS) {
            const complaint = await complaintOf(debug, `${name}${format} $pc`);
            if (complaint !== null) complaints.push(complaint);
          }
        }
        for (const { names } of TOPICS) {
          for (const argument of ['', '0', '0xffffffff', '-1', '[', 'x y']) {
            const complaint = await complaintOf(debug, `info ${names[0]} ${argument}`);
            if (complaint !== null) complaints.push(complaint);
          }
        }
        assert.deepEqual(complaints, [], run.name);
      }
    } finally {
      process.chdir(before);
    }
  });
});

test('whatever stands in the line, completion gives candidates', () => {
  const debug = debuggerOf(RUNS[0]);
  const lines = COMMANDS.flatMap(({ names }) => ARGUMENTS.map((argument) => `${names[0]} ${argument}`));
  for (const line of [...lines, '', ' ', ';', ';;', '; b', '/', 'x/', 'symbols /', 'symbols //', 'symbols ~']) {
    const [candidates, begun] = complete(debug, line);
    assert.ok(
      candidates.every((each) => each.startsWith(begun)),
      line,
    );
    assert.ok(line.endsWith(begun), line);
  }
});
