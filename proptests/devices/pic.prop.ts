/**
 * The 8259 pair: priorities against a model that keeps an explicit list of the eight lines in order of priority and
 * follows the data sheet's sentences; the cascade, spurious vectors, poll, special modes and level triggering by
 * example through the ports.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Chip8259 } from '../../src/core/devices/interrupts/pic.ts';
import { Harness } from './harness.ts';

/** One chip, kept as lists of lines. */
class NaivePic {
  /** Highest priority first. */
  order = [0, 1, 2, 3, 4, 5, 6, 7];
  requested = new Set<number>();
  serving = new Set<number>();
  masked = new Set<number>();
  high = new Set<number>();
  level = new Set<number>();
  specialMask = false;
  autoEoi = false;
  nested = false;
  rotateOnAutoEoi = false;

  rotate(line: number): void {
    const at = this.order.indexOf(line);
    this.order = [...this.order.slice(at + 1), ...this.order.slice(0, at + 1)];
  }

  pending(): number {
    for (const line of this.order) {
      const inService = this.serving.has(line) && !(this.specialMask && this.masked.has(line));
      if (this.requested.has(line) && !this.masked.has(line)) {
        if (!inService || (this.nested && line === 2)) return line;
      }
      if (inService) return -1;
    }
    return -1;
  }

  serve(line: number): void {
    if (!this.level.has(line)) this.requested.delete(line);
    if (!this.autoEoi) this.serving.add(line);
    else if (this.rotateOnAutoEoi) this.rotate(line);
  }

  set(line: number, high: boolean): void {
    if (high && (!this.high.has(line) || this.level.has(line))) this.requested.add(line);
    if (!high) this.requested.delete(line);
    if (high) this.high.add(line);
    else this.high.delete(line);
  }

  endOfInterrupt(rotate: boolean): void {
    const line = this.order.find((each) => this.serving.has(each) && !(this.specialMask && this.masked.has(each)));
    if (line === undefined) return;
    this.serving.delete(line);
    if (rotate) this.rotate(line);
  }
}

const bits = (set: ReadonlySet<number>): number => [...set].reduce((sum, line) => sum | (1 << line), 0);
const lines = (mask: number): Set<number> =>
  new Set([0, 1, 2, 3, 4, 5, 6, 7].filter((line) => (mask & (1 << line)) !== 0));

type Step =
  | { readonly do: 'line'; readonly line: number; readonly high: boolean }
  | { readonly do: 'mask'; readonly mask: number }
  | { readonly do: 'level'; readonly mask: number }
  | { readonly do: 'ocw2'; readonly command: number; readonly line: number }
  | { readonly do: 'special'; readonly on: boolean }
  | { readonly do: 'poll' | 'serve' };

const line = fc.nat(7);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('line' as const), line, high: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('serve' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('poll' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mask' as const), mask: fc.nat(255) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('level' as const), mask: fc.nat(255) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('ocw2' as const), command: fc.nat(7), line }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('special' as const), on: fc.boolean() }) },
);

test('priorities, rotations, masks and ends of interrupt agree with the model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), fc.boolean(), (steps, autoEoi, nested) => {
      const chip = new Chip8259();
      const model = new NaivePic();
      model.autoEoi = autoEoi;
      model.nested = nested;
      chip.write(0, 0x11);
      chip.write(1, 0x20);
      chip.write(1, 0x04);
      chip.write(1, 0x01 | (autoEoi ? 2 : 0) | (nested ? 0x10 : 0));
      for (const entry of steps) {
        switch (entry.do) {
          case 'line':
            chip.setLine(entry.line, entry.high);
            model.set(entry.line, entry.high);
            break;
          case 'mask':
            chip.write(1, entry.mask);
            model.masked = lines(entry.mask);
            break;
          case 'level':
            chip.setLevelTriggered(entry.mask);
            for (let each = 0; each < 8; each++) {
              const level = (entry.mask & (1 << each)) !== 0;
              if (level && model.high.has(each)) model.requested.add(each);
              if (!level && model.level.has(each)) model.requested.delete(each);
            }
            model.level = lines(entry.mask);
            break;
          case 'special':
            chip.write(0, entry.on ? 0x68 : 0x48);
            model.specialMask = entry.on;
            break;
          case 'poll': {
            const expected = model.pending();
            if (expected >= 0) model.serve(expected);
            chip.write(0, 0x0c);
            assert.equal(chip.read(0), expected < 0 ? 0 : 0x80 | expected);
            break;
          }
          case 'serve': {
            const pending = chip.pendingLine();
            assert.equal(pending, model.pending(), JSON.stringify(steps));
            if (pending >= 0) {
              chip.serve(pending);
              model.serve(pending);
            }
            break;
          }
          case 'ocw2': {
            chip.write(0, (entry.command << 5) | entry.line);
            const { command } = entry;
            if (command === 0 || command === 4) model.rotateOnAutoEoi = command === 4;
            if (command === 1 || command === 5) model.endOfInterrupt(command === 5);
            if (command === 3 || command === 7) model.serving.delete(entry.line);
            if (command === 6 || command === 7) model.rotate(entry.line);
            break;
          }
        }
        const told = `${JSON.stringify(entry)} in ${JSON.stringify(steps)}`;
        assert.equal(chip.pendingLine(), model.pending(), told);
        chip.write(0, 0x0a);
        assert.equal(chip.read(0), bits(model.requested), `IRR after ${told}`);
        chip.write(0, 0x0b);
        assert.equal(chip.read(0), bits(model.serving), `ISR after ${told}`);
        assert.equal(chip.read(1), bits(model.masked), `IMR after ${told}`);
      }
    }),
    { seed: 9, numRuns: 2000 },
  );
});

