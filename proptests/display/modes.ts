/**
 * Registers of the standard modes (IBM PS/2 Hardware Interface Technical Reference, "BIOS video modes"), scenes in
 * them, and more: mode X, split screen, panning, odd corners of text modes, DISPI at every depth. Each scene is what a
 * program might show; the colours are such that two cards widen them to the same 8 bits.
 */
import type { ModeRegisters } from './fixture.ts';
import { Random } from '../../src/core/base/random.ts';
import { FRAME_BUFFER, type Steps } from './vga-guest.ts';

const EGA = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f];
const PLAIN = Array.from({ length: 16 }, (_, i) => i);
const hex = (text: string): number[] => text.split(' ').map((each) => Number.parseInt(each, 16));

export const TEXT_80: ModeRegisters = {
  misc: 0x67,
  sequencer: hex('03 00 03 00 02'),
  crtc: hex('5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff'),
  graphics: hex('00 00 00 00 00 10 0e 00 ff'),
  attribute: [...EGA, 0x0c, 0, 0x0f, 8, 0],
};
export const TEXT_40: ModeRegisters = {
  ...TEXT_80,
  sequencer: hex('03 09 03 00 02'),
  crtc: hex('2d 27 28 90 2b a0 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 14 1f 96 b9 a3 ff'),
};
export const CGA_4: ModeRegisters = {
  misc: 0x63,
  sequencer: hex('03 09 03 00 02'),
  crtc: hex('2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 a2 ff'),
  graphics: hex('00 00 00 00 00 30 0f 00 ff'),
  attribute: [...hex('00 13 15 17 02 04 06 07 10 11 12 13 14 15 16 17'), 1, 0, 3, 0, 0],
};
export const CGA_2: ModeRegisters = {
  misc: 0x63,
  sequencer: hex('03 01 01 00 06'),
  crtc: hex('5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 28 00 96 b9 c2 ff'),
  graphics: hex('00 00 00 00 00 00 0d 00 ff'),
  attribute: [0, ...Array.from({ length: 15 }, () => 0x17), 1, 0, 1, 0, 0],
};
export const EGA_320: ModeRegisters = {
  misc: 0x63,
  sequencer: hex('03 09 0f 00 06'),
  crtc: hex('2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 e3 ff'),
  graphics: hex('00 00 00 00 00 00 05 0f ff'),
  attribute: [...PLAIN.map((i) => (i < 8 ? i : i + 8)), 1, 0, 0x0f, 0, 0],
};
export const VGA_640: ModeRegisters = {
  misc: 0xe3,
  sequencer: hex('03 01 0f 00 06'),
  crtc: hex('5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff'),
  graphics: hex('00 00 00 00 00 00 05 0f ff'),
  attribute: [...EGA, 1, 0, 0x0f, 0, 0],
};
export const VGA_320: ModeRegisters = {
  misc: 0x63,
  sequencer: hex('03 01 0f 00 0e'),
  crtc: hex('5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 40 96 b9 a3 ff'),
  graphics: hex('00 00 00 00 00 40 05 0f ff'),
  attribute: [...PLAIN, 0x41, 0, 0x0f, 0, 0],
};
export const MODE_X: ModeRegisters = {
  ...VGA_320,
  misc: 0xe3,
  sequencer: hex('03 01 0f 00 06'),
  crtc: hex('5f 4f 50 82 54 80 0d 3e 00 41 00 00 00 00 00 00 ea ac df 28 00 e7 06 e3 ff'),
};

export function setMode(steps: Steps, { misc, sequencer, crtc, graphics, attribute }: ModeRegisters): Steps {
  steps.dispi(4, 0).out8(0x3c2, misc).register(0x3c4, 0, 1);
  sequencer.forEach((value, index) => index > 0 && steps.register(0x3c4, index, value));
  steps.register(0x3c4, 0, 3).register(0x3d4, 0x11, 0x0e);
  crtc.forEach((value, index) => steps.register(0x3d4, index, value));
  graphics.forEach((value, index) => steps.register(0x3ce, index, value));
  attribute.forEach((value, index) => steps.attribute(index, value));
  return steps.touch(0x3da).out8(0x3c0, 0x20).out8(0x3c6, 0xff);
}

/** 64 colours, four times, of components whose widening from 6 to 8 bits all cards agree on. */
export function setPalette(steps: Steps): Steps {
  const levels = [0x00, 0x0e, 0x33, 0x3f];
  steps.out8(0x3c8, 0);
  for (let color = 0; color < 256; color++) {
    for (const shift of [4, 2, 0]) steps.out8(0x3c9, levels[(color >>> shift) & 3]);
  }
  return steps;
}

/** Patterns in a font of the second plane, 32 bytes a character. */
export function loadFont(steps: Steps, place = 0, seed = 1): Steps {
  steps.register(0x3c4, 2, 4).register(0x3c4, 4, 6);
  steps.register(0x3ce, 4, 2).register(0x3ce, 5, 0).register(0x3ce, 6, 4);
  steps.pattern(0xa0000 + place, 0x2000, seed);
  steps.register(0x3c4, 2, 3).register(0x3c4, 4, 2);
  return steps.register(0x3ce, 4, 0).register(0x3ce, 5, 0x10).register(0x3ce, 6, 0x0e);
}

