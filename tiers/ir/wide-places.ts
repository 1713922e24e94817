// Where the functions that an `attempt` names find their operands and leave their results, besides registers: words of
// the CPU block that are scratch (layout.ts, `wide`), and what the numbers beside them mean. Lifters write to these
// places and read them; tiers/runtime/wide.ts holds the functions.

import { WIDE } from '../../src/core/state/layout.ts';
import type { WideName } from './ir.ts';

/** Each does all of its work on words of the CPU block and answers 1, or changes nothing and answers 0. */
export type Wide = Readonly<Record<WideName, (a: number, b: number) => number>>;

/** Where comparisons leave EFLAGS bits and truncations their integer. */
export const WIDE_RESULT = WIDE + 3;

/** Where a store of the x87 leaves what FP_STATUS and FP_TAG become. */
export const WIDE_STATUS = WIDE + 2;
export const WIDE_TAG = WIDE + 3;

/** `a` of a store of the x87: how many registers it pops, and whether it truncates. */
export const STORE_TRUNCATES = 2;
