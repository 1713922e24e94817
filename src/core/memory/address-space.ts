// Guest physical addresses: RAM, and apertures on ROM, devices and bulk memory laid over it, flattened to a map of the
// 2^20 pages below 4 GiB (above that nothing answers). Every access from outside the TLB's fast path comes through
// here, for instructions and DMA alike; writes to memory are reported to it (memory.ts), which tracks its pages.
// Apertures move while the machine runs (a PCI base address, a VGA bank): then only the pages concerned are flattened
// again. A20 is part of the map: while the line is off, pages with bit 20 alias those without. Law 4 applies: the map
// is derived from the apertures and the A20 state.

import { PAGE_BYTES, PAGES_MAX } from '../base/pages.ts';
import { A20, RAM_BASE } from '../state/layout.ts';
import { PAGE_TABLE } from '../state/table-notes.ts';
import type { MmioHandler } from '../board/device.ts';
import { BulkMemory, type BulkPages } from './bulk.ts';
import type { Memory } from './memory.ts';

/**
 * pageMap: host byte address of a page of RAM or bulk memory, that plus 1 where it cannot be written, 0 = nothing
 * there, −k = handler k − 1.
 */
const ROM_BIT = 1;
const NOTHING = 0;
/** Bit of a page number that the A20 line decides: 1 MiB. */
const ALIAS = 0x100;

/** Who wins where apertures lie over each other and over RAM; among equals the one made last. */
export const BELOW_RAM = 0;
const RAM = 1;
export const OVER_RAM = 2;
export const OVER_ROM = 3;
export const OVER_ALL = 4;

/** What an aperture shows: a device that answers, or memory from a host address on. */
export type Shown =
  | { readonly handler: MmioHandler }
  | { readonly host: number; readonly isWritable: boolean }
  /** From that byte on. The memory says which of its pages a processor may see directly. */
  | { readonly bulk: BulkPages; readonly offset: number; readonly isWritable: boolean };

export type MmioListener = (physical: number, size: number, value: number) => void;
export const NOBODY_LISTENS: MmioListener = () => {};

/** What a stretch of pages leads to, as one may say it without knowing the apertures. */
export interface MappedRun {
  /** Of the address space, and how many. */
  readonly page: number;
  readonly count: number;
  readonly to: 'nothing' | 'device' | 'memory' | 'rom';
  /** Of memory and ROM the first page, as memory.ts numbers them (ROM follows the bulk memory); 0 of the others. */
  readonly memoryPage: number;
}
type MapTarget = Pick<MappedRun, 'to' | 'memoryPage'>;

/** A range of addresses that can be moved, hidden and given something else to show. Sizes in whole pages. */
export class MapAperture {
  readonly sizeBytes: number;
  /** First address, −1 when it is hidden. */
  address = -1;
  readonly priority: number;
  shown: Shown;
  /** Of `shown`, or of the pages of bulk memory that the processor may not see directly: index into the handlers. */
  handlerNumber = -1;
  readonly #space: AddressSpace;

  constructor(space: AddressSpace, sizeBytes: number, priority: number, shown: Shown) {
    if (!(sizeBytes > 0) || sizeBytes % PAGE_BYTES !== 0) throw new Error(`an aperture of ${sizeBytes} bytes`);
    this.#space = space;
    this.sizeBytes = sizeBytes;
    this.priority = priority;
    this.shown = shown;
  }

  /** Below 4 GiB as a whole, or hidden with −1. */
  place(address: number): void {
    if (address === this.address) return;
    if (
      address !== -1 &&
      (address < 0 || address % PAGE_BYTES !== 0 || address + this.sizeBytes > PAGES_MAX * PAGE_BYTES)
    ) {
      throw new Error(`an aperture at address ${address}`);
    }
    this.#space.moved(this, address);
  }

  show(shown: Shown): void {
    this.#space.showOther(this, shown);
  }

  /** The address of a byte of the bulk memory, if the aperture shows it; else −1. */
  addressOf(bulk: BulkPages, byte: number): number {
    if (this.address < 0 || !('bulk' in this.shown) || this.shown.bulk !== bulk) return -1;
    const within = byte - this.shown.offset;
    return within >= 0 && within < this.sizeBytes ? this.address + within : -1;
  }
}

