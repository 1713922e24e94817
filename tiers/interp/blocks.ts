// The block cache: decoded instructions in one flat arena, found by host page, mode key and offset. A block is a
// straight run of at most BLOCK_INSTRUCTIONS_MAX instructions that starts and ends inside one physical page. Blocks
// hold nothing that depends on the linear address, so aliases share them. It invalidates by byte ranges (Memory
// marks which bytes blocks came from), and drops everything when the arena is full; neither is visible to the
// guest. A block whose bytes a guest changes is stale: nobody finds it any more, and whoever comes there decodes
// anew, in its place, the instructions that were written to. Where a debugger stops, blocks end, and the one that
// begins there has a single instruction and is not entered: who arrives has to ask for it each time.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { ENDS_BLOCK, OP } from '../../src/core/isa/ops.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { isAskedFor } from '../../src/core/cpu/probed.ts';
import {
  HOT_PROBED,
  META_OP_MASK,
  R_A,
  R_B,
  R_DISP,
  R_HOT,
  R_META,
  R_POSITION,
  RECORD_WORDS,
} from '../../src/core/isa/record.ts';
import { MODE_CS32, MODE_FLAT_CODE } from '../../src/core/state/layout.ts';
import type { Cpu, Probes } from '../../src/core/state/cpu.ts';
import type { CodeInvalidator } from '../../src/core/machine/engine.ts';
import { NO_LIST, PageBlocks } from './page-blocks.ts';
import { HOT_END, specialise } from './specialise.ts';

// A block's header, the eight words before its first record.
/** Number of instructions. */
export const B_COUNT = 0;
/** Host byte address of the first instruction. */
export const B_HOST = 1;
/** Length in bytes. */
export const B_BYTES = 2;
export const B_MODE = 3;
/** Its index in the list of its page's blocks. */
const B_INDEX = 4;
/** The first of three words that are 0 in a new block and belong to the tier above the interpreter (tier-above.ts). */
export const B_ABOVE = 5;
export const BLOCK_HEADER_WORDS = 8;

/** Instructions of a block at most. */
export const BLOCK_INSTRUCTIONS_MAX = 64;
/** 1 M instructions: a Debian boot decodes some 400 k. */
const ARENA_WORDS = 8 << 20;

/** Mode keys are below. */
const MODES = 128;

/**
 * Words of the record behind a block's last: of a stale block the bytes that were written to, from its begin, and how
 * often.
 */
const END_FROM = R_A;
const END_TO = R_B;
const END_WRITES = R_DISP;
/** A stale block that is written to more often than that goes. */
const STALE_WRITES_MAX = 4;

/** So many stale blocks may be all that a page has. */
const STALE_BLOCKS_MAX = 4;

/** What build() can answer besides an arena position. */
export const BLOCK_UNCACHEABLE = 0;

/** Arena position of the block at each byte offset of a page, 0 = none; of a stale block, its negative. */
export type PageTable = Int32Array;

/** Room of a page's list at first. */
const LIST_ROOM = 8;

/** The table of every page without blocks: never written. */
export const NO_BLOCKS: PageTable = new Int32Array(PAGE_BYTES);

/** Whoever keeps something for blocks. */
export interface BlockListener {
  /** A block has been decoded: its header is complete. */
  onBuilt(block: number): void;
  /**
   * Blocks are about to be forgotten: some, because the guest changes their bytes or not (`isChanged`), or all (null).
   */
  onDropped(blocks: readonly number[] | null, isChanged: boolean): void;
}

const NOBODY: BlockListener = { onBuilt: () => {}, onDropped: () => {} };

/** Whether the instruction at a host address, whose record is at `pc`, is asked for. */
function isProbed(probes: Probes | null, host: number, code: Int32Array, pc: number): boolean {
  if (probes === null) return false;
  return (probes.marksOf(host >>> 12)?.[host & 0xfff] ?? 0) !== 0 || isAskedFor(probes, code, pc);
}

const stopKey = (host: number, mode: number): number => host * MODES + mode;

export class BlockCache implements CodeInvalidator {
  /** The arena. Position 0 is never a block. */
  readonly code = new Int32Array(ARENA_WORDS);
  private used = RECORD_WORDS;
  /** By mode key, by host page number: whole from the start and without holes, which V8 would have to look for. */
  private readonly tables: (PageTable[] | undefined)[] = Array.from({ length: MODES }, () => undefined);
  /** By host page number. */
  private readonly pages: PageBlocks[];
  private readonly cpu: Cpu;
  private readonly listener: BlockListener;
  /** Instructions of a block at most, of those that are built from now on: 1 to BLOCK_INSTRUCTIONS_MAX. */
  longest: number;
  /** Host addresses of instructions that a debugger looks at, and their blocks by host address and mode key. */
  private readonly stops = new Set<number>();
  private readonly stopBlocks = new Map<number, number>();
  private outsideFlat = false;
  /** Blocks built since creation: derived, for reports only. */
  built = 0;
  drops = 0;

