/**
 * The parallel port by register (devices/parallel/parallel.ts): how a BIOS and a kernel find it, a byte by STROBE# with
 * BUSY, ACK# and interrupt 7, what a reset printer does with bytes; and a whole run that prints, replayed with devices
 * and without.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { record, replay, verify } from '../../src/library.ts';
import { Harness } from './harness.ts';

const DATA = 0x378;
const STATUS = 0x379;
const CONTROL = 0x37a;
const NOT_BUSY = 0xdf;
const IDLE = 0x0c;

const board = (): Harness => new Harness({ parallel: true, nsPerTick: 8 });
const printed = ({ trace }: Harness): string[] => trace.filter((line) => line.includes('printer'));
const raised = ({ board: { interrupts } }: Harness): boolean => interrupts.levels[7] !== 0;

function strobe(harness: Harness, byte: number, control = IDLE): void {
  harness.out8(DATA, byte);
  harness.out8(CONTROL, control | 0x01, control);
}

test('it is found by what is written to its data lines, turned around they are nobody’s', () => {
  const harness = board();
  for (const value of [0xaa, 0x55, 0]) {
    harness.out8(DATA, value);
    assert.equal(harness.in8(DATA), value);
  }
  harness.out8(CONTROL, IDLE | 0x20);
  assert.equal(harness.in8(DATA), 0xff);
  assert.equal(harness.in8(CONTROL), 0xc0 | IDLE | 0x20);
  assert.equal(harness.in8(STATUS), NOT_BUSY);
  const without = new Harness();
  without.out8(DATA, 0xaa);
  assert.equal(without.in8(DATA), 0xff);
});

test('a byte goes over at the strobe: busy for 5000 ticks, ACK# for 1250, which interrupts once', () => {
  const harness = board();
  strobe(harness, 0x41, IDLE | 0x10);
  assert.equal(printed(harness).length, 1);
  assert.equal(harness.in8(STATUS), NOT_BUSY & ~0x80);
  harness.run(4999);
  assert.ok(!raised(harness));
  harness.run(1);
  assert.equal(harness.in8(STATUS), NOT_BUSY & ~0xc0);
  assert.ok(raised(harness));
  harness.run(1250);
  assert.equal(harness.in8(STATUS), NOT_BUSY);
  assert.ok(!raised(harness));
});

test('masked it does not interrupt; a printer that is being reset takes nothing; a second strobe wants an edge', () => {
  const harness = board();
  strobe(harness, 1);
  harness.run(5000);
  assert.equal(harness.in8(STATUS) & 0x40, 0);
  assert.ok(!raised(harness));
  strobe(harness, 2, IDLE & ~0x04);
  harness.out8(DATA, 3);
  harness.out8(CONTROL, IDLE | 1, IDLE | 1, IDLE | 1);
  assert.deepEqual(
    printed(harness).map((line) => line.split(' ').slice(1).join(' ')),
    ['printer 1', 'printer 3'],
  );
  harness.board.reset();
  assert.equal(harness.in8(CONTROL), 0xc0 | IDLE);
  assert.equal(harness.in8(STATUS), NOT_BUSY);
});

const KERNEL = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esi, text
next:
  lodsb
  cmp al, 0
  je over
  mov dx, 0x378
  out dx, al
  add dx, 2
  mov al, 0x0d
  out dx, al
  dec al
  out dx, al
  dec dx
wait:
  in al, dx
  test al, 0x80
  jz wait
  jmp next
over:
  mov al, 1
  out 0xf4, al
text: db 'printed', 10, 0
`;

test('what a guest prints comes out of a recording and of its replays, devices or not', async () => {
  const images = { kernel: assemble(KERNEL).bytes };
  const heard: string[] = [];
  const listen = (): { onParallel: (byte: number) => void } => {
    const index = heard.push('') - 1;
    return {
      onParallel: (byte) => {
        heard[index] += String.fromCharCode(byte);
      },
    };
  };
  const recording = await record({ images, memoryMegabytes: 2, parallel: true, maxTicks: 1_000_000, ...listen() });
  assert.equal(recording.debugExit, 1);
  const log = openLog(recording.log);
  for (const devices of ['model', 'log'] as const) {
    assert.equal((await replay(log, { images, devices, ...listen() })).divergence, null);
  }
  assert.deepEqual(heard, Array(3).fill('printed\n'));
  assert.equal((await verify(log, { images, engines: ['step', 'interp', 'js', 'tiered'] })).difference, null);
});
