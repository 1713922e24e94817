/**
 * A kernel in C under the debugger, by line: breakpoints, steps forward and back, call chains by frame information,
 * variables of every kind, in DWARF 2 to 5 and optimised too; the same recording in the real gdb. Damaged debug
 * information is never thrown about: it ends in a sentence or in less being known.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import { Debugger } from '../../src/host/debugger/debugger.ts';
import { DebuggerError } from '../../src/host/debugger/debugger-error.ts';
import { DwarfError } from '../../src/host/dwarf/cursor.ts';
import { DebugInfo } from '../../src/host/dwarf/debug-info.ts';
import { RecordingTarget } from '../../src/host/gdb/recording-target.ts';
import { serveGdb } from '../../src/host/gdb/server.ts';
import { symbolsFor } from '../../src/host/symbols/symbol-files.ts';
import { openLog, record } from '../../src/library.ts';
import { makeEngine, timelineOf } from '../timeline/fixture.ts';
import { runGdb, skipGdb } from '../timeline/gdb-client.ts';
import { buildKernel, lineOf, skipKernel } from './kernel/kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-source-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function debuggerOf(...options: string[]): Promise<Debugger> {
  const elf = buildKernel(folder, options);
  const image = new Uint8Array(readFileSync(elf));
  const recording = await record({ images: { kernel: image }, memoryMegabytes: 8, maxTicks: 100_000 });
  const images = new Map([['kernel', image]]);
  const timeline = timelineOf({ name: 'kernel', log: openLog(recording.log), images });
  const disassemble = (): { text: string; length: number } => ({ text: '?', length: 1 });
  return new Debugger({
    timeline,
    commands: COMMANDS,
    symbols: symbolsFor(images, [elf]),
    disassemble,
    logName: 'test',
    images,
    makeEngine,
    appendFrame: null,
  });
}

/** Where moves lead, as lines of the source; other commands by their text. */
async function lines(debug: Debugger, script: string): Promise<(number | string)[]> {
  const found: (number | string)[] = [];
  for (const command of script.split(';')) {
    const { text, data } = await debug.execute(command.trim());
    const { line } = (data ?? {}) as { line?: number };
    found.push(line ?? text);
  }
  return found;
}

const BEGIN = lineOf('begin');
const CALL_ADD = lineOf('call add');
const COUNTED = lineOf('counted');
const FOR = CALL_ADD - 1;
const ADD = lineOf('add');

test('breakpoints by line, next and step forward, and the same ways back', { skip: skipKernel }, async () => {
  const debug = await debuggerOf();
  const at = (mark: string): string => `kernel.c:${lineOf(mark)}`;
  const forward = await lines(debug, `b ${at('begin')}; c; next; next; next; next; next; next`);
  assert.deepEqual(forward.slice(1), [BEGIN, BEGIN + 1, FOR, CALL_ADD, COUNTED, FOR, CALL_ADD]);
  assert.deepEqual(await lines(debug, 'rn; rn; rn; rn; rn'), [FOR, COUNTED, CALL_ADD, FOR, BEGIN + 1]);
  const into = await lines(debug, `b ${at('call add')}; c; step; step; step; step`);
  assert.deepEqual(into.slice(1), [CALL_ADD, ADD, ADD + 1, ADD + 2, CALL_ADD]);
  assert.deepEqual(await lines(debug, 'rs; rs; rs; rs'), [ADD + 2, ADD + 1, ADD, CALL_ADD]);
  // A recursion is not taken for a return.
  const recursion = await lines(debug, `delete all; b ${at('recursion')}; c; next; delete all; next`);
  assert.deepEqual(recursion.filter((each) => typeof each === 'number').slice(-3), [
    lineOf('recursion'),
    lineOf('recursion'),
    lineOf('recursion') + 1,
  ]);
  assert.match(String((await lines(debug, 'bt'))[0]), /factorial.*\n.*factorial.*\n.*kernel_main.*\n.*_start/);
});

