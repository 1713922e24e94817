/**
 * Several processors on one memory. Each does what it would do alone, wherever its block lies and however turns are
 * taken; what one writes the others see at once, in data, in code that they have run and in page tables that they have
 * walked. The processors take turns here by hand: no machine has two yet.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { enterFlatMode } from '../../src/core/machine/boot/flat-mode.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { DIRTY_HASH, Memory } from '../../src/core/memory/memory.ts';
import { flushTlb } from '../../src/core/memory/tlb.ts';
import { Cpu } from '../../src/core/state/cpu.ts';
import { CR0, CR0_PG, CR3, EAX, EBX, ECX, EIP, PROCESSORS_MAX } from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { makeJsBackend } from '../../tiers/js/backend.ts';
import { JS_POLICY } from '../../tiers/policy.ts';
import { CompilingEngine } from '../../tiers/tiering.ts';
import { compare, compareMemory, isFaulted, makeRunner, prepare, RAM_BYTES, report } from '../engines/lockstep.ts';
import { type Runner, slice, type Start, stateOf } from '../engines/lockstep.ts';
import { conditions, draftTouchingCode, encode } from '../engines/random-code.ts';
import { Judged } from '../support/judged.ts';

const interpreter = (cpu: Cpu): Engine => new Interpreter(cpu);
const compiler = (cpu: Cpu): Engine =>
  new CompilingEngine(cpu, 'js', { ...JS_POLICY, threshold: 1, losses: 1e9 }, makeJsBackend);

/** Every processor that there is room for, each with RAM of its own size or all with the same. */
function runnersOn(count: number, makeEngine: (cpu: Cpu) => Engine, apartBytes: number): Runner[] {
  const space = new AddressSpace(new Memory(RAM_BYTES + (count - 1) * apartBytes, 0, count));
  return Array.from({ length: count }, (_, i) => makeRunner(`processor ${i}`, makeEngine, space, i * apartBytes));
}

const program = fc.array(draftTouchingCode, { minLength: 1, maxLength: 16 });
const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

for (const [name, makeEngine] of [
  ['interp', interpreter],
  ['js', compiler],
] as const) {
  const reference = makeRunner('alone', interpreter);
  const shared = runnersOn(PROCESSORS_MAX, makeEngine, 0);
  const chosen = [shared[0], shared[1], shared[7], shared[PROCESSORS_MAX - 1]];

  test(`${name}: random code does the same on each processor of a memory`, () => {
    const judged = new Judged('ticks');
    fc.assert(
      fc.property(program, conditions, lengths, (drafts, start, turns) => {
        judged.add(compare(reference, chosen, { ...start, code: encode(drafts) }, 120, turns));
      }),
      { seed: 1, numRuns: 150 },
    );
    judged.atLeast(30 * 150);
  });

  const alone = [0, 1, 2].map((i) => makeRunner(`alone ${i}`, makeEngine));
  const together = runnersOn(3, makeEngine, RAM_BYTES);

  test(`${name}: three processors that take turns in RAM of their own do what each does alone`, () => {
    const ticks = 150;
    const starts = fc.tuple(...together.map(() => fc.tuple(program, conditions)));
    fc.assert(
      fc.property(starts, lengths, (drawn, turns) => {
        const cases: Start[] = drawn.map(([drafts, start]) => ({ ...start, code: encode(drafts) }));
        const expected = alone.map((runner, i) => finish([runner], [cases[i]], ticks, turns)[0]);
        const found = finish(together, cases, ticks, turns);
        found.forEach((state, i) => {
          const text = `processor ${i} of ${cases.map(({ code }) => Buffer.from(code).toString('hex')).join(' ')}`;
          assert.deepEqual(state, expected[i], `${text}\n${report(['alone', 'turns'], expected[i], state)}`);
          compareMemory(alone[i], together[i], text);
        });
      }),
      { seed: 2, numRuns: 150 },
    );
  });
}

/** Runs each to its first fault or for `ticks`, in turns; the states at the end, with the ticks that they took. */
function finish(runners: readonly Runner[], starts: readonly Start[], ticks: number, turns: readonly number[]) {
  runners.forEach((runner, i) => {
    prepare(runner, starts[i]);
  });
  const done = runners.map(() => 0);
  const states: number[][] = runners.map(() => []);
  for (let turn = 0; states.some((state) => state.length === 0); turn++) {
    const i = turn % runners.length;
    if (states[i].length > 0) continue;
    const runner = runners[i];
    const passed = slice(runner, done[i], Math.min(ticks - done[i], turns[turn % turns.length]));
    done[i] += passed;
    if (isFaulted(runner) || done[i] === ticks) states[i] = [...stateOf(runner), done[i]];
  }
  return states;
}

// ---------------------------------------------------------------------------------------------------------------------
// What one does to the other

const CODE = 0x10000;
const DIRECTORY = 0x4000;
const TABLE = 0x5000;

interface Processor {
  readonly cpu: Cpu;
  readonly engine: Engine;
}