  constructor(cpu: Cpu, listener: BlockListener = NOBODY, longest = BLOCK_INSTRUCTIONS_MAX) {
    this.cpu = cpu;
    this.longest = longest;
    this.listener = listener;
    this.pages = Array.from({ length: cpu.m8.length >>> 12 }, () => NO_LIST);
    cpu.memory.addInvalidator(this);
  }

  /** The tables of one mode, by host page number. */
  tablesOf(mode: number): readonly PageTable[] {
    return this.tablesFor(mode);
  }

  private tablesFor(mode: number): PageTable[] {
    let found = this.tables[mode];
    if (found === undefined) {
      found = Array.from({ length: this.pages.length }, () => NO_BLOCKS);
      this.tables[mode] = found;
    }
    return found;
  }

  /** Arena position of the block at a host byte address, 0 = none. */
  find(host: number, mode: number): number {
    return Math.max(0, this.tablesFor(mode)[host >>> 12][host & 0xfff]);
  }

  /** Whether a debugger looks at the instruction there. */
  isStop(host: number, mode: number): boolean {
    return this.stops.has(host) || (this.outsideFlat && (mode & MODE_FLAT_CODE) === 0);
  }

  private enter(block: number, host: number, mode: number): void {
    const tables = this.tablesFor(mode);
    if (tables[host >>> 12] === NO_BLOCKS) tables[host >>> 12] = new Int32Array(PAGE_BYTES);
    tables[host >>> 12][host & 0xfff] = block;
  }

  bytesOf(block: number): number {
    return this.code[block + B_BYTES];
  }

  /**
   * Decode the block that starts at a host byte address and enter it. Returns its arena position, or
   * BLOCK_UNCACHEABLE when the first instruction crosses the page or does not decode. At a stop the same block again.
   */
  build(host: number, mode: number): number {
    const isStop = this.isStop(host, mode);
    const known = isStop ? this.stopBlocks.get(stopKey(host, mode)) : undefined;
    if (known !== undefined) return known;
    const stale = -this.tablesFor(mode)[host >>> 12][host & 0xfff];
    if (stale > 0) {
      if (isStop) this.forget(stale);
      else if (this.renew(stale)) return stale;
    }
    if (this.used + BLOCK_HEADER_WORDS + (BLOCK_INSTRUCTIONS_MAX + 1) * RECORD_WORDS > ARENA_WORDS) this.dropAll();
    const code = this.code;
    const block = this.used;
    const cs32 = (mode & MODE_CS32) !== 0;
    const pageEnd = (host & -PAGE_BYTES) + PAGE_BYTES;
    let at = host;
    let pc = block + BLOCK_HEADER_WORDS;
    let count = 0;
    while (count < this.longest && at < pageEnd) {
      const length = decodeInstruction(this.cpu.m8, at, pageEnd - at, cs32, code, pc);
      if (length <= 0) break;
      code[pc + R_POSITION] = (at - host) | (length << 16);
      const op = code[pc + R_META] & META_OP_MASK;
      code[pc + R_HOT] = isProbed(this.cpu.probes, at, code, pc) ? HOT_PROBED : specialise(code, pc, mode);
      at += length;
      count++;
      pc += RECORD_WORDS;
      if (ENDS_BLOCK[op] || isStop || this.stops.has(at)) break;
    }
    if (count === 0) return BLOCK_UNCACHEABLE;
    code[pc + R_HOT] = HOT_END;
    code[pc + R_META] = OP.NOP;
    code[pc + R_POSITION] = at - host;
    this.used = pc + RECORD_WORDS;
    const hostPage = host >>> 12;
    code[block + B_COUNT] = count;
    code[block + B_HOST] = host;
    code[block + B_BYTES] = at - host;
    code[block + B_MODE] = mode;
    this.list(block, hostPage);
    if (isStop) this.stopBlocks.set(stopKey(host, mode), block);
    else this.enter(block, host, mode);
    this.open(block, host, at - host);
    return block;
  }

