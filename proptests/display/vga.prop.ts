/**
 * Facts of the VGA that no other emulator is asked for, one a test: what its documents say of fonts, cursor, blinking,
 * the ninth dot, retrace, the DAC, write modes beside QEMU's, protection, the window, the expansion ROM.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VGA_FIELDS } from '../../src/core/devices/display/vga-registers.ts';
import { frameNumber, rasterOf, retraceBits } from '../../src/core/devices/display/vga-timing.ts';
import { createMachine } from '../../src/library.ts';
import { Bench, colorAt } from './fixture.ts';
import { TEXT_40, TEXT_80, VGA_320, VGA_640 } from './modes.ts';
import { FRAME_BUFFER, REGISTERS, Steps } from './vga-guest.ts';

const TEXT = 0xb8000;
const WINDOW = 0xa0000;

/** A font whose characters have the same 8 dots in each line. */
function font(bench: Bench, place: number, dots: (character: number) => number): void {
  bench.register(0x3c4, 2, 4);
  bench.register(0x3c4, 4, 6);
  bench.register(0x3ce, 5, 0);
  bench.register(0x3ce, 6, 4);
  for (let character = 0; character < 256; character++) {
    for (let line = 0; line < 32; line++) bench.write(WINDOW + place + character * 32 + line, dots(character));
  }
  bench.register(0x3c4, 2, 3);
  bench.register(0x3c4, 4, 2);
  bench.register(0x3ce, 5, 0x10);
  bench.register(0x3ce, 6, 0x0e);
}

async function textBench(): Promise<Bench> {
  const bench = await Bench.make();
  bench.mode(TEXT_80);
  font(bench, 0, (character) => character);
  for (let at = 0; at < 4000; at += 2) bench.write(TEXT + at, 0x0720, 2);
  bench.register(0x3d4, 0x0a, 0x20);
  return bench;
}

/** Palette entries of TEXT_80 by attribute colour. */
const EGA = TEXT_80.attribute;

test('dots of a character, and the ninth of line graphics alone', async () => {
  const bench = await textBench();
  // 81h: the first and the last dot; C1h too, and it is line graphics.
  bench.write(TEXT, 0x2f81, 2);
  bench.write(TEXT + 2, 0x2fc1, 2);
  const row = (screen = bench.screen()): number[] => Array.from({ length: 18 }, (_, x) => colorAt(screen, x, 3));
  const [on, off] = [EGA[15], EGA[2]];
  const plain = [on, off, off, off, off, off, off, on, off];
  const lines = [on, on, off, off, off, off, off, on, on];
  assert.deepEqual(row(), [...plain, ...lines]);
  bench.attribute(0x10, 0x08);
  assert.deepEqual(row().slice(9), [...lines.slice(0, 8), off], 'when line graphics are off');
});

test('the text of the screen, and where it begins', async () => {
  const bench = await textBench();
  const put = (at: number, text: string): void => {
    for (let i = 0; i < text.length; i++) bench.write(TEXT + at + i * 2, text.charCodeAt(i));
  };
  put(0, 'first');
  put(160, 'second');
  bench.write(TEXT + 172, 0xe1);
  assert.deepEqual(bench.text()?.slice(0, 3), ['first', 'secondß', '']);
  assert.equal(bench.text()?.length, 25);
  bench.register(0x3d4, 0x0d, 80);
  assert.equal(bench.text()?.[0], 'secondß');
  bench.mode(VGA_320);
  assert.equal(bench.text(), null);
});

