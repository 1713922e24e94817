/**
 * The diskette controller by command: what the 82077AA's data sheet says of results and status, sectors by DMA and by
 * the data port, both sides of a track, formatting, diskettes that come and go; random accesses are gone on with.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bytesSource } from '../../src/core/board/image.ts';
import { type Action, Harness, perform, printActions } from '../devices/harness.ts';
import { numberedDisk } from './ide-driver.ts';

const disk = numberedDisk(2880);
const BUFFER = 0x20000;

class Driver {
  readonly harness: Harness;

  constructor(images: Readonly<Record<string, Uint8Array>> = { fda: disk }) {
    const list = Object.entries(images).map(([role, bytes]) => ({ role, source: bytesSource(bytes) }));
    this.harness = new Harness({ images: list });
    this.harness.out8(0x3f2, 0x1c);
    this.harness.run(10_000);
    for (let i = 0; i < 4; i++) assert.deepEqual(this.results(0x08), [0xc0 | i, 0]);
    this.harness.out8(0x3f7, 0);
    this.send(0x03, 0xaf, 0x02);
  }

  get status(): number {
    return this.harness.in8(0x3f4);
  }

  get line(): boolean {
    return this.harness.board.interrupts.levels[6] !== 0;
  }

  send(...bytes: number[]): void {
    for (const byte of bytes) {
      assert.equal(this.status & 0xc0, 0x80, 'a byte is wanted');
      this.harness.out8(0x3f5, byte);
    }
  }

  /** All results of a command. */
  results(...command: number[]): number[] {
    if (command.length > 0) this.send(...command);
    for (let i = 0; i < 1000 && (this.status & 0xc0) !== 0xc0; i++) this.harness.run(2000);
    const results: number[] = [];
    while ((this.status & 0xc0) === 0xc0) results.push(this.harness.in8(0x3f5));
    return results;
  }

  /** The channel for so many bytes at the buffer: 44h to memory, 48h from it. */
  channel(mode: number, count: number): void {
    const { harness } = this;
    harness.out8(0x0a, 6);
    harness.out8(0x0c, 0);
    harness.out8(0x04, BUFFER & 0xff, (BUFFER >> 8) & 0xff);
    harness.out8(0x81, BUFFER >> 16);
    harness.out8(0x05, (count - 1) & 0xff, (count - 1) >> 8);
    harness.out8(0x0b, mode | 2);
    harness.out8(0x0a, 2);
  }
}

const READ = 0xe6;
const WRITE = 0xc5;
const sectorsOf = (bytes: Uint8Array, first: number, count: number): Uint8Array =>
  bytes.slice(first * 512, (first + count) * 512);

test('reset, version, sense, seek and recalibrate', () => {
  const driver = new Driver();
  assert.equal(driver.status, 0x80);
  assert.deepEqual(driver.results(0x08), [0x80], 'nothing to sense');
  assert.deepEqual(driver.results(0x10), [0x90]);
  assert.deepEqual(driver.results(0x1f), [0x80], 'no such command');
  assert.equal(driver.harness.in8(0x3f7), 0x80, 'a diskette that nobody has looked at');
  driver.send(0x0f, 0x00, 9);
  driver.harness.run(20_000);
  assert.ok(driver.line);
  assert.deepEqual(driver.results(0x08), [0x20, 9]);
  assert.ok(!driver.line);
  assert.equal(driver.harness.in8(0x3f7), 0);
  assert.deepEqual(driver.results(0x04, 0), [0x28]);
  driver.send(0x07, 0);
  driver.harness.run(20_000);
  assert.deepEqual(driver.results(0x08), [0x20, 0]);
  assert.deepEqual(driver.results(0x04, 0), [0x38]);
  assert.deepEqual(driver.results(0x4a, 4), [4, 0, 0, 0, 1, 1, 2]);
});

test('sectors go by DMA, over to the other side with MT, to terminal count', () => {
  const driver = new Driver();
  driver.channel(0x44, 20 * 512);
  assert.deepEqual(driver.results(READ, 0, 3, 0, 10, 2, 18, 0x1b, 0xff), [4, 0, 0, 3, 1, 12, 2]);
  const first = 3 * 36 + 9;
  assert.deepEqual(driver.harness.memory.slice(BUFFER, BUFFER + 20 * 512), sectorsOf(disk, first, 20));
  driver.harness.memory.fill(0x77, BUFFER, BUFFER + 1024);
  driver.channel(0x48, 1024);
  assert.deepEqual(driver.results(WRITE, 0, 3, 0, 17, 2, 18, 0x1b, 0xff), [4, 0, 0, 3, 1, 1, 2]);
  driver.channel(0x44, 3 * 512);
  driver.results(READ, 0, 3, 0, 16, 2, 18, 0x1b, 0xff);
  const expected = sectorsOf(disk, 3 * 36 + 15, 3);
  expected.fill(0x77, 512);
  assert.deepEqual(driver.harness.memory.slice(BUFFER, BUFFER + 3 * 512), expected);
  assert.deepEqual(sectorsOf(disk, 3 * 36 + 16, 1), sectorsOf(numberedDisk(2880), 3 * 36 + 16, 1));
});