export class AddressSpace {
  readonly memory: Memory;
  /** By name. */
  readonly bulks = new Map<string, BulkMemory>();
  /** What processors and bus masters see: `base`, or while A20 is off `aliased`. */
  pageMap: Int32Array;
  /** As if A20 were on. */
  private readonly base = new Int32Array(PAGES_MAX);
  private aliased: Int32Array | null = null;
  /** By priority, then in order of creation: the later one wins. */
  private readonly apertures: MapAperture[] = [];
  private readonly handlers: { readonly handler: MmioHandler; readonly aperture: MapAperture }[] = [];
  /** What a log says of pages, by number, instead of what the apertures say (`--devices log`). */
  private readonly logged = new Map<number, MapTarget>();
  private loggedHandler = -1;
  /** Told of what has changed after each change but those of A20. */
  onMapped: (run: MappedRun) => void = () => {};

  constructor(memory: Memory) {
    this.memory = memory;
    this.pageMap = this.base;
    this.paint(0, PAGES_MAX);
    this.flatten();
  }

  /** `place`: from the begin of RAM, behind it. */
  addBulk(name: string, place: number, sizeBytes: number): void {
    this.bulks.set(name, new BulkMemory(name, sizeBytes, { space: this, place }));
  }

  /** The host address of a byte of RAM, or of the ROM. */
  hostOf(memory: 'ram' | 'rom', offset: number): number {
    return (memory === 'ram' ? RAM_BASE : this.memory.romBase) + offset;
  }

  /** Hidden until it is placed. */
  aperture(sizeBytes: number, priority: number, shown: Shown): MapAperture {
    const aperture = new MapAperture(this, sizeBytes, priority, shown);
    this.enter(aperture);
    const after = this.apertures.findIndex((each) => each.priority > priority);
    this.apertures.splice(after < 0 ? this.apertures.length : after, 0, aperture);
    return aperture;
  }

  /** Map bytes already placed in the machine memory at `host` (page aligned) read-only at `address`; wins over RAM. */
  addRom(address: number, host: number, size: number): void {
    this.aperture(size, OVER_RAM, { host, isWritable: false }).place(address >>> 0);
  }

  /** Map a device for good; wins over everything. address and size in whole pages. */
  addMmio(address: number, size: number, handler: MmioHandler): void {
    this.aperture(size, OVER_ALL, { handler }).place(address >>> 0);
  }

  private enter(aperture: MapAperture): void {
    const { shown } = aperture;
    checkShown(shown);
    const handler = 'handler' in shown ? shown.handler : 'bulk' in shown ? shown.bulk.handlerFor(aperture) : null;
    if (handler === null) return;
    aperture.handlerNumber = this.handlers.push({ handler, aperture }) - 1;
  }

  /** A20 may have changed: look through the line again. Drops TLBs and code. */
  flatten(): void {
    this.lookThroughLine();
    this.memory.dropCode();
  }

  /** The same where nothing else has changed: code belongs to the memory that it was made from. */
  lookThroughLine(): void {
    // The line is one for all; its state is kept with that of the first processor.
    if (this.memory.processors[0]?.m32[A20] !== 0) this.pageMap = this.base;
    else {
      if (this.aliased === null) {
        this.aliased = new Int32Array(PAGES_MAX);
        this.alias(0, PAGES_MAX);
      }
      this.pageMap = this.aliased;
    }
    this.applyWatch();
    this.memory.dropTranslations();
  }

  /** Pages [first, end) as they are seen while the line is off, and those that show them: kept up to date. */
  private alias(first: number, end: number): void {
    const { aliased, base } = this;
    if (aliased === null) return;
    for (let page = first; page < end; page++) {
      if ((page & ALIAS) !== 0) continue;
      aliased[page] = base[page];
      aliased[page | ALIAS] = base[page];
    }
  }

  /** The map of pages [first, end) from what is laid over them. */
  private paint(first: number, end: number): void {
    const map = this.base;
    map.fill(NOTHING, first, end);
    let isRamPainted = false;
    for (const aperture of this.apertures) {
      if (!isRamPainted && aperture.priority > RAM) {
        this.paintRam(first, end);
        isRamPainted = true;
      }
      this.paintAperture(aperture, first, end);
    }
    if (!isRamPainted) this.paintRam(first, end);
    if (this.logged.size === 0) return;
    for (let page = first; page < end; page++) {
      const target = this.logged.get(page);
      if (target !== undefined) map[page] = this.entryOf(target);
    }
  }

