/**
 * The tick clock: conversions against BigInt over the whole range of ticks, clocks and ratios; tickOfCycle as the
 * exact inverse; timers fire in (tick, creation) order at their ticks, whatever was armed meanwhile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { TickClock } from '../../src/core/board/clock.ts';
import { Judged } from '../support/judged.ts';

const clocks = [32768, 1193182, 1843200, 3579545, 1_000_000_000, 1, 14_318_180];
const ratios = [1 / 16, 1 / 4, 1 / 2, 1, 2, 8, 32, 128, 1024, 65536];

/** cycles = ticks · numerator / denominator. */
function exactRatio(nsPerTick: number, hertz: number): { numerator: bigint; denominator: bigint } {
  const scaled = nsPerTick >= 1 ? BigInt(nsPerTick) : 1n;
  const divided = nsPerTick >= 1 ? 1n : BigInt(1 / nsPerTick);
  return { numerator: BigInt(hertz) * scaled, denominator: 1_000_000_000n * divided };
}

const tickArbitrary = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.integer({ min: 0, max: 2 ** 40 }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);

test('cycles and tickOfCycle agree with exact arithmetic', () => {
  const judged = new Judged('ticks');
  fc.assert(
    fc.property(tickArbitrary, fc.constantFrom(...clocks), fc.constantFrom(...ratios), (tick, hertz, nsPerTick) => {
      const clock = new TickClock(() => 0, nsPerTick, 0);
      const { numerator, denominator } = exactRatio(nsPerTick, hertz);
      const cycles = (BigInt(tick) * numerator) / denominator;
      if (cycles > BigInt(Number.MAX_SAFE_INTEGER)) return;
      judged.add();
      assert.equal(BigInt(clock.cycles(tick, hertz)), cycles);
      // The first tick at which so many cycles have passed.
      const first = (cycles * denominator + numerator - 1n) / numerator;
      assert.equal(BigInt(clock.tickOfCycle(Number(cycles), hertz)), first);
    }),
    { seed: 1, numRuns: 20_000 },
  );
  judged.atLeast(15_000);
});

test('tickOfCycle is the first tick of its cycle', () => {
  const judged = new Judged('cycles');
  fc.assert(
    fc.property(fc.nat(2 ** 31), fc.constantFrom(...clocks), fc.constantFrom(...ratios), (count, hertz, nsPerTick) => {
      const clock = new TickClock(() => 0, nsPerTick, 0);
      const tick = clock.tickOfCycle(count, hertz);
      if (tick > Number.MAX_SAFE_INTEGER) return;
      judged.add();
      assert.ok(clock.cycles(tick, hertz) >= count);
      if (tick > 0) assert.ok(clock.cycles(tick - 1, hertz) < count);
    }),
    { seed: 2, numRuns: 5000 },
  );
  judged.atLeast(4000);
});

test('timers fire in order of tick and creation, also those armed by others', () => {
  const step = fc.record({
    timer: fc.nat(4),
    tick: fc.oneof(fc.nat(20), fc.constant(Number.POSITIVE_INFINITY)),
    rearm: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      let now = 0;
      const fired: string[] = [];
      const clock = new TickClock(() => now, 8, 0);
      const due = new Array<number>(5).fill(Number.POSITIVE_INFINITY);
      const rearms = new Array<number>(5).fill(0);
      const arm = (index: number, tick: number): void => {
        due[index] = tick;
        if (tick === Number.POSITIVE_INFINITY) timers[index].disarm();
        else timers[index].arm(tick);
      };
      const timers = due.map((_, index) =>
        clock.timer(`t${index}`, () => {
          fired.push(`${index} at ${now}`);
          if (rearms[index] > 0) {
            rearms[index]--;
            arm(index, now + index);
          }
        }),
      );
      for (const { timer, tick, rearm } of steps) {
        rearms[timer] = rearm;
        arm(timer, tick);
        assert.equal(clock.nextDue(), Math.min(...due));
      }
      const before = clock.save();
      const other = new TickClock(() => 0, 8, 0);
      for (let index = 0; index < 5; index++) other.timer(`t${index}`, () => {});
      other.load(before);
      assert.deepEqual(other.save(), before);
      assert.equal(other.nextDue(), clock.nextDue());
      // The model: repeatedly the least (tick, index).
      const expected: string[] = [];
      const modelDue = [...due];
      const modelRearms = [...rearms];
      for (;;) {
        const tick = Math.min(...modelDue);
        if (tick === Number.POSITIVE_INFINITY) break;
        const index = modelDue.indexOf(tick);
        expected.push(`${index} at ${tick}`);
        modelDue[index] = modelRearms[index]-- > 0 ? tick + index : Number.POSITIVE_INFINITY;
      }
      while (clock.nextDue() < Number.POSITIVE_INFINITY) {
        now = clock.nextDue();
        clock.runDue(now);
      }
      assert.deepEqual(fired, expected);
    }),
    { seed: 3, numRuns: 1000 },
  );
});

test('a clock refuses what it cannot count exactly', () => {
  assert.throws(() => new TickClock(() => 0, 3, 0), /power of two/);
  assert.throws(() => new TickClock(() => 0, 0, 0), /power of two/);
  const clock = new TickClock(() => 0, 8, 0);
  assert.throws(() => clock.cycles(1, 0.5), /0.5 Hz/);
  assert.throws(() => clock.cycles(1, 2 ** 40 + 1), /exact/);
  const timer = clock.timer('one', () => {});
  assert.throws(() => clock.timer('one', () => {}), /two timers/);
  assert.throws(() => timer.arm(0.5), /no tick/);
  assert.match(clock.problem({ other: 1 }) ?? '', /no timer other/);
});
