/**
 * A machine with a VGA that a test drives by hand: ports and memory as the processor reaches them, registers by name,
 * and what the monitor shows.
 */
import { drawScreen, type Screen, screenText } from '../../src/core/devices/display/screen.ts';
import { type Vga, vgaOf } from '../../src/core/devices/display/vga.ts';
import type { Machine } from '../../src/core/machine/machine.ts';
import { createMachine } from '../../src/library.ts';
import { Steps } from './vga-guest.ts';

export class Bench {
  readonly machine: Machine;
  readonly vga: Vga;

  private constructor(machine: Machine, vga: Vga) {
    this.machine = machine;
    this.vga = vga;
  }

  static async make(): Promise<Bench> {
    const kernel = new Steps().kernel();
    const { machine } = await createMachine({ images: { kernel }, memoryMegabytes: 4, vga: 'std', engine: 'interp' });
    const vga = vgaOf(machine.board);
    if (vga === null) throw new Error('the machine has no VGA');
    return new Bench(machine, vga);
  }

  out(port: number, value: number, size = 1): void {
    this.machine.board.ports.write(port, size, value);
  }
  in(port: number, size = 1): number {
    return this.machine.board.ports.read(port, size);
  }
  register(port: number, index: number, value: number): void {
    this.out(port, index | (value << 8), 2);
  }
  attribute(index: number, value: number): void {
    this.in(0x3da);
    this.out(0x3c0, index);
    this.out(0x3c0, value);
    this.in(0x3da);
    this.out(0x3c0, 0x20);
  }
  dispi(index: number, value: number): void {
    this.out(0x1ce, index, 2);
    this.out(0x1cf, value, 2);
  }
  config(offset: number, value: number): void {
    this.out(0xcf8, 0x80001000 + offset, 4);
    this.out(0xcfc, value, 4);
  }
  configRead(offset: number): number {
    this.out(0xcf8, 0x80001000 + offset, 4);
    return this.in(0xcfc, 4);
  }
  write(address: number, value: number, size = 1): void {
    this.machine.space.write(address, size, value);
  }
  read(address: number, size = 1): number {
    const value = this.machine.space.read(address, size);
    return value >>> 0;
  }
  /** A mode, as the guest's steps would set it. */
  mode({ misc, sequencer, crtc, graphics, attribute }: ModeRegisters): void {
    this.out(0x3c2, misc);
    sequencer.forEach((value, index) => this.register(0x3c4, index, value));
    this.register(0x3d4, 0x11, 0x0e);
    crtc.forEach((value, index) => this.register(0x3d4, index, value));
    graphics.forEach((value, index) => this.register(0x3ce, index, value));
    attribute.forEach((value, index) => this.attribute(index, value));
    this.out(0x3c6, 0xff);
    this.out(0x3c8, 0);
    // Colour n is n in red, and n in the others too where bit 4 or 5 says so.
    for (let color = 0; color < 64; color++) {
      this.out(0x3c9, color);
      this.out(0x3c9, (color & 0x10) !== 0 ? color : 0);
      this.out(0x3c9, (color & 0x20) !== 0 ? color : 0);
    }
  }
  screen(frame = 0): Screen {
    return drawScreen({ ...this.vga.picture(), frame });
  }
  text(): string[] | null {
    return screenText(this.vga.picture());
  }
}

export interface ModeRegisters {
  readonly misc: number;
  readonly sequencer: readonly number[];
  readonly crtc: readonly number[];
  readonly graphics: readonly number[];
  readonly attribute: readonly number[];
}

/** Six bits of red of a dot: by them Bench's palette tells the colour. */
export function colorAt({ width, rgba }: Screen, x: number, y: number): number {
  return rgba[(y * width + x) * 4] >>> 2;
}
