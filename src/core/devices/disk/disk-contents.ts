/**
 * What is on a disk: the image that it was given, which is never written, and over it the pages that the guest has
 * written, in bulk memory, so that they are hashed, snapshotted and stored as RAM is, a page at a time. The bulk memory
 * begins with a directory (by slot: number of the disk's page, plus 1; 0 = free), the slots follow. Where it has no
 * slot left, nothing more is written and the disk says so. Imports base and types.
 */
import { PAGE_BYTES } from '../../base/pages.ts';
import type { Bulk, DeviceImage } from '../../board/context.ts';

export const SECTOR_BYTES = 512;
/** What 32 bits count sectors of, as partition tables and firmware do. */
export const DISK_BYTES_MAX = 2 ** 32 * SECTOR_BYTES;
const ENTRY_BYTES = 4;

/** Bulk memory for so many written pages: whole pages. */
export function writtenBytes(slots: number): number {
  return directoryBytes(slots) + slots * PAGE_BYTES;
}

function directoryBytes(slots: number): number {
  return Math.ceil((slots * ENTRY_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

/** How many slots there are in so many bytes. */
function slotsOf(sizeBytes: number): number {
  let slots = Math.floor(sizeBytes / (PAGE_BYTES + ENTRY_BYTES));
  while (writtenBytes(slots + 1) <= sizeBytes) slots++;
  while (writtenBytes(slots) > sizeBytes) slots--;
  return slots;
}

/** A stretch that lies in the image, or bytes that do not. */
export type Piece = { readonly offset: number; readonly count: number } | { readonly bytes: Uint8Array };

/** A page that the guest has written. */
export interface WrittenPage {
  readonly page: number;
  readonly bytes: Uint8Array;
}

export class DiskContents {
  readonly image: DeviceImage;
  readonly sectors: number;
  readonly #bulk: Bulk;
  readonly #slots: number;
  readonly #data: number;
  /** Slot by page of the disk: derived from the directory. */
  readonly #slotOf = new Map<number, number>();
  /** A write has found no slot. */
  isFull = false;

  constructor(image: DeviceImage, bulk: Bulk) {
    this.image = image;
    this.sectors = Math.ceil(image.sizeBytes / SECTOR_BYTES);
    this.#bulk = bulk;
    this.#slots = slotsOf(bulk.sizeBytes);
    this.#data = directoryBytes(this.#slots);
  }

  /** The bulk memory is another one's: its directory says what is where. */
  refresh(): void {
    this.#slotOf.clear();
    this.isFull = false;
    for (let slot = 0; slot < this.#slots; slot++) {
      const entry = this.#bulk.read32(slot * ENTRY_BYTES);
      if (entry === 0) return;
      this.#slotOf.set(entry - 1, slot);
    }
  }

  /** In the order in which they were first written. */
  *written(): Generator<WrittenPage> {
    for (const [page, slot] of this.#slotOf) {
      const at = this.#data + slot * PAGE_BYTES;
      yield { page, bytes: this.#bulk.bytes.slice(at, at + PAGE_BYTES) };
    }
  }

  get writtenPages(): number {
    return this.#slotOf.size;
  }

  read(offset: number, target: Uint8Array): void {
    let at = 0;
    for (const piece of this.pieces(offset, target.length)) {
      if ('bytes' in piece) {
        target.set(piece.bytes, at);
        at += piece.bytes.length;
      } else {
        this.image.read(piece.offset, target.subarray(at, at + piece.count));
        at += piece.count;
      }
    }
  }

  /** What is there from `offset` on, in order. Behind the end of the image there are zeros. */
  *pieces(offset: number, count: number): Generator<Piece> {
    const end = offset + count;
    let from = offset;
    for (let at = offset; at < end; ) {
      const page = Math.floor(at / PAGE_BYTES);
      const next = Math.min(end, (page + 1) * PAGE_BYTES);
      const slot = this.#slotOf.get(page);
      if (slot !== undefined) {
        if (at > from) yield* this.#fromImage(from, at);
        const first = this.#data + slot * PAGE_BYTES + (at - page * PAGE_BYTES);
        yield { bytes: this.#bulk.bytes.subarray(first, first + (next - at)) };
        from = next;
      }
      at = next;
    }
    if (end > from) yield* this.#fromImage(from, end);
  }

  *#fromImage(from: number, end: number): Generator<Piece> {
    const { sizeBytes } = this.image;
    const inside = Math.min(end, sizeBytes);
    if (inside > from) yield { offset: from, count: inside - from };
    const behind = Math.max(from, sizeBytes);
    if (end > behind) yield { bytes: new Uint8Array(end - behind) };
  }

  /** False where there is no room for it: then what had room is written. Nothing is behind the last sector. */
  write(offset: number, bytes: Uint8Array): boolean {
    const source = bytes.subarray(0, Math.max(0, this.sectors * SECTOR_BYTES - offset));
    for (let done = 0; done < source.length; ) {
      const at = offset + done;
      const page = Math.floor(at / PAGE_BYTES);
      const within = at - page * PAGE_BYTES;
      const run = Math.min(source.length - done, PAGE_BYTES - within);
      const slot = this.#slotFor(page, run === PAGE_BYTES);
      if (slot < 0) return false;
      this.#bulk.write(this.#data + slot * PAGE_BYTES + within, source.subarray(done, done + run));
      done += run;
    }
    return true;
  }

  /** The slot of a page, with what is in the image unless all of it will be written; −1 where there is none left. */
  #slotFor(page: number, isWhole: boolean): number {
    const known = this.#slotOf.get(page);
    if (known !== undefined) return known;
    const slot = this.#slotOf.size;
    if (slot >= this.#slots) {
      this.isFull = true;
      return -1;
    }
    if (!isWhole) {
      const before = new Uint8Array(PAGE_BYTES);
      this.image.read(page * PAGE_BYTES, before);
      this.#bulk.write(this.#data + slot * PAGE_BYTES, before);
    }
    this.#bulk.write32(slot * ENTRY_BYTES, page + 1);
    this.#slotOf.set(page, slot);
    return slot;
  }
}
