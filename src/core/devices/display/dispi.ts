/**
 * Bochs' display interface (VBE DISPI, "VBE Display Programming Interface" of the Bochs sources' documentation, as
 * QEMU's std VGA has it): eleven registers of 16 bits behind an index at port 1CEh and data at 1CFh, or in memory. A
 * mode is asked for by size and depth, and corrected to what can be had; enabling it clears the memory unless asked
 * not to. What is asked for takes effect at once while the display is enabled.
 */
import type { Bulk } from '../../board/context.ts';
import {
  DISPI_8BIT_DAC,
  DISPI_CAPABILITIES,
  DISPI_ENABLED,
  DISPI_HEIGHT_MAX,
  DISPI_ID_FIRST,
  DISPI_ID_LAST,
  DISPI_KEEP_MEMORY,
  DISPI_WIDTH_MAX,
  type DispiRegisters,
  dispiPitchBytes,
  VGA_MEMORY_BYTES,
} from './vga-registers.ts';

const ID = 0;
const WIDTH = 1;
const HEIGHT = 2;
const BITS_PER_PIXEL = 3;
const ENABLE = 4;
const BANK = 5;
const VIRTUAL_WIDTH = 6;
const VIRTUAL_HEIGHT = 7;
const OFFSET_X = 8;
const OFFSET_Y = 9;
const MEMORY_BANKS = 10;
export const DISPI_REGISTERS = 11;
const BITS_PER_PIXEL_MAX = 32;
const BANKS = VGA_MEMORY_BYTES / 0x10000;
const DEPTHS = [4, 8, 15, 16, 24, 32];

export function readDispi(dispi: DispiRegisters, index: number): number {
  const asksMost = (dispi.enable & DISPI_CAPABILITIES) !== 0;
  switch (index) {
    case ID:
      return dispi.id;
    case WIDTH:
      return asksMost ? DISPI_WIDTH_MAX : dispi.width;
    case HEIGHT:
      return asksMost ? DISPI_HEIGHT_MAX : dispi.height;
    case BITS_PER_PIXEL:
      return asksMost ? BITS_PER_PIXEL_MAX : dispi.bitsPerPixel;
    case ENABLE:
      return dispi.enable;
    case BANK:
      return dispi.bank;
    case VIRTUAL_WIDTH:
      return dispi.virtualWidth;
    case VIRTUAL_HEIGHT:
      return Math.min(dispi.virtualHeight, 0xffff);
    case OFFSET_X:
      return dispi.offsetX;
    case OFFSET_Y:
      return dispi.offsetY;
    case MEMORY_BANKS:
      return BANKS;
    default:
      return 0;
  }
}

/** While the display is enabled its registers say what is shown. */
export function correctDispi(dispi: DispiRegisters): void {
  if ((dispi.enable & DISPI_ENABLED) === 0) return;
  if (!DEPTHS.includes(dispi.bitsPerPixel)) dispi.bitsPerPixel = 8;
  dispi.width = Math.min(Math.max(8, dispi.width & ~7), DISPI_WIDTH_MAX);
  dispi.virtualWidth = Math.max(Math.min(dispi.virtualWidth & ~7, DISPI_WIDTH_MAX), dispi.width);
  const pitchBytes = dispiPitchBytes(dispi);
  dispi.virtualHeight = Math.floor(VGA_MEMORY_BYTES / pitchBytes);
  dispi.height = Math.min(Math.max(1, dispi.height), DISPI_HEIGHT_MAX, dispi.virtualHeight);
  dispi.offsetX = Math.min(dispi.offsetX, DISPI_WIDTH_MAX);
  dispi.offsetY = Math.min(dispi.offsetY, DISPI_HEIGHT_MAX);
  const isBeyond = (): boolean => dispiStartBytes(dispi) + dispi.height * pitchBytes > VGA_MEMORY_BYTES;
  if (isBeyond()) dispi.offsetY = 0;
  if (isBeyond()) dispi.offsetX = 0;
}

/** Where the first pixel that is shown lies. */
export function dispiStartBytes(dispi: DispiRegisters): number {
  const bits = dispi.bitsPerPixel === 15 ? 16 : dispi.bitsPerPixel;
  return dispi.offsetY * dispiPitchBytes(dispi) + Math.floor((dispi.offsetX * bits) / 8);
}

export function writeDispi(dispi: DispiRegisters, index: number, value: number, memory: Bulk): void {
  switch (index) {
    case ID:
      if (value >= DISPI_ID_FIRST && value <= DISPI_ID_LAST) dispi.id = value;
      return;
    case WIDTH:
      dispi.width = Math.min(value, DISPI_WIDTH_MAX);
      break;
    case HEIGHT:
      dispi.height = Math.min(value, DISPI_HEIGHT_MAX);
      break;
    case BITS_PER_PIXEL:
      dispi.bitsPerPixel = value;
      break;
    case ENABLE:
      enable(dispi, value, memory);
      return;
    case BANK:
      dispi.bank = value % BANKS;
      return;
    case VIRTUAL_WIDTH:
      dispi.virtualWidth = value;
      break;
    case OFFSET_X:
      dispi.offsetX = value;
      break;
    case OFFSET_Y:
      dispi.offsetY = value;
      break;
    default:
      return;
  }
  correctDispi(dispi);
}

function enable(dispi: DispiRegisters, value: number, memory: Bulk): void {
  const wasOn = (dispi.enable & DISPI_ENABLED) !== 0;
  dispi.enable = value & (DISPI_ENABLED | DISPI_CAPABILITIES | DISPI_8BIT_DAC | DISPI_KEEP_MEMORY | 0x40);
  const isOn = (value & DISPI_ENABLED) !== 0;
  if (!isOn) dispi.bank = 0;
  if (!isOn || wasOn) return;
  dispi.virtualWidth = 0;
  dispi.offsetX = 0;
  dispi.offsetY = 0;
  dispi.bank = 0;
  correctDispi(dispi);
  if ((value & DISPI_KEEP_MEMORY) === 0) memory.clear();
}