test('the cursor has its lines, its place, its skew and blinks', async () => {
  const bench = await textBench();
  bench.register(0x3d4, 0x0a, 13);
  bench.register(0x3d4, 0x0b, 14);
  bench.register(0x3d4, 0x0e, 0);
  bench.register(0x3d4, 0x0f, 81);
  const lit = (frame = 0): string[] => {
    const screen = bench.screen(frame);
    const found: string[] = [];
    for (let y = 0; y < 400; y++) {
      for (let x = 0; x < 720; x += 9) {
        // The space of the font has one dot on the right.
        if (colorAt(screen, x, y) === EGA[7]) found.push(`${x / 9},${y}`);
      }
    }
    return found;
  };
  assert.deepEqual(lit(), ['1,29', '1,30']);
  assert.deepEqual([lit(7).length, lit(8).length, lit(15).length, lit(16).length], [2, 0, 0, 2]);
  bench.register(0x3d4, 0x0b, 14 | 0x20);
  assert.deepEqual(lit(), ['2,29', '2,30'], 'a character later');
  bench.register(0x3d4, 0x0b, 12);
  assert.deepEqual(lit(), [], 'it ends before it begins');
  bench.register(0x3d4, 0x0b, 14);
  bench.register(0x3d4, 0x0a, 13 | 0x20);
  assert.deepEqual(lit(), [], 'it is off');
});

test('characters blink with bit 7 of their attribute, or have 16 backgrounds', async () => {
  const bench = await textBench();
  bench.write(TEXT, 0x9cff, 2);
  assert.deepEqual(
    [0, 15, 16, 31, 32].map((frame) => colorAt(bench.screen(frame), 0, 0)),
    [EGA[12], EGA[12], EGA[1], EGA[1], EGA[12]],
  );
  bench.write(TEXT, 0x9c00, 2);
  assert.equal(colorAt(bench.screen(16), 0, 0), EGA[1]);
  bench.attribute(0x10, 0x04);
  assert.equal(colorAt(bench.screen(16), 0, 0), EGA[9]);
});

test('bit 3 of the attribute chooses the second font, and an underline is where it is asked for', async () => {
  const bench = await textBench();
  font(bench, 0x2000, () => 0x55);
  // Font 4, at 8 KiB, for the bright ones.
  bench.register(0x3c4, 3, 0x20);
  bench.write(TEXT, 0x07ff, 2);
  bench.write(TEXT + 2, 0x0fff, 2);
  const screen = bench.screen();
  assert.equal(colorAt(screen, 0, 0), EGA[7]);
  assert.equal(colorAt(screen, 9, 0), EGA[0]);
  assert.equal(colorAt(screen, 10, 0), EGA[15]);
  bench.write(TEXT, 0x0100, 2);
  bench.register(0x3d4, 0x14, 12);
  assert.deepEqual(
    [11, 12, 13].map((y) => colorAt(bench.screen(), 8, y)),
    [EGA[0], EGA[1], EGA[0]],
  );
});

test('panning moves a text by dots, and 8 is none where there are nine', async () => {
  const bench = await textBench();
  bench.write(TEXT, 0x07ff, 2);
  bench.write(TEXT + 2, 0x0700, 2);
  bench.write(TEXT + 4, 0x0700, 2);
  const width = (): number => {
    const screen = bench.screen();
    return Array.from({ length: 18 }, (_, x) => colorAt(screen, x, 0)).filter((color) => color === EGA[7]).length;
  };
  const widths = [8, 0, 3, 7].map((panning) => {
    bench.attribute(0x13, panning);
    return width();
  });
  assert.deepEqual(widths, [8, 7, 4, 0]);
});

test('40 columns are twice as wide', async () => {
  const bench = await textBench();
  bench.mode(TEXT_40);
  const { width, height } = bench.screen();
  assert.deepEqual([width, height], [640, 400]);
  assert.equal(bench.text()?.[0].length, 0);
});

test('nothing is shown while the sequencer is held, the screen is off or the processor has the palette', async () => {
  const bench = await textBench();
  bench.write(TEXT, 0x4700, 2);
  assert.equal(colorAt(bench.screen(), 0, 0), EGA[4]);
  const isBlank = (): boolean => bench.screen().rgba.every((value, i) => (i & 3) === 3 || value === 0);
  bench.register(0x3c4, 0, 1);
  assert.ok(isBlank());
  bench.register(0x3c4, 0, 3);
  bench.register(0x3c4, 1, 0x20);
  assert.ok(isBlank());
  bench.register(0x3c4, 1, 0);
  bench.in(0x3da);
  bench.out(0x3c0, 0x00);
  assert.ok(isBlank());
  assert.equal(bench.text(), null);
});

