/**
 * The registers of a VGA (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"; names as there), and of
 * Bochs' display interface (DISPI), by which one asks for modes beyond it. Data and what follows from it: who reads and
 * writes them by ports is vga.ts, who draws from them is screen.ts.
 */
import { bits, byte, registers, unsigned, word16, word32 } from '../../base/field-kinds.ts';
import { bytes, flag } from '../../base/field-kinds.ts';
import { fields } from '../../base/fields.ts';

/** Sequencer. */
export const SR_RESET = 0;
export const SR_CLOCKING = 1;
export const SR_MAP_MASK = 2;
export const SR_FONTS = 3;
export const SR_MEMORY_MODE = 4;
/** Graphics controller. */
export const GR_SET_RESET = 0;
export const GR_ENABLE_SET_RESET = 1;
export const GR_COLOR_COMPARE = 2;
export const GR_ROTATE = 3;
export const GR_READ_MAP = 4;
export const GR_MODE = 5;
export const GR_MISCELLANEOUS = 6;
export const GR_COLOR_DONT_CARE = 7;
export const GR_BIT_MASK = 8;
/** CRT controller. */
export const CR_HORIZONTAL_TOTAL = 0x00;
export const CR_HORIZONTAL_DISPLAY_END = 0x01;
export const CR_VERTICAL_TOTAL = 0x06;
export const CR_OVERFLOW = 0x07;
export const CR_PRESET_ROW_SCAN = 0x08;
export const CR_MAXIMUM_SCAN_LINE = 0x09;
export const CR_CURSOR_START = 0x0a;
export const CR_CURSOR_END = 0x0b;
export const CR_START_ADDRESS = 0x0c;
export const CR_CURSOR_LOCATION = 0x0e;
export const CR_VERTICAL_RETRACE_START = 0x10;
export const CR_VERTICAL_RETRACE_END = 0x11;
export const CR_VERTICAL_DISPLAY_END = 0x12;
export const CR_OFFSET = 0x13;
export const CR_UNDERLINE = 0x14;
export const CR_MODE_CONTROL = 0x17;
export const CR_LINE_COMPARE = 0x18;
/** Attribute controller. */
export const AR_MODE_CONTROL = 0x10;
export const AR_OVERSCAN = 0x11;
export const AR_PLANE_ENABLE = 0x12;
export const AR_PANNING = 0x13;
export const AR_COLOR_SELECT = 0x14;

/** Bits that exist, by register. */
export const SEQUENCER_MASKS = [0x03, 0x3d, 0x0f, 0x3f, 0x0e] as const;
export const GRAPHICS_MASKS = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff] as const;
export const CRTC_MASKS = Array.from({ length: 0x19 }, () => 0xff);
export const ATTRIBUTE_MASKS = [...Array.from({ length: 16 }, () => 0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f] as const;

/** DISPI: the identifiers that it takes, the newest after reset. */
export const DISPI_ID_FIRST = 0xb0c0;
export const DISPI_ID_LAST = 0xb0c5;
export const DISPI_ENABLED = 0x01;
export const DISPI_CAPABILITIES = 0x02;
export const DISPI_8BIT_DAC = 0x20;
export const DISPI_KEEP_MEMORY = 0x80;
export const DISPI_WIDTH_MAX = 16_000;
export const DISPI_HEIGHT_MAX = 12_000;

export const VGA_MEMORY_BYTES = 16 << 20;
/** What a VGA without DISPI reaches: four planes of 64 KiB. */
export const PLANE_MASK = 0xffff;

const DISPI_FIELDS = fields({
  id: word16(DISPI_ID_LAST),
  width: unsigned(DISPI_WIDTH_MAX),
  height: unsigned(DISPI_HEIGHT_MAX),
  bitsPerPixel: word16(),
  enable: word16(),
  /** In units of 64 KiB. */
  bank: unsigned(VGA_MEMORY_BYTES / 0x10000 - 1),
  virtualWidth: word16(),
  virtualHeight: word32(),
  offsetX: word16(),
  offsetY: word16(),
});

export const VGA_FIELDS = fields({
  /** Miscellaneous output, written at 3C2h. */
  misc: bits(0xef),
  featureControl: bits(0x0b),
  sequencerIndex: bits(0x07),
  sequencer: registers(SEQUENCER_MASKS),
  graphicsIndex: bits(0x0f),
  graphics: registers(GRAPHICS_MASKS),
  crtcIndex: bits(0x3f),
  crtc: registers(CRTC_MASKS),
  /** Bit 5: the palette is the display's, not the processor's. */
  attributeIndex: bits(0x3f),
  attribute: registers(ATTRIBUTE_MASKS),
  /** The next write to 3C0h is data. */
  isAttributeData: flag(),
  pixelMask: byte(),
  /** Red, green, blue by index: 6 bits, or 8 when DISPI says so. */
  dac: bytes(768),
  dacWriteIndex: byte(),
  dacReadIndex: byte(),
  /** Which of the three comes next. */
  dacComponent: unsigned(2),
  /** Written values wait for the third. */
  dacPending: bytes(2),
  /** What 3C7h reads as: 3 while reading. */
  dacState: unsigned(3),
  /** The bytes of the four planes as they were read last, plane 0 in the low byte. */
  latch: word32(),
  dispiIndex: word16(),
  dispi: DISPI_FIELDS,
});

export type VgaRegisters = ReturnType<typeof VGA_FIELDS.initial>;
export type DispiRegisters = VgaRegisters['dispi'];

export function isDispiOn({ dispi }: VgaRegisters): boolean {
  return (dispi.enable & DISPI_ENABLED) !== 0;
}

/** DISPI shows pixels one behind the other, not planes. */
export function isDispiLinear(registers: VgaRegisters): boolean {
  return isDispiOn(registers) && registers.dispi.bitsPerPixel !== 4;
}

/** Bytes from one line of a DISPI mode to the next. */
export function dispiPitchBytes({ virtualWidth, bitsPerPixel }: DispiRegisters): number {
  return Math.floor((virtualWidth * (bitsPerPixel === 15 ? 16 : bitsPerPixel)) / 8);
}

/** Dots that a character is wide: 8 or 9. */
export function characterDots({ sequencer }: VgaRegisters): number {
  return (sequencer[SR_CLOCKING] & 0x01) !== 0 ? 8 : 9;
}

/** Ten bits of the CRTC, the upper two in its overflow register. */
function vertical({ crtc }: VgaRegisters, register: number, bit8: number, bit9: number): number {
  const overflow = crtc[CR_OVERFLOW];
  return crtc[register] | (((overflow >>> bit8) & 1) << 8) | (((overflow >>> bit9) & 1) << 9);
}

export function verticalDisplayEnd(registers: VgaRegisters): number {
  return vertical(registers, CR_VERTICAL_DISPLAY_END, 1, 6);
}

export function verticalTotal(registers: VgaRegisters): number {
  return vertical(registers, CR_VERTICAL_TOTAL, 0, 5);
}

export function verticalRetraceStart(registers: VgaRegisters): number {
  return vertical(registers, CR_VERTICAL_RETRACE_START, 2, 7);
}

/** Line behind which a split screen begins. */
export function lineCompare({ crtc }: VgaRegisters): number {
  return (
    crtc[CR_LINE_COMPARE] | (((crtc[CR_OVERFLOW] >>> 4) & 1) << 8) | (((crtc[CR_MAXIMUM_SCAN_LINE] >>> 6) & 1) << 9)
  );
}
