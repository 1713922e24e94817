/**
 * Every table against what a single-step run sees: on the interpreter, on engines that compile at once, over whole runs
 * and over windows, and again when pages rule intervals out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleGuest } from '../../src/host/node/guest-images.ts';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { logEvents, serialText } from '../../src/library.ts';
import { loadEngine } from '../../src/engines.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { recordGuest, recordRun, timelineOf } from '../timeline/fixture.ts';
import {
  AccessLooker,
  CallLooker,
  ExecutionLooker,
  type Looker,
  type Row,
  stepWindow,
  SyscallLooker,
} from './brute-force.ts';
import { ask, symbolsOf } from './fixture.ts';

const ENGINES = await Promise.all(['interp', 'step', 'js:threshold=1', 'tiered'].map((name) => loadEngine(name)));

/** In the columns that both have; the first row that differs is shown. */
function assertAlike(rows: readonly Row[], expected: readonly Row[]): void {
  const names = Object.keys(expected[0] ?? {}).filter((name) => name in (rows[0] ?? {}));
  const only = (row: Row | undefined) => Object.fromEntries(names.map((name) => [name, row?.[name]]));
  assert.ok(names.length >= 3);
  expected.forEach((row, i) => assert.deepEqual(only(rows[i]), only(row), `row ${i}`));
  assert.equal(rows.length, expected.length);
}

const race = await recordGuest('race', {
  inputs: [300_000, 500_123, 650_321].map((tick) => ({ tick, event: serialText('3') })),
});
const raceSymbols = symbolsOf(assembleGuest('race'));
const at = (name: string): number => raceSymbols.get(name) ?? -1;

test('calls, executions and accesses of a guest that is interrupted', () => {
  const window = { fromTick: 250_000, toTick: 700_000 };
  let calls!: CallLooker;
  let executions!: ExecutionLooker;
  let accesses!: AccessLooker;
  stepWindow(race, window, (machine): Looker[] => {
    calls = new CallLooker([at('deposit'), at('audit')], 'cdecl');
    executions = new ExecutionLooker(at('clerk_work'));
    accesses = new AccessLooker(machine, at('balance'), 16, 'rw');
    return [calls, executions, accesses];
  });
  assert.ok(calls.rows.length > 300 && accesses.rows.length > 1000 && executions.rows.length > 60_000);
  for (const makeEngine of ENGINES) {
    const timeline = timelineOf(race, { makeEngine, intervalTicks: 1 << 16, holdTicks: 1 });
    const within = `from ${window.fromTick} to ${window.toTick}`;
    for (let pass = 0; pass < 2; pass++) {
      const found = ask(timeline, `calls("deposit", "audit") ${within}`, raceSymbols);
      assertAlike(found, calls.rows);
    }
    const ran = ask(timeline, `executions(clerk_work) ${within}`, raceSymbols);
    assertAlike(ran, executions.rows);
    const touched = ask(timeline, `accesses(balance, 16) ${within}`, raceSymbols);
    assertAlike(touched, accesses.rows);
  }
});

/** Recursion, a callee that takes its arguments away, a call from many places, REP, and a page that is all of it. */
const nested = assembleSource(
  flatGuest(`
  mov ecx, 200
again:
  push ecx
  push ecx
  call sum
  add esp, 4
  push eax
  call taker
  mov ebx, sum
  push dword 3
  call ebx
  add esp, 4
  mov esi, 0x200000
  mov edi, 0x201ffc
  mov ecx, 7
copy:
  rep movsd
  pop ecx
  dec ecx
  jnz again
  mov al, 0x10
  out 0xf4, al
  hlt
sum:
  mov eax, [esp + 4]
  test eax, eax
  jz sum_done
  and eax, 7
  dec eax
  js sum_done
  push eax
  call sum
  add esp, 4
  inc eax
sum_done:
  ret
taker:
  mov eax, [esp + 4]
  ret 4
`),
);
const nestedSymbols = symbolsOf(nested);
const nestedRun = await recordRun('nested', { images: { kernel: nested.bytes }, memoryMegabytes: 4 });

