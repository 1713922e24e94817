/**
 * The processor's way to the four planes of a VGA (IBM PS/2 Hardware Interface Technical Reference, "Graphics
 * controller registers", write and read modes): which byte of the window is which byte of which plane, latches,
 * set/reset, rotation, logic and bit mask. Byte n of plane p is byte 4n + p of the memory; so pixels of chained modes
 * lie one behind the other, as on cards with a linear frame buffer.
 *
 * Choices where cards differ: chained addresses are not spread over the planes in steps of four; a chained read leaves
 * the latches; while odd and even addresses choose planes, address bit 0 of the plane is 0.
 */
import type { Bulk } from '../../board/context.ts';
import {
  GR_BIT_MASK,
  GR_COLOR_COMPARE,
  GR_COLOR_DONT_CARE,
  GR_ENABLE_SET_RESET,
  GR_MISCELLANEOUS,
  GR_MODE,
  GR_READ_MAP,
  GR_ROTATE,
  GR_SET_RESET,
  isDispiOn,
  PLANE_MASK,
  SR_MAP_MASK,
  SR_MEMORY_MODE,
  type VgaRegisters,
} from './vga-registers.ts';

/** The window, from A0000h. */
export const WINDOW_ADDRESS = 0xa0000;
export const WINDOW_BYTES = 0x20000;
const HALF_BYTES = 0x10000;

/** By planes, one a bit: FFh in the byte of each. */
const SPREAD = Uint32Array.from({ length: 16 }, (_, planes) =>
  [0, 1, 2, 3].reduce((word, plane) => word | ((((planes >>> plane) & 1) * 0xff) << (8 * plane)), 0),
);

export function isChained({ sequencer }: VgaRegisters): boolean {
  return (sequencer[SR_MEMORY_MODE] & 0x08) !== 0;
}

/** Writes put the processor's byte into the planes as it is. */
function isTransparent({ graphics }: VgaRegisters): boolean {
  return (
    (graphics[GR_MODE] & 0x03) === 0 &&
    graphics[GR_ENABLE_SET_RESET] === 0 &&
    graphics[GR_ROTATE] === 0 &&
    graphics[GR_BIT_MASK] === 0xff
  );
}

/** The window shows the memory byte by byte, and a processor may have it as if it were RAM. */
export function isWindowPlain(registers: VgaRegisters): boolean {
  const { sequencer } = registers;
  return isChained(registers) && sequencer[SR_MAP_MASK] === 0x0f && isTransparent(registers);
}

/** Where an offset into the window lies as the memory map says (graphics controller, register 6); −1 outside. */
export function windowOffset({ graphics, misc }: VgaRegisters, offset: number): number {
  if ((misc & 0x02) === 0) return -1;
  switch (graphics[GR_MISCELLANEOUS] & 0x0c) {
    case 0x00:
      return offset;
    case 0x04:
      return offset < HALF_BYTES ? offset : -1;
    case 0x08:
      return offset >= HALF_BYTES && offset < HALF_BYTES + 0x8000 ? offset - HALF_BYTES : -1;
    default:
      return offset >= HALF_BYTES + 0x8000 ? offset - HALF_BYTES - 0x8000 : -1;
  }
}

/** The word of the four planes at an address of theirs, as an offset into the memory. */
function wordAt(registers: VgaRegisters, address: number): number {
  if (isDispiOn(registers)) return (address + registers.dispi.bank * HALF_BYTES) * 4;
  return (address & PLANE_MASK) * 4;
}

/** A byte of the window, zero-extended. */
export function readPlanes(registers: VgaRegisters, memory: Bulk, offset: number): number {
  const { graphics } = registers;
  const address = windowOffset(registers, offset);
  if (address < 0) return 0xff;
  if (isChained(registers)) return memory.read8(address);
  const isOddEven = (graphics[GR_MODE] & 0x10) !== 0;
  const latch = memory.read32(wordAt(registers, isOddEven ? address & ~1 : address));
  registers.latch = latch;
  if ((graphics[GR_MODE] & 0x08) !== 0) {
    let differs = (latch ^ SPREAD[graphics[GR_COLOR_COMPARE]]) & SPREAD[graphics[GR_COLOR_DONT_CARE]];
    differs |= differs >>> 16;
    differs |= differs >>> 8;
    return ~differs & 0xff;
  }
  const plane = isOddEven ? (graphics[GR_READ_MAP] & 2) | (address & 1) : graphics[GR_READ_MAP];
  return (latch >>> (8 * plane)) & 0xff;
}

