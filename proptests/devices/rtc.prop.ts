/**
 * The real-time clock: the calendar against the host's, day by day and at random; register formats; time as a function
 * of the tick; update window, update, alarm and periodic interrupts at their moments; what the reset line keeps.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { civilFromDays, daysFromCivil, daysInMonth } from '../../src/core/devices/timers/calendar.ts';
import { Harness, type HarnessOptions } from './harness.ts';

const secondTicks = 125_000_000; // at 8 ns

const read = (harness: Harness, register: number): number => {
  harness.out8(0x70, register);
  return harness.in8(0x71);
};
const write = (harness: Harness, register: number, value: number): void => {
  harness.out8(0x70, register);
  harness.out8(0x71, value);
};

test('the calendar agrees with the host for every day from 1900 to 2200, and back', () => {
  const first = daysFromCivil(1900, 1, 1);
  const last = daysFromCivil(2200, 1, 1);
  for (let days = first; days < last; days++) {
    const host = new Date(days * 86_400_000);
    const { year, month, day } = civilFromDays(days);
    const same = year === host.getUTCFullYear() && month === host.getUTCMonth() + 1 && day === host.getUTCDate();
    assert.ok(same && daysFromCivil(year, month, day) === days, `day ${days}: ${year}-${month}-${day}`);
    assert.ok(day <= daysInMonth(year, month));
  }
});

/** What the registers say, in any format, century included. */
function readTime(harness: Harness): { text: string; weekday: number } {
  const mode = read(harness, 0x0b);
  const decode = (value: number): number => ((mode & 4) !== 0 ? value : (value >> 4) * 10 + (value & 15));
  const raw = read(harness, 4);
  const hour = (mode & 2) !== 0 ? decode(raw) : (decode(raw & 0x7f) % 12) + (raw >= 0x80 ? 12 : 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  const field = (register: number): string => two(decode(read(harness, register)));
  const text = `${field(0x32)}${field(9)}-${field(8)}-${field(7)}T${two(hour)}:${field(2)}:${field(0)}.000Z`;
  return { text, weekday: decode(read(harness, 6)) };
}

/** Change the formats of register B; the registers are rewritten in the new format, as software must. */
function setFormat(harness: Harness, bits: number, seconds: number): void {
  write(harness, 0x0b, bits);
  harness.board.input({ kind: 'epoch', seconds });
}

test('the time is the epoch plus the ticks, in every format', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4_102_444_800 }),
      fc.integer({ min: 0, max: 90_000 }),
      fc.constantFrom(0, 2, 4, 6),
      fc.nat(999),
      (epochSeconds, passed, format, steps) => {
        const harness = new Harness({ epochSeconds, nsPerTick: 1024 }).silenceTimer();
        setFormat(harness, format, epochSeconds);
        // Looked at in between or not: the same.
        const middle = Math.floor((passed * steps) / 1000);
        harness.runTo(harness.clock.tickOfCycle(middle, 1));
        readTime(harness);
        harness.runTo(harness.clock.tickOfCycle(passed, 1));
        const expected = new Date((epochSeconds + passed) * 1000);
        const { text, weekday } = readTime(harness);
        assert.equal(text, expected.toISOString());
        assert.equal(weekday, expected.getUTCDay() + 1);
      },
    ),
    { seed: 10, numRuns: 300 },
  );
});

test('a time that the guest sets runs on from there', () => {
  const harness = new Harness().silenceTimer();
  write(harness, 0x0b, 0x82);
  for (const [register, value] of [
    [0, 0x58],
    [2, 0x59],
    [4, 0x23],
    [6, 7],
    [7, 0x29],
    [8, 2],
    [9, 0x24],
    [0x32, 0x20],
  ]) {
    write(harness, register, value);
  }
  harness.run(3 * secondTicks);
  assert.deepEqual(readTime(harness), { text: '2024-02-29T23:59:58.000Z', weekday: 7 }, 'SET holds it');
  write(harness, 0x0b, 0x02);
  harness.run(2 * secondTicks);
  assert.deepEqual(readTime(harness), { text: '2024-03-01T00:00:00.000Z', weekday: 1 });
});

test('the update window opens 244 microseconds before the second', () => {
  const harness = new Harness().silenceTimer();
  const windowTicks = Math.ceil(244_000 / 8);
  harness.runTo(secondTicks - windowTicks - 100);
  assert.equal(read(harness, 0x0a), 0x26);
  harness.runTo(secondTicks - windowTicks + 100);
  assert.equal(read(harness, 0x0a), 0xa6);
  harness.runTo(secondTicks - 1);
  assert.equal(read(harness, 0x0a), 0xa6);
  assert.equal(read(harness, 0), 0x20);
  harness.runTo(secondTicks);
  assert.equal(read(harness, 0x0a), 0x26);
  assert.equal(read(harness, 0), 0x21);
});