export interface Scene {
  readonly name: string;
  readonly draw: (steps: Steps) => void;
  /** Bits of a component that count; all unless given. */
  readonly componentMask?: number;
  /** What is shown in between does not matter. */
  readonly isUnseen?: true;
}

const WINDOW = 0xa0000;
const TEXT = 0xb8000;

/** Cells without B0h to BFh, whose ninth dot QEMU continues too. */
function cells(count: number, seed: number): Uint8Array {
  const dice = new Random(seed);
  return Uint8Array.from({ length: count * 2 }, (_, i) => {
    const byte = dice.below(256);
    return (i & 1) === 0 && (byte & 0xf0) === 0xb0 ? byte ^ 0x70 : byte;
  });
}

function textScene(name: string, mode: ModeRegisters, change: (steps: Steps) => void = () => {}): Scene {
  return {
    name,
    draw: (steps) => {
      loadFont(loadFont(setPalette(setMode(steps, mode))), 0x4000, 9);
      steps.copy(TEXT, cells(2000, 5));
      // No blinking, which goes by time; the cursor off.
      steps.attribute(0x10, 0x04).touch(0x3da).out8(0x3c0, 0x20).register(0x3d4, 0x0a, 0x2d);
      change(steps);
    },
  };
}

function dispiScene(bitsPerPixel: number, width: number, height: number, change: (steps: Steps) => void): Scene {
  return {
    name: `DISPI ${width} × ${height} × ${bitsPerPixel}`,
    // Five bits are widened to eight in more ways than one.
    ...(bitsPerPixel === 15 || bitsPerPixel === 16 ? { componentMask: 0xf8 } : {}),
    draw: (steps) => {
      setPalette(setMode(steps, VGA_320)).placeBars();
      steps.dispi(1, width).dispi(2, height).dispi(3, bitsPerPixel).dispi(4, 0x41);
      change(steps);
    },
  };
}

/** Everything that can be read back, with values that no mode has. */
function registers(steps: Steps): void {
  setMode(steps, VGA_640);
  const values = [0xff, 0x00, 0xa5];
  for (const value of values) {
    for (let index = 1; index < 5; index++) steps.register(0x3c4, index, value).in8(0x3c4).in8(0x3c5);
    for (let index = 0; index < 9; index++) steps.register(0x3ce, index, value).in8(0x3ce).in8(0x3cf);
    for (let index = 0; index < 0x19; index++) {
      if (index === 0x11) continue;
      steps.register(0x3d4, index, value).in8(0x3d4).in8(0x3d5);
    }
    for (let index = 0; index < 0x15; index++) {
      steps.attribute(index, value).touch(0x3da).out8(0x3c0, index).in8(0x3c1).in8(0x3c0);
    }
    steps.out8(0x3c2, value | 0x03).in8(0x3cc);
  }
  // The protection of the first eight, all but the line compare bit.
  steps.register(0x3d4, 0x11, 0x80).register(0x3d4, 0, 0x12).in8(0x3d5).register(0x3d4, 7, 0xff).in8(0x3d5);
  // The DAC, written and read across its end.
  steps.out8(0x3c8, 0xff).in8(0x3c7);
  for (let i = 0; i < 6; i++) steps.out8(0x3c9, 0x31 + i);
  steps.in8(0x3c8).out8(0x3c7, 0xff).in8(0x3c7);
  for (let i = 0; i < 6; i++) steps.in8(0x3c9);
  // DISPI: what is corrected, and the most that can be had.
  for (const [width, height, bits] of [
    [641, 481, 32],
    [7, 0, 9],
    [16_000, 12_000, 24],
    [1024, 768, 16],
  ]) {
    steps.dispi(4, 0).dispi(0, 0xb0c3).dispi(1, width).dispi(2, height).dispi(3, bits).dispi(4, 0x41);
    steps.dispi(6, 1333).dispi(8, 5).dispi(9, 11_000);
    for (let index = 0; index < 11; index++) steps.out16(0x1ce, index).in16(0x1cf);
  }
  steps.dispi(4, 2).dispi(0, 0xb0c5);
  for (let index = 0; index < 4; index++) steps.out16(0x1ce, index).in16(0x1cf);
  steps.dispi(4, 0);
}

