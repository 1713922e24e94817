// What a guest has written to a disk, as a file of its own: a qcow2 image (version 3, clusters of one page) whose
// backing file is the image that the disk was given. Written whole when the run is over, under a name that must be
// free. Also the other thing, where somebody asks for it by name: the pages are written into the image itself.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import type { DiskContents } from '../../core/devices/disk/disk-contents.ts';
import { CommandError } from './errors.ts';
import { NewFile } from './new-file.ts';
import { BACKING_FORMAT } from './qcow2.ts';

const CLUSTER_BITS = 12;
const ENTRIES = PAGE_BYTES / 8;
const HEADER_BYTES = 104;
/** The offset of a table or cluster that belongs to this image alone. */
const COPIED = 0x80000000;
const REFCOUNTS_PER_BLOCK = PAGE_BYTES / 2;

interface Overlay {
  readonly path: string;
  /** The name of the image below, as it is to stand in the file, and its format. */
  readonly backing: { readonly name: string; readonly format: 'raw' | 'qcow2' };
  readonly sizeBytes: number;
  readonly pages: readonly { readonly page: number; readonly bytes: Uint8Array }[];
}

/** An overlay that is not there yet. */
export const overlayFile = (path: string): NewFile =>
  new NewFile(path, { what: 'overlay', advice: 'give another name', rest: 'nothing of it is of use' });

/** Throws CommandError where the file exists or cannot be written. */
export function writeOverlay({ path, backing, sizeBytes, pages }: Overlay): void {
  const inOrder = [...pages].sort((a, b) => a.page - b.page);
  const l1Entries = Math.max(1, Math.ceil(sizeBytes / (ENTRIES * PAGE_BYTES)));
  const l1Clusters = Math.ceil((l1Entries * 8) / PAGE_BYTES);
  const groups = new Map<number, typeof inOrder>();
  for (const each of inOrder) {
    const group = Math.floor(each.page / ENTRIES);
    groups.set(group, [...(groups.get(group) ?? []), each]);
  }
  // Header, refcount table, refcount blocks, first table, second tables, data: in clusters.
  const withoutCounts = 1 + l1Clusters + groups.size + inOrder.length;
  let blocks = 1;
  let tables = 1;
  for (let i = 0; i < 4; i++) {
    blocks = Math.ceil((withoutCounts + blocks + tables) / REFCOUNTS_PER_BLOCK);
    tables = Math.ceil((blocks * 8) / PAGE_BYTES);
  }
  const total = withoutCounts + blocks + tables;
  const [tableAt, blocksAt, l1At] = [1, 1 + tables, 1 + tables + blocks];
  const file = overlayFile(path).open();
  try {
    file.write(header(backing, sizeBytes, { l1Entries, l1At, tableAt, tables }));
    file.write(table(tables * ENTRIES, (i) => (i < blocks ? (blocksAt + i) * PAGE_BYTES : 0), 0));
    const counts = new Uint8Array(blocks * PAGE_BYTES);
    for (let cluster = 0; cluster < total; cluster++) counts[cluster * 2 + 1] = 1;
    file.write(counts);
    const l2At = l1At + l1Clusters;
    const order = [...groups.keys()];
    const place = new Map(order.map((group, index) => [group, (l2At + index) * PAGE_BYTES]));
    file.write(table(l1Clusters * ENTRIES, (group) => place.get(group) ?? 0, COPIED));
    let dataAt = l2At + groups.size;
    for (const group of order) {
      const offsets = new Map((groups.get(group) ?? []).map(({ page }) => [page % ENTRIES, dataAt++ * PAGE_BYTES]));
      file.write(table(ENTRIES, (i) => offsets.get(i) ?? 0, COPIED));
    }
    for (const { bytes } of inOrder) file.write(bytes);
  } finally {
    file.close();
  }
}

interface Layout {
  readonly l1Entries: number;
  readonly l1At: number;
  readonly tableAt: number;
  readonly tables: number;
}

function header(
  backing: Overlay['backing'],
  sizeBytes: number,
  { l1Entries, l1At, tableAt, tables }: Layout,
): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  const wide = (at: number, value: number): void => {
    view.setUint32(at, Math.floor(value / 2 ** 32));
    view.setUint32(at + 4, value % 2 ** 32);
  };
  const name = new TextEncoder().encode(backing.name);
  const format = new TextEncoder().encode(backing.format);
  const nameAt = HEADER_BYTES + 8 + 8 + 8;
  if (name.length > 1023)
    throw new CommandError(`The name ${backing.name} is too long for an overlay: move the image.`);
  bytes.set([0x51, 0x46, 0x49, 0xfb]);
  view.setUint32(4, 3);
  wide(8, nameAt);
  view.setUint32(16, name.length);
  view.setUint32(20, CLUSTER_BITS);
  wide(24, sizeBytes);
  view.setUint32(36, l1Entries);
  wide(40, l1At * PAGE_BYTES);
  wide(48, tableAt * PAGE_BYTES);
  view.setUint32(56, tables);
  view.setUint32(96, 4); // refcounts of 16 bits
  view.setUint32(100, HEADER_BYTES);
  view.setUint32(HEADER_BYTES, BACKING_FORMAT);
  view.setUint32(HEADER_BYTES + 4, format.length);
  bytes.set(format, HEADER_BYTES + 8);
  bytes.set(name, nameAt);
  return bytes;
}

/** Offsets as double words, with those flags where there is one. */
function table(entries: number, offsetAt: (index: number) => number, flags: number): Uint8Array {
  const bytes = new Uint8Array(entries * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < entries; i++) {
    const offset = offsetAt(i);
    if (offset === 0) continue;
    view.setUint32(i * 8, (Math.floor(offset / 2 ** 32) | flags) >>> 0);
    view.setUint32(i * 8 + 4, offset % 2 ** 32);
  }
  return bytes;
}

/** Writes what the guest has written into the image itself. It must be a raw one, as large as it was. */
export function writeBack(path: string, contents: DiskContents): void {
  const file = openSync(path, constants.O_RDWR);
  try {
    for (const { page, bytes } of contents.written()) {
      const count = Math.min(bytes.length, contents.image.sizeBytes - page * PAGE_BYTES);
      for (let done = 0; done < count; ) {
        done += writeSync(file, bytes, done, count - done, page * PAGE_BYTES + done);
      }
    }
  } finally {
    closeSync(file);
  }
}
