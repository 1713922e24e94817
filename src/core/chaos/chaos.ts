/**
 * Runs of one guest under perturbations of a seed, until one fails. Guided by coverage: a plan is kept when its run had
 * interrupts where none had arrived before, or at two such places in turn, a new fault or a new line of output, and
 * half of the later plans are made from those that are kept. Plans come in rounds that depend on the rounds before
 * alone, so that it does not matter who runs them.
 */
import { Random } from '../base/random.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { type Campaign, PIECE_TRIALS } from './campaign.ts';
import type { Outcome } from './experiment.ts';
import { type MachineVariant, someVariant, variantHorizon } from './machine-variant.ts';
import { makePlan, type PlanSettings, varyPlan } from './perturb.ts';

export interface ChaosSettings {
  readonly seed: number;
  readonly runs: number;
  readonly plan: PlanSettings;
  readonly horizonTick: number;
  /** Of the guest: what knobs that change the machine begin with. */
  readonly machine: MachineVariant;
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
    /** Null: that of the guest. */
    readonly machine: MachineVariant | null;
  } | null;
}

const ROUND = 64;

export function* chaos(settings: ChaosSettings): Campaign<ChaosResult> {
  const { seed, runs, plan, horizonTick } = settings;
  const seen = new Set<number>();
  const novelties = new Set<number>();
  const kept: (readonly TimedInput[])[] = [];
  let done = 0;
  const result = (failing: ChaosResult['failing']): ChaosResult => {
    return { runs: done, places: seen.size, keptPlans: kept.length, failing };
  };
  while (done < runs) {
    // What is learnt in a round counts from the next one on.
    const parents = kept.slice();
    const trials = Array.from({ length: Math.min(ROUND, runs - done) }, (_, i) => {
      const random = new Random(Math.imul(seed, 0x9e3779b1) + done + i);
      const isVaried = parents.length > 0 && random.oneIn(2);
      return isVaried ? varyPlan(random, plan, random.pick(parents)) : makePlan(random, plan);
    });
    // Every round has a machine of its own.
    const machine = someVariant(new Random(Math.imul(seed, 0x85ebca6b) ^ done), plan.knobs, settings.machine);
    const shape = { mergeTicks: [], pieceTrials: PIECE_TRIALS, isUntilFailure: true, machine };
    const { fromTick } = plan;
    const untilTick = variantHorizon(horizonTick, settings.machine, machine);
    const { outcomes, isStopped } = yield { ...shape, fromTick, horizonTick: untilTick, trials };
    for (const [i, outcome] of outcomes.entries()) {
      done++;
      const before = seen.size + novelties.size;
      for (const place of outcome.places) seen.add(place);
      for (const word of outcome.novelties) novelties.add(word);
      if (outcome.fails) return result({ run: done, inputs: trials[i], outcome, machine });
      if (seen.size + novelties.size > before) kept.push(trials[i]);
    }
    if (isStopped) break;
  }
  return result(null);
}
