/**
 * A FAT12 file system of a 1.44 MB diskette (Microsoft FAT specification 1.03) around the program of guests/floppy.asm,
 * whose first sectors say how it is laid out; and what stands in a file of such a diskette.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assembleSource } from '../../src/host/node/guest-images.ts';

export const DISKETTE_BYTES = 1_474_560;
const SECTOR = 512;
const FATS = [4, 13];
const ROOT = 22;
const DATA = 36;
const LAST = 0xfff;
const CLUSTERS_END = 2846;
const ENTRY = 32;
const ENTRIES = 224;

const SOURCE = fileURLToPath(new URL('../../../guests/floppy.asm', import.meta.url));

function entryOf(disk: Uint8Array, cluster: number): number {
  const at = FATS[0] * SECTOR + ((cluster * 3) >> 1);
  const word = disk[at] | (disk[at + 1] << 8);
  return (cluster & 1) === 0 ? word & 0xfff : word >> 4;
}

function setEntry(disk: Uint8Array, cluster: number, value: number): void {
  for (const fat of FATS) {
    const at = fat * SECTOR + ((cluster * 3) >> 1);
    const word = disk[at] | (disk[at + 1] << 8);
    const joined = (cluster & 1) === 0 ? (word & 0xf000) | value : (word & 0x000f) | (value << 4);
    disk[at] = joined & 0xff;
    disk[at + 1] = joined >> 8;
  }
}

/** A name as a directory has it: `README.TXT` becomes eight and three letters. */
function paddedName(name: string): string {
  const [base, extension = ''] = name.split('.');
  return base.padEnd(8) + extension.padEnd(3);
}

/**
 * A diskette with the files. Their clusters lie backwards from the end, every second one, so that whoever reads them
 * has to look at the FAT.
 */
export function fatDiskette(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const disk = new Uint8Array(DISKETTE_BYTES);
  disk.set(assembleSource(readFileSync(SOURCE, 'utf8')).bytes);
  setEntry(disk, 0, 0xff0);
  setEntry(disk, 1, LAST);
  let cluster = CLUSTERS_END - 1;
  for (const [index, [name, bytes]] of Object.entries(files).entries()) {
    const at = ROOT * SECTOR + index * ENTRY;
    disk.set(new TextEncoder().encode(paddedName(name)), at);
    disk[at + 11] = 0x20;
    const view = new DataView(disk.buffer);
    view.setUint16(at + 26, cluster, true);
    view.setUint32(at + 28, bytes.length, true);
    for (let done = 0; done < bytes.length; done += SECTOR) {
      disk.set(bytes.subarray(done, done + SECTOR), (DATA + cluster - 2) * SECTOR);
      const isLast = done + SECTOR >= bytes.length;
      setEntry(disk, cluster, isLast ? LAST : cluster - 2);
      cluster -= 2;
    }
  }
  return disk;
}

/** What the diskette has under that name, null where it has no such file. */
export function fileOf(disk: Uint8Array, name: string): Uint8Array | null {
  const view = new DataView(disk.buffer, disk.byteOffset);
  for (let at = ROOT * SECTOR; at < ROOT * SECTOR + ENTRIES * ENTRY && disk[at] !== 0; at += ENTRY) {
    if (new TextDecoder().decode(disk.subarray(at, at + 11)) !== paddedName(name)) continue;
    const bytes = new Uint8Array(view.getUint32(at + 28, true));
    let done = 0;
    for (let cluster = view.getUint16(at + 26, true); cluster < 0xff8 && done < bytes.length; done += SECTOR) {
      const from = (DATA + cluster - 2) * SECTOR;
      bytes.set(disk.subarray(from, from + Math.min(SECTOR, bytes.length - done)), done);
      cluster = entryOf(disk, cluster);
    }
    return bytes;
  }
  return null;
}
