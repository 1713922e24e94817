/**
 * Conditions that are made of general registers are searched for at the speed of a replay: compiled code looks behind
 * instructions that write those registers, and nowhere else. Whatever the engine, the condition and the code (self-
 * modifying, 16-bit, random bytes, interrupts, task switches, iterations of a REP), the stops are those that looking at
 * every instruction finds. How much is looked at is counted, never timed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { REGISTERS_16, REGISTERS_32, REGISTERS_8 } from '../../src/core/base/names.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { termRegisters, termValue } from '../../src/core/state/register-term.ts';
import { compileCondition } from '../../src/core/timeline/expression.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import type { Timeline } from '../../src/core/timeline/timeline.ts';
import { loadEngine } from '../../src/engines.ts';
import { wildRun } from '../replay/wild.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { go, hashOf, recordGuest, recordRun, type Recorded, timelineOf } from './fixture.ts';

const runs: readonly Recorded[] = [
  await recordGuest('smc', { maxTicks: 60_000 }),
  await recordGuest('paging', { maxTicks: 60_000 }),
  await recordGuest('race', { maxTicks: 60_000 }),
  await recordGuest('tasks', { maxTicks: 60_000 }),
  await recordRun('wildRun(2)', wildRun(2)),
  await recordRun('wildRun(9)', wildRun(9)),
];
const ENGINES = ['interp', 'js:threshold=1', 'wasm:threshold=1', 'js:threshold=1,ahead=1'];
const STOPS = 3;

/** A condition that holds here, of one of the registers or of two. */
function conditionHere(timeline: Timeline, dice: Random): string {
  const part = (): string => {
    const [names, mask] = dice.pick([
      [REGISTERS_32, 0xffffffff],
      [REGISTERS_16, 0xffff],
      [REGISTERS_8, 0xff],
    ] as const);
    const name = names[dice.below(8)];
    const value = compileCondition(name).evaluate(timeline.machine.cpu);
    return dice.pick([
      `${name} == ${value}`,
      `${name} - 1 == ${(value - 1) >>> 0}`,
      `${name} <= ${value} && ${name} >= ${value}`,
      `(${name} ^ ${value}) + ${name} == ${value}`,
      `!(${name} != ${value})`,
      `(~${name} & 0x7f) == ${~value & mask & 0x7f}`,
    ]);
  };
  return dice.pick([part(), `${part()} && ${part()}`, `${part()} || eax == 0x12345678`, `${part()} && cpl == 0`]);
}

/** The next stops from the start on, each with its state. */
function stopsOf(timeline: Timeline, text: string): string[] {
  const found: string[] = [];
  go(timeline.seek({ tick: 0, seq: 0 }));
  while (found.length < STOPS) {
    const stop = go(timeline.continueToCondition(compileCondition(text)));
    if (stop.kind !== 'condition') return [...found, `${stop.kind} ${timeline.position.tick}`];
    found.push(`${stop.position.tick}/${stop.position.seq} ${hashOf(timeline)}`);
  }
  return found;
}

test('the stops are where looking at every instruction would stop, on every engine', async () => {
  let stops = 0;
  for (const [number, run] of runs.entries()) {
    const everywhere = timelineOf(run);
    const { endTick } = everywhere;
    for (const engine of ENGINES) {
      const dice = new Random(77 + number * 8 + ENGINES.indexOf(engine));
      const timeline = timelineOf(run, { makeEngine: await loadEngine(engine) });
      for (let round = 0; round < 2; round++) {
        go(everywhere.seek({ tick: dice.below(endTick), seq: 0 }));
        const text = conditionHere(everywhere, dice);
        const { evaluate, term } = compileCondition(text);
        assert.notEqual(term, null, text);
        const slow: string[] = [];
        go(everywhere.seek({ tick: 0, seq: 0 }));
        while (slow.length < STOPS) {
          const stop = go(everywhere.continueUntil(evaluate));
          if (stop.kind !== 'condition') {
            slow.push(`${stop.kind} ${everywhere.position.tick}`);
            break;
          }
          slow.push(`${stop.position.tick}/${stop.position.seq} ${hashOf(everywhere)}`);
        }
        assert.deepEqual(stopsOf(timeline, text), slow, `${run.name} on ${engine}: ${text}`);
        stops += slow.length;
      }
      // And the run behind them is the same.
      go(timeline.seek({ tick: endTick, seq: 0 }));
      assert.equal(timeline.divergence, null);
    }
  }
  assert.ok(stops > 90, `${stops} stops`);
});

/** Counts to 40 000 in a loop that calls a function; ECX and EAX change in every round, EBX twice. */
const counting = assemble(
  flatGuest(
    `  mov ecx, 40000
next:
  call work
  loop next
  mov ebx, 7
stay: jmp stay
`,
    'work: mov eax, ecx\n  xor eax, 1\n  push eax\n  pop edx\n  add dl, 3\n  ret\n',
  ),
);