test('retrace and blanking follow from the CRT controller and the dot clock', () => {
  const registers = VGA_FIELDS.initial();
  registers.crtc.set(VGA_640.crtc);
  registers.sequencer.set(VGA_640.sequencer);
  registers.misc = VGA_640.misc;
  const raster = rasterOf(registers);
  // 800 × 525 dots at 25.175 MHz: 59.94 frames a second.
  assert.deepEqual([raster.hertz, raster.lineDots, raster.frameDots], [25_175_000, 800, 420_000]);
  const at = (line: number, dot: number, frame = 0): number => retraceBits(raster, (frame * 525 + line) * 800 + dot);
  assert.deepEqual([at(0, 0), at(0, 639), at(0, 640), at(1, 0), at(479, 639), at(480, 0)], [0, 0, 1, 0, 0, 1]);
  assert.deepEqual([at(489, 0), at(490, 0), at(491, 799), at(492, 0), at(490, 5, 1000)], [1, 9, 9, 1, 9]);
  assert.equal(frameNumber(raster, 419_999), 0);
  assert.equal(frameNumber(raster, 420_000), 1);
});

test('the DAC has six bits, or eight when DISPI says so, and a mask before it', async () => {
  const bench = await Bench.make();
  const write = (...values: number[]): void => {
    bench.out(0x3c8, 5);
    for (const value of values) bench.out(0x3c9, value);
  };
  const read = (): number[] => {
    bench.out(0x3c7, 5);
    return [bench.in(0x3c9), bench.in(0x3c9), bench.in(0x3c9)];
  };
  write(0xff, 0x41, 0x3f);
  assert.deepEqual(read(), [0x3f, 0x01, 0x3f]);
  bench.dispi(4, 0x20);
  write(0xff, 0x41, 0x3f);
  assert.deepEqual(read(), [0xff, 0x41, 0x3f]);
  write(1, 2);
  assert.deepEqual(read(), [0xff, 0x41, 0x3f], 'a colour changes with its third component');
  bench.mode(VGA_320);
  bench.dispi(4, 0);
  bench.write(WINDOW, 0x35);
  assert.equal(colorAt(bench.screen(), 1, 0), 0x35);
  bench.out(0x3c6, 0x0f);
  assert.equal(colorAt(bench.screen(), 1, 0), 0x05);
  assert.equal(bench.in(0x3c6), 0x0f);
});

test('the window is where the memory map says, and nothing lies beside it', async () => {
  const bench = await Bench.make();
  bench.mode(VGA_640);
  const places = [0xa0000, 0xaffff, 0xb0000, 0xb7fff, 0xb8000, 0xbffff];
  const answers = [0, 1, 2, 3].map((map) => {
    bench.register(0x3ce, 6, (map << 2) | 1);
    return places
      .map((address) => {
        bench.write(address, 0x5a);
        return bench.read(address) === 0x5a ? 'x' : '.';
      })
      .join('');
  });
  assert.deepEqual(answers, ['xxxxxx', 'xx....', '..xx..', '....xx']);
  bench.out(0x3c2, 0xe1);
  assert.equal(bench.read(0xb8000), 0xff, 'memory is off');
});

