/**
 * The guests that draw (guests/screen-*.asm): they come to their end on every engine with the same screen, dots of
 * which are what their sources say; chained and linear memory is written as RAM is, without an access to a device.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { drawScreen, type Screen } from '../../src/core/devices/display/screen.ts';
import { vgaOf } from '../../src/core/devices/display/vga.ts';
import { createMachine, logEvents, openLog, record } from '../../src/library.ts';

const folder = new URL('../../../guests/', import.meta.url);
const source = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const kernelOf = (name: string): Uint8Array => assemble(source(`screen-${name}.asm`), { include: source }).bytes;

const MODE_TICKS = 300_000;

/** Count of the last word of the command line, size, and the dots that follow from it: red, green, blue. */
interface Case {
  readonly name: string;
  readonly count: number;
  readonly size: readonly [number, number];
  readonly dots: readonly (readonly [x: number, y: number, color: readonly [number, number, number]])[];
}

/** Six bits as the monitor shows them. */
const widen = (value: number): number => (value << 2) | (value >>> 4);
const palette = (n: number): [number, number, number] => [
  widen((n << 3) & 0x38),
  widen(n & 0x38),
  widen((n >>> 2) & 0x30),
];
const chained = (x: number, y: number, frame: number): [number, number, number] =>
  palette((((x ^ y) + frame) >>> 1) & 0xff);
const linear = (x: number, y: number, frame: number): [number, number, number] => {
  const value = (x ^ y) * 0x0201 + (y << 14) + frame * 8;
  return [(value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
};

const CASES: readonly Case[] = [
  { name: 'scroll', count: 30, size: [720, 400], dots: [[8, 399, [0, 0, 0]]] },
  {
    name: 'chained',
    count: 3,
    size: [640, 400],
    dots: [
      [0, 0],
      [17, 5],
      [319, 199],
    ].map(([x, y]) => [x * 2, y * 2, chained(x, y, 2)] as const),
  },
  { name: 'planar', count: 2, size: [640, 480], dots: [[81, 100, palette(1)]] },
  {
    name: 'linear',
    count: 2,
    size: [1024, 768],
    dots: [
      [0, 0],
      [1023, 0],
      [512, 700],
    ].map(([x, y]) => [x, y, linear(x, y, 1)] as const),
  },
];

function colorOf({ width, rgba }: Screen, x: number, y: number): number[] {
  return [...rgba.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
}

for (const { name, count, size, dots } of CASES) {
  test(`${name} draws the same on every engine`, async () => {
    const kernel = kernelOf(name);
    const settings = { images: { kernel }, append: String(count), memoryMegabytes: 8, vga: 'std' } as const;
    const digests = new Set<string>();
    for (const engine of ['interp', 'tiered']) {
      const { machine, run, tick } = await createMachine({ ...settings, engine });
      assert.equal(run(tick + 1e9), 'debug-exit');
      const vga = vgaOf(machine.board);
      assert.ok(vga !== null);
      const screen = drawScreen(vga.picture());
      assert.deepEqual([screen.width, screen.height], size);
      for (const [x, y, color] of dots) assert.deepEqual(colorOf(screen, x, y), color, `${x}, ${y}`);
      assert.ok(new Set(new Uint32Array(screen.rgba.buffer)).size > 3, 'more than one colour');
      digests.add(`${machine.hash().root} ${createHash('sha1').update(screen.rgba).digest('hex')}`);
    }
    assert.equal(digests.size, 1);
  });
}

test('what is drawn in memory that lies in order is in no log', async () => {
  for (const name of ['chained', 'linear']) {
    const settings = { images: { kernel: kernelOf(name) }, append: '2', memoryMegabytes: 8, vga: 'std' } as const;
    const { log, reason } = await record(settings);
    assert.equal(reason, 'debug-exit');
    const late = [...logEvents(openLog(log))].filter(
      ({ tick, event }) => tick > MODE_TICKS && event.kind !== 'port-read',
    );
    assert.ok(late.length < 20, `${name}: ${late.length} events`);
    assert.ok(log.length < 20_000, `${name}: ${log.length} bytes`);
  }
});
