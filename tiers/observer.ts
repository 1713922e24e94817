// Who listens to an engine: what it is made of, and what it says of blocks and functions as they come and go. Watch
// (watch.ts) counts everything, Coverage (coverage.ts) branches alone. An engine without one is in nobody's way.

import type { BranchCounts, WhyDropped } from '../src/core/machine/engine.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import type { BlockCache } from './interp/blocks.ts';
import type { Interpreter } from './interp/engine.ts';
import type { TierAbove } from './interp/tier-above.ts';
import type { IrFunction } from './ir/ir.ts';
import type { CompiledRegion, Region } from './runtime/backend.ts';
import type { Runtime } from './runtime/runtime.ts';

export interface Observer {
  /** What it counts branches into, or null. */
  readonly branchCounts: BranchCounts | null;
  interpreter(blocks: BlockCache, tier: TierAbove): Interpreter;
  /** `code`: the arena of the blocks; `cross`: as of Runtime. */
  runtime(code: Int32Array, cross: () => boolean): Runtime;
  /** A function that is about to be compiled, with what it shall count. */
  counting(fn: IrFunction): IrFunction;
  /** A compiled function that is about to be linked. */
  function(run: (cpu: Cpu) => void): (cpu: Cpu) => void;
  /** A block has been decoded, at this arena position. */
  built(block: number): void;
  /** Blocks are gone; null: all. */
  forgotten(blocks: readonly number[] | null): void;
  /** The heat of a block is about to be set anew, and has been. */
  settled(block: number): void;
  armed(block: number): void;
  /** The block has not been run: the inner loop asks first, and tries it again. */
  heated(block: number): void;
  /** A block is not compiled although it is hot. */
  refused(why: 'losses'): void;
  linked(region: Region, made: CompiledRegion): void;
  unlinked(region: Region, why: WhyDropped): void;
}
