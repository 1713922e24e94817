/**
 * Text modes (IBM PS/2 Hardware Interface Technical Reference, "Alphanumeric modes"): characters and attributes in
 * planes 0 and 1, two of eight fonts in plane 2, nine dots a character whose ninth continues line graphics, underline,
 * cursor with its lines and skew, blinking characters (once in 32 frames) and cursor (once in 16). A cursor whose first
 * line lies behind its last is not shown.
 */
import type { Canvas } from './screen.ts';
import { unicodeOf } from './code-page.ts';
import { paletteColors } from './vga-colors.ts';
import {
  AR_MODE_CONTROL,
  AR_PLANE_ENABLE,
  CR_CURSOR_END,
  CR_CURSOR_LOCATION,
  CR_CURSOR_START,
  CR_HORIZONTAL_DISPLAY_END,
  CR_UNDERLINE,
  characterDots,
  SR_CLOCKING,
  SR_FONTS,
  type VgaRegisters,
  verticalDisplayEnd,
} from './vga-registers.ts';
import { planeAddress, scanLines } from './scan.ts';
import type { VgaPicture } from './vga.ts';

const BLINK_FRAMES = 16;
const CURSOR_BLINK_FRAMES = 8;
/** Bytes of plane 2 that a character has in a font. */
const GLYPH_BYTES = 32;

export interface TextCell {
  readonly character: string;
  readonly attribute: number;
  readonly isCursor: boolean;
}

/** Byte of plane 2 at which a font begins: the upper bit of its number is worth 8 KiB. */
function fontPlace(number: number): number {
  return (number & 3) * 0x4000 + (number >>> 2) * 0x2000;
}

/** The fonts of characters with attribute bit 3 clear and set. */
function fontPlaces({ sequencer }: VgaRegisters): readonly [number, number] {
  const select = sequencer[SR_FONTS];
  const plain = (select & 0x03) | ((select >>> 2) & 0x04);
  const bright = ((select >>> 2) & 0x03) | ((select >>> 3) & 0x04);
  return [fontPlace(plain), fontPlace(bright)];
}

interface Cursor {
  /** Address counter; −1 when there is none. */
  readonly at: number;
  readonly first: number;
  readonly last: number;
}

function cursorOf({ crtc }: VgaRegisters): Cursor {
  const first = crtc[CR_CURSOR_START] & 0x1f;
  const last = crtc[CR_CURSOR_END] & 0x1f;
  const isOff = (crtc[CR_CURSOR_START] & 0x20) !== 0 || first > last;
  const skew = (crtc[CR_CURSOR_END] >>> 5) & 3;
  const location = (crtc[CR_CURSOR_LOCATION] << 8) | crtc[CR_CURSOR_LOCATION + 1];
  return { at: isOff ? -1 : (location + skew) & 0xffff, first, last };
}

/** The rows of characters that are shown, whole or in part. */
export function cellsOf({ registers, memory }: VgaPicture): TextCell[][] {
  const columns = registers.crtc[CR_HORIZONTAL_DISPLAY_END] + 1;
  const rows: TextCell[][] = [];
  const cursor = cursorOf(registers);
  let last = -1;
  scanLines(registers, verticalDisplayEnd(registers) + 1, ({ counter, rowScan }) => {
    if (counter === last) return;
    last = counter;
    rows.push(
      Array.from({ length: columns }, (_, column) => {
        const at = planeAddress(registers, counter + column, rowScan) * 4;
        const isCursor = ((counter + column) & 0xffff) === cursor.at;
        return { character: unicodeOf(memory[at]), attribute: memory[at + 1], isCursor };
      }),
    );
  });
  return rows;
}

/** Dots that a row is moved to the left: with nine dots, 8 is none. */
function panningDots(panning: number, dots: number): number {
  if (dots === 8) return panning & 7;
  return panning >= 8 ? 0 : panning + 1;
}

export function drawText({ registers, memory, frame }: VgaPicture, { width, height, words }: Canvas): void {
  const { crtc, attribute, sequencer } = registers;
  const scale = (sequencer[SR_CLOCKING] & 0x08) !== 0 ? 2 : 1;
  const dots = characterDots(registers);
  const columns = crtc[CR_HORIZONTAL_DISPLAY_END] + 1;
  const palette = paletteColors(registers);
  const enabled = attribute[AR_PLANE_ENABLE] & 0x0f;
  const fonts = fontPlaces(registers);
  const mode = attribute[AR_MODE_CONTROL];
  const blinks = (mode & 0x08) !== 0;
  const continuesLines = (mode & 0x04) !== 0;
  const underline = crtc[CR_UNDERLINE] & 0x1f;
  const cursor = cursorOf(registers);
  const isCursorLit = Math.floor(frame / CURSOR_BLINK_FRAMES) % 2 === 0;
  const isBlinkedOut = Math.floor(frame / BLINK_FRAMES) % 2 === 1;
  /** One line, with a character more than is shown, for panning. */
  const colors = new Uint32Array((columns + 1) * dots);
  scanLines(registers, height, ({ line, counter, rowScan, panning }) => {
    for (let column = 0; column <= columns; column++) {
      const at = planeAddress(registers, counter + column, rowScan) * 4;
      const character = memory[at];
      const look = memory[at + 1];
      const font = fonts[(look >>> 3) & 1];
      let glyph = memory[(font + character * GLYPH_BYTES + rowScan) * 4 + 2] << 1;
      if (continuesLines && (character & 0xe0) === 0xc0) glyph |= (glyph >>> 1) & 1;
      if (rowScan === underline && (look & 0x77) === 0x01) glyph = 0x1ff;
      if (blinks && (look & 0x80) !== 0 && isBlinkedOut) glyph = 0;
      const isAtCursor = ((counter + column) & 0xffff) === cursor.at;
      if (isAtCursor && isCursorLit && rowScan >= cursor.first && rowScan <= cursor.last) glyph = 0x1ff;
      const fore = palette[look & 0x0f & enabled];
      const back = palette[(look >>> 4) & (blinks ? 0x07 : 0x0f) & enabled];
      for (let dot = 0; dot < dots; dot++) {
        colors[column * dots + dot] = ((glyph >>> (8 - dot)) & 1) !== 0 ? fore : back;
      }
    }
    const from = panningDots(panning, dots);
    const row = line * width;
    for (let dot = 0; dot < width; dot++) words[row + dot] = colors[from + Math.floor(dot / scale)];
  });
}
