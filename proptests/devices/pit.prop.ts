/**
 * The 8254: every mode against a model that counts pulse by pulse (OUT, counting element, null count at every cycle,
 * under random counts, gates and rewrites); byte order, latches and read-back through the ports; the edges of counter
 * 0 on interrupt line 0 at exact ticks; port 61h.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Counter8254, pitHertz } from '../../src/core/devices/timers/pit.ts';
import { PageStore } from '../../src/core/machine/snapshot.ts';
import { createMachine } from '../../src/library.ts';
import { Harness } from './harness.ts';
import { NaiveCounter } from './pit-model.ts';

type Step =
  | { readonly do: 'count'; readonly value: number }
  | { readonly do: 'byte'; readonly value: number }
  | { readonly do: 'gate'; readonly level: boolean }
  | { readonly do: 'control'; readonly value: number }
  | { readonly do: 'pulses'; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pulses' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('count' as const), value: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('byte' as const), value: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('gate' as const), level: fc.boolean() }) },
);

function printSteps(steps: readonly Step[]): string {
  return steps.map((entry) => Object.values(entry).join(' ')).join('; ');
}

for (let mode = 0; mode < 6; mode++) {
  for (const order of [1, 3]) {
    for (const bcd of [0, 1]) {
      test(`mode ${mode}, ${order === 1 ? 'low byte' : 'both bytes'}, ${bcd === 1 ? 'BCD' : 'binary'}`, () => {
        const control = (order << 4) | (mode << 1) | bcd;
        fc.assert(
          fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
            const counter = new Counter8254();
            const model = new NaiveCounter();
            let cycle = 1000;
            counter.writeControl(cycle, control);
            model.writeControl(control);
            // What the counting element holds before the first load is undefined; both know what they hold.
            model.element = counter.readable(cycle) === 0 ? 0 : model.element;
            let loaded = false;
            let predicted = counter.nextChange(cycle);
            let before = counter.out(cycle);
            const compare = (what: string): void => {
              const told = `${what} in ${printSteps(steps)}`;
              assert.equal(counter.out(cycle), model.out, `OUT after ${told}`);
              assert.equal(counter.nullCount, model.nullCount, `null count after ${told}`);
              if (loaded) {
                const modulus = bcd === 1 ? 10000 : 0x10000;
                const digits = String(model.element % modulus);
                const expected = bcd === 1 ? Number.parseInt(digits, 16) : model.element % modulus;
                assert.equal(counter.readable(cycle), expected, `count after ${told}`);
              }
            };
            const changed = (): void => {
              predicted = counter.nextChange(cycle);
              before = counter.out(cycle);
            };
            for (const entry of steps) {
              if (entry.do === 'pulses') {
                for (let i = 0; i < entry.count; i++) {
                  cycle++;
                  counter.sync(cycle);
                  model.pulse();
                  loaded ||= !model.nullCount;
                  compare(`${entry.count} pulses, at ${i + 1}`);
                  // OUT changes at no cycle that nextChange did not foretell.
                  if (counter.out(cycle) !== before) assert.equal(cycle, predicted, printSteps(steps));
                  if (cycle >= predicted || counter.out(cycle) !== before) changed();
                }
                continue;
              }
              if (entry.do === 'gate') {
                counter.setGate(cycle, entry.level);
                model.setGate(entry.level);
              } else if (entry.do === 'control') {
                counter.writeControl(cycle, entry.value);
                model.writeControl(entry.value);
              } else if (entry.do === 'byte') {
                counter.writeCount(cycle, entry.value);
                model.writeByte(entry.value);
              } else {
                const bytes = order === 1 || counter.writtenLow >= 0 ? [entry.value] : [entry.value, 0];
                for (const byte of bytes) {
                  counter.writeCount(cycle, byte);
                  model.writeByte(byte);
                }
              }
              compare(printSteps([entry]));
              changed();
            }
          }),
          { seed: 7, numRuns: 300 },
        );
      });
    }
  }
}

test('byte order, counter latch and read-back', () => {
  const harness = new Harness();
  const cycleTicks = 1_000_000_000 / pitHertz / 8;
  harness.out8(0x43, 0xb0); // counter 2, both bytes, mode 0
  harness.out8(0x42, 0x34, 0x12);
  harness.out8(0x61, 0x01); // gate
  harness.run(Math.ceil(cycleTicks * 0x11));
  harness.out8(0x43, 0x80);
  harness.run(5000);
  const low = harness.in8(0x42);
  harness.out8(0x43, 0x80); // ignored: the first latch has not been read
  const latched = low | (harness.in8(0x42) << 8);
  assert.ok(latched <= 0x1234 - 0x10 && latched >= 0x1234 - 0x12, latched.toString(16));
  const later = harness.in8(0x42) | (harness.in8(0x42) << 8);
  assert.ok(later < latched - 40, 'an unlatched read sees the count go on');
  // Read-back of status and count of counter 2: status first.
  harness.out8(0x43, 0xc8);
  assert.equal(harness.in8(0x42), 0x30, 'OUT low, count loaded, mode 0');
  const count = harness.in8(0x42) | (harness.in8(0x42) << 8);
  assert.equal(count, later, 'no time has passed');
  // A fresh count is null until the next clock; high byte alone.
  harness.out8(0x43, 0xa0);
  harness.out8(0x42, 0x01);
  harness.out8(0x43, 0xe8);
  assert.equal(harness.in8(0x42), 0x60, 'null count, high byte only');
  harness.run(Math.ceil(cycleTicks * 300));
  harness.out8(0x43, 0xe8);
  assert.equal(harness.in8(0x42), 0xa0, 'OUT high after 257 clocks');
  assert.equal(harness.in8(0x61) & 0x20, 0x20, 'and port 61h shows it');
});

/** Ticks of the rising edges of line 0, seen as interrupts of an 8259 that takes them at once. */
function edges(harness: Harness, ticks: number): number[] {
  const end = harness.tick + ticks;
  const seen: number[] = [];
  while (harness.clock.nextDue() <= end) {
    harness.runTo(harness.clock.nextDue());
    if (!harness.intr) continue;
    assert.equal(harness.board.interrupts.acknowledge(), 0x20);
    harness.out8(0x20, 0x20);
    seen.push(harness.tick);
  }
  harness.runTo(end);
  return seen;
}

