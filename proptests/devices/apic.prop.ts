/**
 * The local APIC and the I/O APIC: delivery order against a model of the priority rules, the timer at its exact ticks
 * against arithmetic, virtual wire, self interrupts and errors; edge and level pins with remote IRR and masks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Harness, type HarnessOptions } from './harness.ts';
import { Judged } from '../support/judged.ts';

const APIC = 0xfee00000;
const [EOI, SVR, ESR, ICR_LOW, ICR_HIGH] = [0xb0, 0xf0, 0x280, 0x300, 0x310].map((offset) => APIC + offset);
const [TIMER, LINT0, LINT1, ERROR] = [0x320, 0x350, 0x360, 0x370].map((offset) => APIC + offset);
const [INITIAL, CURRENT, DIVIDE, TPR, PPR] = [0x380, 0x390, 0x3e0, 0x80, 0xa0].map((offset) => APIC + offset);

/** Software-enabled, the 8259s masked, no timer interrupts. */
function machine(options: HarnessOptions = {}): Harness {
  const harness = new Harness(options).silenceTimer();
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 0x04, 0x01, 0xff);
  harness.store32(SVR, 0x1ff);
  return harness;
}

const acknowledge = (harness: Harness): number => harness.board.interrupts.acknowledge();

function redirect(harness: Harness, pin: number, low: number, high = 0): void {
  harness.store32(0xfec00000, 0x10 + pin * 2);
  harness.store32(0xfec00010, low);
  harness.store32(0xfec00000, 0x11 + pin * 2);
  harness.store32(0xfec00010, high);
}

function entry(harness: Harness, pin: number): number {
  harness.store32(0xfec00000, 0x10 + pin * 2);
  return harness.load32(0xfec00010);
}

test('interrupts are taken by priority class, nest, and wait for the task priority', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('send' as const), vector: fc.integer({ min: 16, max: 255 }) }),
    fc.record({ do: fc.constant('priority' as const), vector: fc.nat(255) }),
    fc.record({ do: fc.constantFrom('take' as const, 'end' as const), vector: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const harness = machine();
      const requested = new Set<number>();
      const serving: number[] = [];
      let task = 0;
      const most = (vectors: Iterable<number>): number => Math.max(-1, ...vectors);
      for (const { do: what, vector } of steps) {
        const class_ = Math.max(task >> 4, most(serving) >> 4, 0);
        const ready = requested.size > 0 && most(requested) >> 4 > class_;
        if (what === 'send') {
          harness.store32(ICR_LOW, 0x40000 | vector);
          requested.add(vector);
        } else if (what === 'priority') {
          harness.store32(TPR, vector);
          task = vector;
        } else if (what === 'end') {
          harness.store32(EOI, 0);
          if (serving.length > 0) serving.splice(serving.indexOf(most(serving)), 1);
        } else {
          assert.equal(harness.intr, ready);
          const expected = ready ? most(requested) : 0xff;
          assert.equal(acknowledge(harness), expected);
          if (ready) {
            requested.delete(expected);
            serving.push(expected);
          }
        }
        const service = Math.max(most(serving), 0);
        assert.equal(harness.load32(PPR), task >> 4 >= service >> 4 ? task : service & 0xf0);
        for (let word = 0; word < 8; word++) {
          const bits = (vectors: Iterable<number>): number =>
            [...vectors].filter((each) => each >> 5 === word).reduce((sum, each) => sum + 2 ** (each & 31), 0);
          assert.equal(harness.load32(APIC + 0x200 + word * 16), bits(requested));
          assert.equal(harness.load32(APIC + 0x100 + word * 16), bits(serving));
        }
      }
    }),
    { seed: 14, numRuns: 300 },
  );
});

test('the timer: count at every moment and expiry at the exact tick, one-shot and periodic, for every divider', () => {
  const judged = new Judged('timers');
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.constantFrom(0, 1, 2, 3, 8, 9, 10, 11),
      fc.boolean(),
      fc.constantFrom(0.5, 1, 8, 64),
      fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 20 }),
      (initial, code, periodic, nsPerTick, pauses) => {
        const harness = machine({ nsPerTick, tick: 1000 });
        const divider = [2, 4, 8, 16, 32, 64, 128, 1][(code & 3) | ((code >> 1) & 4)];
        harness.store32(DIVIDE, code);
        harness.store32(TIMER, 0x40 | (periodic ? 0x20000 : 0));
        harness.store32(INITIAL, initial);
        const start = Math.floor(1000 * nsPerTick);
        const period = initial * divider;
        // A period shorter than a tick interrupts every tick.
        if (period <= 4 * nsPerTick) return;
        judged.add();
        let taken = 0;
        const takeDue = (): void => {
          if (!harness.intr) return;
          taken++;
          assert.equal(harness.tick, Math.ceil((start + taken * period) / nsPerTick));
          assert.equal(acknowledge(harness), 0x40);
          harness.store32(EOI, 0);
        };
        for (const pause of pauses) {
          const end = harness.tick + pause;
          while (harness.clock.nextDue() <= end) {
            harness.runTo(harness.clock.nextDue());
            takeDue();
          }
          harness.runTo(end);
          const elapsed = Math.floor(end * nsPerTick) - start;
          const expired = Math.floor(elapsed / period);
          assert.equal(taken, periodic ? expired : Math.min(expired, 1));
          const count = initial - Math.floor((elapsed % period) / divider);
          assert.equal(harness.load32(CURRENT), !periodic && expired > 0 ? 0 : count);
        }
      },
    ),
    { seed: 15, numRuns: 300 },
  );
  judged.atLeast(200);
});