  private paintRam(first: number, end: number): void {
    const last = Math.min(end, this.memory.ramPages);
    for (let page = first; page < last; page++) this.base[page] = RAM_BASE + page * PAGE_BYTES;
  }

  private paintAperture(aperture: MapAperture, first: number, end: number): void {
    const { address, sizeBytes, shown, handlerNumber } = aperture;
    if (address < 0) return;
    const map = this.base;
    const start = address / PAGE_BYTES;
    const from = Math.max(first, start);
    const to = Math.min(end, start + sizeBytes / PAGE_BYTES);
    if ('handler' in shown) {
      if (from < to) map.fill(-(handlerNumber + 1), from, to);
      return;
    }
    const readOnly = shown.isWritable ? 0 : ROM_BIT;
    if ('host' in shown) {
      for (let page = from; page < to; page++) map[page] = (shown.host + (page - start) * PAGE_BYTES) | readOnly;
      return;
    }
    const { bulk, offset } = shown;
    for (let page = from; page < to; page++) {
      const at = offset + (page - start) * PAGE_BYTES;
      map[page] = bulk.isOpen(at) ? (RAM_BASE + bulk.place + at) | readOnly : -(handlerNumber + 1);
    }
  }

  /** Pages [first, end) lead elsewhere: flatten them again, and tell what has changed. */
  private repaint(first: number, end: number): void {
    const { base } = this;
    const before = base.slice(first, end);
    this.paint(first, end);
    const runs: MappedRun[] = [];
    for (let page = first; page < end; ) {
      let next = page + 1;
      if (base[page] !== before[page - first]) {
        while (next < end && base[next] !== before[next - first] && this.continues(page, next)) next++;
        runs.push({ page, count: next - page, ...this.targetOf(base[page]) });
      }
      page = next;
    }
    if (runs.length === 0) return;
    this.alias(first, end);
    this.applyWatch();
    // Blocks of code belong to the memory that they were made from, wherever it is shown.
    this.memory.dropTranslations();
    for (const run of runs) this.onMapped(run);
  }

  /** Whether page `next` leads to what follows on what `page` leads to, as one run says it. */
  private continues(page: number, next: number): boolean {
    const [a, b] = [this.base[page], this.base[next]];
    return a > 0 ? b === a + (next - page) * PAGE_BYTES : a === NOTHING ? b === NOTHING : b < 0;
  }

  private targetOf(entry: number): MapTarget {
    if (entry <= 0) return { to: entry === NOTHING ? 'nothing' : 'device', memoryPage: 0 };
    return { to: (entry & ROM_BIT) !== 0 ? 'rom' : 'memory', memoryPage: (entry - RAM_BASE) >>> 12 };
  }

  private entryOf({ to, memoryPage }: MapTarget): number {
    if (to === 'nothing') return NOTHING;
    if (to === 'device') return -(this.loggedHandler + 1);
    return (RAM_BASE + memoryPage * PAGE_BYTES) | (to === 'rom' ? ROM_BIT : 0);
  }

  /** An aperture's, when it has been placed elsewhere. */
  moved(aperture: MapAperture, address: number): void {
    const before = aperture.address;
    aperture.address = address;
    this.repaintAperture(aperture, before);
    this.repaintAperture(aperture, address);
  }

  private repaintAperture({ sizeBytes }: MapAperture, address: number): void {
    if (address >= 0) this.repaint(address / PAGE_BYTES, (address + sizeBytes) / PAGE_BYTES);
  }

  /** An aperture's, when it has been given something else to show. */
  showOther(aperture: MapAperture, shown: Shown): void {
    checkShown(shown);
    aperture.shown = shown;
    const { handlerNumber } = aperture;
    if (!('host' in shown)) {
      const handler = 'handler' in shown ? shown.handler : shown.bulk.handlerFor(aperture);
      if (handlerNumber >= 0) this.handlers[handlerNumber] = { handler, aperture };
      else this.enter(aperture);
    }
    this.repaintAperture(aperture, aperture.address);
  }

  /** The same for all its pages. */
  repaintBulkWhole(bulk: BulkPages): void {
    for (const aperture of this.apertures) {
      if ('bulk' in aperture.shown && aperture.shown.bulk === bulk) this.repaintAperture(aperture, aperture.address);
    }
  }

