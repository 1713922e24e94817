// Guest physical addresses: RAM, ROM and MMIO regions flattened to a map of the 2^20 pages below 4 GiB
// (above that nothing answers). Every access from outside the TLB's fast path comes through here, for
// instructions and DMA alike; writes to RAM are reported to the memory (memory.ts), which tracks its pages.
// A20 is part of the map: while the line is off, pages with bit 20 alias those without (law 4 applies:
// the map is derived from the regions and the A20 state).

import { PAGE_BYTES } from '../base/pages.ts';
import { A20, RAM_BASE } from '../state/layout.ts';
import { PAGE_TABLE } from '../state/table-notes.ts';
import type { MmioHandler } from '../board/device.ts';
import type { Memory } from './memory.ts';

const PAGES = 1 << 20;

/** pageMap: host byte address of a RAM page, that plus 1 for ROM, 0 = nothing there, −k = MMIO region k − 1. */
const ROM_BIT = 1;

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

export class AddressSpace {
  readonly memory: Memory;
  readonly pageMap = new Int32Array(PAGES);
  private readonly roms: RomRegion[] = [];
  private readonly mmios: MmioRegion[] = [];

  constructor(memory: Memory) {
    this.memory = memory;
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

  /** Rebuild the page map after a change of the regions or of A20. Drops TLBs and code. */
  flatten(): void {
    const map = this.pageMap;
    map.fill(0);
    for (let page = 0; page < this.memory.ramPages; page++) map[page] = RAM_BASE + page * PAGE_BYTES;
    for (const rom of this.roms) {
      for (let at = 0; at < rom.size; at += PAGE_BYTES) map[(rom.address + at) >>> 12] = (rom.host + at) | ROM_BIT;
    }
    this.mmios.forEach((region, index) => {
      for (let at = 0; at < region.size; at += PAGE_BYTES) map[(region.address + at) >>> 12] = -(index + 1);
    });
    // The line is one for all; its state is kept with that of the first processor.
    if (this.memory.processors[0]?.m32[A20] === 0) {
      for (let page = 0; page < PAGES; page++) if ((page & 0x100) !== 0) map[page] = map[page & ~0x100];
    }
    this.memory.dropCode();
    this.memory.dropTranslations();
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
    return this.memory.isPlain((mapped - RAM_BASE) >>> 12);
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
      this.memory.touch(host - RAM_BASE, size);
      if (size === 4) this.memory.view.setInt32(host, value, true);
      else if (size === 2) this.memory.view.setUint16(host, value, true);
      else this.memory.m8[host] = value;
    } else if (mapped < 0) {
      const region = this.mmios[-mapped - 1];
      this.onMmioWrite(physical, size, value);
      region.handler.write((physical >>> 0) - region.address, size, size === 4 ? value >>> 0 : value);
    }
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

  /** Copy out of guest physical memory (bus master, loader, debugger); MMIO reads as all ones. */
  readBytes(physical: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const at = physical + done;
      const run = Math.min(target.length - done, PAGE_BYTES - (at & 0xfff));
      const host = this.hostPage(at);
      if (host < 0) target.fill(0xff, done, done + run);
      else target.set(this.memory.m8.subarray(host + (at & 0xfff), host + (at & 0xfff) + run), done);
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
        this.memory.touch(host - RAM_BASE, run);
        this.memory.m8.set(source.subarray(done, done + run), host);
      }
      done += run;
    }
  }
}
