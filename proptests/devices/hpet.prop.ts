/**
 * The high precision event timers: identification, the counter that stands while it is written and counts with the
 * ticks, one-shot and periodic comparators of 32 and 64 bits by edge and by level, legacy replacement; random lives of
 * a board that has them are saved, loaded and gone on with alike, and no saved state that somebody has changed does
 * harm; a Linux kernel would find them in the ACPI tables.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { HPET_ADDRESS } from '../../src/core/devices/timers/hpet.ts';
import { buildAcpi } from '../../src/core/machine/boot/acpi.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { record, replay, verify } from '../../src/library.ts';
import { type Action, Harness, perform, printActions } from './harness.ts';

/** Ten ticks are eight cycles. */
const OPTIONS = { hpet: true, nsPerTick: 8 } as const;

class Board extends Harness {
  constructor() {
    super(OPTIONS);
    this.silenceTimer();
  }
  get(offset: number): number {
    return this.load32(HPET_ADDRESS + offset);
  }
  set(offset: number, value: number): void {
    this.store32(HPET_ADDRESS + offset, value);
  }
  /** Of an input 20 to 23, or of the lines 0 and 8. */
  level(line: number): boolean {
    return this.board.interrupts.levels[line] !== 0;
  }
}

test('it says what it is, and its counter counts 100 million times a second while it is on', () => {
  const board = new Board();
  assert.equal(board.get(0), 0x8086a201);
  assert.equal(board.get(4), 10_000_000, 'femtoseconds');
  board.run(1000);
  assert.equal(board.get(0xf0), 0);
  board.set(0xf4, 7);
  board.set(0xf0, 0xffff_fff0);
  board.set(0x10, 1);
  board.run(1000);
  assert.deepEqual([board.get(0xf0), board.get(0xf4)], [784, 8], '800 cycles, across the low word');
  board.set(0xf0, 5);
  assert.equal(board.get(0xf0), 784, 'it is not written while it counts');
  board.set(0x10, 0);
  board.run(5000);
  assert.deepEqual([board.get(0xf0), board.get(0xf4)], [784, 8]);
  assert.equal(board.get(0x100) & 0x8030, 0x0030, 'periodic, 64 bits, no front side bus');
  assert.equal(board.get(0x104), 0x00f00000);
});

test('a comparator interrupts once where the counter equals it, by level until it is told, or by an edge', () => {
  const board = new Board();
  board.set(0x100, 0x0006 | (21 << 9));
  board.set(0x10c, 0);
  board.set(0x108, 800);
  board.set(0x10, 1);
  board.runTo(board.tick + 999);
  assert.equal(board.level(21), false);
  board.run(1);
  assert.deepEqual([board.level(21), board.get(0x20)], [true, 1]);
  board.set(0x20, 1);
  assert.deepEqual([board.level(21), board.get(0x20)], [false, 0]);
  board.run(1_000_000);
  assert.equal(board.level(21), false);
  board.set(0x120, 0x0104 | (23 << 9));
  const now = board.get(0xf0);
  board.set(0x128, now + 80);
  board.run(101);
  assert.deepEqual([board.level(23), board.get(0x20)], [true, 0]);
  assert.equal(board.get(0x12c), 0, '32 bits');
});

test('a periodic comparator moves on by its period, however long nobody looks', () => {
  const board = new Board();
  board.set(0x100, 0x014e | (20 << 9));
  board.set(0x108, 1000);
  board.set(0x108, 160);
  board.set(0x10, 1);
  let heard = 0;
  for (let i = 0; i < 100; i++) {
    board.run(200);
    if (board.get(0x20) !== 0) heard++;
    board.set(0x20, 7);
  }
  // At 1000, 1160 and so on of 16000 cycles, each of them in another hundredth.
  assert.equal(heard, 94);
  board.run(1_000_000);
  const value = board.get(0x108);
  assert.equal((value - 1000) % 160, 0);
  assert.ok(value > board.get(0xf0) && value <= board.get(0xf0) + 160);
});

test('with legacy replacement it has the lines of the 8254 and of the CMOS clock for itself', () => {
  const board = new Board();
  board.out8(0x43, 0x36);
  board.out8(0x40, 100, 0);
  const seen = new Set<boolean>();
  const look = (): void => {
    for (let i = 0; i < 60; i++) {
      board.run(1000);
      seen.add(board.level(0));
    }
  };
  look();
  assert.deepEqual([...seen].sort(), [false, true]);
  seen.clear();
  board.set(0x10, 3);
  look();
  assert.deepEqual([...seen], [false]);
  board.set(0x100, 0x0004);
  board.set(0x10c, 0);
  board.set(0x108, board.get(0xf0) + 8000);
  board.run(10_001);
  assert.equal(board.level(0), true);
  board.set(0x10, 0);
  seen.clear();
  look();
  assert.deepEqual([...seen].sort(), [false, true]);
});

