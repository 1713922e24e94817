// The block cache: decoded instructions in one flat arena, found by host page, mode key and offset.
// A block is a straight run of at most BLOCK_INSTRUCTIONS_MAX instructions that starts and ends inside one
// physical page. Blocks hold nothing that depends on the linear address, so aliases share them.
// It invalidates by byte ranges (AddressSpace marks which bytes blocks came from), and drops everything
// when the arena is full; neither is visible to the guest. Where a debugger stops, blocks end, and the one
// that begins there has a single instruction and is not entered: who arrives has to ask for it each time.

import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { ENDS_BLOCK, OP } from '../../src/core/isa/ops.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { isAskedFor } from '../../src/core/cpu/probed.ts';
import { HOT_PROBED, META_OP_MASK, R_HOT, R_META, R_POSITION, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { MODE_CS32, MODE_FLAT_CODE } from '../../src/core/state/layout.ts';
import type { Cpu, Probes } from '../../src/core/state/cpu.ts';
import type { CodeInvalidator } from '../../src/core/machine/engine.ts';
import { HOT_END, specialise } from './specialise.ts';

// A block's header, the eight words before its first record.
/** Number of instructions. */
export const B_COUNT = 0;
/** Host byte address of the first instruction. */
export const B_HOST = 1;
/** Length in bytes. */
export const B_BYTES = 2;
export const B_MODE = 3;
/** Arena position of the next block of the same host page, 0 = none. */
export const B_NEXT = 4;
/** The first of three words that are 0 in a new block and belong to the tier above the interpreter (tier-above.ts). */
export const B_ABOVE = 5;
export const BLOCK_HEADER_WORDS = 8;

/** Instructions of a block at most. */
export const BLOCK_INSTRUCTIONS_MAX = 64;
/** 1 M instructions: a Debian boot decodes some 400 k. */
const ARENA_WORDS = 8 << 20;

/** Mode keys are below. */
const MODES = 128;

/** What build() can answer besides an arena position. */
export const BLOCK_UNCACHEABLE = 0;

/** Arena position of the block at each byte offset of a page, 0 = none. */
export type PageTable = Int32Array;

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
  /** By host page number: first block of the page's list, 0 = none. */
  private readonly pageBlocks: Int32Array;
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
    this.pageBlocks = new Int32Array(cpu.m8.length >>> 12);
    cpu.memory.addInvalidator(this);
  }

  /** The tables of one mode, by host page number. */
  tablesOf(mode: number): readonly PageTable[] {
    return this.tablesFor(mode);
  }

  private tablesFor(mode: number): PageTable[] {
    let found = this.tables[mode];
    if (found === undefined) {
      found = Array.from({ length: this.pageBlocks.length }, () => NO_BLOCKS);
      this.tables[mode] = found;
    }
    return found;
  }

  /** Arena position of the block at a host byte address, 0 = none. */
  find(host: number, mode: number): number {
    return this.tablesFor(mode)[host >>> 12][host & 0xfff];
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
    code[block + B_NEXT] = this.pageBlocks[hostPage];
    code.fill(0, block + B_ABOVE, block + BLOCK_HEADER_WORDS);
    this.pageBlocks[hostPage] = block;
    if (isStop) this.stopBlocks.set(stopKey(host, mode), block);
    else this.enter(block, host, mode);
    const { memory, ramBase } = this.cpu;
    const ramPage = (host - ramBase) >>> 12;
    if (ramPage < memory.pageCount) memory.markCode(ramPage, host & 0xfff, at - host);
    this.built++;
    this.listener.onBuilt(block);
    return block;
  }

  /** CodeInvalidator: physical RAM bytes [from, to) changed. */
  invalidate(from: number, to: number): void {
    if (to - from >= PAGE_BYTES) {
      this.dropAll();
      return;
    }
    const { code } = this;
    const { ramBase } = this.cpu;
    const start = ramBase + from;
    const end = ramBase + to;
    this.drop(start >>> 12, true, (block) => {
      const host = code[block + B_HOST];
      return host < end && host + code[block + B_BYTES] > start;
    });
  }

  /** CodeInvalidator. */
  reprobe(hostPage?: number): void {
    const [first, last] = hostPage === undefined ? [0, this.pageBlocks.length - 1] : [hostPage, hostPage];
    for (let page = first; page <= last; page++) {
      if (this.pageBlocks[page] !== 0) this.drop(page, false, (block) => this.isMisprobed(block));
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

  /** Drops the blocks of a host page that are meant; `isChanged`: the guest has changed their bytes. */
  private drop(hostPage: number, isChanged: boolean, isMeant: (block: number) => boolean): void {
    const { code } = this;
    const { memory, ramBase } = this.cpu;
    const dropped: number[] = [];
    let previous = 0;
    let block = this.pageBlocks[hostPage];
    while (block !== 0) {
      const next = code[block + B_NEXT];
      if (isMeant(block)) {
        const host = code[block + B_HOST];
        const table = this.tables[code[block + B_MODE]]?.[hostPage];
        if (table?.[host & 0xfff] === block) table[host & 0xfff] = 0;
        if (this.stopBlocks.size > 0) this.stopBlocks.delete(stopKey(host, code[block + B_MODE]));
        if (previous === 0) this.pageBlocks[hostPage] = next;
        else code[previous + B_NEXT] = next;
        dropped.push(block);
      } else previous = block;
      block = next;
    }
    this.drops += dropped.length;
    if (dropped.length > 0) this.listener.onDropped(dropped, isChanged);
    const ramPage = hostPage - (ramBase >>> 12);
    if (this.pageBlocks[hostPage] === 0 && ramPage < memory.pageCount) memory.unmarkCode(ramPage);
  }

  /** CodeInvalidator. */
  holdsCode(page: number): boolean {
    return this.pageBlocks[(this.cpu.ramBase >>> 12) + page] !== 0;
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
    this.pageBlocks.fill(0);
    this.stopBlocks.clear();
    this.used = RECORD_WORDS;
    this.drops++;
  }
}
