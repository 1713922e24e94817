/**
 * A debugger stops at an address through a door: blocks and functions end before it, everything else of its page runs
 * at full speed. Whatever the engine, the places and the code (self-modifying, 16-bit, random bytes), the stops are
 * those that looking at every instruction finds. How much is looked at is counted, never timed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { compileCondition } from '../../src/core/timeline/expression.ts';
import type { Position } from '../../src/core/timeline/lookout.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import type { Timeline } from '../../src/core/timeline/timeline.ts';
import { CS, EIP, SEG_BASE } from '../../src/core/state/layout.ts';
import type { FetchStops } from '../../src/core/state/cpu.ts';
import { loadEngine } from '../../src/engines.ts';
import { wildRun } from '../replay/wild.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { go, hashOf, recordGuest, recordRun, type Recorded, timelineOf } from './fixture.ts';

const runs: readonly Recorded[] = [
  await recordGuest('smc', { maxTicks: 60_000 }),
  await recordGuest('paging', { maxTicks: 60_000 }),
  await recordGuest('race', { maxTicks: 60_000 }),
  await recordRun('wildRun(2)', wildRun(2)),
  await recordRun('wildRun(9)', wildRun(9)),
];
const ENGINES = ['interp', 'js:threshold=1', 'wasm:threshold=1', 'js:threshold=1,ahead=1'];

const linearOf = ({ machine }: Timeline): number => (machine.cpu.m32[EIP] + machine.cpu.m32[SEG_BASE + CS]) >>> 0;

/** Counts the looks of engines at single instructions. */
function countLooks({ machine }: Timeline): { looks: number } {
  const count = { looks: 0 };
  let stops: FetchStops | null = null;
  Object.defineProperty(machine.cpu, 'fetchStops', {
    get: () => stops,
    set: (wanted: FetchStops | null) => {
      const reached = (linear: number): boolean => {
        count.looks++;
        return wanted?.reached(linear) === true;
      };
      stops = wanted === null ? null : { ...wanted, reached };
    },
  });
  return count;
}

/** Up to `most` stops from the start on, each with its state. */
function stopsOf(timeline: Timeline, most: number, next: () => Position | null): string[] {
  const found: string[] = [];
  go(timeline.seek({ tick: 0, seq: 0 }));
  while (found.length < most) {
    const position = next();
    if (position === null) return found;
    found.push(`${position.tick}/${position.seq} ${hashOf(timeline)}`);
  }
  return found;
}

test('doors are where looking at every instruction would stop, on every engine', async () => {
  let stops = 0;
  for (const run of runs) {
    const everywhere = timelineOf(run);
    const { endTick } = everywhere;
    const dice = new Random(77 + endTick);
    for (const engine of ENGINES) {
      const timeline = timelineOf(run, { makeEngine: await loadEngine(engine) });
      const addresses = Array.from({ length: 3 }, () => {
        go(timeline.seek({ tick: dice.below(endTick), seq: 0 }));
        return linearOf(timeline);
      });
      const expected = stopsOf(everywhere, 6, () => {
        const stop = go(everywhere.continueUntil(() => (addresses.includes(linearOf(everywhere)) ? 1 : 0)));
        return stop.kind === 'condition' ? stop.position : null;
      });
      // What was compiled before the doors were there must go.
      go(timeline.seek({ tick: endTick, seq: 0 }));
      for (const address of addresses) timeline.addBreakpoint(address);
      const found = stopsOf(timeline, 6, () => {
        const stop = go(timeline.continueForward());
        return stop.kind === 'breakpoint' ? stop.position : null;
      });
      assert.deepEqual(found, expected, `${run.name} on ${engine}: ${addresses.map((each) => each.toString(16))}`);
      stops += found.length;
      // And the run behind them is the same.
      go(timeline.seek({ tick: 0, seq: 0 }));
      for (const { id } of [...timeline.breakpoints]) timeline.remove(id);
      go(timeline.seek({ tick: endTick, seq: 0 }));
      assert.equal(timeline.divergence, null);
    }
  }
  assert.ok(stops > 60, `${stops} stops`);
});

