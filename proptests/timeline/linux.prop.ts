/**
 * The command `linux` on a kernel of our own making: a built-in guest into whose memory the structures have been put
 * that the command goes by. The real thing is a boot of Debian, which a test has no time for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callBefore } from '../../src/host/symbols/calls.ts';
import { lookAtLinux, symbolsSent } from '../../src/host/debugger/linux.ts';
import { isCurrent, parseProcess } from '../../src/host/symbols/process.ts';
import { GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { symbolsFromBytes, symbolsOfImages } from '../../src/host/symbols/symbol-files.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { SerialHistory } from '../../src/core/timeline/serial-history.ts';
import { peekNumber } from '../../src/core/memory/peek.ts';
import type { InputEvent } from '../../src/library.ts';
import { go, recordGuest, timelineOf } from './fixture.ts';

const INIT = 0x3f_0000;
const SHELL = 0x3f_4000;
const DATA = 0x3f_8000;
const PER_CPU = 0x40;
const PARENT = 0x234;
const COMM = 0x3a0;

const edits: InputEvent[] = [];
const put = (address: number, ...words: number[]): void => {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => bytes.writeUInt32LE(word, i * 4));
  edits.push({ kind: 'edit-memory', address, bytes: Uint8Array.from(bytes) });
};
const putText = (address: number, text: string): void => {
  edits.push({ kind: 'edit-memory', address, bytes: Uint8Array.from(Buffer.from(`${text}\0`)) });
};
// pid, tgid, canary, real_parent, parent, children, sibling, group_leader
put(INIT + PARENT - 12, 0, 0, 0xcafe, INIT, INIT, 1, 1, 1, 1, INIT);
putText(INIT + COMM, 'swapper/0');
put(SHELL + PARENT - 12, 42, 42, 0xbeef, INIT, INIT, 1, 1, 1, 1, SHELL);
putText(SHELL + COMM, 'sh');
put(DATA + PER_CPU, SHELL);
put(DATA + 0x100, PER_CPU);
put(DATA + 0x200, DATA + 0x304);
putText(DATA + 0x30c, 'e1000');
put(DATA + 0x304, DATA + 0x404);
putText(DATA + 0x40c, 'ext4');
put(DATA + 0x404, DATA + 0x200);
putText(DATA + 0x500, 'Linux version 6.1 of our own');

const KERNEL: readonly (readonly [string, number])[] = [
  ['init_task', INIT],
  ['current_task', DATA],
  ['__per_cpu_offset', DATA + 0x100],
  ['modules', DATA + 0x200],
  ['linux_banner', DATA + 0x500],
];

const run = await recordGuest('sort', {
  append: '1',
  maxTicks: 80_000,
  inputs: edits.map((event) => ({ tick: 100, event })),
});
const timeline = timelineOf(run);
const { cpu } = timeline.machine;

let guest: GuestSymbols;
function tableOf(symbols: Iterable<readonly [string, number]>, withGuest = true): SymbolTable {
  const table = withGuest ? symbolsOfImages(run.images) : new SymbolTable();
  const lines = [...symbols].map(([name, address]) => `${address.toString(16).padStart(8, '0')} D ${name}`);
  table.add(symbolsFromBytes('System.map', Buffer.from(lines.join('\n'))));
  guest = new GuestSymbols(table);
  guest.refresh(cpu);
  return table;
}

test('the current task, its call chain and the modules are found by what init_task holds', () => {
  go(timeline.seek({ tick: 60_000, seq: 0 }));
  const view = lookAtLinux(cpu, tableOf(KERNEL));
  assert.deepEqual(view.task, { address: SHELL, comm: 'sh', pid: 42 });
  const isRunning = (name: string): boolean => isCurrent(cpu, parseProcess(name), tableOf(KERNEL));
  assert.deepEqual(['sh', '42', 'swapper/0', '43', 's'].map(isRunning), [true, true, false, false, false]);
  assert.deepEqual(view.modules, ['e1000', 'ext4']);
  assert.deepEqual(view.notes, []);
  assert.equal(view.slide, 0);
  const [here, ...callers] = view.frames;
  assert.equal(here.address, cpu.eip >>> 0);
  assert.ok(callers.length > 0);
  for (const { address, symbol } of callers) {
    assert.ok(callBefore(cpu, address) !== null);
    assert.match(symbol, /^\w+/);
  }
  assert.equal(callers[callers.length - 1].symbol, 'start_flat+0x1e');
});

test('a kernel that has moved is found by its banner', () => {
  for (const slide of [0x30_0000, -0x50_0000]) {
    const moved = KERNEL.map(([name, address]) => [name, address - slide] as const);
    const view = lookAtLinux(cpu, tableOf(moved, false));
    assert.equal(view.slide, slide);
    assert.equal(view.task?.comm, 'sh');
  }
});

test('what cannot be found is said', () => {
  const without = (...names: string[]) => tableOf(KERNEL.filter(([name]) => !names.includes(name)));
  assert.match(lookAtLinux(cpu, without('init_task')).notes.join(), /no init_task/);
  assert.match(lookAtLinux(cpu, without('current_task')).notes.join(), /neither current_task nor pcpu_hot/);
  const elsewhere = lookAtLinux(cpu, tableOf([['init_task', 0x20_0000]]));
  assert.equal(elsewhere.task, null);
  assert.match(elsewhere.notes.join(), /is no task "swapper"/);
  tableOf([['linux_banner', 0x20_0000]], false);
  assert.match(guest.problem, /is not known yet/);
  go(timeline.seek({ tick: 50, seq: 0 }));
  assert.equal(peekNumber(cpu, INIT + PARENT, 4), 0);
  assert.equal(lookAtLinux(cpu, tableOf(KERNEL)).task, null);
});

test('a listing of /proc/kallsyms that the guest has sent is taken, one without addresses is not', () => {
  const listing = (address: (i: number) => string): SerialHistory => {
    const history = new SerialHistory();
    const lines = Array.from({ length: 30 }, (_, i) => `${address(i)} T name_${i}${i === 29 ? '\t[ext4]' : ''}\r\n`);
    for (const byte of Buffer.from(`# cat /proc/kallsyms\r\n${lines.join('')}`)) history.add(0, byte, 5);
    return history;
  };
  const { symbols } = symbolsSent(listing((i) => (0xc0100000 + i).toString(16)));
  assert.equal(symbols.length, 30);
  const [name, address] = ['name_29', 0xc010001d];
  assert.deepEqual(symbols[29], { name, address, kind: 'code', isGlobal: true, module: 'ext4' });
  assert.match(symbolsSent(listing(() => '00000000')).problem, /kptr_restrict/);
  assert.match(symbolsSent(new SerialHistory()).problem, /no listing/);
});