function startedPic(nsPerTick: number, tick: number): Harness {
  const harness = new Harness({ nsPerTick, tick, apic: false });
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 0x04, 0x01, 0xfe);
  return harness;
}

test('counter 0 interrupts at the first tick of the right cycle, at any ratio', () => {
  const modes = fc.constantFrom({ mode: 2 }, { mode: 3 });
  fc.assert(
    fc.property(
      modes,
      fc.integer({ min: 2, max: 3000 }),
      fc.constantFrom(0.25, 1, 8, 128, 512),
      fc.nat(100_000),
      ({ mode }, count, nsPerTick, tick) => {
        const harness = startedPic(nsPerTick, tick);
        harness.out8(0x43, 0x30 | (mode << 1));
        harness.out8(0x40, count & 0xff, count >> 8);
        const loaded = harness.clock.cycles(tick, pitHertz) + 1;
        const periods = 5;
        const seen = edges(harness, Math.ceil(((count * periods + 2) * 1_000_000_000) / pitHertz / nsPerTick));
        const expected: number[] = [];
        for (let period = 1; period <= periods; period++) {
          expected.push(harness.clock.tickOfCycle(loaded + period * count, pitHertz));
        }
        assert.deepEqual(seen.slice(0, periods), expected);
      },
    ),
    { seed: 8, numRuns: 100 },
  );
});

test('one-shot modes interrupt once', () => {
  for (const mode of [0, 4]) {
    const harness = startedPic(8, 12345);
    harness.out8(0x43, 0x30 | (mode << 1));
    harness.out8(0x40, 100, 0);
    const written = harness.clock.cycles(12345, pitHertz);
    // Mode 0 rises when the count has run out, mode 4 at the end of the strobe, one clock later.
    const rise = written + 1 + 100 + (mode === 4 ? 1 : 0);
    assert.deepEqual(edges(harness, 10_000_000), [harness.clock.tickOfCycle(rise, pitHertz)]);
  }
});

test('with ticks longer than a period there is an edge in every tick that ends with OUT high', () => {
  const harness = startedPic(65536, 0);
  harness.out8(0x43, 0x34);
  harness.out8(0x40, 10, 0);
  const seen = edges(harness, 20);
  // A request whose line has fallen again by the end of the tick is withdrawn: one in ten.
  assert.ok(seen.length >= 16 && seen.length <= 20, `${seen.length} interrupts in 20 ticks`);
});

test('the refresh bit of port 61h toggles every 15 microseconds', () => {
  const harness = new Harness();
  let toggles = 0;
  let last = harness.in8(0x61) & 0x10;
  for (let tick = 0; tick < 125_000; tick += 25) {
    harness.runTo(tick);
    const bit = harness.in8(0x61) & 0x10;
    if (bit !== last) toggles++;
    last = bit;
  }
  assert.ok(toggles >= 65 && toggles <= 67, `${toggles} toggles in a millisecond`);
});

test('a state that is saved between a look at a change of counter 0 and its timer is gone on from', async () => {
  // Each tick is longer than a cycle, and a machine stops at a tick before the timers of that tick fire.
  const settings = {
    images: { bios: new Uint8Array(0x10000).fill(0xf4).fill(0x90, 0xfff0, 0xfff8) },
    memoryMegabytes: 2,
    nsPerTick: 1024,
  };
  const [looked, second] = [await createMachine(settings), await createMachine(settings)].map(({ machine }) => machine);
  const stores = [new PageStore(looked), new PageStore(second)] as const;
  for (const [port, value] of [
    [0x43, 0x14], // counter 0, low byte, mode 2
    [0x40, 5],
  ]) {
    looked.board.ports.write(port, 1, value);
  }
  for (let i = 0; i < 40; i++) {
    looked.run(looked.tick + 1);
    looked.board.ports.read(i % 2 === 0 ? 0x61 : 0x40, 1);
    stores[1].restore(stores[0].take(), true);
    for (const machine of [looked, second]) machine.run(machine.tick + 3);
    assert.equal(second.hash().root, looked.hash().root, `at ${i}`);
  }
});
