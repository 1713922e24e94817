// What is physical: one WebAssembly.Memory with the blocks and TLBs of the processors, guest RAM, the bulk memory of
// devices and ROM, and what is known of each page of RAM and bulk memory: whether it was written, whether code or page
// tables were read from it, whether a debugger wants to hear of it. The machine owns it; processors (state/cpu.ts)
// share it, and what it tells them (a write to code, translations that are no longer true) it tells all of them. Which
// address leads where is the address space's business (address-space.ts). A place is named by its offset from the
// begin of RAM: pages 0 and up are RAM, those behind it bulk memory (bulk.ts), whoever looks at them.

import { PAGE_BYTES } from '../base/pages.ts';
import type { CodeInvalidator } from '../machine/engine.ts';
import { EXIT_CODE, type Cpu } from '../state/cpu.ts';
import { CPU_BLOCK_SIZE, PROCESSORS_MAX, RAM_BASE } from '../state/layout.ts';
import { PAGE_TABLE } from '../state/table-notes.ts';
import { touchTable } from './page-tables.ts';
import { denyWrites, flushTlb } from './tlb.ts';

// pageFlags bits: any of them makes writes to the page slow. PAGE_TABLE is declared with those who set it.
export const PAGE_CODE = 1;
/** A debugger wants to hear of writes, and of reads. */
export const PAGE_WATCH_WRITE = 4;
export const PAGE_WATCH_READ = 8;

/** Consumers of dirty tracking: each clears its own bit. */
export const DIRTY_HASH = 1;
export const DIRTY_CHECKPOINT = 2;
/** The timeline's record of what each stretch of ticks wrote. */
export const DIRTY_INTERVAL = 4;
/** A device that clears its memory: what has not been written since holds zeros. */
export const DIRTY_CLEARED = 8;
const DIRTY_ALL = 15;
/** Nobody has written to the page since it was made: it is zeros. */
const FRESH = 16;

/** Bytes of a TLB: one word for each of the 2^20 linear pages. */
const TLB_BYTES = 4 << 20;
const HOST_PAGE_BYTES = 0x10000;
/** Host addresses are positive numbers of 31 bits. */
export const HOST_BYTES_MAX = 2 ** 31 - HOST_PAGE_BYTES;
/** Bytes that a processor's compiled code has for itself (tiers/wasm/convention.ts): whole pages of 64 KiB. */
export const COMPILED_BYTES = 0x30000;

/** One bit a byte of a page, all 0: never written. */
const NO_CODE = new Uint32Array(128);

const roundUp = (bytes: number): number => Math.ceil(bytes / HOST_PAGE_BYTES) * HOST_PAGE_BYTES;

/** All that a machine's memory takes of the space of host addresses; more than HOST_BYTES_MAX cannot be had. */
export function hostBytesOf(ramBytes: number, romBytes: number, bulkBytes: number, processors: number): number {
  return roundUp(RAM_BASE + ramBytes + bulkBytes + romBytes) + processors * (TLB_BYTES + COMPILED_BYTES);
}

export class Memory {
  readonly wasm: WebAssembly.Memory;
  readonly m8: Uint8Array;
  readonly m32: Int32Array;
  readonly view: DataView;
  readonly ramBytes: number;
  readonly ramPages: number;
  /** Pages of RAM, then of bulk memory. */
  readonly pageCount: number;
  /** Host address of ROM images, and their size in bytes: never written by a guest. */
  readonly romBase: number;
  readonly romBytes: number;
  /** In order of their numbers. */
  readonly processors: Cpu[] = [];
  readonly processorsMax: number;
  /** By page number: PAGE_* */
  readonly pageFlags: Uint8Array;
  /** By page number: one bit a consumer (DIRTY_*), all set by a write, cleared by takeDirty; and FRESH. */
  readonly dirty: Uint8Array;
  /** The same, four pages a word, as far as there are four. */
  private readonly dirtyWords: Int32Array;
  /** By page number: one bit a byte that some decoded block was made from; NO_CODE of pages without one. */
  private readonly codeBytes: Uint32Array[];
  private invalidators: CodeInvalidator[] = [];
  /** What has been asked for by stopIn, by the address of the page. */
  private readonly stopsIn = new Map<number, readonly number[]>();

