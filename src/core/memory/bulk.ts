// Bulk memory of a device: pages behind guest RAM in the same memory, with the same dirty and code tracking, so that
// they are hashed, snapshotted and stored page by page as RAM is. A device reads and writes them; apertures of the
// address space may show them to processors, who then reach them as fast as RAM.
// What a device writes, a run without devices (`--devices log`) cannot know, and a log of every such write would be
// huge. So a page that its device has written is closed to processors until one asks for it: the first access goes the
// slow way, opens the page and tells what is in it by then. Whether a page is open is state, since logs depend on it.

import { fields, type Kind, type SavedFields, describe } from '../base/fields.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import type { MmioHandler } from '../board/device.ts';
import { RAM_BASE } from '../state/layout.ts';
import { DIRTY_CLEARED } from './memory.ts';
import type { AddressSpace, MapAperture } from './address-space.ts';

/** What the address space asks of bulk memory. */
export interface BulkPages {
  /** Where it begins, as an offset from the begin of RAM. */
  readonly place: number;
  /** Whether a processor may see the page at this byte directly. */
  isOpen(byte: number): boolean;
  /** Somebody else than the device asks for the page at this byte. */
  open(byte: number): void;
  /** What answers for closed pages in an aperture. */
  handlerFor(aperture: MapAperture): MmioHandler;
}

/** A flag a page, saved as a bit a page. */
function pageFlags(count: number): Kind<Uint8Array> {
  const byteCount = (count + 7) >>> 3;
  return {
    initial: () => new Uint8Array(count),
    save: (value) => {
      const saved = new Uint8Array(byteCount);
      for (let page = 0; page < count; page++) saved[page >>> 3] |= value[page] << (page & 7);
      return saved;
    },
    problem: (saved, path) => {
      const isSize = saved instanceof Uint8Array && saved.length === byteCount;
      if (!isSize) return `${path} is ${describe(saved)}, expected ${byteCount} bytes`;
      const spare = (count & 7) === 0 ? 0 : saved[byteCount - 1] >>> (count & 7);
      return spare === 0 ? null : `${path} has bits beyond its ${count} pages`;
    },
    load: (saved, before) => {
      const bits = saved as Uint8Array;
      for (let page = 0; page < count; page++) before[page] = (bits[page >>> 3] >>> (page & 7)) & 1;
      return before;
    },
    show: (value) => `${value.reduce((sum, each) => sum + each, 0)} of ${count} pages`,
  };
}

/** Where a bulk memory lies in a machine; one that is only looked at lies nowhere. */
export interface BulkHome {
  readonly space: AddressSpace;
  readonly place: number;
}

function isZero(words: Int32Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (words[at] !== 0) return false;
  return true;
}

export class BulkMemory implements BulkPages {
  /** Unique on its board, such as `vga.memory`. */
  readonly name: string;
  readonly place: number;
  readonly sizeBytes: number;
  /** The bytes themselves: to look at. They are written by the functions below alone. */
  readonly bytes: Uint8Array;
  /** Behind it there are zeros: its device has not written there since it was made. */
  writtenEnd = 0;
  /** By page: 1 = its device has written it since a processor last asked for it. */
  readonly closed: Uint8Array;
  readonly fields: SavedFields;
  /** Set by the board: told when a page is opened, with its number in the memory and what it holds by then. */
  onOpened: (page: number, bytes: Uint8Array) => void = () => {};
  /** Set by the board: what stands before the handler of closed pages in an aperture. */
  wrap: (aperture: MapAperture, handler: MmioHandler) => MmioHandler = (_aperture, handler) => handler;
  /** False: a log says when pages are opened. */
  opensByItself = true;
  private readonly view: DataView;
  private readonly words: Int32Array;
  private readonly space: AddressSpace | null;

  /** Whole pages, inside what the memory was made with. */
  constructor(name: string, sizeBytes: number, home: BulkHome | null) {
    this.space = home?.space ?? null;
    this.name = name;
    this.place = home?.place ?? 0;
    this.sizeBytes = sizeBytes;
    const buffer = home?.space.memory.m8.buffer ?? new ArrayBuffer(sizeBytes);
    const from = home === null ? 0 : RAM_BASE + home.place;
    this.bytes = new Uint8Array(buffer, from, sizeBytes);
    this.view = new DataView(buffer, from, sizeBytes);
    this.words = new Int32Array(buffer, from, sizeBytes >>> 2);
    const count = sizeBytes / PAGE_BYTES;
    this.closed = new Uint8Array(count);
    const loaded = (): void => this.space?.repaintBulkWhole(this);
    this.fields = fields({ closed: pageFlags(count) }).of(this, { loaded });
  }

  isOpen(byte: number): boolean {
    return this.closed[byte >>> 12] === 0;
  }

  // -------------------------------------------------------------------------------------------------------------
  // The device's side. What lies outside is not there: it reads as all ones and is not written.

  read8(at: number): number {
    return this.isInside(at, 1) ? this.bytes[at] : 0xff;
  }

