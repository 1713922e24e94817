/**
 * Backends for tests, each a factory as any other: the IR's evaluator, which compiles to nothing, so that what lies
 * above a backend (regions, lifting, passes, linking) runs without any emitter; and one that hands out what another one
 * made only after it has been asked some times, many regions together, some of them never.
 */
import assert from 'node:assert/strict';
import { scheduleNumber } from '../../src/core/verify/schedule.ts';
import { evaluate } from '../../tiers/ir/eval.ts';
import { parse, print } from '../../tiers/ir/text.ts';
import { validate } from '../../tiers/ir/validate.ts';
import type { BackendFactory, CompiledRegion, Region } from '../../tiers/runtime/backend.ts';

/** Each function is verified, printed and parsed before it is evaluated. */
export const makeEvaluator: BackendFactory = (runtime, lift) => {
  const make = (region: Region): CompiledRegion => {
    const fn = lift(region);
    validate(fn);
    const text = print(fn);
    const read = parse(text);
    return {
      run: (cpu) => evaluate(cpu, read, runtime),
      rehearsals: 0,
      size: text.length,
      relies: [],
      release: () => {},
    };
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

/** What became of functions that were not ready at once. */
export interface LateFigures {
  /** Handed out, after how many refusals altogether. */
  given: number;
  refusals: number;
  declined: number;
  /** Calls of functions that were late. */
  calls: number;
  released: number;
}

export const noFigures = (): LateFigures => ({
  given: 0,
  refusals: 0,
  declined: 0,
  calls: 0,
  released: 0,
});

/** Refusals of a batch at most; one batch in eight has a hundred times as many. */
const REFUSALS_MAX = 6;
const LONG_ONE_IN = 8;
const LONG_FACTOR = 100;
const DECLINED_ONE_IN = 16;

/**
 * What `makeInner` makes, in batches of up to `batch`, ready only after a random number of questions. That a function
 * is not called before it was handed out, nor after it was released, is checked here.
 */
export function later(makeInner: BackendFactory, seed: number, batch: number, figures = noFigures()): BackendFactory {
  return (runtime, lift, recipe) => {
    const inner = makeInner(runtime, lift, recipe);
    let turns = 0;
    const guarded = (made: CompiledRegion): CompiledRegion => {
      let isReleased = false;
      return {
        run: (cpu) => {
          assert.ok(!isReleased, 'a function that was released is called');
          figures.calls++;
          made.run(cpu);
        },
        rehearsals: made.rehearsals,
        size: made.size,
        relies: made.relies,
        release: () => {
          assert.ok(!isReleased, 'a function is released twice');
          isReleased = true;
          figures.released++;
          made.release();
        },
      };
    };
    return {
      name: `${inner.name} later`,
      limits: { ...inner.limits, batch },
      compile: (regions) => {
        assert.ok(regions.length > 0 && regions.length <= batch, `${regions.length} regions at once`);
        const turn = turns++;
        const made = inner.compile(regions).take();
        assert.ok(made !== null);
        const long = scheduleNumber(seed, turn, 2) % LONG_ONE_IN === 0 ? LONG_FACTOR : 1;
        let refusals = long * (scheduleNumber(seed, turn, 1) % (REFUSALS_MAX + 1));
        let isGiven = false;
        return {
          take: () => {
            assert.ok(!isGiven, 'a batch is asked for again');
            if (refusals-- > 0) {
              figures.refusals++;
              return null;
            }
            isGiven = true;
            return made.map((one, index) => {
              if (one === null || scheduleNumber(seed, turn, 10 + index) % DECLINED_ONE_IN === 0) {
                figures.declined++;
                one?.release();
                return null;
              }
              figures.given++;
              return guarded(one);
            });
          },
        };
      },
      text: inner.text,
    };
  };
}