  /**
   * Decode what has been written to of a stale block, which is found again then. False: where its instructions begin,
   * or which of them ends it, is not what it was; it is gone, and a block is to be built.
   */
  renew(block: number): boolean {
    const mayRenew = this.stops.size === 0 && this.cpu.probes === null;
    if (mayRenew && this.decodeAgain(block)) return true;
    this.forget(block);
    return false;
  }

  private decodeAgain(block: number): boolean {
    const { code, cpu } = this;
    const host = code[block + B_HOST];
    const mode = code[block + B_MODE];
    const bytes = code[block + B_BYTES];
    const first = block + BLOCK_HEADER_WORDS;
    const end = first + code[block + B_COUNT] * RECORD_WORDS;
    const from = code[end + END_FROM];
    const to = code[end + END_TO];
    const pageEnd = (host & -PAGE_BYTES) + PAGE_BYTES;
    for (let pc = first; pc < end; pc += RECORD_WORDS) {
      const position = code[pc + R_POSITION];
      const at = position & 0xffff;
      const length = position >>> 16;
      if (at >= to) break;
      if (at + length <= from) continue;
      const endedBlock = ENDS_BLOCK[code[pc + R_META] & META_OP_MASK];
      const place = host + at;
      if (decodeInstruction(cpu.m8, place, pageEnd - place, (mode & MODE_CS32) !== 0, code, pc) !== length)
        return false;
      if (ENDS_BLOCK[code[pc + R_META] & META_OP_MASK] !== endedBlock) return false;
      code[pc + R_POSITION] = position;
      code[pc + R_HOT] = specialise(code, pc, mode);
    }
    this.open(block, host, bytes);
    this.enter(block, host, mode);
    return true;
  }

  /** A block is complete: nothing above knows it, and its bytes are code. */
  private open(block: number, host: number, bytes: number): void {
    const { code } = this;
    const { memory, ramBase } = this.cpu;
    code.fill(0, block + B_ABOVE, block + BLOCK_HEADER_WORDS);
    const ramPage = (host - ramBase) >>> 12;
    if (ramPage < memory.pageCount) memory.markCode(ramPage, host & 0xfff, bytes);
    this.built++;
    this.listener.onBuilt(block);
  }

  /** A stale block is no block of its page any more. */
  private forget(stale: number): void {
    const { code } = this;
    const host = code[stale + B_HOST];
    this.tablesFor(code[stale + B_MODE])[host >>> 12][host & 0xfff] = 0;
    this.unlist(stale, host >>> 12);
    this.dropped([], host >>> 12, true);
  }

  private list(block: number, hostPage: number): void {
    const { code, pages } = this;
    if (pages[hostPage] === NO_LIST) pages[hostPage] = new PageBlocks(LIST_ROOM);
    const begin = code[block + B_HOST] & 0xfff;
    code[block + B_INDEX] = pages[hostPage].add(block, begin, begin + code[block + B_BYTES]);
  }

  private unlist(block: number, hostPage: number): void {
    const { code } = this;
    const index = code[block + B_INDEX];
    code[this.pages[hostPage].remove(index) + B_INDEX] = index;
  }

  /** CodeInvalidator: physical RAM bytes [from, to) changed. */
  invalidate(from: number, to: number): void {
    if (to - from >= PAGE_BYTES) {
      this.dropAll();
      return;
    }
    const { ramBase } = this.cpu;
    const hostPage = (ramBase + from) >>> 12;
    const page = this.pages[hostPage];
    const start = (ramBase + from) & 0xfff;
    const end = start + to - from;
    const mayKeep = this.stops.size === 0 && this.cpu.probes === null;
    const changed: number[] = [];
    // From the last on: whoever takes the place of one that goes has been looked at.
    for (let index = page.count - 1; index >= 0; index--) {
      if (!page.touches(index, start, end)) continue;
      const block = page.at(index);
      if (!this.isStale(block)) changed.push(block);
      if (!mayKeep || !this.outdate(block, start, end)) this.remove(block, hostPage);
    }
    if (this.isAbandoned(page)) while (page.count > 0) this.remove(page.at(0), hostPage);
    this.dropped(changed, hostPage, true);
  }

  /**
   * Whether all blocks of a page are stale, and more than a program that changes itself would have there: then it holds
   * something else by now, and writes to it are to be fast again.
   */
  private isAbandoned(page: PageBlocks): boolean {
    if (page.count <= STALE_BLOCKS_MAX) return false;
    for (let index = page.count - 1; index >= 0; index--) if (!this.isStale(page.at(index))) return false;
    return true;
  }

  /** The table that the block is in, if it is in one. */
  private table(block: number): PageTable {
    const { code } = this;
    return this.tablesFor(code[block + B_MODE])[code[block + B_HOST] >>> 12];
  }

