/**
 * The IR's evaluator as a backend: what a region means, run as such. It compiles to nothing, so that what lies above it
 * (regions, lifting, passes, linking) is tested without any emitter; each function is verified, printed and parsed first.
 */
import { evaluate } from '../../tiers/ir/eval.ts';
import { parse, print } from '../../tiers/ir/text.ts';
import { verify } from '../../tiers/ir/verify.ts';
import type { BackendFactory, CompiledRegion, Region } from '../../tiers/runtime/backend.ts';

export const makeEvaluator: BackendFactory = (runtime, lift) => {
  const make = (region: Region): CompiledRegion => {
    const fn = lift(region);
    verify(fn);
    const text = print(fn);
    const read = parse(text);
    return { run: (cpu) => evaluate(cpu, read, runtime), rehearsals: 0, size: text.length, release: () => {} };
  };
  return {
    name: 'eval',
    limits: { blocks: 4096, instructions: 4096, batch: 1 },
    compile: (batch) => {
      const made = batch.map(make);
      return { take: () => made };
    },
    text: print,
  };
};
