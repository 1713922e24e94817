/**
 * The smallest set of inputs with which a run still fails, by passes over its units (shrink-units.ts): what lies behind
 * the failure; delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002); then
 * one unit less where another one comes at another tick, since what is left out moves what follows it; then delays
 * halved. Anytime: every smaller set is handed out as soon as it is known. Trials that begin as the recorded run does
 * go on from a moment of it.
 */
import type { TimedInput } from '../log/timed-input.ts';
import { type Answer, type Campaign, mergeTicksBehind } from './campaign.ts';
import {
  firstDifference,
  inputsOf,
  lastDifference,
  offsetsOf,
  slid,
  slidesOf,
  STRIDES,
  tickOf,
  type Unit,
  unitsOf,
} from './shrink-units.ts';

export interface ShrinkResult {
  readonly inputs: readonly TimedInput[];
  readonly runs: number;
  /** Units that were left out. */
  readonly removed: number;
  /** False: the run does not fail with all of them. */
  readonly failed: boolean;
  /** False when the user ended it. */
  readonly isComplete: boolean;
}

/** A failing set of units, or several that may fail. */
type Candidate = readonly Unit[];

const PIECE_TRIALS = 4;
/** Candidates that are asked for at once; they go on from the earliest moment that one of them needs. */
const BATCH_TRIALS = 32;
/** Runs without success after which nothing more is moved: of one slide, which is a stride of 16, and of all. */
const SLIDE_RUNS = 512;
const SLIDE_RUNS_MAX = 2048;
/** And ticks, a minute or so: what comes early in a long run is not moved. */
const SLIDE_TICKS_MAX = 2 ** 32;

export interface ShrinkSettings {
  readonly inputs: readonly TimedInput[];
  readonly horizonTick: number;
  /**
   * Of the experiment's setup, a run that fails: moments are reached with them, and `inputs` are what an earlier shrink
   * has left of them, or they. Null: there are none, and every trial begins at `startTick`.
   */
  readonly recorded: readonly TimedInput[] | null;
  /** Where the machine begins: no input comes before. */
  readonly startTick: number;
  /** Gets each smaller set that still fails. */
  readonly onSmaller: (inputs: readonly TimedInput[]) => void;
}

export function* shrink(settings: ShrinkSettings): Campaign<ShrinkResult> {
  const { inputs, horizonTick, recorded, startTick, onSmaller } = settings;
  let units: Candidate = unitsOf(inputs);
  const countBefore = units.length;
  let failureTick = horizonTick;
  let runs = 0;
  let isStopped = false;

  /**
   * The latest moment from which all of them can go on. As many moments as powers of two, because each has to be
   * reached, and no run becomes longer than twice what it would have to be.
   */
  const momentOf = (trials: readonly (readonly TimedInput[])[]): number => {
    if (recorded === null) return startTick;
    const differenceTick = Math.min(...trials.map((trial) => firstDifference(trial, recorded)));
    let distance = 1;
    while (distance < failureTick - differenceTick) distance *= 2;
    return Math.max(startTick, failureTick - distance);
  };
  function* ask(candidates: readonly Candidate[], isMerging: boolean): Campaign<Answer> {
    const all = candidates.map(inputsOf);
    const fromTick = runs === 0 ? startTick : momentOf(all);
    const trials = all.map((trial) => trial.filter(({ tick }) => tick >= fromTick));
    const shape = isMerging
      ? { pieceTrials: BATCH_TRIALS, mergeTicks: mergeTicksBehind(lastDifference(trials)) }
      : { pieceTrials: PIECE_TRIALS, mergeTicks: [] };
    const answer = yield { fromTick, horizonTick, trials, ...shape, isUntilFailure: true };
    runs += answer.outcomes.length;
    ({ isStopped } = answer);
    return answer;
  }
  /** Takes the first of several sets that fails; false: none does. `isMerging`: most are likely to come to the same. */
  function* takeFirst(candidates: readonly Candidate[], isMerging = false): Campaign<boolean> {
    for (let from = 0; from < candidates.length && !isStopped; from += BATCH_TRIALS) {
      const some = candidates.slice(from, from + BATCH_TRIALS);
      const { outcomes } = yield* ask(some, isMerging);
      const at = outcomes.findIndex(({ fails }) => fails);
      if (at < 0) continue;
      units = some[at];
      onSmaller(inputsOf(units));
      return true;
    }
    return false;
  }
  /** Parts of them left out, the last ones first: what comes late is cheap to try. */
  function* leaveOut(partsFirst: number): Campaign<void> {
    for (let parts = partsFirst; units.length > 1 && !isStopped; ) {
      const size = Math.ceil(units.length / parts);
      const candidates: Candidate[] = [];
      for (let to = units.length; to > 0; to -= size) {
        const rest = units.filter((_, i) => i < to - size || i >= to);
        if (rest.length > 0) candidates.push(rest);
      }
      if (yield* takeFirst(candidates)) parts = Math.max(partsFirst, parts - 1);
      else if (size === 1) return;
      else parts = Math.min(units.length, parts * 2);
    }
  }
  /** One unit less, another one elsewhere; false: not found. */
  function* leaveOutAndMove(): Campaign<boolean> {
    const slides = units.length > 1 ? slidesOf(units) : [];
    let runsLeft = Math.min(SLIDE_RUNS_MAX, slides.length * SLIDE_RUNS);
    let ticksLeft = SLIDE_TICKS_MAX;
    for (const stride of STRIDES) {
      for (const slide of slides) {
        const candidates: Candidate[] = [];
        for (const offset of offsetsOf(stride)) {
          const candidate = slid(slide, offset, startTick);
          if (candidate === null || candidates.length === runsLeft) continue;
          const ticks = failureTick - momentOf([inputsOf(candidate)]);
          if (ticks > ticksLeft) continue;
          ticksLeft -= ticks;
          candidates.push(candidate);
        }
        runsLeft -= candidates.length;
        if (yield* takeFirst(candidates, true)) return true;
        if (isStopped) return false;
      }
    }
    return false;
  }
  function* shorten(): Campaign<void> {
    for (let at = 0; at < units.length; at++) {
      for (;;) {
        const [{ tick, event }] = units[at];
        if (event.kind !== 'hold-interrupts' || event.ticks < 2) break;
        const shorter: Unit = [{ tick, event: { ...event, ticks: event.ticks >>> 1 } }];
        if (!(yield* takeFirst([units.map((unit, i) => (i === at ? shorter : unit))]))) break;
      }
    }
  }

  const { outcomes } = yield* ask([units], false);
  const failed = outcomes.some(({ fails }) => fails);
  if (failed && !isStopped) {
    failureTick = outcomes[0].tick;
    const before = units.filter((unit) => tickOf(unit) < failureTick);
    if (before.length < units.length) yield* takeFirst([before]);
    if (units.length > 0) yield* takeFirst([[]]);
    yield* leaveOut(2);
    while (yield* leaveOutAndMove()) yield* leaveOut(units.length);
    yield* shorten();
  }
  const removed = countBefore - units.length;
  return { inputs: inputsOf(units), runs, removed, failed: failed || isStopped, isComplete: !isStopped };
}