/** A PC without APIC and timer interrupts, vectors 20h–2Fh, everything open; the test device drives the lines. */
function machine(masterIcw4 = 1, slaveIcw4 = 1): Harness {
  const harness = new Harness({ apic: false });
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 0x04, masterIcw4, 0x01);
  harness.out8(0xa0, 0x11);
  harness.out8(0xa1, 0x28, 0x02, slaveIcw4, 0x00);
  return harness;
}

const raise = (harness: Harness, number: number): void => harness.out8(0x2000 + number, 1);
const lower = (harness: Harness, number: number): void => harness.out8(0x2000 + number, 0);
const acknowledge = (harness: Harness): number => harness.board.interrupts.acknowledge();

test('the cascade: a slave line comes through line 2, and both chips want their end of interrupt', () => {
  const harness = machine();
  raise(harness, 11);
  assert.ok(harness.intr);
  assert.equal(acknowledge(harness), 0x2b);
  assert.ok(!harness.intr);
  raise(harness, 9); // more urgent, but the master serves line 2
  assert.ok(!harness.intr);
  raise(harness, 1);
  assert.equal(acknowledge(harness), 0x21, 'line 1 stands above the cascade');
  harness.out8(0x20, 0x20);
  assert.ok(!harness.intr);
  harness.out8(0x20, 0x20); // ends line 2
  assert.ok(harness.intr, 'the slave has something more urgent than what it serves');
  assert.equal(acknowledge(harness), 0x29);
  harness.out8(0xa0, 0x0b);
  assert.equal(harness.in8(0xa0), 0x0a);
});

test('special fully nested: the slave interrupts its own service', () => {
  const harness = machine(0x11);
  raise(harness, 11);
  assert.equal(acknowledge(harness), 0x2b);
  raise(harness, 9);
  assert.ok(harness.intr);
  assert.equal(acknowledge(harness), 0x29);
  raise(harness, 3);
  assert.ok(!harness.intr, 'a line below the cascade still waits');
});

test('automatic end of interrupt on both chips: two slave lines follow each other', () => {
  const harness = machine(3, 3);
  raise(harness, 10);
  raise(harness, 12);
  assert.equal(acknowledge(harness), 0x2a);
  assert.ok(harness.intr);
  assert.equal(acknowledge(harness), 0x2c);
  assert.ok(!harness.intr);
});

test('spurious: a request that is withdrawn before it is acknowledged gives line 7 without service', () => {
  const harness = machine();
  raise(harness, 5);
  assert.ok(harness.intr);
  lower(harness, 5);
  assert.ok(!harness.intr);
  assert.equal(acknowledge(harness), 0x27);
  harness.out8(0x20, 0x0b);
  assert.equal(harness.in8(0x20), 0, 'nothing is in service');
});

test('an edge-triggered line interrupts once for each edge, a level-triggered one while it is high', () => {
  const harness = machine();
  raise(harness, 5);
  assert.equal(acknowledge(harness), 0x25);
  harness.out8(0x20, 0x20);
  assert.ok(!harness.intr);
  harness.out8(0x4d0, 0xff);
  assert.equal(harness.in8(0x4d0), 0xf8, 'lines 0–2 cannot be level-triggered');
  harness.out8(0x4d1, 0xff);
  assert.equal(harness.in8(0x4d1), 0xde, 'nor 8 and 13');
  assert.ok(harness.intr, 'the line is still high');
  assert.equal(acknowledge(harness), 0x25);
  harness.out8(0x20, 0x20);
  assert.ok(harness.intr);
  lower(harness, 5);
  assert.ok(!harness.intr);
});

test('two sources on one line: it falls when both have', () => {
  const harness = machine();
  harness.out8(0x3f8 + 4, 0x08);
  harness.out8(0x3f8 + 1, 0x02); // transmitter empty: line 4
  assert.ok(harness.intr);
  raise(harness, 4);
  lower(harness, 4);
  assert.ok(harness.intr);
  assert.equal(harness.in8(0x3fa), 0x02);
  assert.ok(!harness.intr);
});

test('a controller that nobody has programmed keeps nothing and is silent, but on machines of old logs', () => {
  for (const quirks of [[], ['latching-8259']]) {
    const harness = new Harness({ apic: false, quirks }).silenceTimer();
    harness.out8(0x2005, 1, 0, 1);
    assert.equal(harness.intr, quirks.length > 0);
    harness.out8(0x20, 0x0a);
    assert.equal(harness.in8(0x20), quirks.length > 0 ? 0x20 : 0);
    // Programmed, it hears the next edge.
    harness.out8(0x20, 0x11);
    harness.out8(0x21, 0x20, 0x04, 0x01, 0x00);
    assert.ok(!harness.intr);
    harness.out8(0x2005, 0, 1);
    assert.ok(harness.intr);
  }
});
