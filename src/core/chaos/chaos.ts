/**
 * Runs of one guest under perturbations of a seed, until one fails. Guided by coverage: a plan whose run had an
 * interrupt at a place where none had arrived before is kept, and half of the later plans are made from those that are
 * kept. Plans come in rounds that depend on the rounds before alone, so that it does not matter who runs them.
 */
import { Random } from '../base/random.ts';
import type { Way } from '../timeline/timeline.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { Experiment, Outcome } from './experiment.ts';
import { makePlan, type PlanSettings, varyPlan } from './perturb.ts';

export interface ChaosSettings {
  readonly seed: number;
  readonly runs: number;
  readonly plan: PlanSettings;
}

export interface ChaosResult {
  /** Runs that were made, the failing one among them. */
  readonly runs: number;
  /** Places at which interrupts arrived, over all runs. */
  readonly places: number;
  readonly keptPlans: number;
  readonly failing: {
    readonly run: number;
    readonly inputs: readonly TimedInput[];
    readonly outcome: Outcome;
  } | null;
}

const ROUND = 64;

/** Yields after every run. */
export function* chaos(experiment: Experiment, settings: ChaosSettings): Way<ChaosResult> {
  const { seed, runs, plan } = settings;
  const seen = new Set<number>();
  const kept: (readonly TimedInput[])[] = [];
  let done = 0;
  while (done < runs) {
    // What is learnt in a round counts from the next one on.
    const parents = kept.slice();
    for (let i = 0; i < ROUND && done < runs; i++) {
      const random = new Random(Math.imul(seed, 0x9e3779b1) + done);
      const isVaried = parents.length > 0 && random.oneIn(2);
      const inputs = isVaried ? varyPlan(random, plan, random.pick(parents)) : makePlan(random, plan);
      const outcome = experiment.run(inputs);
      done++;
      const before = seen.size;
      for (const place of outcome.places) seen.add(place);
      if (outcome.fails) {
        const failing = { run: done, inputs, outcome };
        return { runs: done, places: seen.size, keptPlans: kept.length, failing };
      }
      if (seen.size > before) kept.push(inputs);
      yield undefined;
    }
  }
  return { runs: done, places: seen.size, keptPlans: kept.length, failing: null };
}