test('a masked timer counts and does not interrupt; an initial count of 0 stops it', () => {
  const harness = machine();
  harness.store32(TIMER, 0x10040);
  harness.store32(DIVIDE, 0xb);
  harness.store32(INITIAL, 1000);
  assert.equal(harness.clock.nextDue(), Number.POSITIVE_INFINITY);
  harness.run(100);
  assert.equal(harness.load32(CURRENT), 200);
  harness.run(100);
  assert.equal(harness.load32(CURRENT), 0);
  harness.store32(TIMER, 0x20040);
  harness.store32(INITIAL, 1000);
  harness.store32(INITIAL, 0);
  harness.run(10_000);
  assert.ok(!harness.intr);
});

test('after reset the local APIC is off and every local vector masked, so that the 8259 is not heard', () => {
  const harness = new Harness().silenceTimer();
  assert.equal(harness.load32(SVR), 0xff);
  for (let vector = 0xfee00320; vector <= 0xfee00370; vector += 0x10) assert.equal(harness.load32(vector), 0x10000);
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 0x04, 0x01, 0x00);
  harness.out8(0x2005, 1);
  assert.ok(!harness.intr);
  // Turned off in IA32_APIC_BASE it is not there at all: its pins are INTR and NMI (SDM 3, section 10.4.3).
  harness.board.setApicBase(0xfee00100, false);
  assert.ok(harness.intr);
  assert.equal(acknowledge(harness), 0x25);
});

test('virtual wire: the 8259 comes through LINT0, until it is masked', () => {
  const harness = new Harness().silenceTimer();
  harness.store32(SVR, 0x1ff);
  harness.store32(LINT0, 0x8700);
  harness.store32(SVR, 0x1ff);
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 0x04, 0x01, 0x00);
  harness.out8(0x2005, 1);
  assert.ok(harness.intr);
  assert.equal(acknowledge(harness), 0x25);
  harness.out8(0x20, 0x20);
  harness.out8(0x2005, 0, 1);
  harness.store32(SVR, 0x1ff);
  assert.ok(harness.intr);
  harness.store32(LINT0, 0x10700);
  assert.ok(!harness.intr);
  harness.store32(LINT0, 0x00700);
  assert.ok(harness.intr);
  harness.store32(SVR, 0x0ff);
  assert.equal(harness.load32(LINT0), 0x10700, 'disabling masks the local vectors');
  harness.store32(LINT0, 0x00700);
  assert.equal(harness.load32(LINT0), 0x10700, 'and they stay masked');
  assert.ok(!harness.intr);
});

test('LINT0 as a fixed interrupt gives one for each edge of the 8259', () => {
  const harness = machine();
  harness.store32(LINT0, 0x0050);
  harness.out8(0x21, 0x00);
  harness.out8(0x2005, 1);
  assert.ok(harness.intr);
  assert.equal(acknowledge(harness), 0x50);
  harness.store32(EOI, 0);
  assert.ok(!harness.intr);
  harness.out8(0x2005, 0, 1);
  assert.equal(acknowledge(harness), 0x50);
});

test('off in IA32_APIC_BASE, the 8259 has the processor to itself and the registers are gone', () => {
  const harness = machine();
  const { apic } = harness.board;
  assert.ok(apic !== undefined);
  harness.store32(ICR_LOW, 0x40080);
  assert.ok(harness.intr);
  apic.setBase(0xfee00100);
  assert.ok(!harness.intr);
  assert.throws(() => harness.load32(APIC + 0x30), /no device/);
  harness.out8(0x21, 0x00);
  harness.out8(0x2004, 1);
  assert.equal(acknowledge(harness), 0x24);
  apic.setBase(0xfee00900);
  assert.equal(harness.load32(APIC + 0x30), 0x00050014);
  // Elsewhere with all that it holds; beyond 4 GiB nothing reaches it, and a reset brings it back.
  harness.store32(APIC + 0x80, 0x30);
  apic.setBase(0xd0000900);
  assert.equal(harness.load32(0xd0000080), 0x30);
  assert.throws(() => harness.load32(APIC + 0x80), /no device/);
  apic.setBase(0x5_fee00900);
  assert.throws(() => harness.load32(APIC + 0x80), /no device/);
  harness.board.reset();
  assert.equal(harness.load32(APIC + 0x80), 0);
});

test('in a log of before it stays, on or off, wherever IA32_APIC_BASE says', () => {
  const harness = new Harness({ quirks: ['fixed-apic'] });
  const { apic } = harness.board;
  assert.equal(apic?.version, 1);
  apic?.setBase(0xd0000900);
  assert.equal(harness.load32(APIC + 0x30), 0x00050014);
  apic?.setBase(0xd0000100);
  assert.equal(harness.load32(APIC + 0x30), 0xffffffff);
});

