// Guest physical memory: RAM, ROM and MMIO regions flattened to a map of the 2^20 pages below 4 GiB
// (above that nothing answers). Every write from outside the TLB's fast path comes through here, so
// dirty pages, code bytes and page tables are tracked in one place, for instructions and DMA alike.
// A20 is part of the map: while the line is off, pages with bit 20 alias those without (law 4 applies:
// the map is derived from the regions and the A20 state).

import { PAGE_BYTES } from '../base/pages.ts';
import { A20, RAM_BASE } from '../state/layout.ts';
import { EXIT_CODE, type Cpu } from '../state/cpu.ts';
import type { MmioHandler } from '../board/device.ts';
import type { CodeInvalidator } from '../machine/engine.ts';
import { denyWrites, dropPages, flushTlb } from './tlb.ts';

const PAGES = 1 << 20;

/** pageMap: host byte address of a RAM page, that plus 1 for ROM, 0 = nothing there, −k = MMIO region k − 1. */
const ROM_BIT = 1;

// pageFlags bits: any of them makes writes to the page slow.
const PAGE_CODE = 1;
const PAGE_TABLE = 2;
/** A debugger wants to hear of writes, and of reads. */
export const PAGE_WATCH_WRITE = 4;
export const PAGE_WATCH_READ = 8;

/** Consumers of dirty tracking: each clears its own bit. */
export const DIRTY_HASH = 1;
export const DIRTY_CHECKPOINT = 2;
/** The timeline's record of what each stretch of ticks wrote. */
export const DIRTY_INTERVAL = 4;
const DIRTY_ALL = 7;

interface RomRegion {
  address: number;
  host: number;
  size: number;
}

interface MmioRegion {
  address: number;
  size: number;
  handler: MmioHandler;
}

/** Page tables: which linear range the entries of a physical page translate. */
const TABLE_NONE = -1;
/** The page serves several ranges or levels: a write drops everything. */
const TABLE_MANY = -2;