test('by the data port without DMA, until the track is at its end', () => {
  const driver = new Driver();
  driver.send(0x03, 0xaf, 0x03);
  driver.send(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
  const bytes: number[] = [];
  while (bytes.length < 1024) {
    if ((driver.status & 0xe0) === 0xe0) bytes.push(driver.harness.in8(0x3f5));
    else driver.harness.run(1000);
  }
  assert.deepEqual(Uint8Array.from(bytes), sectorsOf(disk, 16, 2));
  assert.deepEqual(driver.results(), [0x40, 0x80, 0, 0, 0, 18, 2]);
});

test('what is not there: another rate, sector, side, size, no diskette', () => {
  const driver = new Driver({ fda: disk, fdb: numberedDisk(720) });
  const refused = (...command: number[]): number[] => {
    driver.channel(0x44, 512);
    return driver.results(...command).slice(0, 3);
  };
  assert.deepEqual(refused(READ, 0, 0, 0, 19, 2, 19, 0x1b, 0xff), [0x40, 0x04, 0]);
  assert.deepEqual(refused(READ, 0, 80, 0, 1, 2, 18, 0x1b, 0xff), [0x40, 0x04, 0]);
  assert.deepEqual(refused(READ, 0, 0, 1, 1, 2, 18, 0x1b, 0xff), [0x40, 0x04, 0]);
  assert.deepEqual(refused(READ, 0, 0, 0, 1, 3, 18, 0x1b, 0xff), [0x40, 0x04, 0]);
  driver.harness.out8(0x3f7, 2);
  assert.deepEqual(refused(0x4a, 0), [0x40, 0x01, 0]);
  assert.deepEqual(refused(READ, 1, 0, 0, 1, 2, 9, 0x1b, 0xff), [1, 0, 0], 'the second drive has 360 K');
  driver.harness.out8(0x3f7, 0);
  driver.harness.board.input({ kind: 'disk-fault', drive: 'fda', isWrite: false, from: 5, to: 6 });
  assert.deepEqual(refused(READ, 0, 0, 0, 6, 2, 18, 0x1b, 0xff), [0x40, 0x20, 0x20]);
  driver.harness.board.input({ kind: 'medium', drive: 'fda', medium: -1 });
  assert.deepEqual(refused(READ, 0, 0, 0, 1, 2, 18, 0x1b, 0xff), [0x40, 0x01, 0]);
});

test('another diskette: the change line, other sectors, and it is write-protected', () => {
  const other = numberedDisk(1440).reverse();
  const driver = new Driver({ fda: disk, medium1: other });
  driver.send(0x0f, 0, 1);
  driver.harness.run(20_000);
  driver.results(0x08);
  assert.equal(driver.harness.in8(0x3f7), 0);
  driver.harness.board.input({ kind: 'medium', drive: 'fda', medium: 1 });
  assert.equal(driver.harness.in8(0x3f7), 0x80);
  driver.harness.out8(0x3f7, 2);
  driver.channel(0x44, 512);
  assert.deepEqual(driver.results(READ, 0, 2, 0, 3, 2, 9, 0x1b, 0xff).slice(0, 3), [0, 0, 0]);
  assert.equal(driver.harness.in8(0x3f7), 0);
  assert.deepEqual(driver.harness.memory.slice(BUFFER, BUFFER + 512), sectorsOf(other, 2 * 18 + 2, 1));
  driver.channel(0x48, 512);
  assert.deepEqual(driver.results(WRITE, 0, 2, 0, 3, 2, 9, 0x1b, 0xff).slice(0, 3), [0x40, 0x02, 0]);
  assert.deepEqual(driver.results(0x04, 0)[0] & 0x40, 0x40);
});

test('a track is formatted with the filler that is wanted', () => {
  const driver = new Driver();
  driver.send(0x0f, 4, 2);
  driver.harness.run(20_000);
  driver.results(0x08);
  const { memory } = driver.harness;
  for (let i = 0; i < 18; i++) memory.set([2, 1, i + 1, 2], BUFFER + i * 4);
  driver.channel(0x48, 18 * 4);
  assert.deepEqual(driver.results(0x4d, 4, 2, 18, 0x54, 0xf6).slice(0, 3), [4, 0, 0]);
  driver.channel(0x44, 512);
  driver.results(READ, 4, 2, 1, 18, 2, 18, 0x1b, 0xff);
  assert.deepEqual(memory.slice(BUFFER, BUFFER + 512), new Uint8Array(512).fill(0xf6));
});

test('random accesses throw nothing and are gone on with after saving', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const out = (port: number, value: number): Action => ({ do: 'out', port, size: 1, value });
  const command = fc
    .tuple(
      fc.constantFrom(0x03, 0x04, 0x07, 0x08, 0x0e, 0x0f, 0x4a, 0x4d, 0xe6, 0xc5, 0x56, 0x13, 0x12),
      fc.array(byte, { maxLength: 9 }),
    )
    .map(([operation, operands]): Action[] => [
      ...[operation, ...operands].map((each) => out(0x3f5, each)),
      { do: 'run', ticks: 20_000 },
    ]);
  const channel = fc
    .tuple(fc.constantFrom(0x44, 0x48, 0x40, 0x54), byte, byte)
    .map(([mode, low, high]): Action[] => [
      out(0x0c, 0),
      out(0x05, low),
      out(0x05, high & 7),
      out(0x0b, mode | 2),
      out(0x0a, 2),
    ]);
  const single = fc
    .tuple(
      fc.constantFrom(0x3f2, 0x3f3, 0x3f4, 0x3f5, 0x3f7, 0x3f0),
      fc.boolean(),
      fc.oneof(byte, fc.constantFrom(0x1c, 0x0c, 4)),
    )
    .map(([port, isRead, value]): Action[] => [isRead ? { do: 'in', port, size: 1 } : out(port, value)]);
  const medium = fc
    .integer({ min: -1, max: 1 })
    .map((each): Action[] => [{ do: 'input', event: { kind: 'medium', drive: 'fda', medium: each } }]);
  const reads = fc.constant(new Array(12).fill({ do: 'in', port: 0x3f5, size: 1 }) as Action[]);
  const actions = fc
    .array(fc.oneof(command, command, channel, single, medium, reads), { maxLength: 25 })
    .map((list) => list.flat());
  const images = Object.entries({ fda: disk, medium1: numberedDisk(720) }).map(([role, bytes]) => ({
    role,
    source: bytesSource(bytes),
  }));
  fc.assert(
    fc.property(actions, actions, (before, after) => {
      const told = `${printActions(before)} | ${printActions(after)}`;
      const first = new Harness({ images });
      first.out8(0x3f2, 0x1c);
      for (const action of before) perform(first, action);
      const second = new Harness({ images, tick: first.tick });
      second.memory.set(first.memory);
      for (const [name, { bytes }] of first.bulks) second.bulks.get(name)?.bytes.set(bytes);
      second.board.load(first.board.save());
      second.intr = first.intr;
      first.trace.length = 0;
      second.trace.length = 0;
      for (const action of after) {
        perform(first, action);
        perform(second, action);
      }
      assert.deepEqual(second.trace, first.trace, told);
      assert.equal(second.save(), first.save(), told);
    }),
    { seed: 6, numRuns: 60 },
  );
});

test('a command that is cut short by a reset is forgotten, whatever it had been told', () => {
  for (const command of [[READ], [READ, 4, 2], [WRITE, 0, 0, 0, 1, 2, 18, 0x1b], [0x4d, 0, 2], [0x0f, 0], [0x03]]) {
    const driver = new Driver();
    const { harness } = driver;
    driver.channel(0x44, 512);
    driver.send(...command);
    harness.out8(0x3f2, 0x18);
    harness.run(1000);
    harness.out8(0x3f2, 0x1c);
    harness.run(10_000);
    for (let i = 0; i < 4; i++) assert.deepEqual(driver.results(0x08), [0xc0 | i, 0], `${command}`);
    harness.out8(0x3f7, 0);
    driver.send(0x03, 0xaf, 0x02);
    driver.send(0x07, 0);
    harness.run(1_000_000);
    assert.deepEqual(driver.results(0x08), [0x20, 0]);
    driver.channel(0x44, 512);
    assert.equal(driver.results(READ, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)[0] & 0xc0, 0, `${command}`);
    assert.deepEqual(harness.memory.slice(BUFFER, BUFFER + 512), sectorsOf(disk, 0, 1));
  }
});