test('a chained window and a bank of DISPI are memory, all else is answered by the planes', async () => {
  const bench = await Bench.make();
  const { space } = bench.machine;
  const isPlain = (): string => [0xa0000, 0xaf000, 0xb0000].map((at) => (space.hostPage(at) >= 0 ? 'm' : '-')).join('');
  bench.mode(VGA_320);
  // What a mode set has drawn there through the planes is closed until it is asked for.
  for (const at of [0xa0000, 0xaf000, 0xb0000]) bench.read(at);
  assert.equal(isPlain(), 'mm-');
  for (const [port, index, value, back] of [
    [0x3ce, 8, 0x7f, 0xff],
    [0x3ce, 3, 0x08, 0x00],
    [0x3ce, 1, 0x01, 0x00],
    [0x3ce, 5, 0x41, 0x40],
    [0x3c4, 2, 0x07, 0x0f],
    [0x3c4, 4, 0x06, 0x0e],
  ]) {
    bench.register(port, index, value);
    assert.equal(isPlain(), '---', `${port.toString(16)} ${index}`);
    bench.register(port, index, back);
    assert.equal(isPlain(), 'mm-');
  }
  bench.register(0x3ce, 6, 0x01);
  assert.equal(isPlain(), 'mmm');
  bench.dispi(1, 640);
  bench.dispi(2, 480);
  bench.dispi(3, 32);
  bench.dispi(4, 0x41);
  bench.dispi(5, 3);
  bench.config(0x10, FRAME_BUFFER);
  bench.config(0x04, 2);
  bench.write(0xa1234, 0xcafe, 2);
  assert.equal(bench.read(FRAME_BUFFER + 0x31234, 2), 0xcafe);
  assert.equal(isPlain(), 'mm-');
});

test('the registers are in memory too, and DISPI beside them', async () => {
  const bench = await Bench.make();
  bench.config(0x18, REGISTERS);
  bench.config(0x04, 2);
  bench.write(REGISTERS + 0x404, 0x0f02, 2);
  bench.out(0x3c4, 2);
  assert.equal(bench.in(0x3c5), 0x0f);
  assert.equal(bench.read(REGISTERS + 0x405), 0x0f);
  bench.write(REGISTERS + 0x502, 800, 2);
  assert.equal(bench.read(REGISTERS + 0x502, 2), 800);
  assert.equal(bench.read(REGISTERS + 0x500, 2), 0xb0c5);
  assert.equal(bench.read(REGISTERS), 0xff);
  assert.equal(bench.configRead(0) >>> 0, 0x11111234);
  assert.equal(bench.configRead(8) >>> 8, 0x030000);
});

test('the BIOS of the screen is the expansion ROM; without one there is none', async () => {
  const vgaBios = Uint8Array.from({ length: 0x9800 }, (_, i) => (i * 7) & 0xff);
  const kernel = new Steps().kernel();
  const settings = { memoryMegabytes: 4, vga: 'std', engine: 'interp' } as const;
  const { machine } = await createMachine({ images: { kernel, vgaBios }, ...settings });
  const { ports } = machine.board;
  const config = (offset: number, value: number): number => {
    ports.write(0xcf8, 4, 0x80001000 + offset);
    ports.write(0xcfc, 4, value);
    return ports.read(0xcfc, 4) >>> 0;
  };
  assert.equal(config(0x30, 0xffffffff), 0xffff0001);
  config(0x30, 0xe4000001);
  config(0x04, 2);
  assert.equal(machine.space.read(0xe4000004, 4) >>> 0, 0x312a231c);
  machine.space.write(0xe4000004, 4, 0);
  assert.equal(machine.space.read(0xe4000004, 4) >>> 0, 0x312a231c, 'it is read-only');
  assert.equal(machine.space.read(0xe4009800, 1), 0);
  const bench = await Bench.make();
  bench.config(0x30, 0xffffffff);
  assert.equal(bench.configRead(0x30), 0);
});

test('a machine has a screen when it is asked for, or when firmware starts it', async () => {
  const kernel = new Steps().kernel();
  const names = async (vga?: 'std' | 'none'): Promise<string[]> => {
    const { manifest } = await createMachine({ images: { kernel }, ...(vga === undefined ? {} : { vga }) });
    return [...manifest.devices.map(({ name }) => name), ...Object.keys(manifest.options)];
  };
  assert.ok(!(await names()).includes('vga'));
  assert.ok(!(await names('none')).includes('vga'));
  assert.equal((await names('std')).filter((name) => name === 'vga').length, 2);
  const bios = new Uint8Array(0x10000).fill(0x90).fill(0xf4, 0xfff0, 0xfff1);
  const booted = await createMachine({ images: { bios } });
  assert.ok(booted.manifest.devices.some(({ name }) => name === 'vga'));
});