/** Flat and without paging, on one memory; `source` at 10000h is known to both. */
function pair(source: string): { processors: Processor[]; memory: Memory; at: (label: string) => number } {
  const memory = new Memory(0x100000, 0, 2);
  const space = new AddressSpace(memory);
  const assembly = assemble(`bits 32\norg ${CODE}\n${source}`);
  const processors = [0, 1].map((): Processor => {
    const cpu = new Cpu(space);
    cpu.ports = { read: () => 0, write: () => {} };
    resetCpu(cpu);
    enterFlatMode(cpu, space, CODE, 0x1000, 8, 16);
    return { cpu, engine: new Interpreter(cpu) };
  });
  space.writeBytes(CODE, assembly.bytes);
  const at = (label: string): number => {
    const address = assembly.symbols.get(label);
    assert.ok(address !== undefined, label);
    return address;
  };
  return { processors, memory, at };
}

/** From `eip` on until HLT's address `end` is reached; EAX then. */
function call({ cpu, engine }: Processor, eip: number, end: number): number {
  cpu.m32[EIP] = eip;
  for (let slices = 0; cpu.m32[EIP] !== end; slices++) {
    assert.ok(slices < 1000, `it does not come to ${end.toString(16)}h`);
    cpu.deadlineTick = 1000;
    cpu.left = 1;
    cpu.exitRequest = 0;
    engine.run(cpu);
    assert.ok(!isFaulted({ name: '', cpu, engine, physical: 0 }), `fault ${cpu.faultVector}`);
  }
  return cpu.m32[EAX];
}

/** One table maps the first 256 pages to themselves. */
function pageOn({ processors, memory }: { processors: Processor[]; memory: Memory }): void {
  const [{ cpu }] = processors;
  cpu.space.write32(DIRECTORY, TABLE | 3);
  for (let page = 0; page < memory.ramPages; page++) cpu.space.write32(TABLE + page * 4, (page << 12) | 3);
  for (const each of processors) {
    each.cpu.m32[CR3] = DIRECTORY;
    each.cpu.m32[CR0] |= CR0_PG;
    flushTlb(each.cpu);
  }
}

const LOAD_AND_STORE = `
load:   mov eax, [0x20000]
load_end: hlt
store:  mov [0x20000], ebx
store_end: hlt
`;

test('registers are each processor’s own, and what one stores the other loads', () => {
  for (const paging of [false, true]) {
    const made = pair(LOAD_AND_STORE);
    const { processors, at } = made;
    if (paging) pageOn(made);
    for (let round = 1; round < 10; round++) {
      const [writer, reader] = round % 2 === 0 ? processors : [...processors].reverse();
      writer.cpu.m32[EBX] = round;
      reader.cpu.m32[EBX] = -1;
      call(writer, at('store'), at('store_end'));
      assert.equal(call(reader, at('load'), at('load_end')), round);
      assert.deepEqual([writer.cpu.m32[EBX], reader.cpu.m32[EBX]], [round, -1]);
    }
  }
});

test('what any processor writes counts as written', () => {
  const { processors, memory, at } = pair(LOAD_AND_STORE);
  for (const processor of [...processors, ...processors]) {
    memory.takeDirty(DIRTY_HASH);
    call(processor, at('store'), at('store_end'));
    assert.deepEqual(memory.takeDirty(DIRTY_HASH), [0x20]);
    // A second time: the entry that let the first one by unseen is gone.
    call(processor, at('store'), at('store_end'));
    assert.deepEqual(memory.takeDirty(DIRTY_HASH), [0x20]);
  }
});

test('code that one processor has run is not run again after another has overwritten it', () => {
  const { processors, at } = pair(`
first:  mov eax, 1
first_end: hlt
second: mov eax, 2
second_end: hlt
patch_first: mov [first + 1], ebx
patch_first_end: hlt
times 0x1000 db 0
patch_second: mov [second + 1], ebx
patch_second_end: hlt
`);
  const [one, other] = processors;
  const run = (processor: Processor, what: string): number => call(processor, at(what), at(`${what}_end`));
  for (let value = 10; value < 20; value++) {
    // Both have the code, in blocks of their own.
    const [writer, runner] = value % 2 === 0 ? [one, other] : [other, one];
    run(writer, 'first');
    run(runner, 'first');
    run(runner, 'second');
    writer.cpu.m32[EBX] = value;
    run(writer, 'patch_first');
    assert.equal(run(runner, 'first'), value);
    assert.equal(run(writer, 'first'), value);
    // The writer holds no block of the page but the one that runs: what it forgets the other must not.
    run(writer, 'patch_second');
    assert.equal(run(runner, 'second'), value);
  }
});