test('recursion, indirect calls, iterations of a REP, and execution by physical page', () => {
  const address = (name: string): number => nestedSymbols.get(name) ?? -1;
  let sum!: CallLooker;
  let copies!: ExecutionLooker;
  let page!: AccessLooker;
  let code!: AccessLooker;
  stepWindow(nestedRun, { fromTick: 0, toTick: 40_000 }, (machine): Looker[] => {
    sum = new CallLooker([address('sum')], 'cdecl');
    copies = new ExecutionLooker(address('copy'));
    page = new AccessLooker(machine, 0x202000, 4096, 'rw');
    return [sum, copies, page];
  });
  stepWindow(nestedRun, { fromTick: 0, toTick: 40_000 }, (machine): Looker[] => {
    code = new AccessLooker(machine, address('taker'), 8, 'rwx');
    return [code];
  });
  assert.ok(sum.rows.length > 1000 && sum.rows.every(({ duration }) => duration !== null));
  assert.equal(copies.rows.length, 200 * 7);
  for (const makeEngine of ENGINES) {
    const timeline = timelineOf(nestedRun, { makeEngine, holdTicks: 1 });
    const calls = ask(timeline, 'calls(sum)', nestedSymbols);
    assertAlike(calls, sum.rows);
    const iterations = ask(timeline, 'executions(copy)', nestedSymbols);
    assertAlike(iterations, copies.rows);
    const written = ask(timeline, 'accesses(0x202000, 4096)', nestedSymbols);
    assertAlike(written, page.rows);
    const ran = ask(timeline, 'accesses(taker, 8, rwx) select position, kind, eip', nestedSymbols);
    assertAlike(ran, code.rows);
    const taken = ask(timeline, 'calls(taker, abi=stdcall, args=1)', nestedSymbols);
    assert.equal(taken.length, 200);
    assert.ok(taken.every(({ arg0, duration, result }) => arg0 === result && duration === 2));
    assert.ok(ask(timeline, 'calls(taker)', nestedSymbols).every(({ result }) => result === null));
  }
});

test('system calls by both ways, and those that never come back', async () => {
  const ring3 = await recordGuest('ring3');
  let looker!: SyscallLooker;
  stepWindow(ring3, { fromTick: 0, toTick: 1_000_000 }, () => {
    looker = new SyscallLooker(0x30);
    return [looker];
  });
  assert.ok(looker.rows.length > 5 && looker.rows.some(({ result }) => result !== null));
  for (const makeEngine of ENGINES) {
    const rows = ask(
      timelineOf(ring3, { makeEngine, holdTicks: 1 }),
      'syscalls(vector=30h) select space, process, number, arg0, arg1, arg2, arg3, arg4, arg5, result, duration',
    );
    assertAlike(rows, looker.rows);
  }
});

/** Two tasks by turns, as a kernel at 3 GB would have them: a pointer to the current one, each with its name. */
const turns = assembleSource(
  flatGuest(`
  mov dword [0x300010], 0x74696e69
  mov dword [0x300014], 0
  mov dword [0x301010], 0x00006873
  mov ecx, 3
again:
  mov dword [0x200000], 0xc0300000
  call mark
  mov dword [0x200000], 0xc0301000
  call mark
  dec ecx
  jnz again
  mov dword [0x200000], 0
  call mark
  mov al, 0x10
  out 0xf4, al
  hlt
mark:
  mov edx, 0x3f8
  mov al, 0x2e
  out dx, al
  ret
`),
);

test('rows of every kind tell the process that runs, where the guest says so', async () => {
  const run = await recordRun('turns', { images: { kernel: turns.bytes }, memoryMegabytes: 4 });
  const names = symbolsOf(turns);
  const known = { currentTask: { pointerAt: 0x200000, directOffset: 0xc000_0000, nameOffset: 16 } };
  const byTurns = ['init', 'sh', 'init', 'sh', 'init', 'sh', null];
  for (const makeEngine of ENGINES) {
    const timeline = timelineOf(run, { makeEngine, holdTicks: 1 });
    const processesOf = (text: string): unknown[] =>
      ask(timeline, `${text} select process, space`, names, known).map(({ process, space }) => {
        assert.equal(space, null, 'nothing is paged');
        return process;
      });
    assert.deepEqual(processesOf('executions(mark)'), byTurns);
    assert.deepEqual(processesOf('calls(mark)'), byTurns);
    assert.deepEqual(processesOf('io(3f8h)'), byTurns);
    assert.deepEqual(processesOf('accesses(0x200000, 4, w)').slice(1), byTurns.slice(0, -1), 'before the write');
    const grouped = ask(timeline, 'calls(mark) group by process order by process', names, known);
    assert.deepEqual(
      grouped.map(({ process, count }) => [process, count]),
      [
        ['init', 3],
        ['sh', 3],
        [null, 1],
      ],
    );
    assert.equal(ask(timeline, 'io(3f8h) where process == "sh" count', names, known)[0].count, 3);
    // A guest that does not say so has none.
    assert.ok(ask(timeline, 'calls(mark) select process', names).every(({ process }) => process === null));
  }
});

