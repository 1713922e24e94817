// What every IR function must satisfy, whoever made it; a violation is a broken invariant and throws with the place.
// Temps are assigned once and before they are read; instructions are in order and complete; within an instruction
// nothing that the guest can see changes before an operation that can go the slow way.

import { WIDE, WIDE_WORDS } from '../../src/core/state/layout.ts';
import { type Block, canGoSlow, exitUse, type IrFunction, isSeen, type Op, resultOf, usesOf } from './ir.ts';

function verifyBlock(block: Block, complain: (text: string) => never): void {
  const defined = new Array<boolean>(block.temps).fill(false);
  let index = -1;
  let following = block.delta;
  let changed: Op | null = null;
  let handled = false;
  const read = (temp: number, by: string): void => {
    if (!defined[temp]) complain(`${by} reads t${temp} before it is assigned`);
  };
  for (const op of block.ops) {
    if (op.op !== 'insn' && index < 0) complain(`${op.op} before the first instruction`);
    if (handled && op.op !== 'insn') complain(`${op.op} after the handler in instruction ${index}`);
    for (const temp of usesOf(op)) read(temp, op.op);
    const to = resultOf(op);
    if (to >= 0) {
      if (to >= block.temps) complain(`t${to} is beyond the number of temps`);
      if (defined[to]) complain(`t${to} is assigned twice`);
      defined[to] = true;
    }
    if (op.op === 'insn') {
      index++;
      if (op.index !== index) complain(`instruction ${op.index} where ${index} was due`);
      if (op.delta !== following) complain(`instruction ${index} at ${op.delta}, not ${following}`);
      following = op.delta + op.length;
      changed = null;
      handled = false;
    } else if (op.op === 'fetch' || op.op === 'attempt' || op.op === 'poke') {
      if (canGoSlow(op) && changed !== null)
        complain(`${op.op} can go slow after ${changed.op} in instruction ${index}`);
      // The scratch words are nobody's.
      const isScratch = op.op === 'attempt' ? !isSeen(op.how) : op.index >= WIDE && op.index < WIDE + WIDE_WORDS;
      if (!isScratch) changed = op;
    } else if (op.op === 'assist') {
      if (changed !== null) complain(`assist after ${changed.op} in instruction ${index}`);
      changed = op;
    } else if (op.op === 'set' || op.op === 'cc' || op.op === 'bits' || op.op === 'store' || op.op === 'stash') {
      if (op.op === 'set' && (op.register < 0 || op.register > 7)) complain(`set of register ${op.register}`);
      // A store may be followed by what can go slow only when repeating it does no harm: nothing does that today.
      if (canGoSlow(op) && changed !== null)
        complain(`${op.op} can go slow after ${changed.op} in instruction ${index}`);
      changed = op;
    } else if (op.op === 'handler') {
      if (changed !== null) complain(`handler after ${changed.op} in instruction ${index}`);
      handled = true;
    } else if (canGoSlow(op) && changed !== null) {
      complain(`${op.op} can go slow after ${changed.op} in instruction ${index}`);
    }
  }
  if (index + 1 !== block.count) complain(`${index + 1} instructions, not ${block.count}`);
  const use = exitUse(block.exit);
  if (use >= 0) read(use, block.exit.exit);
  if ((block.exit.exit === 'leave') !== (handled && block.exit.exit !== 'jump')) {
    complain(`exit ${block.exit.exit} does not fit the last instruction`);
  }
}

/** Throws Error naming block and violation. */
export function verify(fn: IrFunction): void {
  const deltas = new Set<number>();
  if (fn.blocks.length === 0 || fn.blocks[0].delta !== 0) throw new Error('the entry block is not at delta 0');
  for (const block of fn.blocks) {
    if (deltas.has(block.delta)) throw new Error(`two blocks at delta ${block.delta}`);
    deltas.add(block.delta);
    verifyBlock(block, (text) => {
      throw new Error(`block at ${block.delta}: ${text}`);
    });
  }
}
