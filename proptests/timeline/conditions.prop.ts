/**
 * Conditions are searched for at the speed of a replay: compiled code looks behind instructions that write general
 * registers or flags that they are made of, the few instructions that change segments or control registers are told of,
 * and memory that they read is watched. Whatever the engine, the condition and the code (self-modifying, 16-bit, random
 * bytes, interrupts, task switches, page tables, iterations of a REP), the stops are those that looking at every
 * instruction finds. How much is looked at is counted, never timed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, STATE_SEGMENTS } from '../../src/core/base/names.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { FLAG_NAMES } from '../../src/core/state/flag-names.ts';
import { setArithmeticFlags } from '../../src/core/state/flags.ts';
import { ESP, SEG_BASE, SS } from '../../src/core/state/layout.ts';
import { peekNumber } from '../../src/core/memory/peek.ts';
import { readsState, termValue } from '../../src/core/state/register-term.ts';
import { compileCondition } from '../../src/core/timeline/expression.ts';
import { goTo, parsePosition } from '../../src/core/timeline/positions.ts';
import type { Stop, Timeline } from '../../src/core/timeline/timeline.ts';
import { loadEngine } from '../../src/engines.ts';
import { wildRun } from '../replay/wild.ts';
import { flatGuest, turnOnPaging } from '../support/flat-guest.ts';
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
  const other = (): string => otherHere(timeline, dice);
  return dice.pick([
    ...[part(), `${part()} && ${part()}`, `${part()} || eax == 0x12345678`, `${part()} && cpl == 0`],
    ...[other(), other(), `${other()} && ${part()}`, `${part()} && ${other()}`, `${other()} || ${other()}`],
    ...[`${part()} && tick > 20`, `${other()} && [esp] != 0x12345`],
  ]);
}

const REST = [...STATE_SEGMENTS, ...['ss.base', 'cs.limit', 'ds.base', 'cpl', 'cr0', 'cr2', 'cr3', 'cr4', 'efer']];

/** The same of flags, segments, control registers, or memory at an address. */
function otherHere(timeline: Timeline, dice: Random): string {
  const { cpu } = timeline.machine;
  const held = (text: string): number => compileCondition(text).evaluate(cpu);
  const stack = (cpu.m32[ESP] + cpu.m32[SEG_BASE + SS] + dice.below(16) * 4 - 40) >>> 0;
  const [flag, rest] = [dice.pick(Object.keys(FLAG_NAMES)), dice.pick(REST)];
  // Addresses that move, over places that are written all the time.
  const moving = dice.pick(['[esp]', '[esp + 4]', '[esp - 4]', 'word[esp + 2]', '[ebp - 8]', 'byte[esi + 1]', '[eax]']);
  const cell = dice.pick([
    moving,
    `[${stack}]`,
    `word[${stack + 1}]`,
    `byte[${stack}]`,
    `*(ss.base + ${cpu.m32[ESP] >>> 0})`,
  ]);
  return dice.pick([
    `${flag} == ${held(flag)}`,
    `eflags == ${held('eflags')}`,
    `(eflags & 0x8d5) == ${held('eflags & 0x8d5')}`,
    `${rest} == ${held(rest)}`,
    `${cell} == ${held(cell)}`,
    `${cell} == ${held(cell)} && ${flag} == ${held(flag)}`,
    `${cell} != ${held(cell)}`,
    `${moving} == ${held(moving)} && ${cell} == ${held(cell)}`,
    `${moving} == ${held(moving)} && eax == ${held('eax')}`,
    `[ss.base + esp] == ${held('[ss.base + esp]')} && ecx == ${held('ecx')}`,
    `[[esp + 4] + zf] == ${held('[[esp + 4] + zf]')}`,
  ]);
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
      for (let round = 0; round < 4; round++) {
        go(everywhere.seek({ tick: dice.below(endTick), seq: 0 }));
        const text = conditionHere(everywhere, dice);
        const { evaluate, bound } = compileCondition(text);
        assert.notEqual(bound, null, text);
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
  assert.ok(stops > 180, `${stops} stops`);
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
    'work: mov eax, ecx\n  xor eax, 1\n  push eax\n  pop edx\n  mov [last], edx\n  add dl, 3\n  ret\nlast: dd 0\n',
  ),
);

/** Where it writes what it counts. */
const LAST = counting.symbols.get('last') ?? 0;

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

interface Compared {
  readonly engine: string;
  readonly text: string;
  /** Where looking at every instruction stops. */
  readonly wanted: Stop;
  readonly looks: number;
  readonly told: number;
}

