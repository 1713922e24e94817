/**
 * What chaos, explore, shrink and doom have in common: a campaign is a generator that asks for batches of trials and
 * is given their outcomes. It does not know who runs them, here or in many processes, so that its result cannot depend
 * on that. A batch is cut into pieces of a fixed number of trials, and an outcome depends on its piece alone.
 */
import type { TimedInput } from '../log/timed-input.ts';
import type { MachineVariant } from './machine-variant.ts';
import type { Experiment, Merging, Outcome } from './experiment.ts';

/** Of a piece, where nothing speaks for another number. */
export const PIECE_TRIALS = 8;

export interface Batch {
  /** The moment from which every trial goes on. */
  readonly fromTick: number;
  /** No trial goes on beyond. */
  readonly horizonTick: number;
  /** Inputs of each trial in the order of their ticks, none before the moment. */
  readonly trials: readonly (readonly TimedInput[])[];
  /** Trials of a piece that come to one state at one of these ticks are taken for one from there on. */
  readonly mergeTicks: readonly number[];
  readonly pieceTrials: number;
  /** Outcomes behind the first one that fails are not asked for. */
  readonly isUntilFailure: boolean;
  /** Outcomes say the state in which their runs end. */
  readonly isHashed?: boolean;
  /** Another machine for all of its trials; absent or null: that of the guest. */
  readonly machine?: MachineVariant | null;
}

export interface Answer {
  /** In the order of the trials: all of them, or those up to the first that fails, or, when stopped, a beginning. */
  readonly outcomes: readonly Outcome[];
  /** The user has ended it: the campaign returns what it has. */
  readonly isStopped: boolean;
}

export type Campaign<T> = Generator<Batch, T, Answer>;

const MERGES = 6;
const MERGE_AFTER_TICKS = 1 << 10;

/** Behind the last tick at which trials of a batch differ, further and further apart: a state needs time to settle. */
export function mergeTicksBehind(lastTick: number): number[] {
  return Array.from({ length: MERGES }, (_, i) => lastTick + (MERGE_AFTER_TICKS << (2 * i)));
}

/** A part of a batch that is run by one experiment, by itself. */
export function piecesOf(batch: Batch): Batch[] {
  const { trials, pieceTrials } = batch;
  const pieces: Batch[] = [];
  for (let at = 0; at < trials.length; at += pieceTrials) {
    pieces.push({ ...batch, trials: trials.slice(at, at + pieceTrials) });
  }
  return pieces;
}

/** The trials of a piece one after the other, yielding each outcome. */
export function* runPiece(experiment: Experiment, piece: Batch): Generator<Outcome, void> {
  const { fromTick, horizonTick, mergeTicks, isUntilFailure } = piece;
  const merging: Merging | null = mergeTicks.length === 0 ? null : { ticks: mergeTicks, known: new Map() };
  const { machine = null, isHashed = false } = piece;
  const chosen = machine === null ? experiment : experiment.onMachine(machine);
  chosen.stand(fromTick);
  for (const inputs of piece.trials) {
    const outcome = chosen.run(inputs, horizonTick, merging, isHashed);
    yield outcome;
    if (isUntilFailure && outcome.fails) return;
  }
}

/** A campaign to its end, with one experiment. */
export function finishCampaign<T>(experiment: Experiment, campaign: Campaign<T>): T {
  for (let step = campaign.next(); ; ) {
    if (step.done === true) return step.value;
    const { isUntilFailure } = step.value;
    const outcomes: Outcome[] = [];
    for (const piece of piecesOf(step.value)) {
      for (const outcome of runPiece(experiment, piece)) outcomes.push(outcome);
      if (isUntilFailure && outcomes.at(-1)?.fails === true) break;
    }
    step = campaign.next({ outcomes, isStopped: false });
  }
}