test('the last block of one processor leaves the marks of the other’s', () => {
  const { processors, memory, at } = pair(`
far_store: mov [0x30001], ebx
far_store_end: hlt
far_low: mov [0x30101], ebx
far_low_end: hlt
`);
  const [one, other] = processors;
  const code = assemble('bits 32\nmov eax, 1\nhlt').bytes;
  one.cpu.space.writeBytes(0x30000, code);
  one.cpu.space.writeBytes(0x30100, code);
  assert.equal(call(one, 0x30000, 0x30005), 1);
  assert.equal(call(other, 0x30100, 0x30105), 1);
  one.cpu.m32[EBX] = 7;
  // The only block that the first one has in the page goes.
  call(one, at('far_store'), at('far_store_end'));
  assert.ok(memory.holdsCode(0x30), 'the page still holds code of the other');
  call(one, at('far_low'), at('far_low_end'));
  assert.equal(call(other, 0x30100, 0x30105), 7);
  assert.equal(call(one, 0x30000, 0x30005), 7);
  call(other, at('far_low'), at('far_low_end'));
});

test('a page table that one processor changes leads the other elsewhere too', () => {
  const made = pair(`
load:   mov eax, [0x20000]
load_end: hlt
remap:  mov [${TABLE + 0x20 * 4}], ebx
remap_end: hlt
flush:  mov eax, cr3
        mov cr3, eax
flush_end: hlt
`);
  const { processors, memory, at } = made;
  const [one, other] = processors;
  const run = (processor: Processor, what: string): number => call(processor, at(what), at(`${what}_end`));
  one.cpu.space.write32(0x20000, 0x20);
  one.cpu.space.write32(0x21000, 0x21);
  pageOn(made);
  for (let round = 0; round < 6; round++) {
    const page = round % 2 === 0 ? 0x21 : 0x20;
    const [writer, reader] = round % 3 === 0 ? [one, other] : [other, one];
    run(reader, 'load');
    // The writer forgets all it knows of the tables; what the reader knows of them stays.
    run(writer, 'flush');
    assert.ok(reader.cpu.tables.pages.length > 0);
    writer.cpu.m32[EBX] = (page << 12) | 3;
    run(writer, 'remap');
    assert.equal(run(reader, 'load'), page);
    assert.equal(run(writer, 'load'), page);
  }
  // One forgets, the other does not: a write from outside is still seen.
  for (const [forgetful, reader] of [processors, [...processors].reverse()]) {
    for (const page of [0x21, 0x20]) {
      run(reader, 'load');
      flushTlb(forgetful.cpu);
      reader.cpu.space.write32(TABLE + 0x20 * 4, (page << 12) | 3);
      assert.equal(run(reader, 'load'), page);
    }
  }
  // When nobody knows of a table any more, writes to it are plain.
  memory.dropTranslations();
  assert.ok(memory.pageFlags.every((flags) => (flags & 2) === 0));
});

const WRITER = `
write:  mov [ecx], ebx
write_end: hlt
write_byte: mov [ecx], bl
write_byte_end: hlt
load:   mov eax, [0x20000]
load_end: hlt
`;

test('a page that a processor writes freely becomes the code of another', () => {
  const { processors, at } = pair(WRITER);
  const [writer, runner] = processors;
  const [move] = assemble('bits 32\nmov eax, 1').bytes;
  const write = (address: number, value: number): void => {
    writer.cpu.m32[ECX] = address;
    writer.cpu.m32[EBX] = value;
    call(writer, at('write_byte'), at('write_byte_end'));
  };
  for (let value = 1; value < 5; value++) {
    const start = 0x30000 + value * 0x100;
    runner.cpu.space.write8(start, move);
    // Twice: the second goes by unseen, for the page holds no code yet, or none that these bytes are.
    for (const number of [value, value]) write(start + 1, number);
    assert.equal(call(runner, start, start + 5), value);
    write(start + 1, value + 100);
    assert.equal(call(runner, start, start + 5), value + 100);
  }
});

test('a page that a processor writes freely becomes a page table of another', () => {
  const { processors, at } = pair(WRITER);
  const [writer, reader] = processors;
  const { space } = writer.cpu;
  for (const page of [0x20, 0x21]) space.write32(page << 12, page);
  space.write32(DIRECTORY, TABLE | 3);
  for (let page = 0; page < 256; page++) space.write32(TABLE + page * 4, (page << 12) | 3);
  const map = (page: number): void => {
    writer.cpu.m32[ECX] = TABLE + 0x20 * 4;
    writer.cpu.m32[EBX] = (page << 12) | 0x63; // accessed and dirty: the walk has nothing to write
    call(writer, at('write'), at('write_end'));
  };
  map(0x21);
  map(0x21);
  reader.cpu.m32[CR3] = DIRECTORY;
  reader.cpu.m32[CR0] |= CR0_PG;
  flushTlb(reader.cpu);
  for (const page of [0x21, 0x20, 0x21]) {
    map(page);
    assert.equal(call(reader, at('load'), at('load_end')), page);
  }
});

test('a memory has as many processors as it was made for, and sixteen at most', () => {
  const space = new AddressSpace(new Memory(0x10000, 0, 2));
  assert.deepEqual(
    [new Cpu(space), new Cpu(space)].map(({ number, base }) => [number, base]),
    [
      [0, 0],
      [1, 0x1000],
    ],
  );
  assert.throws(() => new Cpu(space), /has room for 2 processors: ask for more when it is made/);
  assert.throws(() => new Memory(0x10000, 0, 17), /memory for 17 processors: 1 to 16 can be had/);
});
