/**
 * What the CRT controller does line by line (IBM PS/2 Hardware Interface Technical Reference, "CRT controller
 * registers"): which row of characters or pixels a scan line belongs to, where it begins in memory, and which byte of
 * the planes an address counter leads to (byte, word and doubleword mode; row scan bits as address bits 13 and 14, as
 * the CGA had them). Split screen, preset row scan and panning, double scanning.
 */
import {
  AR_MODE_CONTROL,
  AR_PANNING,
  CR_MAXIMUM_SCAN_LINE,
  CR_MODE_CONTROL,
  CR_OFFSET,
  CR_PRESET_ROW_SCAN,
  CR_START_ADDRESS,
  CR_UNDERLINE,
  isDispiOn,
  lineCompare,
  PLANE_MASK,
  type VgaRegisters,
} from './vga-registers.ts';
import { isChained } from './vga-planes.ts';
import { dispiPitchBytes } from './vga-registers.ts';
import { dispiStartBytes } from './dispi.ts';

export interface ScanLine {
  readonly line: number;
  /** Address counter at the left edge. */
  readonly counter: number;
  /** Line within the row. */
  readonly rowScan: number;
  /** Pixels that the row is moved to the left. */
  readonly panning: number;
}

export function startAddress({ crtc }: VgaRegisters): number {
  return (crtc[CR_START_ADDRESS] << 8) | crtc[CR_START_ADDRESS + 1];
}

/** From one row to the next, in steps of the address counter. */
function rowPitch(registers: VgaRegisters): number {
  const { crtc } = registers;
  if (isDispiOn(registers)) return dispiPitchBytes(registers.dispi) / 4;
  return crtc[CR_OFFSET] * 2;
}

/** Called for each of `height` lines, from the top. */
export function scanLines(registers: VgaRegisters, height: number, visit: (line: ScanLine) => void): void {
  const { crtc, attribute } = registers;
  const isDispi = isDispiOn(registers);
  const rowLines = isDispi ? 1 : (crtc[CR_MAXIMUM_SCAN_LINE] & 0x1f) + 1;
  const repeat = isDispi
    ? 1
    : ((crtc[CR_MAXIMUM_SCAN_LINE] & 0x80) !== 0 ? 2 : 1) * ((crtc[CR_MODE_CONTROL] & 0x04) !== 0 ? 2 : 1);
  const split = isDispi ? Number.POSITIVE_INFINITY : lineCompare(registers);
  const pitch = rowPitch(registers);
  let panning = attribute[AR_PANNING];
  let row = isDispi
    ? Math.floor(dispiStartBytes(registers.dispi) / 4)
    : startAddress(registers) + ((crtc[CR_PRESET_ROW_SCAN] >>> 5) & 3);
  let rowScan = isDispi ? 0 : crtc[CR_PRESET_ROW_SCAN] & 0x1f;
  let repeated = 0;
  for (let line = 0; line < height; line++) {
    visit({ line, counter: row, rowScan, panning });
    if (line === split) {
      row = 0;
      rowScan = 0;
      repeated = 0;
      if ((attribute[AR_MODE_CONTROL] & 0x20) !== 0) panning = 0;
      continue;
    }
    if (++repeated < repeat) continue;
    repeated = 0;
    if (++rowScan < rowLines) continue;
    rowScan = 0;
    row += pitch;
  }
}

/** Byte of a plane that an address counter leads to. */
export function planeAddress(registers: VgaRegisters, counter: number, rowScan: number): number {
  if (isDispiOn(registers)) return counter;
  const { crtc } = registers;
  const mode = crtc[CR_MODE_CONTROL];
  let address = counter & PLANE_MASK;
  // Chained memory lies one byte behind the other already (vga-planes.ts).
  if ((crtc[CR_UNDERLINE] & 0x40) !== 0) {
    if (!isChained(registers)) address = ((address << 2) | (address >>> 14)) & PLANE_MASK;
  } else if ((mode & 0x40) === 0) {
    const wrapped = (mode & 0x20) !== 0 ? address >>> 15 : (address >>> 13) & 1;
    address = ((address << 1) | wrapped) & PLANE_MASK;
  }
  if ((mode & 0x01) === 0) address = (address & ~0x2000) | ((rowScan & 1) << 13);
  if ((mode & 0x02) === 0) address = (address & ~0x4000) | (((rowScan >>> 1) & 1) << 14);
  return address;
}
