/**
 * Graphics modes whose dots come from the four planes: 16 colours, two and four colours as the CGA had them, 256
 * colours chained or not (IBM PS/2 Hardware Interface Technical Reference, graphics controller register 5: shift
 * register modes). Each step of the address counter is eight dots: a byte of each plane.
 */
import type { Canvas } from './screen.ts';
import { maskedColors, paletteColors } from './vga-colors.ts';
import {
  AR_MODE_CONTROL,
  AR_PLANE_ENABLE,
  CR_MODE_CONTROL,
  CR_UNDERLINE,
  GR_MODE,
  SR_CLOCKING,
  type VgaRegisters,
} from './vga-registers.ts';
import { planeAddress, scanLines } from './scan.ts';
import type { VgaPicture } from './vga.ts';

const DOTS = 8;

/** Puts the eight pixels (0 to 15) of four bytes into a row: one bit of each plane makes one. */
function planarPixels(word: number, into: Uint8Array, at: number): void {
  for (let i = 0; i < DOTS; i++) {
    const bit = 7 - i;
    into[at + i] =
      ((word >>> bit) & 1) |
      (((word >>> (bit + 8)) & 1) << 1) |
      (((word >>> (bit + 16)) & 1) << 2) |
      (((word >>> (bit + 24)) & 1) << 3);
  }
}

/** Two bits a pixel, from plane 0, then plane 1; planes 2 and 3 have two more of each. */
function interleavedPixels(word: number, into: Uint8Array, at: number): void {
  for (let i = 0; i < DOTS; i++) {
    const shift = (i < 4 ? 0 : 8) + 6 - (i & 3) * 2;
    into[at + i] = ((word >>> shift) & 3) | (((word >>> (shift + 16)) & 3) << 2);
  }
}

/** Four bits a pixel, the high ones first, plane by plane. */
function nibblePixels(word: number, into: Uint8Array, at: number): void {
  for (let i = 0; i < DOTS; i++) into[at + i] = (word >>> ((i >> 1) * 8 + ((i & 1) === 0 ? 4 : 0))) & 0x0f;
}

type Unpack = (word: number, into: Uint8Array, at: number) => void;

function unpackOf({ graphics }: VgaRegisters): Unpack {
  if ((graphics[GR_MODE] & 0x40) !== 0) return nibblePixels;
  return (graphics[GR_MODE] & 0x20) !== 0 ? interleavedPixels : planarPixels;
}

/** Steps of the address counter for one fetch: it may be clocked by every second or fourth character. */
function charactersPerStep({ crtc }: VgaRegisters): number {
  return (crtc[CR_UNDERLINE] & 0x20) !== 0 ? 4 : (crtc[CR_MODE_CONTROL] & 0x08) !== 0 ? 2 : 1;
}

export function drawGraphics({ registers, memory }: VgaPicture, { width, height, words }: Canvas): void {
  const { attribute, sequencer } = registers;
  const isHalved = (sequencer[SR_CLOCKING] & 0x08) !== 0;
  const dots = isHalved ? width >> 1 : width;
  const unpack = unpackOf(registers);
  // Two pixels of four bits make one of eight, which is two dots wide.
  const isByte = (attribute[AR_MODE_CONTROL] & 0x40) !== 0;
  const enabled = attribute[AR_PLANE_ENABLE] & 0x0f;
  const palette = paletteColors(registers);
  const direct = maskedColors(registers);
  const characters = Math.ceil(dots / DOTS) + 2;
  const pixels = new Uint8Array(characters * DOTS);
  const perStep = charactersPerStep(registers);
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  scanLines(registers, height, ({ line, counter, rowScan, panning }) => {
    for (let i = 0; i < characters; i++) {
      const at = planeAddress(registers, counter + Math.floor(i / perStep), rowScan) * 4;
      unpack(at + 4 <= view.byteLength ? view.getUint32(at, true) : 0, pixels, i * DOTS);
    }
    const from = panning & 7;
    const row = line * width;
    for (let dot = 0; dot < dots; dot++) {
      const at = from + dot;
      let color: number;
      if (isByte) {
        const pair = at & ~1;
        color = direct[((pixels[pair] & enabled) << 4) | (pixels[pair + 1] & enabled)];
      } else color = palette[pixels[at] & enabled];
      if (isHalved) {
        words[row + dot * 2] = color;
        words[row + dot * 2 + 1] = color;
      } else words[row + dot] = color;
    }
  });
}