  private isStale(block: number): boolean {
    return this.table(block)[this.code[block + B_HOST] & 0xfff] === -block;
  }

  private remove(block: number, hostPage: number): void {
    const offset = this.code[block + B_HOST] & 0xfff;
    const table = this.table(block);
    if (Math.abs(table[offset]) === block) table[offset] = 0;
    if (this.stopBlocks.size > 0) {
      this.stopBlocks.delete(stopKey(this.code[block + B_HOST], this.code[block + B_MODE]));
    }
    this.unlist(block, hostPage);
  }

  /** Blocks of the page are gone, or stale. */
  private dropped(blocks: readonly number[], hostPage: number, isChanged: boolean): void {
    const { memory, ramBase } = this.cpu;
    this.drops += blocks.length;
    if (blocks.length > 0) this.listener.onDropped(blocks, isChanged);
    const ramPage = hostPage - (ramBase >>> 12);
    if (this.pages[hostPage].count === 0 && ramPage < memory.pageCount) memory.unmarkCode(ramPage);
  }

  /** Bytes [start, end) of the block's page are about to change. True: it is stale; false: it is to go. */
  private outdate(block: number, start: number, end: number): boolean {
    const { code } = this;
    const begin = code[block + B_HOST] & 0xfff;
    const bytes = code[block + B_BYTES];
    const table = this.table(block);
    if (Math.abs(table[begin]) !== block) return false;
    const last = block + BLOCK_HEADER_WORDS + code[block + B_COUNT] * RECORD_WORDS;
    if (table[begin] === block) {
      table[begin] = -block;
      code[last + END_FROM] = bytes;
      code[last + END_TO] = 0;
      code[last + END_WRITES] = 0;
    }
    code[last + END_FROM] = Math.min(code[last + END_FROM], Math.max(0, start - begin));
    code[last + END_TO] = Math.max(code[last + END_TO], Math.min(bytes, end - begin));
    // Where the page comes to hold something else, nobody comes back to it.
    if (code[last + END_FROM] === 0 && code[last + END_TO] === bytes) return false;
    return ++code[last + END_WRITES] <= STALE_WRITES_MAX;
  }

  /** CodeInvalidator. */
  reprobe(hostPage?: number): void {
    const [first, last] = hostPage === undefined ? [0, this.pages.length - 1] : [hostPage, hostPage];
    for (let page = first; page <= last; page++) {
      const list = this.pages[page];
      if (list.count === 0) continue;
      const changed: number[] = [];
      for (let index = list.count - 1; index >= 0; index--) {
        const block = list.at(index);
        if (!this.isMisprobed(block)) continue;
        if (!this.isStale(block)) changed.push(block);
        this.remove(block, page);
      }
      this.dropped(changed, page, false);
    }
  }

  /** Whether an instruction of the block is marked that is not asked for, or the other way round. */
  private isMisprobed(block: number): boolean {
    const { code } = this;
    const first = block + BLOCK_HEADER_WORDS;
    for (let pc = first, end = first + code[block + B_COUNT] * RECORD_WORDS; pc < end; pc += RECORD_WORDS) {
      const at = code[block + B_HOST] + (code[pc + R_POSITION] & 0xffff);
      const isWanted = isProbed(this.cpu.probes, at, code, pc);
      if (isWanted !== (code[pc + R_HOT] === HOT_PROBED)) return true;
    }
    return false;
  }

  /** CodeInvalidator. */
  holdsCode(page: number): boolean {
    return this.pages[(this.cpu.ramBase >>> 12) + page].count !== 0;
  }

  /** CodeInvalidator. */
  stopAt(at: number): boolean {
    const host = this.cpu.ramBase + at;
    if (this.stops.has(host)) return false;
    this.stops.add(host);
    const { drops } = this;
    this.invalidate(at, at + 1);
    return this.drops !== drops;
  }

  /** CodeInvalidator. */
  setStops(outsideFlat: boolean): void {
    if (outsideFlat) this.dropAll();
    this.stops.clear();
    this.stopBlocks.clear();
    this.outsideFlat = outsideFlat;
  }

  /** Forget every block. */
  dropAll(): void {
    this.listener.onDropped(null, false);
    for (const tables of this.tables) {
      if (tables !== undefined) for (const table of tables) if (table !== NO_BLOCKS) table.fill(0);
    }
    this.pages.fill(NO_LIST);
    this.stopBlocks.clear();
    this.used = RECORD_WORDS;
    this.drops++;
  }
}