test('interprocessor interrupts reach this processor alone, by every address it has', () => {
  const harness = machine();
  harness.store32(APIC + 0xd0, 0x04000000);
  const sent = (low: number, destination = 0): number => {
    harness.store32(ICR_HIGH, destination << 24);
    harness.store32(ICR_LOW, low);
    if (!harness.intr) return -1;
    const vector = acknowledge(harness);
    harness.store32(EOI, 0);
    return vector;
  };
  assert.equal(sent(0x00031), 0x31, 'physical 0');
  assert.equal(sent(0x00032, 1), -1, 'physical 1 is not there');
  harness.store32(ESR, 0);
  assert.equal(harness.load32(ESR), 0x04, 'nobody accepted it');
  assert.equal(sent(0x00033, 0xff), 0x33, 'broadcast');
  assert.equal(sent(0x00834, 0x0c), 0x34, 'logical, flat');
  assert.equal(sent(0x00835, 0x08), -1);
  assert.equal(sent(0x80036), 0x36, 'all including self');
  assert.equal(sent(0xc0037), -1, 'all excluding self');
  harness.store32(APIC + 0xe0, 0x0fffffff);
  harness.store32(APIC + 0xd0, 0x21000000);
  assert.equal(sent(0x00838, 0x23), 0x38, 'cluster 2, member 0');
  assert.equal(sent(0x00839, 0x13), -1);
  harness.trace.length = 0;
  sent(0x00400);
  assert.match(harness.trace.join(), /nmi/);
});

test('errors are latched by writing the status, and interrupt', () => {
  const harness = machine();
  harness.store32(ERROR, 0x60);
  harness.store32(ICR_LOW, 0x40005);
  assert.equal(acknowledge(harness), 0x60);
  harness.store32(EOI, 0);
  assert.equal(harness.load32(ESR), 0);
  harness.store32(ESR, 0);
  assert.equal(harness.load32(ESR), 0x20);
  harness.load32(APIC + 0x40);
  harness.store32(ESR, 0);
  assert.equal(harness.load32(ESR), 0x80, 'no such register');
  harness.store32(ERROR, 0x05); // its own vector is illegal: no endless loop
  harness.store32(ICR_LOW, 0x40005);
});

test('a machine of an old log opens LINT0 and LINT1 at reset', () => {
  const harness = machine({ quirks: ['open-lint-reset'] });
  assert.equal(harness.load32(LINT0), 0x700);
  assert.equal(harness.load32(LINT1), 0x400);
});

test('an edge pin: one interrupt an edge, none remembered while masked', () => {
  const harness = machine();
  redirect(harness, 5, 0x55);
  harness.out8(0x2005, 1);
  assert.equal(acknowledge(harness), 0x55);
  harness.store32(EOI, 0);
  assert.ok(!harness.intr);
  harness.out8(0x2005, 0);
  redirect(harness, 5, 0x10055);
  harness.out8(0x2005, 1, 0);
  redirect(harness, 5, 0x55);
  assert.ok(!harness.intr);
  harness.out8(0x2005, 1);
  assert.ok(harness.intr);
});

test('a level pin: remote IRR until the EOI, then again while it is asserted; unmasking finds it', () => {
  const harness = machine();
  redirect(harness, 20, 0x18066);
  harness.out8(0x2014, 1);
  assert.ok(!harness.intr);
  redirect(harness, 20, 0x8066);
  assert.ok(harness.intr);
  assert.equal(entry(harness, 20), 0xc066);
  assert.equal(acknowledge(harness), 0x66);
  harness.store32(EOI, 0);
  assert.ok(harness.intr, 'still asserted');
  assert.equal(acknowledge(harness), 0x66);
  harness.out8(0x2014, 0);
  assert.equal(entry(harness, 20), 0xc066, 'deasserting does not clear remote IRR');
  harness.store32(EOI, 0);
  assert.equal(entry(harness, 20), 0x8066);
  assert.ok(!harness.intr);
});

test('a level pin that nobody accepts waits for the local APIC to be enabled', () => {
  const harness = machine();
  harness.store32(SVR, 0x0ff);
  redirect(harness, 17, 0x8077);
  harness.out8(0x2011, 1);
  assert.ok(!harness.intr);
  harness.store32(SVR, 0x1ff);
  assert.equal(acknowledge(harness), 0x77);
});

test('the 8254 is wired to pin 2, and the I/O APIC says how many pins it has', () => {
  const harness = machine();
  redirect(harness, 2, 0x42);
  harness.out8(0x43, 0x34);
  harness.out8(0x40, 100, 0);
  harness.runTo(harness.clock.nextDue() + 20_000);
  assert.equal(acknowledge(harness), 0x42);
  harness.store32(0xfec00000, 1);
  assert.equal(harness.load32(0xfec00010), 0x00170011);
  harness.store32(0xfec00000, 0);
  harness.store32(0xfec00010, 0x0f000000);
  assert.equal(harness.load32(0xfec00010), 0x0f000000);
});