/** Counts the looks at single instructions, and how often the machine was told of one. */
function counted({ machine }: Timeline): { looks: number; told: number } {
  const count = { looks: 0, told: 0 };
  const { cpu } = machine;
  let [stops, probes] = [cpu.fetchStops, cpu.probes];
  Object.defineProperty(cpu, 'fetchStops', {
    get: () => stops,
    set: (wanted: typeof stops) => {
      const reached = (linear: number): boolean => {
        count.looks++;
        return wanted?.reached(linear) === true;
      };
      stops = wanted === null ? null : { ...wanted, reached };
    },
  });
  Object.defineProperty(cpu, 'probes', {
    get: () => probes,
    set: (wanted: typeof probes) => {
      const ends = wanted?.ends.bind(wanted);
      if (wanted !== null) {
        wanted.ends = (...told) => {
          count.told++;
          ends?.(...told);
        };
      }
      probes = wanted;
    },
  });
  return count;
}

test('compiled code looks for itself: nobody is told of what cannot be it', async () => {
  const images = { kernel: counting.bytes };
  const run = await recordRun('counting', { images, memoryMegabytes: 4, maxTicks: 380_000 });
  for (const [text, most] of [
    ['ecx == 3', 8000],
    ['dl == 0x44 && ecx == 9', 8000],
    ['ebx == 7', 100],
    ['eax == ecx + 1 && ecx < 6', 8000],
    ['esp < 0x1000', 8000],
  ] as const) {
    const timeline = timelineOf(run, { makeEngine: await loadEngine('tiered:threshold=50'), holdTicks: 0 });
    const count = counted(timeline);
    const stop = go(timeline.continueToCondition(compileCondition(text)));
    const slow = timelineOf(run, { makeEngine: await loadEngine('tiered') });
    assert.deepEqual(stop, go(slow.continueUntil(compileCondition(text).evaluate)), text);
    assert.equal(hashOf(timeline), hashOf(slow), text);
    assert.ok(count.looks < 300, `${text}: ${count.looks} looks`);
    assert.ok(count.told <= most, `${text}: told ${count.told} times`);
    assert.equal(timeline.machine.cpu.probes, null);
  }
});

test('a term has the value of its condition, or one that is not 0 where that is not', () => {
  const dice = new Random(5);
  const { machine } = timelineOf(runs[0]);
  const operators = '| ^ & == != < <= > >= s< s<= s> s>= + - * && ||'.split(' ');
  const numbers = ['0', '1', '5', '0x80', '0xffff', '0x7fffffff', '0x80000000', '0xffffffff'];
  const others = ['zf', '[esp]', 'cs', 'tick'];
  const expression = (depth: number, isPure: boolean): string => {
    if (depth === 0) {
      const register = dice.pick([...REGISTERS_32, ...REGISTERS_16, ...REGISTERS_8]);
      return dice.pick([register, register, dice.pick(numbers), isPure ? register : dice.pick(others)]);
    }
    if (dice.below(5) === 0) return `${dice.pick(['-', '~', '!'])}(${expression(depth - 1, isPure)})`;
    if (dice.below(8) === 0) return `(${expression(depth - 1, isPure)} ${dice.pick(['<<', '>>'])} ${dice.below(32)})`;
    return `(${expression(depth - 1, isPure)} ${dice.pick(operators)} ${expression(depth - 1, isPure)})`;
  };
  let [exact, weak, none] = [0, 0, 0];
  for (let i = 0; i < 4000; i++) {
    const isPure = dice.below(3) > 0;
    const text = expression(1 + dice.below(4), isPure);
    const { evaluate, term } = compileCondition(text);
    if (term === null) {
      none++;
      continue;
    }
    assert.notEqual(termRegisters(term), 0);
    const value = termValue(term);
    for (let round = 0; round < 8; round++) {
      for (let register = 0; register < 8; register++) {
        machine.cpu.m32[register] = dice.below(3) === 0 ? Number(dice.pick(numbers)) | 0 : dice.word();
      }
      const [wanted, given] = [evaluate(machine.cpu), value(machine.cpu)];
      if (isPure) assert.equal(given !== 0, wanted !== 0, text);
      else if (wanted !== 0) assert.notEqual(given, 0, text);
    }
    if (isPure) exact++;
    else weak++;
  }
  assert.ok(exact > 1000 && weak > 50 && none > 300, `${exact} exact, ${weak} weak, ${none} without`);
  for (const text of ['[0x1000] == 5', 'eip > 3', 'zf', 'eax / 2 == 1', 'eax == 0x100000000', 'eax << ecx']) {
    assert.equal(compileCondition(text).term, null, text);
  }
});

test('of a condition that registers alone do not decide, their part is looked for, and then the rest', async () => {
  const run = runs[2];
  const everywhere = timelineOf(run);
  for (const engine of ['interp', 'tiered:threshold=5']) {
    const timeline = timelineOf(run, { makeEngine: await loadEngine(engine), holdTicks: 0 });
    for (const text of ['eax == 0 && zf', '[esp] > 5 && ecx > 2', 'ebx != 0 && tick > 30000 && cpl == 0']) {
      assert.notEqual(compileCondition(text).term, null);
      go(everywhere.seek({ tick: 0, seq: 0 }));
      const slow = go(everywhere.continueUntil(compileCondition(text).evaluate));
      go(timeline.seek({ tick: 0, seq: 0 }));
      assert.deepEqual(go(goTo(timeline, parsePosition(text))), slow, `${engine}: ${text}`);
      assert.equal(hashOf(timeline), hashOf(everywhere));
    }
  }
});
