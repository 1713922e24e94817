// What the interpreter knows of a tier above it, which compiles: words that it keeps in the header of each block, the
// functions that are called in the place of blocks, and the moments at which it is asked. Alone the interpreter has
// nobody above it, and counts for nobody.

import type { Cpu } from '../../src/core/state/cpu.ts';
import { B_ABOVE } from './blocks.ts';
import type { Handler } from './handler.ts';
import { HANDLER_TABLE } from './handlers.ts';

/** Executions left until onHot is called; counts down, and on below zero for ever when nobody arms it again. */
export const B_HEAT = B_ABOVE;
/** Index of the function to call instead, 0 = none. */
export const B_COMPILED = B_ABOVE + 1;
/** Executions that B_HEAT was last set to count, added up: B_ARMED − B_HEAT is how often the block ran. */
export const B_ARMED = B_ABOVE + 2;

export interface TierAbove {
  /**
   * By B_COMPILED; index 0 is none. Each runs from EIP as an Engine does: EIP and cpu.left are exact on return and when
   * it throws. What a block's function does when the budget does not cover the block, or when its code does not lie
   * inside CS, is nothing at all.
   */
  readonly functions: ((cpu: Cpu) => void)[];
  /** By row number, for what the inner loop does not do itself; others than the interpreter's when somebody counts. */
  readonly handlers: readonly Handler[];
  /** B_HEAT of a block has come to 0. EIP, registers and cpu.left are in memory and exact; B_COMPILED may be set. */
  onHot(block: number): void;
  /** Now and then in a long slice, as between slices: EIP, registers and cpu.left are in memory and exact. */
  rest(): void;
}

export const NOBODY_ABOVE: TierAbove = {
  functions: [],
  handlers: HANDLER_TABLE,
  onHot: () => {},
  rest: () => {},
};