export const SCENES: readonly Scene[] = [
  { name: 'registers', draw: registers, isUnseen: true },
  textScene('text of 80 columns', TEXT_80),
  textScene('text of 40 columns', TEXT_40),
  textScene('text of eight dots', { ...TEXT_80, sequencer: hex('03 01 03 00 02') }),
  textScene('text of two fonts', TEXT_80, (steps) => steps.register(0x3c4, 3, 0x04)),
  textScene('text of 8 lines, from another start', TEXT_80, (steps) =>
    steps
      .register(0x3d4, 9, 0x47)
      .register(0x3d4, 0x0d, 80)
      .copy(TEXT + 4000, cells(2080, 7)),
  ),
  {
    name: '16 colours, 640 × 480',
    draw: (steps) => {
      setPalette(setMode(steps, VGA_640)).fill(WINDOW, 0x10000, 0).register(0x3ce, 5, 2);
      for (let y = 0; y < 480; y += 4) {
        steps.register(0x3ce, 8, 0xff >>> (y & 7));
        steps.read8(WINDOW + y * 80);
        steps.pattern(WINDOW + y * 80, 240, y);
      }
      // Read mode 1, logic, set/reset, write modes 1 and 3.
      steps
        .register(0x3ce, 8, 0x3c)
        .register(0x3ce, 3, 0x18)
        .read8(WINDOW + 1)
        .pattern(WINDOW + 80, 4000, 3);
      steps.register(0x3ce, 5, 1).read8(WINDOW + 4000);
      for (let i = 0; i < 160; i++) steps.write8(WINDOW + 8000 + i, 0x55);
      steps.register(0x3ce, 5, 3).register(0x3ce, 0, 5).register(0x3ce, 3, 0x03).register(0x3ce, 8, 0xf7);
      steps.read8(WINDOW + 8000).pattern(WINDOW + 12_000, 4000, 4);
      steps.register(0x3ce, 5, 0).register(0x3ce, 0, 9).register(0x3ce, 1, 6).register(0x3ce, 3, 0x0a);
      steps.read8(WINDOW + 100).pattern(WINDOW + 16_000, 4000, 5);
      steps
        .register(0x3ce, 1, 0)
        .register(0x3ce, 3, 0)
        .register(0x3c4, 2, 0x0a)
        .pattern(WINDOW + 20_000, 8000, 6);
    },
  },
  {
    name: '16 colours, 320 × 200, palette by colour select',
    draw: (steps) => {
      setPalette(setMode(steps, EGA_320)).fill(WINDOW, 0x10000, 0).pattern(WINDOW, 8000, 1);
      steps
        .register(0x3c4, 2, 5)
        .pattern(WINDOW, 8000, 2)
        .register(0x3c4, 2, 8)
        .pattern(WINDOW + 2000, 5000, 3);
      steps.attribute(0x14, 0x0c).touch(0x3da).out8(0x3c0, 0x20);
    },
  },
  {
    name: 'CGA, four colours',
    draw: (steps) => setPalette(setMode(steps, CGA_4)).pattern(TEXT, 0x4000, 1),
  },
  {
    name: 'CGA, two colours',
    draw: (steps) => setPalette(setMode(steps, CGA_2)).pattern(TEXT, 0x4000, 2),
  },
  {
    name: '256 colours, chained',
    draw: (steps) =>
      setPalette(setMode(steps, VGA_320))
        .pattern(WINDOW, 64_000, 1)
        .write32(WINDOW + 4, 0x01020304),
  },
  {
    name: '256 colours, chained, two planes masked',
    draw: (steps) => {
      setPalette(setMode(steps, VGA_320)).fill(WINDOW, 64_000, 7);
      steps
        .register(0x3c4, 2, 5)
        .pattern(WINDOW + 1000, 32_000, 1)
        .register(0x3c4, 2, 15);
      steps.read8(WINDOW + 1001).read32(WINDOW + 1000);
    },
  },
  {
    name: '256 colours, mode X',
    draw: (steps) => {
      setPalette(setMode(steps, MODE_X)).pattern(WINDOW, 19_200, 1);
      for (let plane = 0; plane < 4; plane++) {
        steps.register(0x3c4, 2, 1 << plane).pattern(WINDOW + plane * 3000, 8000, plane);
      }
      steps.register(0x3d4, 0x0d, 40);
    },
  },
  {
    name: 'split screen',
    draw: (steps) => {
      setPalette(setMode(steps, VGA_640)).pattern(WINDOW, 38_400, 1).register(0x3c4, 2, 6).pattern(WINDOW, 30_000, 2);
      // From line 200 on the memory from its begin.
      steps.register(0x3d4, 0x0c, 0x20).register(0x3d4, 0x18, 199).register(0x3d4, 7, 0x2e).register(0x3d4, 9, 0x00);
    },
  },
  dispiScene(8, 640, 400, (steps) => steps.pattern(FRAME_BUFFER, 256_000, 1)),
  dispiScene(15, 320, 200, (steps) => steps.pattern(FRAME_BUFFER, 128_000, 2)),
  dispiScene(16, 320, 200, (steps) => steps.pattern(FRAME_BUFFER, 128_000, 3)),
  dispiScene(24, 400, 300, (steps) => steps.pattern(FRAME_BUFFER, 360_000, 4)),
  dispiScene(32, 400, 300, (steps) => steps.pattern(FRAME_BUFFER, 480_000, 5)),
  dispiScene(32, 256, 100, (steps) => {
    // A wider picture, and a part of it.
    steps
      .dispi(6, 512)
      .pattern(FRAME_BUFFER, 500_000, 6)
      .dispi(8, 64)
      .dispi(9, 30)
      .dispi(5, 2)
      .read32(WINDOW + 16);
    steps.fill(WINDOW, 0x1000, 0x80).read32(FRAME_BUFFER + 0x20000);
  }),
];
