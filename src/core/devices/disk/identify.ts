/**
 * What drives say of themselves: IDENTIFY DEVICE, IDENTIFY PACKET DEVICE (ATA/ATAPI-6, sections 8.15 and 8.16) and the
 * SMART data of a drive without troubles. Imports nothing but types.
 */
import type { FieldValues } from '../../base/fields.ts';
import type { DRIVE } from './drive.ts';

type Settings = FieldValues<typeof DRIVE.shape>;

export const IDENTIFY_BYTES = 512;
export const HEADS = 16;
export const SECTORS_PER_TRACK = 63;
const CYLINDERS_MAX = 16383;
const LBA28_MAX = 0x0fff_ffff;
export const MULTIPLE_MAX = 16;

function putWord(bytes: Uint8Array, word: number, value: number): void {
  bytes[word * 2] = value;
  bytes[word * 2 + 1] = value >>> 8;
}

/** A value of several words, the low one first. */
function putWords(bytes: Uint8Array, word: number, count: number, value: number): void {
  for (let i = 0; i < count; i++, value = Math.floor(value / 0x10000)) putWord(bytes, word + i, value % 0x10000);
}

/** Text with the first letter in the high byte of the first word. */
function putText(bytes: Uint8Array, word: number, count: number, text: string): void {
  const padded = text.padEnd(count * 2, ' ');
  for (let i = 0; i < count * 2; i++) bytes[word * 2 + (i ^ 1)] = padded.charCodeAt(i);
}

export function cylindersOf(sectors: number): number {
  return Math.min(CYLINDERS_MAX, Math.floor(sectors / (HEADS * SECTORS_PER_TRACK)));
}

/** Bits 0–2 say which modes there are, 8–10 which is set. */
function modeWord(modes: number, kind: number, mode: number): number {
  return modes | ((mode & 0xf8) === kind ? 0x100 << (mode & 7) : 0);
}

function putCommon(bytes: Uint8Array, model: string, serial: string, { mode }: Settings): void {
  putText(bytes, 10, 10, serial);
  putText(bytes, 23, 4, '1.0');
  putText(bytes, 27, 20, model);
  putWord(bytes, 53, 7); // words 54–58, 64–70 and 88 are valid
  putWord(bytes, 62, 7);
  putWord(bytes, 63, modeWord(0x07, 0x20, mode));
  putWord(bytes, 64, 3); // PIO modes 3 and 4
  for (const word of [65, 66, 67, 68]) putWord(bytes, word, 120); // nanoseconds of a cycle
  putWord(bytes, 80, 0x70); // ATA/ATAPI-4 to 6
  putWord(bytes, 88, modeWord(0x3f, 0x40, mode));
}

export function identifyDisk(sectors: number, serial: string, settings: Settings): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  const cylinders = cylindersOf(sectors);
  const { heads, sectorsPerTrack, multiple, isCaching, isLookingAhead, isSmart } = settings;
  putCommon(bytes, 'REPRISE DISK', serial, settings);
  putWord(bytes, 0, 0x0040);
  putWord(bytes, 1, cylinders);
  putWord(bytes, 3, HEADS);
  putWord(bytes, 6, SECTORS_PER_TRACK);
  putWord(bytes, 47, 0x8000 | MULTIPLE_MAX);
  putWord(bytes, 48, 1);
  putWord(bytes, 49, 0x0b00); // IORDY, LBA, DMA
  putWord(bytes, 54, cylinders);
  putWord(bytes, 55, heads);
  putWord(bytes, 56, sectorsPerTrack);
  putWords(bytes, 57, 2, cylinders * heads * sectorsPerTrack);
  putWord(bytes, 59, multiple === 0 ? 0 : 0x100 | multiple);
  putWords(bytes, 60, 2, Math.min(sectors, LBA28_MAX));
  putWord(bytes, 82, 0x4061); // NOP, look-ahead, write cache, SMART
  putWord(bytes, 83, 0x7400); // FLUSH CACHE, its EXT, 48 bits
  putWord(bytes, 84, 0x4000);
  putWord(bytes, 85, 0x4000 | (isLookingAhead ? 0x40 : 0) | (isCaching ? 0x20 : 0) | (isSmart ? 1 : 0));
  putWord(bytes, 86, 0x3400);
  putWord(bytes, 87, 0x4000);
  putWord(bytes, 93, 0x6001); // the cable has eighty wires
  putWords(bytes, 100, 4, sectors);
  return bytes;
}

export function identifyCdrom(serial: string, settings: Settings): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  putCommon(bytes, 'REPRISE CD-ROM', serial, settings);
  putWord(bytes, 0, 0x8580); // a packet drive, removable, CD-ROM, twelve bytes, answers within 50 µs
  putWord(bytes, 48, 1);
  putWord(bytes, 49, 0x0b00);
  putWord(bytes, 71, 30);
  putWord(bytes, 72, 30);
  putWord(bytes, 82, 0x4210); // NOP, DEVICE RESET, packets
  putWord(bytes, 83, 0x4000);
  putWord(bytes, 84, 0x4000);
  putWord(bytes, 85, 0x4210);
  putWord(bytes, 87, 0x4000);
  putWord(bytes, 93, 0x6001);
  return bytes;
}

/** Attribute values, or with `isThresholds` the limits below which a drive is failing. */
export function smartData(isThresholds: boolean): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_BYTES);
  putWord(bytes, 0, 1);
  // Reallocated sectors, hours, power cycles: all is well.
  [5, 9, 12].forEach((id, index) => {
    const at = 2 + index * 12;
    bytes[at] = id;
    if (isThresholds) bytes[at + 1] = id === 5 ? 36 : 0;
    else bytes.set([id, 0x03, 0, 100, 100], at);
  });
  if (!isThresholds) {
    bytes[368] = 0x03; // it saves attributes
    bytes[369] = 0x00;
  }
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes[IDENTIFY_BYTES - 1] = -sum;
  return bytes;
}