/** The four bytes that a write of `value` puts before the planes. */
function writeWord({ graphics, latch }: VgaRegisters, value: number): number {
  const mode = graphics[GR_MODE] & 0x03;
  if (mode === 1) return latch;
  const count = graphics[GR_ROTATE] & 0x07;
  const rotated = ((value >>> count) | (value << (8 - count))) & 0xff;
  let mask = graphics[GR_BIT_MASK];
  let word: number;
  if (mode === 0) {
    const setReset = SPREAD[graphics[GR_ENABLE_SET_RESET]];
    word = (Math.imul(rotated, 0x01010101) & ~setReset) | (SPREAD[graphics[GR_SET_RESET]] & setReset);
  } else if (mode === 2) word = SPREAD[value & 0x0f];
  else {
    word = SPREAD[graphics[GR_SET_RESET]];
    mask &= rotated;
  }
  const logic = graphics[GR_ROTATE] & 0x18;
  if (logic === 0x08) word &= latch;
  else if (logic === 0x10) word |= latch;
  else if (logic === 0x18) word ^= latch;
  const masks = Math.imul(mask, 0x01010101);
  return (word & masks) | (latch & ~masks);
}

export function writePlanes(registers: VgaRegisters, memory: Bulk, offset: number, value: number): void {
  const address = windowOffset(registers, offset);
  if (address < 0) return;
  const { sequencer } = registers;
  let planes = sequencer[SR_MAP_MASK];
  let at: number;
  if (isChained(registers)) {
    planes &= 1 << (address & 3);
    at = address & ~3;
  } else if ((sequencer[SR_MEMORY_MODE] & 0x04) === 0) {
    planes &= (address & 1) === 0 ? 0b0101 : 0b1010;
    at = wordAt(registers, address & ~1);
  } else at = wordAt(registers, address);
  if (planes === 0) return;
  const written = SPREAD[planes];
  memory.merge32(at, writeWord(registers, value), written);
}

/**
 * The window's bytes are bytes of the planes, one address after another, from that offset on and so many: what writes
 * have to know of the registers but for those that writeWord looks at. Null where it is not that simple.
 */
export interface PlainPlanes {
  readonly first: number;
  readonly count: number;
  /** What the map mask lets through. */
  readonly written: number;
}

export function plainPlanes(registers: VgaRegisters): PlainPlanes | null {
  const { sequencer } = registers;
  if (isDispiOn(registers) || isChained(registers) || (sequencer[SR_MEMORY_MODE] & 0x04) === 0) return null;
  const written = SPREAD[sequencer[SR_MAP_MASK]];
  const from = [0, HALF_BYTES, HALF_BYTES + 0x8000].find((offset) => windowOffset(registers, offset) === 0);
  if (from === undefined || written === 0) return null;
  let count = 0x8000;
  while (from + count < WINDOW_BYTES && windowOffset(registers, from + count) === count) count += 0x8000;
  return { first: from, count, written };
}

export function writePlain(plain: PlainPlanes, registers: VgaRegisters, memory: Bulk, offset: number, value: number) {
  const address = offset - plain.first;
  if (address < 0 || address >= plain.count) return;
  memory.merge32((address & PLANE_MASK) * 4, writeWord(registers, value), plain.written);
}

/** As writePlain for `size` bytes, where that changes their words and nothing else; false: nothing is done. */
export function writePlainQuietly(
  plain: PlainPlanes,
  registers: VgaRegisters,
  memory: Bulk,
  offset: number,
  size: number,
  value: number,
): boolean {
  const address = offset - plain.first;
  if (address < 0 || address + size > plain.count) return false;
  for (let i = 0; i < size; i++) if (!memory.isFree(((address + i) & PLANE_MASK) * 4)) return false;
  for (let i = 0; i < size; i++) writePlain(plain, registers, memory, offset + i, (value >>> (8 * i)) & 0xff);
  return true;
}

/** Character and attribute at once, as text modes are mostly written: false, and nothing is done, if it is not that. */
export function writeCell(registers: VgaRegisters, memory: Bulk, offset: number, value: number): boolean {
  const { sequencer } = registers;
  const isText =
    (sequencer[SR_MEMORY_MODE] & 0x0c) === 0 && sequencer[SR_MAP_MASK] === 0x03 && isTransparent(registers);
  const address = windowOffset(registers, offset);
  if (!isText || address < 0 || (address & 1) !== 0) return false;
  memory.write16(wordAt(registers, address), value);
  return true;
}