test('list shows the source, and a file that has no such line is told', { skip: skipKernel }, async () => {
  const debug = await debuggerOf();
  const { text } = await debug.execute(`list kernel.c:${ADD}`);
  assert.match(text, /mark: add \*\//);
  const again = await debug.execute('list');
  assert.match(again.text, /mark: link \*\//);
  await assert.rejects(debug.execute('b kernel.c:9999'), /No code is known of kernel\.c at line 9999/);
  await assert.rejects(debug.execute('b other.c:1'), /No code is known of other\.c/);
});

const VALUES: readonly (readonly [string, RegExp])[] = [
  ['total', /^total = 30$/],
  ['count', /^count = 1$/],
  ['mood', /^mood = HASTY \(5\)$/],
  ['*head', /^\*head = \{name = 0x\w+ "plum", amount = 30, is_taken = 1, weight = 65, next = 0x\w+ <items\+0x\w+>\}$/],
  ['items[1].name', /^items\[1\]\.name = 0x\w+ "pear"$/],
  ['head->next->amount', /^head->next->amount = 20$/],
  ['each->weight', /^each->weight = 65$/],
  ['line', /^line = ""$/],
  ['&total', /^&total = \(int \*\) 0x\w+$/],
];

for (const version of [2, 3, 4, 5]) {
  test(`variables, locals and call chains in DWARF ${version}`, { skip: skipKernel }, async () => {
    const debug = await debuggerOf(`-gdwarf-${version}`, ...(version === 2 ? ['-gstrict-dwarf'] : []));
    await lines(debug, `b kernel.c:${COUNTED}; c; next`);
    for (const [text, wanted] of VALUES) assert.match((await debug.execute(`p ${text}`)).text, wanted);
    await lines(debug, `delete all; b kernel.c:${lineOf('added')}; c`);
    const { data } = await debug.execute('locals');
    const shown = (data as { name: string; value: string }[]).map(({ name, value }) => `${name}=${value}`).sort();
    assert.deepEqual(shown, ['a=30', 'b=20', 'sum=50']);
    const chain = (await debug.execute('bt')).data as { kind: string; symbol: string }[];
    assert.deepEqual(
      chain.map(({ kind, symbol }) => `${kind} ${symbol.replace(/\+.*/, '')}`),
      ['here add', 'caller kernel_main', 'caller _start'],
    );
    await assert.rejects(debug.execute('p head->nothing'), DebuggerError);
    await assert.rejects(debug.execute('p total[1]'), /neither a pointer nor an array/);
  });
}

test('without frame pointers the chain holds, at every instruction', { skip: skipKernel }, async () => {
  const debug = await debuggerOf('-fomit-frame-pointer');
  await lines(debug, `b kernel.c:${lineOf('recursion')}; c; c; delete all`);
  for (let i = 0; i < 40; i++) {
    const { data } = await debug.execute('bt');
    const chain = (data as { kind: string; symbol: string }[]).map(({ symbol }) => symbol.replace(/\+.*/, ''));
    assert.equal(chain[chain.length - 1], '_start', chain.join(' '));
    assert.ok(chain.includes('kernel_main') && new Set(chain).size <= 3, chain.join(' '));
    await debug.execute('stepi');
  }
});

test('optimised code has lines, chains and reasons for what is not there', { skip: skipKernel }, async () => {
  const debug = await debuggerOf('-O2');
  await lines(debug, `b kernel.c:${lineOf('line')}; c`);
  const { data } = await debug.execute('bt');
  assert.match(JSON.stringify(data), /kernel_main.*_start/);
  assert.match((await debug.execute('p total')).text, /^total = \d+$/);
  assert.ok(((await debug.execute('locals')).data as unknown[]).length > 0);
});

test('gdb goes by the same lines, forward and back', { skip: skipKernel || skipGdb }, async () => {
  const debug = await debuggerOf();
  const server = await serveGdb({ target: new RecordingTarget(debug), port: 0, isOnce: true });
  const commands = [
    `break kernel.c:${CALL_ADD}`,
    'continue',
    'printf "@ %d %d\\n", count, total',
    'next',
    'next',
    'next',
    'printf "@ %d %d\\n", count, total',
    'step',
    'printf "@ %d %d\\n", a, b',
    'reverse-finish',
    'reverse-next',
    'printf "@ %d %d\\n", count, total',
    'detach',
  ];
  const found = await runGdb(server, commands, join(folder, 'kernel.elf'));
  assert.deepEqual(found, ['@ 0 0', '@ 1 30', '@ 30 20', '@ 1 30']);
});

test('damaged debug information is told or left out', { skip: skipKernel }, () => {
  for (const version of [3, 5]) {
    const image = new Uint8Array(readFileSync(buildKernel(folder, [`-gdwarf-${version}`])));
    const good = DebugInfo.of(image);
    assert.ok(good !== null && good.problems.length === 0);
    const places = Array.from({ length: 60 }, (_, i) => 0x10_0000 + i * 8);
    const around = { register: () => 0x1000, memory: () => 0, slide: 0 };
    const look = (info: DebugInfo): void => {
      for (const address of places) {
        info.lineAt(address);
        info.functionAt(address);
        for (const entry of [...info.localsAt(address), info.variable('items', address)]) {
          if (entry === null) continue;
          try {
            info.valueOf(entry, address, around, (_, size) => new Uint8Array(size));
          } catch (error) {
            if (!(error instanceof DwarfError)) throw error;
          }
        }
        try {
          info.frames.caller(address, { ...around, frameBase: () => 0, cfa: () => 0, context: null });
        } catch (error) {
          if (!(error instanceof DwarfError)) throw error;
        }
      }
      info.addressesOf('kernel.c', ADD);
    };
    look(good);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0x1000, max: image.length - 1 }), fc.nat(255)), {
          minLength: 1,
          maxLength: 30,
        }),
        (changes) => {
          const bad = Uint8Array.from(image);
          for (const [at, value] of changes) bad[at] = value;
          const info = DebugInfo.of(bad);
          if (info !== null) look(info);
        },
      ),
      { numRuns: 60 },
    );
  }
});
