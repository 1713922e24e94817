// What the machine loop asks of an engine. An engine executes instructions from the CPU state until
// the slice is used up or something asks it to leave, and leaves the same bits as any other engine.

import type { Cpu } from '../state/cpu.ts';

/**
 * Why a compiled function goes: the cache was full, a schedule said so, its code was written, one that it jumps to
 * without asking went, or everything was dropped.
 */
export type WhyDropped = 'full' | 'evicted' | 'code' | 'relied' | 'all';

export interface Engine {
  readonly name: string;
  /**
   * Execute until cpu.left is 0 or cpu.exitRequest is set, whichever comes first; never beyond.
   * On return EIP, the registers and cpu.left are exact. A fault leaves EIP at the faulting
   * instruction, cpu.faultVector filled and EXIT_FAULT set; the loop delivers it.
   */
  run(cpu: Cpu): void;
  /** Drop all derived state (decoded blocks, compiled code, heat). Never visible to the guest. */
  drop(): void;
  /** Set for short runs: what is compiled is used, nothing is compiled anew, which would take longer than it saves. */
  isHeld?: boolean;
  /**
   * Told of functions as they are compiled and dropped: physical address of the code and number of its blocks; of a
   * drop, why.
   */
  onUnit?: ((what: 'compile' | 'drop', physical: number, blocks: number, why?: WhyDropped) => void) | null;
  /** Told when compiling begins and when it has ended, for whoever has a clock. */
  onCompile?: ((isBeginning: boolean) => void) | null;
  /**
   * Told each time that a function compiled since this was set has been left: for the loop's sake (a fault, a change of
   * mode, a device), with its budget used up, or for code outside it.
   */
  onLeave?: ((why: 'request' | 'budget' | 'outside') => void) | null;
  /** Of an engine that was made to count branches; else there is none. */
  readonly branchCounts?: BranchCounts | null;
}

/**
 * How often branches retired: a word each, jumps in its upper half, retirements without a jump (and of what always
 * jumps) in its lower one. The same on every engine. Whoever reads them sets them to 0.
 */
export interface BranchCounts {
  readonly words: Int32Array;
  /** Where the branches of a word lie, in bytes behind the begin of RAM, as far as they have been decoded. */
  placesOf(slot: number): readonly number[];
}

/** Who must know that code bytes changed. Called by memory/memory.ts. */
export interface CodeInvalidator {
  /** A write touched bytes that blocks were made from: physical byte range [from, to). */
  invalidate(from: number, to: number): void;
  /** Other instructions are asked for (Cpu.probes): blocks that hold one, or one that was, are made anew. */
  reprobe(hostPage?: number): void;
  /** Whether there are still blocks made from bytes of this RAM page. */
  holdsCode(page: number): boolean;
  /**
   * For a debugger: the instruction at this byte behind the start of RAM is entered by nothing but the engine's own
   * look at `cpu.fetchStops`. True: something that was made before has gone, also what may be running.
   */
  stopAt(at: number): boolean;
  /** There are no such places any more, but every instruction that is not flat is one when `outsideFlat`. */
  setStops(outsideFlat: boolean): void;
}
