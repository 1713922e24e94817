// The passes in their order. Each is a free function from block to block in a file of its own, changes nothing that
// the guest can see, and can be left out alone; `optimise` checks the IR after each when asked to.

import type { Block, IrFunction } from '../ir/ir.ts';
import { validate } from '../ir/validate.ts';
import { forwardRegisters } from './forward.ts';
import { lowerFlags } from './flags.ts';
import { foldConstants } from './fold.ts';
import { removeRepeats } from './repeats.ts';
import { knownBits } from './known-bits.ts';
import { removeChecks } from './checks.ts';
import { removeDead } from './dead.ts';

export interface Pass {
  readonly name: string;
  readonly run: (block: Block) => Block;
}

export const PASSES: readonly Pass[] = [
  { name: 'forward', run: forwardRegisters },
  { name: 'flags', run: lowerFlags },
  { name: 'fold', run: foldConstants },
  { name: 'known-bits', run: knownBits },
  { name: 'repeats', run: removeRepeats },
  { name: 'checks', run: removeChecks },
  { name: 'dead', run: removeDead },
];

/** Names of passes that anybody finds in PASSES; null when there are others among them. */
export const passNames = (passes: readonly Pass[]): readonly string[] | null =>
  passes.every((pass) => PASSES.includes(pass)) ? passes.map(({ name }) => name) : null;

/** The passes of these names. */
export const passesNamed = (names: readonly string[]): readonly Pass[] =>
  names.map((wanted) => {
    const found = PASSES.find(({ name }) => name === wanted);
    if (found === undefined) throw new Error(`there is no pass ${wanted}`);
    return found;
  });

/** Run the passes over every block. `check`: validate after each (tests, explain). */
export function optimise(fn: IrFunction, passes: readonly Pass[] = PASSES, check = false): IrFunction {
  let result = fn;
  for (const pass of passes) {
    result = { mode: fn.mode, blocks: result.blocks.map(pass.run) };
    if (check) validate(result);
  }
  return result;
}