function withInterrupts(options: HarnessOptions = {}): Harness {
  const harness = new Harness({ apic: false, ...options }).silenceTimer();
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 4, 1, 0xfb);
  harness.out8(0xa0, 0x11);
  harness.out8(0xa1, 0x28, 2, 1, 0xfe);
  return harness;
}

/** Run until line 8 interrupts, take it, and give the flags of register C. */
function nextInterrupt(harness: Harness): number {
  for (let i = 0; i < 1000 && !harness.intr; i++) harness.runTo(harness.clock.nextDue());
  assert.ok(harness.intr, 'no interrupt');
  assert.equal(harness.board.interrupts.acknowledge(), 0x28);
  harness.out8(0xa0, 0x20);
  harness.out8(0x20, 0x20);
  return read(harness, 0x0c);
}

test('periodic interrupts come at every rate, at the exact oscillator cycle', () => {
  for (let rate = 1; rate < 16; rate++) {
    const harness = withInterrupts({ tick: 777 });
    write(harness, 0x0a, 0x20 | rate);
    read(harness, 0x0c);
    write(harness, 0x0b, 0x42);
    const hertz = rate === 1 ? 256 : rate === 2 ? 128 : 65536 >> rate;
    for (let i = 1; i <= 5; i++) {
      assert.equal(nextInterrupt(harness) & 0xc0, 0xc0);
      assert.equal(harness.tick, harness.clock.tickOfCycle(i, hertz), `rate ${rate}, interrupt ${i}`);
    }
  }
});

test('update-ended interrupts come every second, alarms when the fields match', () => {
  const harness = withInterrupts();
  write(harness, 0x0b, 0x12);
  assert.equal(nextInterrupt(harness) & 0xb0, 0x90);
  assert.equal(harness.tick, secondTicks);
  assert.equal(nextInterrupt(harness) & 0xb0, 0x90);
  assert.equal(harness.tick, 2 * secondTicks);
  // 22:13:22 now; alarm at second 30 of any minute and hour.
  write(harness, 1, 0x30);
  write(harness, 3, 0xc0);
  write(harness, 5, 0xff);
  write(harness, 0x0b, 0x22);
  assert.equal(nextInterrupt(harness) & 0xb0, 0xb0);
  assert.equal(harness.tick, 10 * secondTicks);
  assert.equal(nextInterrupt(harness) & 0xb0, 0xb0);
  assert.equal(harness.tick, 70 * secondTicks, 'a minute later');
});

test('flags rise without being enabled, and reading them clears them', () => {
  const harness = new Harness().silenceTimer();
  harness.run(secondTicks + 5);
  assert.equal(read(harness, 0x0c) & 0xd0, 0x50);
  assert.equal(read(harness, 0x0c), 0);
  assert.equal(harness.clock.save().rtc, undefined, 'and need no timer');
});

test('a divider held in reset stops the clock; released, it takes half a second to the first update', () => {
  const harness = new Harness().silenceTimer();
  harness.run(10_000);
  write(harness, 0x0a, 0x70);
  harness.run(10 * secondTicks);
  assert.equal(read(harness, 0), 0x20);
  const released = harness.tick;
  write(harness, 0x0a, 0x26);
  harness.runTo(released + secondTicks / 2 - 10_000);
  assert.equal(read(harness, 0), 0x20);
  harness.runTo(released + secondTicks / 2 + 10_000);
  assert.equal(read(harness, 0), 0x21);
});

test('the memory keeps its bytes over a reset, with a right checksum and the memory sizes', () => {
  const harness = new Harness({ memoryBytes: 256 << 20 }).silenceTimer();
  write(harness, 0x50, 0xa5);
  write(harness, 0x0b, 0x7a);
  harness.board.reset();
  assert.equal(read(harness, 0x50), 0xa5);
  assert.equal(read(harness, 0x0b), 0x02);
  let sum = 0;
  for (let register = 0x10; register <= 0x2d; register++) sum += read(harness, register);
  assert.equal((read(harness, 0x2e) << 8) | read(harness, 0x2f), sum);
  assert.equal(read(harness, 0x15) | (read(harness, 0x16) << 8), 640);
  assert.equal(read(harness, 0x17) | (read(harness, 0x18) << 8), 0xffff);
  assert.equal(read(harness, 0x34) | (read(harness, 0x35) << 8), 240 * 16);
  assert.equal(read(harness, 0x0d), 0x80);
});

test('bit 7 of the index masks the NMI', () => {
  const harness = new Harness().silenceTimer();
  harness.out8(0x70, 0x80);
  harness.board.input({ kind: 'nmi' });
  harness.out8(0x70, 0x00);
  harness.board.input({ kind: 'nmi' });
  assert.deepEqual(
    harness.trace.filter((line) => line.endsWith('nmi')),
    ['0 nmi'],
  );
});
