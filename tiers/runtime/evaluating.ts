// A backend that compiles nothing: each function is the IR's evaluator over it, so that what it does is what the IR
// means. Slow; asked when it must be told whether the IR is wrong or what an emitter made of it.

import { evaluate } from '../ir/eval.ts';
import { print } from '../ir/text.ts';
import type { BackendFactory } from './backend.ts';

export const makeEvaluatingBackend: BackendFactory = (runtime, lift) => ({
  name: 'eval',
  limits: { blocks: 4096, instructions: 4096, batch: 1 },
  compile: (batch) => {
    const made = batch.map((region) => {
      const fn = lift(region);
      return {
        run: (cpu: Parameters<typeof evaluate>[0]) => evaluate(cpu, fn, runtime),
        rehearsals: 0,
        size: fn.blocks.length,
        relies: [],
        release: () => {},
      };
    });
    return { take: () => made };
  },
  text: print,
});