export class AddressSpace {
  readonly cpu: Cpu;
  readonly ramPages: number;
  readonly pageMap = new Int32Array(PAGES);
  /** By RAM page number: PAGE_* */
  readonly pageFlags: Uint8Array;
  /** By RAM page number: one bit a consumer (DIRTY_*), all set by a write, cleared by takeDirty. */
  readonly dirty: Uint8Array;
  /** By RAM page number: one bit a byte that some decoded block was made from. */
  readonly codeBytes: (Uint32Array | undefined)[] = [];
  /** By RAM page number: first linear page translated by this page table | span selector, or TABLE_*. */
  private readonly tableLinear: Int32Array;
  private readonly tableShift: Uint8Array;
  private readonly tableGlobal: Uint8Array;
  /** RAM pages marked PAGE_TABLE. */
  private readonly tablePages: number[] = [];
  /** Tables of the walk in hand. */
  private noted: number[] = [];
  private readonly roms: RomRegion[] = [];
  private readonly mmios: MmioRegion[] = [];
  private invalidators: CodeInvalidator[] = [];

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    cpu.space = this;
    this.ramPages = cpu.ramSize >>> 12;
    this.pageFlags = new Uint8Array(this.ramPages);
    this.dirty = new Uint8Array(this.ramPages).fill(DIRTY_ALL);
    this.tableLinear = new Int32Array(this.ramPages).fill(TABLE_NONE);
    this.tableGlobal = new Uint8Array(this.ramPages);
    this.tableShift = new Uint8Array(this.ramPages);
    this.flatten();
  }

  /** Map bytes already placed in the machine memory at `host` (page aligned) read-only at `address`; wins over RAM. */
  addRom(address: number, host: number, size: number): void {
    this.roms.push({ address: address >>> 0, host, size });
    this.flatten();
  }

  /** Map a device; wins over RAM and ROM. address and size in whole pages. */
  addMmio(address: number, size: number, handler: MmioHandler): void {
    this.mmios.push({ address: address >>> 0, size, handler });
    this.flatten();
  }

  /** Rebuild the page map after a change of the regions or of A20. Drops TLB and code. */
  flatten(): void {
    const map = this.pageMap;
    map.fill(0);
    for (let page = 0; page < this.ramPages; page++) map[page] = RAM_BASE + page * PAGE_BYTES;
    for (const rom of this.roms) {
      for (let at = 0; at < rom.size; at += PAGE_BYTES) map[(rom.address + at) >>> 12] = (rom.host + at) | ROM_BIT;
    }
    this.mmios.forEach((region, index) => {
      for (let at = 0; at < region.size; at += PAGE_BYTES) map[(region.address + at) >>> 12] = -(index + 1);
    });
    if (this.cpu.m32[A20] === 0) {
      for (let page = 0; page < PAGES; page++) if ((page & 0x100) !== 0) map[page] = map[page & ~0x100];
    }
    this.dropCode();
    flushTlb(this.cpu, false);
  }

  addInvalidator(invalidator: CodeInvalidator): void {
    this.invalidators.push(invalidator);
  }

  /** Puts other invalidators in place and returns those that were: an engine that rests must hear of nothing. */
  exchangeInvalidators(others: CodeInvalidator[]): CodeInvalidator[] {
    const before = this.invalidators;
    this.invalidators = others;
    return before;
  }

  removeInvalidator(invalidator: CodeInvalidator): void {
    const at = this.invalidators.indexOf(invalidator);
    if (at >= 0) this.invalidators.splice(at, 1);
  }

  /** Forget all code marks and blocks. */
  dropCode(): void {
    for (const page of this.codeBytes.keys()) {
      if (this.codeBytes[page] !== undefined) this.pageFlags[page] &= ~PAGE_CODE;
    }
    this.codeBytes.length = 0;
    for (const each of this.invalidators) each.invalidate(0, 0x1_0000_0000);
    this.cpu.exitRequest |= EXIT_CODE;
  }

  /** Host page address when the physical page is RAM or ROM (read view), else −1. physical may exceed 32 bits. */
  hostPage(physical: number): number {
    if (physical >= 0x1_0000_0000) return -1;
    const mapped = this.pageMap[physical >>> 12];
    return mapped > 0 ? mapped & ~ROM_BIT : -1;
  }

  /** Whether a write to the page is plain: RAM, already dirty, no code, no page table. */
  plainWrite(physical: number): boolean {
    if (physical >= 0x1_0000_0000) return false;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped <= 0 || (mapped & ROM_BIT) !== 0) return false;
    const page = (mapped - RAM_BASE) >>> 12;
    return this.dirty[page] === DIRTY_ALL && this.pageFlags[page] === 0;
  }

  isRom(physical: number): boolean {
    return (
      physical < 0x1_0000_0000 && this.pageMap[physical >>> 12] > 0 && (this.pageMap[physical >>> 12] & ROM_BIT) !== 0
    );
  }

  /** As plainWrite, by host address of a RAM byte. */
  plainHost(host: number): boolean {
    const page = (host - RAM_BASE) >>> 12;
    return this.dirty[page] === DIRTY_ALL && this.pageFlags[page] === 0;
  }

  /** The RAM page at host address `host` is about to be written. */
  markDirty(host: number): void {
    this.dirty[(host - RAM_BASE) >>> 12] = DIRTY_ALL;
  }

  /** Read 1, 2 or 4 bytes that lie within one page; zero-extended, 32-bit as int32. */
  read(physical: number, size: number): number {
    if (physical >= 0x1_0000_0000) return size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped > 0) {
      const host = (mapped & ~ROM_BIT) + (physical & 0xfff);
      if (size === 4) return this.cpu.view.getInt32(host, true);
      return size === 2 ? this.cpu.view.getUint16(host, true) : this.cpu.m8[host];
    }
    if (mapped < 0) {
      const region = this.mmios[-mapped - 1];
      const value = region.handler.read((physical >>> 0) - region.address, size);
      this.onMmioRead(physical, size, value);
      return value;
    }
    return size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
  }

  /** A debugger's view of reads from devices and of writes to them. */
  onMmioRead: (physical: number, size: number, value: number) => void = () => {};
  onMmioWrite: (physical: number, size: number, value: number) => void = () => {};

  /** Write 1, 2 or 4 bytes that lie within one page. */
  write(physical: number, size: number, value: number): void {
    if (physical >= 0x1_0000_0000) return;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped > 0) {
      if ((mapped & ROM_BIT) !== 0) return;
      const host = mapped + (physical & 0xfff);
      this.touch(host, size);
      if (size === 4) this.cpu.view.setInt32(host, value, true);
      else if (size === 2) this.cpu.view.setUint16(host, value, true);
      else this.cpu.m8[host] = value;
    } else if (mapped < 0) {
      const region = this.mmios[-mapped - 1];
      this.onMmioWrite(physical, size, value);
      region.handler.write((physical >>> 0) - region.address, size, size === 4 ? value >>> 0 : value);
    }
  }

  /**
   * RAM bytes [host, host + size) within one page are about to change: dirty tracking, code
   * invalidation, page-table coherence.
   */
  touch(host: number, size: number): void {
    const page = (host - RAM_BASE) >>> 12;
    this.markDirty(host);
    const flags = this.pageFlags[page];
    if (flags === 0) return;
    if ((flags & PAGE_CODE) !== 0) this.touchCode(page, host & 0xfff, size);
    if ((flags & PAGE_TABLE) !== 0) this.touchTable(page, host & 0xfff, size);
    if ((flags & PAGE_WATCH_WRITE) !== 0) this.onWatched(host - RAM_BASE, size, true);
  }

  /** A debugger's: RAM bytes of a watched page are about to be written, or are being read by an instruction. */
  onWatched: (physical: number, size: number, isWrite: boolean) => void = () => {};

  /** Replaces the pages that are watched: PAGE_WATCH_* bits by RAM page. Accesses to them leave the fast path. */
  watchPages(pages: ReadonlyMap<number, number>): void {
    const both = PAGE_WATCH_WRITE | PAGE_WATCH_READ;
    for (let page = 0; page < this.ramPages; page++) this.pageFlags[page] &= ~both;
    for (const [page, bits] of pages) if (page < this.ramPages) this.pageFlags[page] |= bits & both;
    flushTlb(this.cpu, false);
  }

  isReadWatched(host: number): boolean {
    return (this.pageFlags[(host - RAM_BASE) >>> 12] & PAGE_WATCH_READ) !== 0;
  }

  noteRead(host: number, size: number): void {
    this.onWatched(host - RAM_BASE, size, false);
  }

  private touchCode(page: number, offset: number, size: number): void {
    const bits = this.codeBytes[page];
    if (bits === undefined) return;
    for (let at = offset; at < offset + size; at++) {
      if ((bits[at >>> 5] & (1 << (at & 31))) !== 0) {
        const physical = page * PAGE_BYTES;
        for (const each of this.invalidators) each.invalidate(physical + offset, physical + offset + size);
        this.cpu.exitRequest |= EXIT_CODE;
        return;
      }
    }
  }

  private touchTable(page: number, offset: number, size: number): void {
    const linear = this.tableLinear[page];
    if (linear === TABLE_MANY) {
      flushTlb(this.cpu, false);
      return;
    }
    const shift = this.tableShift[page];
    const first = offset >>> shift;
    const last = (offset + size - 1) >>> shift;
    dropPages(this.cpu, linear + first, last - first + 1);
  }

  /** Translations are gone, but for those of global pages if keepGlobal: nothing depends on the tables any more. */
  forgetTables(keepGlobal: boolean): void {
    let kept = 0;
    for (const page of this.tablePages) {
      if (keepGlobal && this.tableGlobal[page] !== 0) this.tablePages[kept++] = page;
      else {
        this.pageFlags[page] &= ~PAGE_TABLE;
        this.tableLinear[page] = TABLE_NONE;
        this.tableGlobal[page] = 0;
      }
    }
    this.tablePages.length = kept;
    this.noted = [];
  }

  /** The walk that noted the last tables found a global page: they must outlive a flush that keeps global entries. */
  noteGlobal(): void {
    for (const page of this.noted) this.tableGlobal[page] = 1;
  }

  /** Set A and D bits: tracked like any write, but no translation depends on the old value. */
  markEntry(physical: number, value: number): void {
    const host = this.hostPage(physical);
    if (host < 0 || this.isRom(physical)) {
      this.write(physical, 4, value);
      return;
    }
    const page = (host - RAM_BASE) >>> 12;
    const flags = this.pageFlags[page];
    this.pageFlags[page] = flags & ~PAGE_TABLE;
    this.write(physical, 4, value);
    this.pageFlags[page] |= flags & PAGE_TABLE;
  }

  /**
   * A page walk read an entry of the table at `physical`: remember it so that a write drops what was
   * translated. firstLinearPage: linear page of entry 0 when the entries map single pages, else −1
   * (a directory: a write drops everything). entryShift: log2 of the entry size.
   */
  noteTable(physical: number, firstLinearPage: number, entryShift: number): void {
    const page = physical / PAGE_BYTES;
    if (firstLinearPage < 0) this.noted.length = 0; // the directory is noted first
    if (page >= this.ramPages) return;
    if (this.pageMap[page] !== RAM_BASE + page * PAGE_BYTES) return; // not plain RAM: nothing can be tracked
    if ((this.pageFlags[page] & PAGE_TABLE) === 0) {
      this.pageFlags[page] |= PAGE_TABLE;
      this.tablePages.push(page);
      this.tableLinear[page] = firstLinearPage < 0 ? TABLE_MANY : firstLinearPage;
      this.tableShift[page] = entryShift;
      denyWrites(this.cpu, page);
    } else if (this.tableLinear[page] !== firstLinearPage || this.tableShift[page] !== entryShift) {
      this.tableLinear[page] = TABLE_MANY;
    }
    this.noted.push(page);
  }

  /** Pages known to be page tables. */
  get tableCount(): number {
    return this.tablePages.length;
  }

  /** Bytes [offset, offset + size) of RAM page `page` are the source of a decoded block. */
  markCode(page: number, offset: number, size: number): void {
    let bits = this.codeBytes[page];
    if (bits === undefined) {
      bits = new Uint32Array(128);
      this.codeBytes[page] = bits;
    }
    if ((this.pageFlags[page] & PAGE_CODE) === 0) {
      this.pageFlags[page] |= PAGE_CODE;
      denyWrites(this.cpu, page);
    }
    for (let at = offset; at < offset + size; at++) bits[at >>> 5] |= 1 << (at & 31);
  }

  /** The last block of a page is gone: writes to it are fast again (at the next TLB fill). */
  unmarkCode(page: number): void {
    if (this.codeBytes[page] === undefined) return;
    this.codeBytes[page] = undefined;
    this.pageFlags[page] &= ~PAGE_CODE;
  }

  read8(physical: number): number {
    return this.read(physical, 1);
  }

  read16(physical: number): number {
    return this.read(physical, 2);
  }

  read32(physical: number): number {
    return this.read(physical, 4);
  }

  write8(physical: number, value: number): void {
    this.write(physical, 1, value);
  }

  write16(physical: number, value: number): void {
    this.write(physical, 2, value);
  }

  write32(physical: number, value: number): void {
    this.write(physical, 4, value);
  }

  /** Copy out of guest physical memory (bus master, loader, debugger); MMIO reads as all ones. */
  readBytes(physical: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const at = physical + done;
      const run = Math.min(target.length - done, PAGE_BYTES - (at & 0xfff));
      const host = this.hostPage(at);
      if (host < 0) target.fill(0xff, done, done + run);
      else target.set(this.cpu.m8.subarray(host + (at & 0xfff), host + (at & 0xfff) + run), done);
      done += run;
    }
  }

  /** Copy into guest RAM with full tracking; ROM and MMIO ignore it. */
  writeBytes(physical: number, source: Uint8Array): void {
    for (let done = 0; done < source.length; ) {
      const at = physical + done;
      const run = Math.min(source.length - done, PAGE_BYTES - (at & 0xfff));
      const mapped = at < 0x1_0000_0000 ? this.pageMap[at >>> 12] : 0;
      if (mapped > 0 && (mapped & ROM_BIT) === 0) {
        const host = mapped + (at & 0xfff);
        this.touch(host, run);
        this.cpu.m8.set(source.subarray(done, done + run), host);
      }
      done += run;
    }
  }

  /** RAM pages written since the consumer last asked, ascending; they count as clean for it from here. */
  takeDirty(consumer: number): number[] {
    const pages: number[] = [];
    const dirty = this.dirty;
    for (let page = 0; page < dirty.length; page++) {
      if ((dirty[page] & consumer) !== 0) {
        pages.push(page);
        dirty[page] &= ~consumer;
      }
    }
    if (pages.length > 0) flushTlb(this.cpu, false);
    return pages;
  }

  /** Forget what can be found out again: translations and page-table marks. */
  touchDerived(): void {
    flushTlb(this.cpu, false);
  }

  /**
   * Everything about RAM may have changed (a snapshot was loaded): all dirty, no code, no page tables, no translation.
   */
  touchAll(): void {
    this.dirty.fill(DIRTY_ALL);
    this.dropCode();
    flushTlb(this.cpu, false);
  }
}
