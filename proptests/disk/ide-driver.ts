/**
 * A driver for the IDE controller of a board without a CPU (devices/harness.ts), for the tests of disks: a line a
 * command. Time goes on until the drive is not busy.
 */
import assert from 'node:assert/strict';
import { bytesSource } from '../../src/core/board/image.ts';
import { BSY, DRQ, ERR } from '../../src/core/devices/disk/drive.ts';
import { Harness } from '../devices/harness.ts';

const BUS_MASTER = 0xc000;
const TABLE = 0x1000;

/** A disk of which every sector says its number. */
export function numberedDisk(sectors: number, extraBytes = 0): Uint8Array {
  const disk = new Uint8Array(sectors * 512 + extraBytes);
  for (let at = 0; at < disk.length; at++) disk[at] = (at >> 9) * 7 + at + (at >> 17);
  return disk;
}

export interface Region {
  readonly address: number;
  readonly count: number;
}

export class IdeDriver {
  readonly harness: Harness;
  readonly channel: 0 | 1;

  constructor(images: Readonly<Record<string, Uint8Array>>, channel: 0 | 1 = 0, options: object = {}) {
    const list = Object.entries(images).map(([role, bytes]) => ({ role, source: bytesSource(bytes) }));
    this.harness = new Harness({ images: list, ...options });
    this.channel = channel;
  }

  get base(): number {
    return this.channel === 0 ? 0x1f0 : 0x170;
  }

  read(register: number): number {
    return this.harness.in8(this.base + register);
  }

  write(register: number, value: number): void {
    this.harness.out8(this.base + register, value);
  }

  /** Without acknowledging an interrupt. */
  get status(): number {
    return this.harness.in8(this.base + 0x206);
  }

  get interruptLine(): boolean {
    return this.harness.board.interrupts.levels[14 + this.channel] !== 0;
  }

  /** Until the drive is not busy; the status then. */
  wait(): number {
    for (let i = 0; i < 100_000; i++) {
      const { status } = this;
      if ((status & BSY) === 0) return status;
      this.harness.run(1000);
    }
    throw new assert.AssertionError({ message: 'the drive stays busy' });
  }

  /** A command by 28 bits. */
  command(command: number, lba = 0, count = 0, { slave = false, features = 0 } = {}): void {
    this.write(6, 0xe0 | (slave ? 0x10 : 0) | Math.floor(lba / 0x100_0000));
    this.write(1, features);
    this.write(2, count);
    this.write(3, lba & 0xff);
    this.write(4, (lba >> 8) & 0xff);
    this.write(5, (lba >> 16) & 0xff);
    this.write(7, command);
  }

  /** A command by 48 bits. */
  commandExt(command: number, lba: number, count: number): void {
    const byteAt = (index: number): number => Math.floor(lba / 256 ** index) % 256;
    this.write(6, 0x40);
    for (const [register, high, low] of [
      [2, count >> 8, count & 0xff],
      [3, byteAt(3), byteAt(0)],
      [4, byteAt(4), byteAt(1)],
      [5, byteAt(5), byteAt(2)],
    ]) {
      this.write(register, high);
      this.write(register, low);
    }
    this.write(7, command);
  }

  /** As many bytes by the data port, a block at a time. */
  dataIn(count: number, size: 2 | 4 = 2): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += size) {
      const status = this.wait();
      assert.equal(status & (DRQ | ERR), DRQ, `status ${status.toString(16)} at byte ${at}`);
      const value = this.harness.board.bus.read(this.base, size);
      for (let i = 0; i < size; i++) bytes[at + i] = value >>> (i * 8);
    }
    return bytes;
  }

  dataOut(bytes: Uint8Array, size: 2 | 4 = 2): void {
    for (let at = 0; at < bytes.length; at += size) {
      const status = this.wait();
      assert.equal(status & (DRQ | ERR), DRQ, `status ${status.toString(16)} at byte ${at}`);
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
      this.harness.board.bus.write(this.base, size, value);
    }
  }

  /** Sectors by READ SECTORS. */
  sectors(lba: number, count: number): Uint8Array {
    this.command(0x20, lba, count);
    return this.dataIn(count * 512);
  }

  get master(): number {
    return BUS_MASTER + this.channel * 8;
  }

  /** Puts a table of regions into memory and starts the bus master. */
  startMaster(regions: readonly Region[], toMemory: boolean): void {
    const { memory, board } = this.harness;
    const view = new DataView(memory.buffer);
    regions.forEach(({ address, count }, index) => {
      view.setUint32(TABLE + index * 8, address, true);
      view.setUint32(TABLE + index * 8 + 4, (count & 0xffff) | (index === regions.length - 1 ? 0x8000_0000 : 0), true);
    });
    board.bus.write(this.master, 1, toMemory ? 8 : 0);
    board.bus.write(this.master + 4, 4, TABLE);
    board.bus.write(this.master, 1, toMemory ? 9 : 1);
  }

  get masterStatus(): number {
    return this.harness.in8(this.master + 2);
  }

  stopMaster(): void {
    this.harness.out8(this.master, 0);
    this.harness.out8(this.master + 2, 0x06);
  }
}