  /** A bulk memory's: a processor may or may no longer see the page at this byte directly. */
  repaintBulk(bulk: BulkPages, byte: number): void {
    for (const aperture of this.apertures) {
      const address = aperture.addressOf(bulk, byte);
      if (address >= 0) this.repaint(address >>> 12, (address >>> 12) + 1);
    }
  }

  /** Whether there is the memory that the run leads to. */
  canFollow({ page, count, to, memoryPage }: MappedRun): boolean {
    if (page + count > PAGES_MAX) return false;
    const { pageCount, romBytes } = this.memory;
    if (to === 'rom') return memoryPage + count <= pageCount + (romBytes >>> 12);
    return to !== 'memory' || memoryPage + count <= pageCount;
  }

  /**
   * A log says what pages lead to, whatever the apertures say; where there is no such memory nothing is done. `handler`
   * answers for devices, by full address.
   */
  follow(run: MappedRun, handler: MmioHandler): void {
    if (!this.canFollow(run)) return;
    const { page, count, to, memoryPage } = run;
    const isMemory = to === 'memory' || to === 'rom';
    if (this.loggedHandler < 0) {
      const everything = new MapAperture(this, PAGES_MAX * PAGE_BYTES, OVER_ALL, { handler });
      everything.address = 0;
      this.loggedHandler = this.handlers.push({ handler, aperture: everything }) - 1;
    }
    for (let i = 0; i < count; i++) {
      this.logged.set(page + i, { to, memoryPage: isMemory ? memoryPage + i : 0 });
    }
    this.repaint(page, page + count);
  }

  /** What a log has said so far, as runs. */
  followed(): MappedRun[] {
    const runs: MappedRun[] = [];
    const pages = [...this.logged.keys()].sort((a, b) => a - b);
    for (const page of pages) {
      const target = this.logged.get(page) as MapTarget;
      const last = runs.at(-1);
      if (last !== undefined && last.page + last.count === page && isNext(last, target)) {
        runs[runs.length - 1] = { ...last, count: last.count + 1 };
      } else runs.push({ page, count: 1, ...target });
    }
    return runs;
  }

  /** What all addresses lead to, whatever the A20 line does. */
  mapped(): MappedRun[] {
    const runs: MappedRun[] = [];
    for (let page = 0; page < PAGES_MAX; ) {
      let next = page + 1;
      while (next < PAGES_MAX && this.continues(page, next)) next++;
      runs.push({ page, count: next - page, ...this.targetOf(this.base[page]) });
      page = next;
    }
    return runs;
  }

  /** The parts of the runs that say something else than `mapped`. */
  unlike(runs: readonly MappedRun[]): MappedRun[] {
    const found: MappedRun[] = [];
    for (const { page, count, to, memoryPage } of runs) {
      const isMemory = to === 'memory' || to === 'rom';
      let first = -1;
      for (let i = 0; i <= count; i++) {
        const here = i < count ? this.targetOf(this.base[page + i]) : null;
        const isSame = here === null || (here.to === to && (!isMemory || here.memoryPage === memoryPage + i));
        if (!isSame && first < 0) first = i;
        if (!isSame || first < 0) continue;
        found.push({ page: page + first, count: i - first, to, memoryPage: isMemory ? memoryPage + first : 0 });
        first = -1;
      }
    }
    return found;
  }

  /** Forget what a log has said. */
  unfollow(): void {
    this.logged.clear();
    this.repaint(0, PAGES_MAX);
  }

  /** Host page address when the physical page is RAM or ROM (read view), else −1. physical may exceed 32 bits. */
  hostPage(physical: number): number {
    if (physical >= 0x1_0000_0000) return -1;
    const mapped = this.pageMap[physical >>> 12];
    return mapped > 0 ? mapped & ~ROM_BIT : -1;
  }

  /** Page of the memory, if what is at the address can be written by instructions; else −1. */
  writablePage(physical: number): number {
    if (physical >= 0x1_0000_0000) return -1;
    const mapped = this.pageMap[physical >>> 12];
    return mapped > 0 && (mapped & ROM_BIT) === 0 ? (mapped - RAM_BASE) >>> 12 : -1;
  }

