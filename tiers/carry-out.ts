// What a thread that makes modules does with an order (wasm/order.ts): it lifts, optimises and encodes as it would be
// done in line, from the records alone.

import { liftBlock } from './lift/lift.ts';
import { optimise, passesNamed } from './opt/pipeline.ts';
import type { Lift } from './runtime/backend.ts';
import { encodeRegions } from './wasm/batch.ts';
import { moduleOf } from './wasm/instantiate.ts';
import { answerWords, type Answer, type Order, readOrder } from './wasm/order.ts';

/** `arena`: as long as the order says at least; it is written to, and what it held before does not matter. */
export function carryOut(order: Order, arena: Int32Array): Answer {
  const { regions, places } = readOrder(order, arena);
  const passes = passesNamed(order.passes);
  const lift: Lift = ({ mode, blocks }) => {
    const lifted = blocks.map(({ first, count, delta }) => liftBlock(arena, first, count, delta, mode));
    return optimise({ mode, blocks: lifted }, passes);
  };
  const made = encodeRegions(regions, lift, places);
  return { module: moduleOf(made.bytes), words: answerWords(made) };
}