  read16(at: number): number {
    return this.isInside(at, 2) ? this.view.getUint16(at, true) : 0xffff;
  }

  /** Unsigned. */
  read32(at: number): number {
    return this.isInside(at, 4) ? this.view.getUint32(at, true) : 0xffffffff;
  }

  write8(at: number, value: number): void {
    if (!this.isInside(at, 1)) return;
    this.willWrite(at, 1);
    this.bytes[at] = value;
  }

  write16(at: number, value: number): void {
    if (!this.isInside(at, 2)) return;
    this.willWrite(at, 2);
    this.view.setUint16(at, value, true);
  }

  write32(at: number, value: number): void {
    if (!this.isInside(at, 4)) return;
    this.willWrite(at, 4);
    this.view.setUint32(at, value, true);
  }

  /** The bits of `mask` in the word at `at`, which is a multiple of four, become those of `value`. */
  merge32(at: number, value: number, mask: number): void {
    const { words } = this;
    const index = at >>> 2;
    // Outside there is no such word.
    if (index >= words.length) return;
    if (!this.isFree(at)) this.willWrite(at, 4);
    words[index] = (words[index] & ~mask) | (value & mask);
  }

  write(at: number, source: Uint8Array): void {
    if (!this.isInside(at, source.length)) return;
    this.willWrite(at, source.length);
    this.bytes.set(source, at);
  }

  fill(at: number, count: number, value: number): void {
    if (!this.isInside(at, count)) return;
    this.willWrite(at, count);
    this.bytes.fill(value, at, at + count);
  }

  /**
   * Zeros everywhere. Pages that hold nothing stay as they are, and stay open to processors; what nobody has written
   * since the last time is not looked at.
   */
  clear(): void {
    const { place, space, words } = this;
    const first = place >>> 12;
    const count = this.sizeBytes / PAGE_BYTES;
    const written = space?.memory.takeDirty(DIRTY_CLEARED, first, first + count);
    const pages = written ?? Array.from({ length: count }, (_, page) => first + page);
    for (const each of pages) {
      const from = (each - first) * PAGE_BYTES;
      if (!isZero(words, from >>> 2, (from + PAGE_BYTES) >>> 2)) this.fill(from, PAGE_BYTES, 0);
    }
  }

  /** Overlapping or not. */
  copy(to: number, from: number, count: number): void {
    if (!this.isInside(to, count) || !this.isInside(from, count)) return;
    this.willWrite(to, count);
    this.bytes.copyWithin(to, from, from + count);
  }

  private isInside(at: number, count: number): boolean {
    return at >= 0 && count >= 0 && at + count <= this.sizeBytes;
  }

  /** A write of the device to the word at this byte, which is inside, changes that word and nothing else. */
  isFree(byte: number): boolean {
    const { space } = this;
    return (
      this.closed[byte >>> 12] === 1 &&
      byte < this.writtenEnd - 3 &&
      (space === null || space.memory.isPlain((this.place + byte) >>> 12))
    );
  }

  private willWrite(at: number, count: number): void {
    this.writtenEnd = Math.max(this.writtenEnd, at + count);
    const { space } = this;
    for (let done = 0; done < count; ) {
      const byte = at + done;
      const run = Math.min(count - done, PAGE_BYTES - (byte & 0xfff));
      if (space !== null && !space.memory.isPlain((this.place + byte) >>> 12)) {
        space.memory.touch(this.place + byte, run);
      }
      if (this.closed[byte >>> 12] === 0) {
        this.closed[byte >>> 12] = 1;
        space?.repaintBulk(this, byte);
      }
      done += run;
    }
  }

  // -------------------------------------------------------------------------------------------------------------
  // The processor's side

  handlerFor(aperture: MapAperture): MmioHandler {
    const at = (offset: number): number => ('bulk' in aperture.shown ? aperture.shown.offset + offset : offset);
    return this.wrap(aperture, {
      read: (offset, size) => {
        this.open(at(offset));
        const memory = this.space?.memory;
        const place = this.place + at(offset);
        if (memory?.isReadWatched(place >>> 12) === true) memory.onWatched(place, size, false);
        return size === 4 ? this.read32(at(offset)) : size === 2 ? this.read16(at(offset)) : this.read8(at(offset));
      },
      write: (offset, size, value) => {
        const byte = at(offset);
        this.open(byte);
        if (!('bulk' in aperture.shown) || !aperture.shown.isWritable || !this.isInside(byte, size)) return;
        this.space?.memory.touch(this.place + byte, size);
        if (size === 4) this.view.setUint32(byte, value, true);
        else if (size === 2) this.view.setUint16(byte, value, true);
        else this.bytes[byte] = value;
      },
    });
  }

  /** A processor or a bus master asks for the page at this byte. */
  open(byte: number): void {
    const page = byte >>> 12;
    if (this.closed[page] !== 1 || !this.opensByItself) return;
    this.closed[page] = 0;
    this.space?.repaintBulk(this, byte);
    this.onOpened((this.place + byte) >>> 12, this.bytes.slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
  }
}