/** Counts to 20 000 in a loop that calls a function; all in one page. The function's fifth instruction is rare. */
const counting = assemble(
  flatGuest(
    `  mov ecx, 20000
next:
  call work
  loop next
  mov ecx, 1000
again:
  call rare
  loop again
stay: jmp stay
`,
    'work: mov eax, ecx\n  xor eax, 1\n  ret\nrare: mov ebx, ecx\n  ret\n',
  ),
);
const countingRun = await recordRun('counting', { images: { kernel: counting.bytes }, maxTicks: 140_000 });
const rare = counting.symbols.get('rare') ?? 0;

test('what lies beside a breakpoint in its page is not looked at', async () => {
  const timeline = timelineOf(countingRun, { makeEngine: await loadEngine('tiered') });
  const count = countLooks(timeline);
  timeline.addBreakpoint(rare, compileCondition('ecx == 3').evaluate);
  const stop = go(timeline.continueForward());
  assert.equal(stop.kind, 'breakpoint');
  assert.equal(timeline.machine.cpu.m32[1], 3);
  assert.ok(count.looks >= 998 && count.looks < 1500, `${count.looks} looks for 998 passings`);
  count.looks = 0;
  go(timeline.seek({ tick: timeline.endTick, seq: 0 }));
  const back = go(timeline.continueBackward());
  assert.deepEqual(back.position, stop.position);
  assert.ok(count.looks < 2500, `${count.looks} looks backwards`);
});

const EITHER = `(ecx == 3 && $pc == ${rare}) || eip == ${rare - 0x100000} + 0x100000`;

test('a condition that names its address costs what a breakpoint there costs, and holds as it would', async () => {
  const makeEngine = await loadEngine('tiered');
  for (const text of [`eip == ${rare} && ecx == 3`, EITHER]) {
    const timeline = timelineOf(countingRun, { makeEngine });
    const count = countLooks(timeline);
    const found = go(goTo(timeline, parsePosition(text)));
    const slow = timelineOf(countingRun, { makeEngine });
    const expected = go(slow.continueUntil(compileCondition(text).evaluate));
    assert.deepEqual(found, expected, text);
    assert.equal(hashOf(timeline), hashOf(slow), text);
    assert.ok(count.looks < 1500, `${text}: ${count.looks} looks`);
  }
});

/** Goes on in 16-bit code at offset 40h of a segment that begins at 110000h: it counts in AX. */
const segmented = assemble(`bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start: lgdt [gdtr]
  xor eax, eax
  mov dword [0x110040], 0x90fdeb40
  jmp 16:0x40
align 8
gdt: dd 0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00009b11
gdtr: dw 23
  dd gdt
`);

test('in code that is not flat such a condition is held against EIP, not against the linear address', async () => {
  const run = await recordRun('segmented', { images: { kernel: segmented.bytes }, memoryMegabytes: 4, maxTicks: 9000 });
  for (const engine of ENGINES) {
    const timeline = timelineOf(run, { makeEngine: await loadEngine(engine) });
    for (const [text, ax] of [
      ['eip == 0x41 && ax == 500', 500],
      ['ax == 900 && eip == 0x40', 900],
    ] as const) {
      const stop = go(goTo(timeline, parsePosition(text)));
      assert.equal(stop.kind, 'condition', text);
      assert.equal(timeline.machine.cpu.m32[0] & 0xffff, ax, text);
      assert.equal(timeline.machine.cpu.m32[SEG_BASE + CS], 0x110000);
    }
    timeline.addBreakpoint(0x110041);
    assert.equal(go(timeline.continueForward()).kind, 'breakpoint');
    assert.equal(timeline.machine.cpu.m32[0] & 0xffff, 901);
  }
});

test('which values of EIP a condition allows', () => {
  const symbols = (name: string): number | undefined => (name === 'main' ? 0x1000 : undefined);
  const cases: readonly (readonly [string, readonly number[] | null])[] = [
    ['eip == 5', [5]],
    ['$pc == main + 4 && eax == 1', [0x1004]],
    ['eax == 1 && (main == eip)', [0x1000]],
    ['eip == 1 || eip == 2', [1, 2]],
    ['eip == 1 || eax == 2', null],
    ['!(eip == 1)', null],
    ['(eip == 1) == 0', null],
    ['eip != 1', null],
    ['eip == eax', null],
    ['[eip] == 1', null],
    ['eip + 1 == 2', null],
    ['eax == 1', null],
  ];
  for (const [text, eips] of cases) assert.deepEqual(compileCondition(text, symbols).eips, eips, text);
});