/** From the start each engine stops where looking at every instruction does; `judge` hears how much it looked at. */
async function compareStops(
  run: Recorded,
  engines: readonly string[],
  texts: readonly string[],
  judge: (compared: Compared) => void,
): Promise<void> {
  const plain = texts.map((text) => {
    const slow = timelineOf(run);
    const { evaluate } = compileCondition(text);
    const wanted = go(slow.continueUntil(evaluate));
    if (wanted.kind === 'condition') assert.notEqual(evaluate(slow.machine.cpu), 0, `${text} holds where it stops`);
    return { text, wanted, hash: hashOf(slow) };
  });
  for (const engine of engines) {
    const timeline = timelineOf(run, { makeEngine: await loadEngine(engine), holdTicks: 0 });
    const count = counted(timeline);
    for (const { text, wanted, hash } of plain) {
      go(timeline.seek({ tick: 0, seq: 0 }));
      Object.assign(count, { looks: 0, told: 0 });
      assert.deepEqual(go(timeline.continueToCondition(compileCondition(text))), wanted, `${engine}: ${text}`);
      assert.equal(hashOf(timeline), hash, `${engine}: ${text}`);
      judge({ engine, text, wanted, ...count });
    }
  }
}

test('compiled code looks for itself: nobody is told of what cannot be it', async () => {
  const images = { kernel: counting.bytes };
  const run = await recordRun('counting', { images, memoryMegabytes: 4, maxTicks: 420_000 });
  for (const [text, most] of [
    ['ecx == 3', 8000],
    ['dl == 0x44 && ecx == 9', 8000],
    ['ebx == 7', 100],
    ['eax == ecx + 1 && ecx < 6', 8000],
    ['esp < 0x1000', 8000],
    // ECX ends at 0; what is pushed in the last round is 0; nothing else changes these.
    ['cpl == 3', 100],
    ['ds == 0x77 || cr3 == 5', 100],
    ['if', 100],
    ['of && cf', 8000],
    ['af && of', 8000],
    ['[0x2000] == 7', 100],
    [`[${LAST}] == 6`, 8000],
    [`[${LAST}] == 6 && ecx == 7`, 8000],
    [`byte[${LAST + 1}] == 2 && zf`, 8000],
    ['tick > 300000 && ecx != 0', 8000],
    // What is stored in the page of the code is stored by its handler: once a round, of twelve instructions.
    ['[esp - 8] == 0x12345', 48_000],
    ['[esp - 12] == 9 && ecx == 8', 48_000],
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
  const others = ['[0x1000]', 'cs', 'tick', 'if'];
  const cells = ['[esp]', '[esp + 4]', 'word[ebx - 1]', 'byte[ecx]', '[ebp + zf]'];
  const flags = ['cf', 'pf', 'af', 'zf', 'sf', 'of'];
  const expression = (depth: number, isPure: boolean): string => {
    if (depth === 0) {
      const register = dice.pick([...REGISTERS_32, ...REGISTERS_16, ...REGISTERS_8, ...flags]);
      return dice.pick([register, register, dice.pick(numbers), dice.pick(isPure ? cells : others)]);
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
    assert.ok(readsState(term));
    const value = termValue(term, (cpu, at, size) => peekNumber(cpu, at, 1 << size) ?? 0);
    for (let round = 0; round < 8; round++) {
      for (let register = 0; register < 8; register++) {
        const value = dice.below(3) === 0 ? Number(dice.pick(numbers)) | 0 : dice.word();
        // Some of them lead into the code.
        machine.cpu.m32[register] = dice.below(4) === 0 ? 0x100000 + dice.below(2000) : value;
      }
      setArithmeticFlags(machine.cpu, dice.word());
      const [wanted, given] = [evaluate(machine.cpu), value(machine.cpu)];
      if (isPure) assert.equal(given !== 0, wanted !== 0, text);
      else if (wanted !== 0) assert.notEqual(given, 0, text);
    }
    if (isPure) exact++;
    else weak++;
  }
  assert.ok(exact > 1000 && weak > 50 && none > 300, `${exact} exact, ${weak} weak, ${none} without`);
  for (const text of ['[0x1000] == 5', 'eip > 3', 'if', 'eax / 2 == 1', 'eax == 0x100000000', 'eax << ecx']) {
    assert.equal(compileCondition(text).term, null, text);
  }
});

test('what is stored at one linear address is seen at another that leads to the same memory', async () => {
  const body = `${turnOnPaging(0x110000)}
  mov dword [0x111000], 0x200003
  mov dword [0x110004], 0x111003
  mov edx, [0x400010]
  mov ecx, 20000
again:
  mov [0x200010], ecx
  push ecx
  pop edi
  loop again
stay: jmp stay
`;
  const images = { kernel: assemble(flatGuest(body, MOVING_DATA)).bytes };
  const run = await recordRun('alias', { images, memoryMegabytes: 16, maxTicks: 100_000 });
  const texts = ['[ebx * 0 + 0x400010] == 4', 'word[0x400012 - (esi & 3) * 0] == 0x77', '[edi + 0x400010] == 5'];
  await compareStops(run, ['interp', 'js:threshold=20', 'tiered:threshold=20'], texts, ({ engine, text, told }) => {
    // Each round stores there once, and that alone is looked at: of four instructions with a store or a register.
    if (engine !== 'interp') assert.ok(told < 42_000 || /edi/.test(text), `${text}: ${told}`);
  });
});

test('a REP goes on until it comes to what is read, and stops at the iteration that stores it', async () => {
  const body = `  mov edx, 8
round:
  mov edi, 0x200003
  mov ecx, 3000
  lea eax, [edx + 0x1010100]
  rep stosd
  mov esi, 0x200000
  mov edi, 0x210000
  mov ecx, 5000
  rep movsb
  std
  mov edi, 0x21f000
  mov ecx, 2000
  rep stosw
  cld
  dec edx
  jnz round
stay: jmp stay
`;
  const images = { kernel: assemble(flatGuest(body)).bytes };
  const run = await recordRun('rep', { images, memoryMegabytes: 16, maxTicks: 85_000 });
  const texts = [
    '[ebx * 0 + 0x200abc] == 0x1010504',
    'word[ebx * 0 + 0x201fff] == 0x0302',
    '[ebx * 0 + 0x2117fd] == 0x05010101',
    'byte[ebx * 0 + 0x21effe] == 2',
    '[[ebx * 0 + 0x200003] - 0xe0ff00] == 0 && edx == 3',
    '[ebx * 0 + 0x300000] == 5',
    'byte[edi] == 1 && edx == 4',
  ];
  await compareStops(run, ['interp', 'tiered:threshold=5'], texts, ({ text, told }) => {
    // Forwards it is told of a page or so; of the two thousand backwards, of each.
    if (!/edi/.test(text)) assert.ok(told < 20_000, `${text}: ${told}`);
  });
});

/** One place seen through tables, directories, a segment and the A20 line that change; then RF comes and goes. */
const MOVING = `  mov dword [0x400010], 4
${turnOnPaging(0x110000)}
  call rest
  mov dword [0x111000], 0x200003
  mov dword [0x200010], 1
  call rest
  mov dword [0x110004], 0x111003
  call rest
  mov dword [0x200010], 2
  call rest
  mov dword [0x210010], 3
  mov dword [0x111000], 0x210003
  invlpg [0x400010]
  call rest
  mov eax, 0x112000
  mov cr3, eax
  call rest
  mov eax, 0x110000
  mov cr3, eax
  call rest
  mov dword [0x400010], 5
  call rest
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax
  call rest
  lgdt [other]
  mov ax, 0x18
  mov fs, ax
  call rest
  mov dword [0x220010], 6
  call rest
  mov dword [0x200020], 8
  mov esi, 0x100000
  xor edi, edi
  mov ecx, 0x800
  rep movsd
  in al, 0x92
  and al, 0xfd
  out 0x92, al
  call rest
  or al, 2
  out 0x92, al
  call rest
  pushfd
  or dword [esp], 0x50000
  push cs
  push resumed
  iret
resumed:
  nop
  call rest
stay: jmp stay
rest: mov ecx, 3000
again:
  mov edx, ecx
  loop again
  ret
`;
const MOVING_DATA = `align 8
gdt3: dd 0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300, 0x0000ffff, 0x00cf9322
other: dw 31
  dd gdt3
times 0x110000 - ($ - header) - 0x100000 db 0
dd 0x83, 0
times 0x112000 - ($ - header) - 0x100000 db 0
dd 0x83, 0x400083
`;

test('memory that is seen elsewhere, without a write to it, is looked at again', async () => {
  const images = { kernel: assemble(flatGuest(MOVING, MOVING_DATA)).bytes };
  const run = await recordRun('moving', { images, memoryMegabytes: 16, maxTicks: 140_000 });
  const texts = [
    ...[0, 1, 2, 3, 5].map((value) => `[0x400010] == ${value}`),
    ...[0, 1, 2, 3, 5].map((value) => `[ebx * 0 + 0x400010] == ${value}`),
    '[0x400010] == 4 && cr3 == 0x112000',
    '[0x400010] == 4 && (cr0 s>= 0) && cr3',
    '[0x400010] == 0 && ecx == 2 && cr0 & 0x80000000',
    '[0x400010] == 3 && cr3 == 0x110000 && edx == 9',
    '[fs.base + 0x10] == 6',
    '*(fs.base + 0x10) == 0 && fs == 0x18',
    '[0x300020] == 8',
    '[zf * 0 + 0x300020] == 8',
    '[zf * 0 + 0x400010] == 4 && cr3 == 0x112000',
    'byte[([0x110004] & 0xfffff000) + 2 + ebx * 0] == 0x21',
    '[0x300020] == 0 && [0x200020] == 8 && edx == 1',
    'byte[([0x110004] & 0xfffff000) + 2] == 0x20',
    'byte[([0x110004] & 0xfffff000) + 2] == 0x21',
    'rf',
    'ac && !rf',
    'eflags == 0x50002 || ac && rf == 0',
  ];
  await compareStops(run, ['interp', 'tiered:threshold=20'], texts, ({ text, wanted, looks }) => {
    assert.equal(wanted.kind, 'condition', text);
    assert.ok(looks < 2000, `${text}: ${looks} looks`);
  });
});

test('what a condition is made of, and from which tick on it can hold', () => {
  const basisOf = (text: string) => compileCondition(text).bound?.basis;
  const all = {
    ...{ registers: 0, hasFlags: false, hasSystemFlags: false, hasSegments: false, hasControl: false },
  };
  const moving = { hasControl: true };
  for (const [text, basis] of [
    ['al == 1 || ah == 2 || ebx', { registers: 9 }],
    ['zf', { hasFlags: true }],
    ['if', { hasSystemFlags: true }],
    ['eflags == 2', { hasFlags: true, hasSystemFlags: true }],
    ['cpl == 3 && fs.base', { hasSegments: true }],
    ['cr3 == 0x1000', { hasControl: true }],
    ['[0x1000]', { hasControl: true }],
    ['[fs.base + 8] == eax', { registers: 1, hasSegments: true, hasControl: true }],
    ['eax == 1 && tick', { registers: 1 }],
    ['(eax == 1 && tick) || ecx', { registers: 3 }],
    ['(eax && tick) == 1', undefined],
    ['[esp] == 1', { registers: 16, ...moving }],
    ['[[zf] + 1] == ecx', { registers: 2, hasFlags: true, ...moving }],
    ['[tick] == 1', undefined],
    ['tick > 5', undefined],
    ['1', undefined],
  ] as const) {
    const made = basisOf(text);
    const { places: _places, moving: _moving, ...words } = made ?? { places: [], moving: [] };
    assert.deepEqual(
      made === undefined ? undefined : words,
      basis === undefined ? undefined : { ...all, ...basis },
      text,
    );
  }
  assert.equal(basisOf('[[0x1000] + 4] == 1')?.places.length, 2);
  assert.equal(basisOf('[[esp] + 4] == [0x1000]')?.places.length, 1);
  assert.equal(basisOf('[[esp] + 4] == [0x1000]')?.moving.length, 2);
  for (const [text, fromTick] of [
    ['tick == 9', 9],
    ['tick > 9 && eax', 10],
    ['5 <= tick && tick >= 3', 5],
    ['7 < tick || tick == 4', 4],
    ['tick < 9', 0],
    ['tick > 9 || eax', 0],
    ['!(tick > 9)', 0],
  ] as const) {
    assert.equal(compileCondition(text).fromTick, fromTick, text);
  }
});

test('of a condition that registers alone do not decide, their part is looked for, and then the rest', async () => {
  const run = runs[2];
  const everywhere = timelineOf(run);
  for (const engine of ['interp', 'tiered:threshold=5']) {
    const timeline = timelineOf(run, { makeEngine: await loadEngine(engine), holdTicks: 0 });
    for (const text of ['eax == 0 && zf', '[esp] > 5 && ecx > 2', 'ebx != 0 && tick > 30000 && cpl == 0']) {
      assert.notEqual(compileCondition(text).bound, null);
      go(everywhere.seek({ tick: 0, seq: 0 }));
      const slow = go(everywhere.continueUntil(compileCondition(text).evaluate));
      go(timeline.seek({ tick: 0, seq: 0 }));
      assert.deepEqual(go(goTo(timeline, parsePosition(text))), slow, `${engine}: ${text}`);
      assert.equal(hashOf(timeline), hashOf(everywhere));
    }
  }
});