test('interrupts are those of the log; faults, serial lines, ports and switches those of the guest', async () => {
  const timeline = timelineOf(race);
  const logged = [...logEvents(race.log, { kinds: new Set(['interrupt']) })];
  const interrupts = ask(timeline, 'interrupts()');
  assert.deepEqual(
    interrupts.map(({ position, vector }) => [Number(String(position).split('/')[0]), vector]),
    logged.map(({ event, tick }) => [tick, 'vector' in event ? event.vector : -1]),
  );
  assert.ok(interrupts.some(({ vector }) => vector === 0x24));
  const reads = [...logEvents(race.log, { kinds: new Set(['port-read']) })];
  assert.deepEqual(
    ask(timeline, 'io() where kind == "r"').map(({ position }) => Number(String(position).split('/')[0])),
    reads.map(({ tick }) => tick),
  );
  const lines = ask(timeline, 'serial() where text ~ "round" select text');
  assert.ok(lines.length >= 2);
  assert.match(String(lines[0].text), /^round 256: balance 115\d$/);
  const paging = timelineOf(await recordGuest('paging'));
  const faults = ask(paging, 'faults(14) select vector, error, address, eip');
  assert.deepEqual(
    faults.map(({ vector, error }) => [vector, error]),
    [0, 2, 3, 2].map((error) => [14, error]),
  );
  const tasks = timelineOf(await recordGuest('tasks'));
  assert.ok(ask(tasks, 'switches() where kind == "tss"').length > 2);
});

test('tones of the speaker follow counter and gate, one after another, the last without an end', async () => {
  const set = (divisor: number): string =>
    `mov al, 0xb6\nout 0x43, al\nmov al, ${divisor & 0xff}\nout 0x42, al\nmov al, ${divisor >> 8}\nout 0x42, al\n`;
  const gate = (bits: number): string => `mov al, ${bits}\nout 0x61, al\n`;
  const rest = (label: string): string => `mov ecx, 5000\n${label}: loop ${label}\n`;
  const body = [
    ...[set(2712), gate(3), rest('one'), set(1193), rest('two'), gate(1), rest('three'), gate(3), rest('four')],
    // A single edge is no tone, nor is the gate alone.
    ...['mov al, 0xb0\nout 0x43, al\n', rest('five'), gate(0), set(5000), gate(3), rest('six')],
    'mov al, 0\nout 0xf4, al\n',
  ].join('');
  const kernel = assembleSource(flatGuest(body)).bytes;
  const beeps = await recordRun('beeps', { images: { kernel }, memoryMegabytes: 4 });
  const expected = [
    [440, 2712],
    [1000.2, 1193],
    [1000.2, 1193],
    [238.6, 5000],
  ];
  for (const makeEngine of ENGINES) {
    const rows = ask(timelineOf(beeps, { makeEngine, holdTicks: 1 }), 'tones() select tick, hertz, divisor, ended');
    assert.deepEqual(
      rows.map(({ hertz, divisor }) => [hertz, divisor]),
      expected,
    );
    const lasted = rows.map(({ tick, ended }) => (ended === null ? null : Number(ended) - Number(tick) > 4000));
    assert.deepEqual(lasted, [true, true, true, null]);
  }
});

test('allocations end with the call that frees them', async () => {
  const source = assembleSource(
    flatGuest(`
  mov ecx, 5
again:
  push ecx
  push dword [esp]
  call alloc
  add esp, 4
  mov ebx, eax
  cmp dword [esp], 3
  je kept
  push ebx
  call free
  add esp, 4
kept:
  pop ecx
  dec ecx
  jnz again
  mov al, 0x10
  out 0xf4, al
  hlt
alloc:
  mov eax, [esp + 4]
  shl eax, 4
  ret
free:
  ret
`),
  );
  const run = await recordRun('allocations', { images: { kernel: source.bytes }, memoryMegabytes: 4 });
  const rows = ask(timelineOf(run), 'allocations(alloc, free)', symbolsOf(source));
  assert.deepEqual(
    rows.map(({ address, size, freed }) => [size, address, freed === null]),
    [5, 4, 3, 2, 1].map((size) => [size, size * 16, size === 3]),
  );
});
