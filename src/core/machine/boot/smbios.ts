/**
 * SMBIOS tables (System Management BIOS Reference Specification 2.8, DSP0134) as files for firmware: what the system is
 * called, its chassis, processor and memory. Firmware puts them in place and adds its own name. Texts are numbered from
 * 1 behind each structure. Imports bytes.ts.
 */
import { write16, write32 } from './bytes.ts';

const MAJOR = 2;
const MINOR = 8;
const ANCHOR_BYTES = 31;
const NAME = 'Reprise';
const MEMORY_HANDLE = 0x1000;
const NO_ERROR_HANDLE = 0xfffe;
const UNKNOWN = 2;
const SAFE = 3;

/** A structure of `sizeBytes` with what `fill` puts into it, and its texts. */
function structure(
  type: number,
  handle: number,
  sizeBytes: number,
  texts: readonly string[],
  fill: (bytes: Uint8Array) => void,
): Uint8Array {
  const letters = texts.flatMap((text) => [...Array.from(text, (letter) => letter.charCodeAt(0)), 0]);
  const bytes = new Uint8Array(sizeBytes + Math.max(1, letters.length) + 1);
  bytes[0] = type;
  bytes[1] = sizeBytes;
  write16(bytes, 2, handle);
  fill(bytes);
  bytes.set(letters, sizeBytes);
  return bytes;
}

function structures(ramSize: number): Uint8Array[] {
  const kilobytes = ramSize / 1024;
  return [
    structure(1, 0x100, 27, [NAME, 'i440FX PC'], (bytes) => {
      bytes.set([1, 2], 4);
      bytes[24] = 6; // woken by the power switch
    }),
    structure(3, 0x300, 13, [NAME], (bytes) => {
      bytes.set([1, 1], 4);
      bytes.set([SAFE, SAFE, SAFE, UNKNOWN], 9);
    }),
    structure(4, 0x400, 26, ['CPU 0', NAME], (bytes) => {
      bytes.set([1, 3, 0x0c, 2], 4); // a central processor of the family of the Pentium Pro
      bytes[24] = 0x41; // there, and enabled
      bytes[25] = 1;
    }),
    structure(16, MEMORY_HANDLE, 15, [], (bytes) => {
      bytes.set([1, 3, 3], 4); // system memory without error correction
      write32(bytes, 7, kilobytes);
      write16(bytes, 11, NO_ERROR_HANDLE);
      write16(bytes, 13, 1);
    }),
    structure(17, 0x1100, 21, ['DIMM 0'], (bytes) => {
      write16(bytes, 4, MEMORY_HANDLE);
      write16(bytes, 6, NO_ERROR_HANDLE);
      write16(bytes, 8, 64);
      write16(bytes, 10, 64);
      write16(bytes, 12, ramSize >>> 20);
      bytes[14] = 9;
      bytes[16] = 1;
      bytes[18] = 7; // RAM
      write16(bytes, 19, 2);
    }),
    structure(19, 0x1300, 15, [], (bytes) => {
      write32(bytes, 8, kilobytes - 1);
      write16(bytes, 12, MEMORY_HANDLE);
      bytes[14] = 1;
    }),
    structure(32, 0x2000, 11, [], () => {}),
    structure(127, 0x7f00, 4, [], () => {}),
  ];
}

function putChecksum(bytes: Uint8Array, at: number, from: number, end: number): void {
  let sum = 0;
  for (let i = from; i < end; i++) sum += bytes[i];
  bytes[at] = -sum;
}

/** By name: the tables, and the entry point, whose address and checksums are the firmware's to put. */
export function smbiosFiles(ramSize: number): [string, Uint8Array][] {
  const all = structures(ramSize);
  const tables = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of all) {
    tables.set(bytes, at);
    at += bytes.length;
  }
  const anchor = new Uint8Array(ANCHOR_BYTES);
  anchor.set([0x5f, 0x53, 0x4d, 0x5f]); // _SM_
  anchor.set([ANCHOR_BYTES, MAJOR, MINOR], 5);
  write16(anchor, 8, Math.max(...all.map(({ length }) => length)));
  anchor.set([0x5f, 0x44, 0x4d, 0x49, 0x5f], 16); // _DMI_
  write16(anchor, 22, tables.length);
  write16(anchor, 28, all.length);
  anchor[30] = MAJOR * 16 + MINOR;
  putChecksum(anchor, 21, 16, ANCHOR_BYTES);
  putChecksum(anchor, 4, 0, ANCHOR_BYTES);
  return [
    ['etc/smbios/smbios-tables', tables],
    ['etc/smbios/smbios-anchor', anchor],
  ];
}
