// The blocks that an engine ran, and how often: what watch.ts counts into. A block is known by where it lies, where the
// guest saw it first, its mode and its instructions, so that one that is dropped and decoded again is the same. The
// interpreter's entries are read off the heat in the heads of blocks, which it counts anyway.

import { META_OP_MASK, R_META, R_POSITION, RECORD_WORDS } from '../src/core/isa/record.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import { CS, EIP, SEG_BASE } from '../src/core/state/layout.ts';
import { B_BYTES, B_COUNT, B_HOST, B_MODE, BLOCK_HEADER_WORDS } from './interp/blocks.ts';
import { B_HEAT } from './interp/tier-above.ts';
import { touchesMemory } from './slow-why.ts';

/** Bits of a word of BlockCount.shape: row number, place in the block, and whether it touches memory. */
export const SHAPE_ROW_MASK = META_OP_MASK;
const SHAPE_PLACE_SHIFT = 11;
const SHAPE_PLACE_MASK = 0xfff;
const SHAPE_MEMORY = 1 << 23;

export class BlockCount {
  /** Of its first instruction; −1 where it is no RAM. */
  readonly physical: number;
  /** Where the guest saw it first. */
  readonly linear: number;
  readonly mode: number;
  readonly count: number;
  readonly bytes: number;
  /** When it was decoded first: it runs at this tick or soon after. */
  readonly firstTick: number;
  /** A word an instruction: SHAPE_*. */
  readonly shape: Int32Array;
  /** Arena position of its first record, of the last time it was decoded. */
  first = 0;
  /** Heat of the block when it was last settled. */
  heat = 0;
  /** Entries by the inner loop, and in compiled code. */
  interpreted = 0;
  compiled = 0;
  /** Ticks of single instructions of it, at ends of slices. */
  single = 0;
  /** Iterations of its REP instructions beyond the first of each. */
  extraInterpreted = 0;
  extraCompiled = 0;
  /** By instruction: entries that ended before it. Null: none. */
  private lostInterpreted: Float64Array | null = null;
  private lostCompiled: Float64Array | null = null;

  constructor(facts: Pick<BlockCount, 'physical' | 'linear' | 'mode' | 'count' | 'bytes' | 'firstTick' | 'shape'>) {
    this.physical = facts.physical;
    this.linear = facts.linear;
    this.mode = facts.mode;
    this.count = facts.count;
    this.bytes = facts.bytes;
    this.firstTick = facts.firstTick;
    this.shape = facts.shape;
  }

  /** An entry ended before instruction `index`. */
  lostAt(index: number, isCompiled: boolean): void {
    if (index >= this.count) return;
    if (isCompiled) this.lostCompiled ??= new Float64Array(this.count);
    else this.lostInterpreted ??= new Float64Array(this.count);
    const lost = isCompiled ? this.lostCompiled : this.lostInterpreted;
    if (lost !== null) lost[index]++;
  }

  private retired(entries: number, lost: Float64Array | null): number {
    let ticks = entries * this.count;
    if (lost !== null) for (let i = 0; i < this.count; i++) ticks -= lost[i] * (this.count - i);
    return ticks;
  }

  /** Ticks in the inner loop, and in compiled code. */
  get loopTicks(): number {
    return this.retired(this.interpreted, this.lostInterpreted) + this.extraInterpreted;
  }

  get compiledTicks(): number {
    return this.retired(this.compiled, this.lostCompiled) + this.extraCompiled;
  }

  get ticks(): number {
    return this.loopTicks + this.compiledTicks + this.single;
  }

  rowOf(index: number): number {
    return this.shape[index] & SHAPE_ROW_MASK;
  }

  /** Linear address of an instruction. */
  addressOf(index: number): number {
    return (this.linear + ((this.shape[index] >> SHAPE_PLACE_SHIFT) & SHAPE_PLACE_MASK)) >>> 0;
  }

  get touchesAnyMemory(): boolean {
    return this.shape.some((word) => (word & SHAPE_MEMORY) !== 0);
  }

  touchesMemory(index: number): boolean {
    return (this.shape[index] & SHAPE_MEMORY) !== 0;
  }

  /** How often each instruction retired in entries of the block, without REP iterations and single instructions. */
  executions(): Float64Array {
    const found = new Float64Array(this.count);
    let left = this.interpreted + this.compiled;
    for (let i = 0; i < this.count; i++) {
      left -= (this.lostInterpreted?.[i] ?? 0) + (this.lostCompiled?.[i] ?? 0);
      found[i] = left;
    }
    return found;
  }
}

