/**
 * Base addresses where something is already: over RAM, over each other, over the board's own registers, and across the
 * end of what can be addressed. What wins is what a host bridge decodes first, nothing is lost of what does not, and
 * each answers again when the other is moved away.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { Machine } from '../../src/core/machine/machine.ts';
import { createMachine } from '../../src/library.ts';

const KERNEL = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start: hlt
jmp start
`;
/** Of the screen: its memory, 16 MiB, and its registers, 4 KiB. */
const VGA = 2 << 3;
const MEMORY = 0x10;
const REGISTERS = 0x18;
/** DISPI's first register, in the page of registers: which interface it is. */
const DISPI_ID = 0x500;
const ID = 0xb0c5;

function write({ board }: Machine, register: number, value: number): void {
  board.ports.write(0xcf8, 4, (0x8000_0000 | (VGA << 8) | register) >>> 0);
  board.ports.write(0xcfc, 4, value >>> 0);
}

async function withScreen(): Promise<Machine> {
  const { machine } = await createMachine({
    images: { kernel: assemble(KERNEL).bytes },
    memoryMegabytes: 32,
    vga: 'std',
    engine: 'interp',
  });
  write(machine, 0x04, 3);
  return machine;
}

test('RAM goes before a function, which keeps what it has', async () => {
  const machine = await withScreen();
  const { space } = machine;
  write(machine, MEMORY, 0xe000_0000);
  space.write(0xe000_0000, 4, 0x11223344);
  space.write(0x0100_0000, 4, 0x55667788);
  write(machine, MEMORY, 0x0100_0000);
  assert.equal(space.read(0x0100_0000, 4), 0x55667788);
  space.write(0x0100_0000, 4, 0x01020304);
  assert.equal(space.read(0xe000_0000, 4), -1);
  write(machine, MEMORY, 0xe000_0000);
  assert.equal(space.read(0xe000_0000, 4), 0x11223344);
  assert.equal(space.read(0x0100_0000, 4), 0x01020304);
});

test('of two at one place one answers, and the other when it is alone again', async () => {
  const machine = await withScreen();
  const { space } = machine;
  write(machine, MEMORY, 0xe000_0000);
  space.write(0xe000_0500, 4, 0x11223344);
  write(machine, REGISTERS, 0xe000_0000);
  assert.equal(space.read(0xe000_0000 + DISPI_ID, 2) & 0xfff0, ID & 0xfff0);
  assert.equal(space.read(0xe000_1000, 4), 0);
  write(machine, REGISTERS, 0xd000_0000);
  assert.equal(space.read(0xe000_0500, 4), 0x11223344);
  assert.equal(space.read(0xd000_0000 + DISPI_ID, 2) & 0xfff0, ID & 0xfff0);
});

test('the board goes before a function; nothing is decoded at 0, and nothing beyond 4 GiB', async () => {
  const machine = await withScreen();
  const { space } = machine;
  const version = space.read(0xfee0_0030, 4);
  write(machine, MEMORY, 0xfe00_0000);
  assert.equal(space.read(0xfee0_0030, 4), version);
  space.write(0xfe10_0000, 4, 5);
  assert.equal(space.read(0xfe10_0000, 4), 5);
  for (const address of [0, 0xff00_0000]) {
    write(machine, MEMORY, address);
    assert.equal(space.read(0xfe10_0000, 4), -1, `${address}`);
  }
  assert.equal(space.read(0xff10_0000, 4), 5);
  write(machine, REGISTERS, 0xffff_f000);
  machine.run(machine.tick + 10_000);
  // While the command register says so nothing of it answers.
  write(machine, 0x04, 0);
  assert.equal(space.read(0xff10_0000, 4), -1);
});