test('the ACPI tables name it where it is', () => {
  const platform = { hasApic: true, hasPci: true, hasVga: false };
  const text = (hasHpet: boolean): string =>
    Buffer.from(buildAcpi({ ...platform, hasHpet, address: 0xe0000, ramSize: 64 << 20 }).bytes).toString('latin1');
  const at = text(true).indexOf('HPET');
  assert.ok(at > 0 && !text(false).includes('HPET'));
  const bytes = Buffer.from(text(true), 'latin1');
  assert.equal(bytes.readUInt32LE(at + 44), HPET_ADDRESS);
  assert.equal(bytes.subarray(at, at + 56).reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
});

const OFFSETS = [
  0,
  4,
  0x10,
  0x20,
  0xf0,
  0xf4,
  ...[0, 1, 2].flatMap((n) => [0, 4, 8, 12].map((at) => 0x100 + 0x20 * n + at)),
];
const values = fc.oneof(
  fc.constantFrom(0, 1, 3, 7, 0x2a0e, 0x284c, 0x2b06, 0x0004, 0x0102, 0xffff_ffff, 0x8000_0000),
  fc.nat(3000),
  fc.nat(0xffff_ffff),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    do: fc.constant('store' as const),
    address: fc.constantFrom(...OFFSETS).map((offset) => HPET_ADDRESS + offset),
    value: values,
  }),
  fc.record({
    do: fc.constant('load' as const),
    address: fc.constantFrom(...OFFSETS).map((offset) => HPET_ADDRESS + offset),
  }),
  fc.record({ do: fc.constant('run' as const), ticks: fc.oneof(fc.nat(40), fc.nat(4000), fc.nat(10_000_000)) }),
  fc.constantFrom<Action>({ do: 'ack' }, { do: 'reset' }, { do: 'out', port: 0x40, size: 1, value: 3 }),
);
const actions = fc.array(action, { maxLength: 40 });

test('random lives are saved, loaded and gone on with alike', () => {
  fc.assert(
    fc.property(actions, actions, fc.constantFrom(0.5, 8, 1024, 2 ** 20), (before, after, nsPerTick) => {
      const told = `${printActions(before)} | ${printActions(after)} (${nsPerTick} ns)`;
      const first = new Harness({ hpet: true, nsPerTick });
      for (const each of before) perform(first, each);
      const saved = first.board.save();
      assert.equal(first.board.problem(saved, first.tick), null, told);
      const second = new Harness({ hpet: true, nsPerTick, tick: first.tick });
      second.board.load([...saved].reverse());
      second.intr = first.intr;
      first.trace.length = 0;
      second.trace.length = 0;
      for (const each of after) {
        perform(first, each);
        first.save();
        perform(second, each);
      }
      assert.deepEqual(second.trace, first.trace, told);
      assert.equal(second.save(), first.save(), told);
    }),
    { seed: 6, numRuns: Number(process.env.REPRISE_CASES ?? 60) },
  );
});

test('a guest that has them is recorded, replayed with devices and without, and verified', async () => {
  const source = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov ebx, 0xfed00000
  mov dword [ebx + 0x10], 0
  mov dword [ebx + 0x100], 0x2846
  mov dword [ebx + 0x10c], 0
  mov dword [ebx + 0x108], 5000
  mov dword [ebx + 0x10], 1
again:
  mov eax, [ebx + 0xf0]
  add [sum], eax
  test dword [ebx + 0x20], 1
  jz again
  mov al, [sum]
  out 0xe9, al
  mov al, 1
  out 0xf4, al
align 4
sum: dd 0
`;
  const images = { kernel: assemble(source).bytes };
  const recorded = await record({ images, memoryMegabytes: 4, hpet: true, hashEveryTicks: 2000 });
  assert.equal(recorded.debugExit, 1);
  assert.ok(recorded.tick > 6000 && recorded.tick < 7000, `${recorded.tick}`);
  for (const devices of ['model', 'log'] as const) {
    assert.equal((await replay(recorded.log, { images, devices })).divergence, null);
  }
  assert.equal((await verify(recorded.log, { images, engines: ['interp', 'tiered'] })).difference, null);
  // Nothing is there on another machine: all ones, and so no waiting.
  assert.ok((await record({ images, memoryMegabytes: 4 })).tick < 100);
});