  /** As hostPage, for somebody who only looks: bulk memory too that the processor does not see directly. */
  peekPage(physical: number): number {
    const host = this.hostPage(physical);
    if (host >= 0 || physical >= 0x1_0000_0000) return host;
    const mapped = this.pageMap[physical >>> 12];
    const shown = mapped < 0 ? this.handlers[-mapped - 1].aperture : null;
    if (shown === null || !('bulk' in shown.shown)) return -1;
    const { bulk, offset } = shown.shown;
    return RAM_BASE + bulk.place + offset + ((this.throughA20(physical) - shown.address) & -4096);
  }

  /** Whether a write to the page is plain: RAM, already dirty, no code, no page table. */
  plainWrite(physical: number): boolean {
    if (physical >= 0x1_0000_0000) return false;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped <= 0 || (mapped & ROM_BIT) !== 0) return false;
    return this.memory.isPlain((mapped - RAM_BASE) >>> 12);
  }

  /** Whether a device answers for the address. */
  isDevice(physical: number): boolean {
    return physical < 0x1_0000_0000 && this.pageMap[physical >>> 12] < 0;
  }

  isRom(physical: number): boolean {
    return (
      physical < 0x1_0000_0000 && this.pageMap[physical >>> 12] > 0 && (this.pageMap[physical >>> 12] & ROM_BIT) !== 0
    );
  }

  /** Read 1, 2 or 4 bytes that lie within one page; zero-extended, 32-bit as int32. */
  read(physical: number, size: number): number {
    if (physical >= 0x1_0000_0000) return size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped > 0) {
      const host = (mapped & ~ROM_BIT) + (physical & 0xfff);
      if (size === 4) return this.memory.view.getInt32(host, true);
      return size === 2 ? this.memory.view.getUint16(host, true) : this.memory.m8[host];
    }
    if (mapped < 0) {
      const { handler, aperture } = this.handlers[-mapped - 1];
      const value = handler.read(this.throughA20(physical) - aperture.address, size);
      this.onMmioRead(physical, size, value);
      return value;
    }
    return size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
  }

  /** The address that devices see. */
  private throughA20(physical: number): number {
    return this.pageMap === this.base ? physical >>> 0 : (physical & ~(ALIAS * PAGE_BYTES)) >>> 0;
  }

  /** A debugger's view of reads from devices and of writes to them. */
  onMmioRead: MmioListener = NOBODY_LISTENS;
  onMmioWrite: MmioListener = NOBODY_LISTENS;

  /** Write 1, 2 or 4 bytes that lie within one page. */
  write(physical: number, size: number, value: number): void {
    if (physical >= 0x1_0000_0000) return;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped > 0) {
      if ((mapped & ROM_BIT) !== 0) return;
      const host = mapped + (physical & 0xfff);
      this.memory.touch(host - RAM_BASE, size);
      if (size === 4) this.memory.view.setInt32(host, value, true);
      else if (size === 2) this.memory.view.setUint16(host, value, true);
      else this.memory.m8[host] = value;
    } else if (mapped < 0) {
      const { handler, aperture } = this.handlers[-mapped - 1];
      this.onMmioWrite(physical, size, value);
      handler.write(this.throughA20(physical) - aperture.address, size, size === 4 ? value >>> 0 : value);
    }
  }

  /** As `write`, where it makes no difference when: false, and nothing is done, if it may make one. */
  writesQuietly(physical: number, size: number, value: number): boolean {
    if (physical >= 0x1_0000_0000 || this.onMmioWrite !== NOBODY_LISTENS) return false;
    const mapped = this.pageMap[physical >>> 12];
    if (mapped >= 0) return false;
    const { handler, aperture } = this.handlers[-mapped - 1];
    return handler.writesQuietly?.(this.throughA20(physical) - aperture.address, size, value) === true;
  }

  /** Set A and D bits: tracked like any write, but no translation depends on the old value. */
  markEntry(physical: number, value: number): void {
    const host = this.hostPage(physical);
    if (host < 0 || this.isRom(physical)) {
      this.write(physical, 4, value);
      return;
    }
    const { pageFlags } = this.memory;
    const page = (host - RAM_BASE) >>> 12;
    const flags = pageFlags[page];
    pageFlags[page] = flags & ~PAGE_TABLE;
    this.write(physical, 4, value);
    pageFlags[page] |= flags & PAGE_TABLE;
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

  /** Copy out of guest physical memory (bus master, loader); MMIO reads as all ones. */
  readBytes(physical: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const at = physical + done;
      const run = Math.min(target.length - done, PAGE_BYTES - (at & 0xfff));
      this.openPage(at);
      const host = this.hostPage(at);
      if (host < 0) target.fill(0xff, done, done + run);
      else target.set(this.memory.m8.subarray(host + (at & 0xfff), host + (at & 0xfff) + run), done);
      done += run;
    }
  }

  /** A bus master is about to reach these bytes. */
  openRange(address: number, sizeBytes: number): void {
    for (let at = address - (address % PAGE_BYTES); at < address + sizeBytes; at += PAGE_BYTES)
      this.openPage(Math.max(at, address));
  }

  /** Puts a page of bulk memory in place, as a log has it; false where there is none of that number. */
  putBulkPage(page: number, bytes: Uint8Array): boolean {
    const { memory } = this;
    if (page < memory.ramPages || page >= memory.pageCount || bytes.length !== PAGE_BYTES) return false;
    memory.touch(page * PAGE_BYTES, PAGE_BYTES);
    memory.m8.set(bytes, RAM_BASE + page * PAGE_BYTES);
    return true;
  }

  /** Bulk memory that a bus master is about to reach. */
  private openPage(physical: number): void {
    const mapped = physical < 0x1_0000_0000 ? this.pageMap[physical >>> 12] : 0;
    if (mapped >= 0) return;
    const { aperture } = this.handlers[-mapped - 1];
    if ('bulk' in aperture.shown) {
      const { bulk, offset } = aperture.shown;
      bulk.open(offset + this.throughA20(physical) - aperture.address);
    }
  }

  // -------------------------------------------------------------------------------------------------------------
  // Watches

  /** PAGE_WATCH_* bits by page of the address space. */
  private watched: ReadonlyMap<number, number> = new Map();
  /** Pages of the memory that are watched, and where they were asked for. */
  private readonly watchedAt = new Map<number, number>();

  /** A debugger's: bytes of a watched page are about to be written, or are being read by an instruction. */
  onWatched: (physical: number, size: number, isWrite: boolean) => void = () => {};

  /** A debugger's, while pages are watched: what lies where has changed. */
  onMoved: () => void = () => {};

  /** Replaces the pages that are watched. What a device answers for is not seen. */
  watch(pages: ReadonlyMap<number, number>): void {
    this.watched = pages;
    this.applyWatch(true);
  }

  /** What lies where may have changed. */
  private applyWatch(isNew = false): void {
    const { watched, watchedAt, memory } = this;
    if (watched.size === 0 && !isNew) return;
    const pages = new Map<number, number>();
    watchedAt.clear();
    for (const [physical, bits] of watched) {
      const host = this.peekPage(physical * PAGE_BYTES);
      if (host < 0) continue;
      const page = (host - RAM_BASE) >>> 12;
      pages.set(page, (pages.get(page) ?? 0) | bits);
      watchedAt.set(page, physical);
    }
    memory.watchPages(pages);
    memory.onWatched = (at, size, isWrite) => {
      const physical = watchedAt.get(at >>> 12) ?? at >>> 12;
      this.onWatched(physical * PAGE_BYTES + (at & 0xfff), size, isWrite);
    };
    if (!isNew) this.onMoved();
  }

  /** Copy into guest RAM with full tracking; ROM and MMIO ignore it. */
  writeBytes(physical: number, source: Uint8Array): void {
    for (let done = 0; done < source.length; ) {
      const at = physical + done;
      const run = Math.min(source.length - done, PAGE_BYTES - (at & 0xfff));
      this.openPage(at);
      const mapped = at < 0x1_0000_0000 ? this.pageMap[at >>> 12] : 0;
      if (mapped > 0 && (mapped & ROM_BIT) === 0) {
        const host = mapped + (at & 0xfff);
        this.memory.touch(host - RAM_BASE, run);
        this.memory.m8.set(source.subarray(done, done + run), host);
      }
      done += run;
    }
  }
}

function checkShown(shown: Shown): void {
  const at = 'bulk' in shown ? shown.offset : 'host' in shown ? shown.host : 0;
  if (at % PAGE_BYTES !== 0) throw new Error(`an aperture on memory from byte ${at} on: whole pages can be shown`);
}

function isNext({ count, to, memoryPage }: MappedRun, target: MapTarget): boolean {
  if (to !== target.to) return false;
  return to === 'nothing' || to === 'device' || target.memoryPage === memoryPage + count;
}