  /** Bytes in whole pages. `processorsMax`: how many processors there is room for, 16 at most. */
  constructor(ramBytes: number, romBytes = 0, processorsMax = 1, bulkBytes = 0) {
    if (!(processorsMax >= 1 && processorsMax <= PROCESSORS_MAX)) {
      throw new Error(`memory for ${processorsMax} processors: 1 to ${PROCESSORS_MAX} can be had`);
    }
    this.ramBytes = ramBytes;
    this.ramPages = ramBytes >>> 12;
    this.pageCount = (ramBytes + bulkBytes) >>> 12;
    this.romBase = RAM_BASE + ramBytes + bulkBytes;
    this.romBytes = romBytes;
    this.processorsMax = processorsMax;
    const pages = hostBytesOf(ramBytes, romBytes, bulkBytes, processorsMax) / HOST_PAGE_BYTES;
    this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const buffer = this.wasm.buffer as ArrayBuffer;
    if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) throw new Error('the host must be little-endian');
    this.m8 = new Uint8Array(buffer);
    this.m32 = new Int32Array(buffer);
    this.view = new DataView(buffer);
    this.pageFlags = new Uint8Array(this.pageCount);
    this.codeBytes = Array.from({ length: this.pageCount }, () => NO_CODE);
    // Memory is zeros until somebody writes to it, and nobody need look at what nobody has written; the first state
    // hash of a run names every page of RAM.
    this.dirty = new Uint8Array(this.pageCount).fill(FRESH);
    this.dirty.fill(FRESH | DIRTY_HASH, 0, this.ramPages);
    this.dirtyWords = new Int32Array(this.dirty.buffer, 0, this.pageCount >>> 2);
  }

  /** Byte address of a processor's block. */
  blockPlace(processor: number): number {
    return processor * CPU_BLOCK_SIZE;
  }

  /** Byte address of a processor's TLB. */
  tlbPlace(processor: number): number {
    const end = this.romBase + this.romBytes;
    return roundUp(end) + processor * (TLB_BYTES + COMPILED_BYTES);
  }

  /** Byte address of what a processor's compiled code keeps for itself. */
  compiledPlace(processor: number): number {
    return this.tlbPlace(processor) + TLB_BYTES;
  }

  /** Takes a processor in; returns its number. */
  attach(cpu: Cpu): number {
    if (this.processors.length === this.processorsMax) {
      throw new Error(`the memory has room for ${this.processorsMax} processors: ask for more when it is made`);
    }
    return this.processors.push(cpu) - 1;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Writes

  /**
   * Bytes [at, at + size) within one page are about to change: dirty tracking, code
   * invalidation, page-table coherence.
   */
  touch(at: number, size: number): void {
    const page = at >>> 12;
    this.markDirty(page);
    const flags = this.pageFlags[page];
    if (flags === 0) return;
    if ((flags & PAGE_CODE) !== 0) this.touchCode(page, at & 0xfff, size);
    if ((flags & PAGE_TABLE) !== 0) {
      for (const cpu of this.processors) touchTable(cpu, page, at & 0xfff, size);
    }
    if ((flags & PAGE_WATCH_WRITE) !== 0) this.onWatched(at, size, true);
  }

  markDirty(page: number): void {
    this.dirty[page] = DIRTY_ALL;
  }

  /** Whether the page is zeros for sure: nobody need look at it. */
  isFresh(page: number): boolean {
    return (this.dirty[page] & FRESH) !== 0;
  }

  /** Whether a write to the page may go by unseen: it is dirty already and nobody wants to hear of it. */
  isPlain(page: number): boolean {
    return this.dirty[page] === DIRTY_ALL && this.pageFlags[page] === 0;
  }

  /**
   * Pages from `first` to before `end` (all of them unless given) that were written since the consumer last asked,
   * ascending; they count as clean for it from here.
   */
  takeDirty(consumer: number, first = 0, end = this.dirty.length): number[] {
    const pages: number[] = [];
    const { dirty, dirtyWords } = this;
    const everyByte = consumer * 0x01010101;
    for (let page = first; page < end; page++) {
      // Four pages at a look: most are clean, and a fuzzer asks a thousand times a second.
      while ((page & 3) === 0 && page + 4 <= end && (dirtyWords[page >>> 2] & everyByte) === 0) page += 4;
      if (page < end && (dirty[page] & consumer) !== 0) {
        pages.push(page);
        dirty[page] &= ~consumer;
      }
    }
    if (pages.length > 0) this.dropTranslations();
    return pages;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Code

  addInvalidator(invalidator: CodeInvalidator): void {
    this.invalidators.push(invalidator);
  }

  /** Puts other invalidators in place and returns those that were: an engine that rests must hear of nothing. */
  exchangeInvalidators(others: CodeInvalidator[]): CodeInvalidator[] {
    const before = this.invalidators;
    this.invalidators = others;
    return before;
  }

  /** Bytes [offset, offset + size) of page `page` are the source of a decoded block. */
  markCode(page: number, offset: number, size: number): void {
    let bits = this.codeBytes[page];
    if (bits === NO_CODE) {
      bits = new Uint32Array(128);
      this.codeBytes[page] = bits;
    }
    if ((this.pageFlags[page] & PAGE_CODE) === 0) {
      this.pageFlags[page] |= PAGE_CODE;
      for (const cpu of this.processors) denyWrites(cpu, page);
    }
    for (let at = offset; at < offset + size; at++) bits[at >>> 5] |= 1 << (at & 31);
  }

  /** Someone's last block of a page is gone. If no other has one, writes are fast again (at the next TLB fill). */
  unmarkCode(page: number): void {
    if (this.codeBytes[page] === NO_CODE) return;
    for (const each of this.invalidators) if (each.holdsCode(page)) return;
    this.codeBytes[page] = NO_CODE;
    this.pageFlags[page] &= ~PAGE_CODE;
  }

  /**
   * Whether a write to these bytes of one page, which has been marked dirty, may go by unseen although the page holds
   * code: no block was made from them, and nobody else wants to hear of it.
   */
  isBesideCode(at: number, size: number): boolean {
    const page = at >>> 12;
    if (this.pageFlags[page] !== PAGE_CODE) return false;
    return !this.isFromCode(page, at & 0xfff, size);
  }

  /** The same where it is not known whether the page is dirty: if so, it is from here on. */
  writesBesideCode(at: number, size: number): boolean {
    if (!this.isBesideCode(at, size)) return false;
    this.markDirty(at >>> 12);
    return true;
  }

  /** Whether some block was made from one of these bytes. */
  private isFromCode(page: number, offset: number, size: number): boolean {
    const bits = this.codeBytes[page];
    for (let at = offset; at < offset + size; at++) {
      // A whole word of bits at a time where the bytes begin or end nowhere inside.
      if ((at & 31) === 0 && at + 32 <= offset + size && bits[at >>> 5] === 0) at += 31;
      else if ((bits[at >>> 5] & (1 << (at & 31))) !== 0) return true;
    }
    return false;
  }

  /** Whether a block has been made from bytes of the page. */
  holdsCode(page: number): boolean {
    return this.codeBytes[page] !== NO_CODE;
  }

  private touchCode(page: number, offset: number, size: number): void {
    if (!this.isFromCode(page, offset, size)) return;
    const start = page * PAGE_BYTES + offset;
    for (const each of this.invalidators) each.invalidate(start, start + size);
    for (const cpu of this.processors) cpu.exitRequest |= EXIT_CODE;
    this.unmarkBytes(page, offset, size);
  }

  /** No block is left that was made from these bytes: the next write to them need not look for one. */
  private unmarkBytes(page: number, offset: number, size: number): void {
    const bits = this.codeBytes[page];
    if (bits === NO_CODE) return;
    for (let at = offset; at < offset + size; at++) bits[at >>> 5] &= ~(1 << (at & 31));
  }

  /**
   * Other instructions are asked for than before, in a host page or anywhere (with pages that may have been fetched
   * from already): what was decoded of them is made anew (Probes in state/cpu.ts).
   */
  probesChanged(hostPage?: number): void {
    for (const each of this.invalidators) each.reprobe(hostPage);
    if (hostPage === undefined) this.dropTranslations();
  }

  /**
   * A debugger stops at the instructions at these offsets of the page at byte `at` of RAM, or of what lies behind it:
   * the same list again is known.
   */
  stopIn(at: number, offsets: readonly number[]): void {
    if (this.stopsIn.get(at) === offsets) return;
    this.stopsIn.set(at, offsets);
    let isGone = false;
    for (const offset of offsets) {
      for (const each of this.invalidators) if (each.stopAt(at + offset)) isGone = true;
    }
    if (isGone) for (const cpu of this.processors) cpu.exitRequest |= EXIT_CODE;
  }

  /** From here on no such places, but for every instruction outside flat code if that is wanted. */
  setStops(outsideFlat: boolean): void {
    this.stopsIn.clear();
    for (const each of this.invalidators) each.setStops(outsideFlat);
  }

  /** Forget all code marks and blocks. */
  dropCode(): void {
    for (let page = 0; page < this.pageCount; page++) this.pageFlags[page] &= ~PAGE_CODE;
    this.codeBytes.fill(NO_CODE);
    for (const each of this.invalidators) each.invalidate(0, 0x1_0000_0000);
    for (const cpu of this.processors) cpu.exitRequest |= EXIT_CODE;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Translations and watches

  /** Every processor finds out again where linear addresses lead: translations and page-table marks are derived. */
  dropTranslations(): void {
    for (const cpu of this.processors) flushTlb(cpu);
  }

  /** A debugger's: bytes of a watched page are about to be written, or are being read by an instruction. */
  onWatched: (at: number, size: number, isWrite: boolean) => void = () => {};

  /** Replaces the pages that are watched: PAGE_WATCH_* bits by page. Accesses to them leave the fast path. */
  watchPages(pages: ReadonlyMap<number, number>): void {
    const both = PAGE_WATCH_WRITE | PAGE_WATCH_READ;
    for (let page = 0; page < this.pageCount; page++) this.pageFlags[page] &= ~both;
    for (const [page, bits] of pages) if (page < this.pageCount) this.pageFlags[page] |= bits & both;
    this.dropTranslations();
  }

  isReadWatched(page: number): boolean {
    return (this.pageFlags[page] & PAGE_WATCH_READ) !== 0;
  }
}