/** Where records that belong to no block would be looked up. */
const NO_BLOCK = new BlockCount({
  physical: -1,
  linear: 0,
  mode: 0,
  count: 0,
  bytes: 0,
  firstTick: 0,
  shape: new Int32Array(0),
});

export class WatchedBlocks {
  readonly all: BlockCount[] = [NO_BLOCK];
  /** Ticks of instructions in no block (across pages, in devices), by linear address. */
  readonly alone = new Map<number, { row: number; ticks: number }>();
  private readonly cpu: Cpu;
  private readonly byKey = new Map<string, number>();
  /** By record of the arena: index of its block in `all`; grows with the arena's use. */
  private at_ = new Int32Array(1 << 16);
  /** Arena positions of the blocks that there are. */
  private readonly live = new Set<number>();

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }

  built(code: Int32Array, block: number, at: number, tick: number): void {
    const count = code[block + B_COUNT];
    const host = code[block + B_HOST];
    const mode = code[block + B_MODE];
    // Decoded ahead, a block lies elsewhere in the page of the one in hand.
    const linear = (at & -4096) | (host & 0xfff);
    const first = block + BLOCK_HEADER_WORDS;
    const shape = new Int32Array(count);
    let hash = 0x811c9dc5 | 0;
    for (let i = 0; i < count; i++) {
      const pc = first + i * RECORD_WORDS;
      const place = code[pc + R_POSITION] & SHAPE_PLACE_MASK;
      const memory = touchesMemory(code[pc + R_META]) ? SHAPE_MEMORY : 0;
      shape[i] = (code[pc + R_META] & META_OP_MASK) | (place << SHAPE_PLACE_SHIFT) | memory;
      hash = Math.imul(hash ^ shape[i], 0x01000193);
    }
    const key = `${host} ${linear} ${mode} ${count} ${hash}`;
    let index = this.byKey.get(key);
    if (index === undefined) {
      const { memory, ramBase } = this.cpu;
      const physical = (host - ramBase) >>> 12 < memory.pageCount ? host - ramBase : -1;
      const facts = {
        physical,
        linear: linear >>> 0,
        mode,
        count,
        bytes: code[block + B_BYTES],
        firstTick: tick,
        shape,
      };
      index = this.all.push(new BlockCount(facts)) - 1;
      this.byKey.set(key, index);
    }
    const found = this.all[index];
    found.first = first;
    const last = (first >> 3) + count;
    if (last >= this.at_.length) {
      const grown = new Int32Array(Math.max(last + 1, 2 * this.at_.length));
      grown.set(this.at_);
      this.at_ = grown;
    }
    this.at_.fill(index, block >> 3, last);
    this.live.add(block);
    this.armed(code, block);
  }

  /** Nothing is known any more, and no block is there. */
  reset(): void {
    this.all.length = 1;
    this.byKey.clear();
    this.alone.clear();
    this.live.clear();
    this.at_.fill(0);
  }

  /** Before the blocks go. */
  dropped(code: Int32Array, blocks: readonly number[] | null): void {
    for (const block of blocks ?? this.live) {
      this.settle(code, block);
      if (blocks !== null) this.live.delete(block);
    }
    if (blocks !== null) return;
    this.live.clear();
    this.at_.fill(0);
  }

  /** Entries since the heat was last looked at. */
  settle(code: Int32Array, block: number): void {
    const found = this.of(block);
    // One that has gone was settled then; it may have come back in its place, with heat of its own.
    if (found === null || !this.live.has(block)) return;
    const heat = code[block + B_HEAT];
    found.interpreted += (found.heat - heat) | 0;
    found.heat = heat;
  }

  settleAll(code: Int32Array): void {
    for (const block of this.live) this.settle(code, block);
  }

  armed(code: Int32Array, block: number): void {
    const found = this.of(block);
    if (found !== null) found.heat = code[block + B_HEAT];
  }

  /** The block at an arena position; null when it is none that was said to be built. */
  of(block: number): BlockCount | null {
    const index = this.at_[block >> 3] ?? 0;
    return index === 0 ? null : this.all[index];
  }

  /** The block that a record belongs to. */
  at(pc: number): BlockCount {
    return this.all[this.at_[pc >> 3]];
  }

  indexOf(block: BlockCount, pc: number): number {
    return (pc - block.first) >> 3;
  }

  countAlone(cpu: Cpu, row: number, ticks: number): void {
    const linear = (cpu.m32[EIP] + cpu.m32[SEG_BASE + CS]) >>> 0;
    const found = this.alone.get(linear);
    if (found === undefined) this.alone.set(linear, { row, ticks });
    else found.ticks += ticks;
  }
}
