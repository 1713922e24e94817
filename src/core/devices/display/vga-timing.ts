/**
 * Where the beam is: a function of the tick and of what the CRT controller is programmed with (IBM PS/2 Hardware
 * Interface Technical Reference, "Input status register 1"). The first frame begins at tick 0 whatever the mode, so
 * that nothing has to be remembered. DISPI modes have 60 frames a second: what the CRTC holds then means nothing.
 */
import {
  CR_HORIZONTAL_DISPLAY_END,
  CR_HORIZONTAL_TOTAL,
  CR_MODE_CONTROL,
  CR_VERTICAL_RETRACE_END,
  characterDots,
  isDispiOn,
  SR_CLOCKING,
  type VgaRegisters,
  verticalDisplayEnd,
  verticalRetraceStart,
  verticalTotal,
} from './vga-registers.ts';

const DOTS_PER_SECOND = 25_175_000;
const DOTS_PER_SECOND_WIDE = 28_322_000;
const DISPI_FRAMES_PER_SECOND = 60;
/** Lines of a DISPI frame that are not shown, in twentieths of those that are. */
const DISPI_BLANK_TWENTIETHS = 1;

/** Cycles of the dot clock and lines of one frame. */
export interface Raster {
  readonly hertz: number;
  readonly frameDots: number;
  readonly lineDots: number;
  /** Of a line, that are shown. */
  readonly shownDots: number;
  readonly shownLines: number;
  /** Lines [first, end) of the vertical retrace pulse. */
  readonly retraceFirst: number;
  readonly retraceEnd: number;
}

function dispiRaster({ dispi }: VgaRegisters): Raster {
  const shownLines = Math.max(1, dispi.height);
  const lines = shownLines + Math.max(3, Math.floor((shownLines * DISPI_BLANK_TWENTIETHS) / 20));
  const lineDots = Math.max(5, Math.floor(DOTS_PER_SECOND / DISPI_FRAMES_PER_SECOND / lines));
  return {
    hertz: DOTS_PER_SECOND,
    frameDots: lineDots * lines,
    lineDots,
    shownDots: Math.floor((lineDots * 4) / 5),
    shownLines,
    retraceFirst: shownLines + 1,
    retraceEnd: shownLines + 3,
  };
}

export function rasterOf(registers: VgaRegisters): Raster {
  if (isDispiOn(registers)) return dispiRaster(registers);
  const { crtc, sequencer, misc } = registers;
  // Half the clock is twice the dots of the whole one.
  const dots = characterDots(registers) * ((sequencer[SR_CLOCKING] & 0x08) !== 0 ? 2 : 1);
  const lineDots = (crtc[CR_HORIZONTAL_TOTAL] + 5) * dots;
  const height = (crtc[CR_MODE_CONTROL] & 0x04) !== 0 ? 2 : 1;
  const lines = (verticalTotal(registers) + 2) * height;
  const retraceFirst = verticalRetraceStart(registers);
  const pulse = (crtc[CR_VERTICAL_RETRACE_END] - retraceFirst) & 0x0f;
  return {
    hertz: (misc & 0x0c) === 0x04 ? DOTS_PER_SECOND_WIDE : DOTS_PER_SECOND,
    frameDots: lineDots * lines,
    lineDots,
    shownDots: (crtc[CR_HORIZONTAL_DISPLAY_END] + 1) * dots,
    shownLines: (verticalDisplayEnd(registers) + 1) * height,
    retraceFirst: retraceFirst * height,
    retraceEnd: (retraceFirst + (pulse === 0 ? 16 : pulse)) * height,
  };
}

/** Bits 0 (nothing is shown) and 3 (vertical retrace) of input status 1, `dots` after tick 0. */
export function retraceBits(raster: Raster, dots: number): number {
  const within = dots % raster.frameDots;
  const line = Math.floor(within / raster.lineDots);
  const dot = within % raster.lineDots;
  const isShown = line < raster.shownLines && dot < raster.shownDots;
  const isRetrace = line >= raster.retraceFirst && line < raster.retraceEnd;
  return (isShown ? 0 : 0x01) | (isRetrace ? 0x08 : 0);
}

/** Number of the frame: what blinks goes by it. */
export function frameNumber(raster: Raster, dots: number): number {
  return Math.floor(dots / raster.frameDots);
}
