/**
 * From pixels to colours: the attribute controller's palette and colour select, the DAC with its mask (IBM PS/2
 * Hardware Interface Technical Reference, "Attribute controller registers", "Video DAC"). Colours are words with red
 * in the low byte and alpha in the high one.
 */
import { AR_COLOR_SELECT, AR_MODE_CONTROL, DISPI_8BIT_DAC, type VgaRegisters } from './vga-registers.ts';

/** Black that is not transparent. */
export const OPAQUE_BLACK = 0xff000000;

export function colorWord(red: number, green: number, blue: number): number {
  return (OPAQUE_BLACK | (blue << 16) | (green << 8) | red) >>> 0;
}

/** 6 bits as 8: all bits set stay all bits set. */
export function widen6(value: number): number {
  return (value << 2) | (value >>> 4);
}

/** The 256 colours of the DAC. */
export function dacColors({ dac, dispi }: VgaRegisters): Uint32Array {
  const is8Bit = (dispi.enable & DISPI_8BIT_DAC) !== 0;
  const component = (at: number): number => (is8Bit ? dac[at] : widen6(dac[at] & 0x3f));
  return Uint32Array.from({ length: 256 }, (_, index) =>
    colorWord(component(index * 3), component(index * 3 + 1), component(index * 3 + 2)),
  );
}

/** What the pixel mask lets through to the DAC, by what comes to it. */
export function maskedColors(registers: VgaRegisters): Uint32Array {
  const colors = dacColors(registers);
  return colors.map((_, index) => colors[index & registers.pixelMask]);
}

/** The colours of the 16 values of a pixel that goes through the palette. */
export function paletteColors(registers: VgaRegisters): Uint32Array {
  const { attribute } = registers;
  const colors = maskedColors(registers);
  const select = attribute[AR_COLOR_SELECT];
  const isWide = (attribute[AR_MODE_CONTROL] & 0x80) !== 0;
  return Uint32Array.from({ length: 16 }, (_, pixel) => {
    const entry = attribute[pixel];
    const low = isWide ? (entry & 0x0f) | ((select & 0x03) << 4) : entry;
    return colors[low | ((select & 0x0c) << 4)];
  });
}
