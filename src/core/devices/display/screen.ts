/**
 * What a monitor at the VGA shows at a moment: dots as red, green, blue and alpha, one picture element a dot of the
 * dot clock and a scan line, so 320 pixels of 200 lines are 640 × 400 here as on the wire. Pure: a function of
 * registers, memory and the number of the frame, by which things blink. The border (overscan) is not part of it.
 */
import { drawGraphics } from './draw-graphics.ts';
import { drawLinear } from './draw-linear.ts';
import { cellsOf, drawText } from './draw-text.ts';
import { dacColors, OPAQUE_BLACK } from './vga-colors.ts';
import {
  AR_MODE_CONTROL,
  AR_OVERSCAN,
  CR_HORIZONTAL_DISPLAY_END,
  CR_MODE_CONTROL,
  characterDots,
  GR_MISCELLANEOUS,
  isDispiLinear,
  isDispiOn,
  SR_CLOCKING,
  SR_RESET,
  type VgaRegisters,
  verticalDisplayEnd,
} from './vga-registers.ts';
import type { VgaPicture } from './vga.ts';

export interface Screen {
  readonly width: number;
  readonly height: number;
  /** Four bytes a dot, line by line; alpha is FFh. */
  readonly rgba: Uint8Array;
}

/** As 32-bit words: red in the low byte. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly words: Uint32Array;
}

export function isTextMode({ attribute, graphics }: VgaRegisters): boolean {
  return (graphics[GR_MISCELLANEOUS] & 1) === 0 && (attribute[AR_MODE_CONTROL] & 1) === 0;
}

/** Size in dots and scan lines of what the registers describe. */
export function screenSize(registers: VgaRegisters): { readonly width: number; readonly height: number } {
  if (isDispiOn(registers)) return { width: registers.dispi.width, height: registers.dispi.height };
  const { crtc, sequencer } = registers;
  const dots = isTextMode(registers) ? characterDots(registers) : 8;
  const columns = crtc[CR_HORIZONTAL_DISPLAY_END] + 1;
  const isHalved = (sequencer[SR_CLOCKING] & 0x08) !== 0;
  const isTall = (crtc[CR_MODE_CONTROL] & 0x04) !== 0;
  const lines = verticalDisplayEnd(registers) + 1;
  return { width: columns * dots * (isHalved ? 2 : 1), height: isTall ? lines * 2 : lines };
}

/** Nothing is fetched from memory: held in reset, switched off, or the processor has the palette. */
function isBlank(registers: VgaRegisters): boolean {
  const { sequencer, crtc, attributeIndex } = registers;
  if (isDispiLinear(registers)) return false;
  const isRunning = isDispiOn(registers) || (crtc[CR_MODE_CONTROL] & 0x80) !== 0;
  return (
    !isRunning ||
    (sequencer[SR_RESET] & 0x03) !== 0x03 ||
    (sequencer[SR_CLOCKING] & 0x20) !== 0 ||
    (attributeIndex & 0x20) === 0
  );
}

export function drawScreen(picture: VgaPicture): Screen {
  const { registers } = picture;
  const { width, height } = screenSize(registers);
  const words = new Uint32Array(width * height);
  const canvas: Canvas = { width, height, words };
  if (isBlank(registers)) {
    const isOff = (registers.sequencer[SR_CLOCKING] & 0x20) !== 0;
    words.fill(isOff ? OPAQUE_BLACK : dacColors(registers)[registers.attribute[AR_OVERSCAN] & registers.pixelMask]);
  } else if (isDispiLinear(registers)) drawLinear(picture, canvas);
  else if (isTextMode(registers)) drawText(picture, canvas);
  else drawGraphics(picture, canvas);
  return { width, height, rgba: new Uint8Array(words.buffer) };
}

/** The characters on the screen, a line each, without spaces at their ends; null unless it shows text. */
export function screenText(picture: VgaPicture): string[] | null {
  const { registers } = picture;
  if (isDispiOn(registers) || !isTextMode(registers) || isBlank(registers)) return null;
  return cellsOf(picture).map((row) =>
    row
      .map(({ character }) => character)
      .join('')
      .trimEnd(),
  );
}
