/**
 * DISPI modes whose pixels lie one behind the other: 8 bits through the DAC, 15 and 16 bits (5-5-5, 5-6-5), 24 and 32
 * bits with blue first. dispi.ts sees to it that what is shown lies inside the memory.
 */
import { dispiStartBytes } from './dispi.ts';
import type { Canvas } from './screen.ts';
import { colorWord, maskedColors, widen6 } from './vga-colors.ts';
import { dispiPitchBytes } from './vga-registers.ts';
import type { VgaPicture } from './vga.ts';

function widen5(value: number): number {
  return (value << 3) | (value >>> 2);
}

/** By pixel value. */
function colors16(bitsPerPixel: number): Uint32Array {
  const isWide = bitsPerPixel === 16;
  return Uint32Array.from({ length: 0x10000 }, (_, value) => {
    const green = isWide ? widen6((value >>> 5) & 0x3f) : widen5((value >>> 5) & 0x1f);
    return colorWord(widen5((value >>> (isWide ? 11 : 10)) & 0x1f), green, widen5(value & 0x1f));
  });
}

export function drawLinear({ registers, memory }: VgaPicture, { width, height, words }: Canvas): void {
  const { dispi } = registers;
  const { bitsPerPixel } = dispi;
  const pitchBytes = dispiPitchBytes(dispi);
  const start = dispiStartBytes(dispi);
  const colors = bitsPerPixel === 8 ? maskedColors(registers) : bitsPerPixel <= 16 ? colors16(bitsPerPixel) : null;
  const pixelBytes = (bitsPerPixel + 7) >>> 3;
  for (let y = 0; y < height; y++) {
    let at = start + y * pitchBytes;
    const row = y * width;
    for (let x = 0; x < width; x++, at += pixelBytes) {
      if (colors === null) words[row + x] = colorWord(memory[at + 2], memory[at + 1], memory[at]);
      else words[row + x] = colors[pixelBytes === 1 ? memory[at] : memory[at] | (memory[at + 1] << 8)];
    }
  }
}
