/**
 * When did a failure become inevitable? From moments before the symptom the run goes on under other perturbations,
 * many times each; the share of runs that still fail jumps where the bug happened, however long before the symptom
 * that was. A row of moments shows between which two it jumps, bisection with a sequential test narrows that to one
 * tick, and at the end both sides are asked once more with other seeds. All of it is decided by the seed.
 */
import { Random } from '../base/random.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { type Campaign, PIECE_TRIALS } from './campaign.ts';
import type { Arrival } from './experiment.ts';
import { type Knob, makeContinuation, type PlanSettings } from './perturb.ts';
import { evidence, lastJump, pool, type Share } from './share.ts';

export interface DoomSettings {
  readonly seed: number;
  /** Where moments begin. */
  readonly fromTick: number;
  /** When the recorded run fails. */
  readonly symptomTick: number;
  readonly horizonTick: number;
  /** Moments of the first row. */
  readonly moments: number;
  /** Runs from each of them. */
  readonly trials: number;
  readonly knobs: readonly Knob[];
  readonly inputs: readonly TimedInput[];
  /** Of the recorded run, in order. */
  readonly interruptTicks: readonly number[];
  readonly guest: Pick<PlanSettings, 'ramBytes' | 'epochSeconds' | 'drives'>;
}

/** From there so many of so many runs still failed. */
export interface Moment extends Share {
  readonly tick: number;
}

export type DoomVerdict =
  | 'found'
  /** Every moment is as bad as the last one: nothing that was tried keeps the run from failing. */
  | 'from-the-start'
  /** The share does not jump: other runs fail, or do not, wherever they begin. */
  | 'no-jump';

export interface DoomResult {
  readonly verdict: DoomVerdict;
  /** By tick: the row, and every moment of the bisection. */
  readonly moments: readonly Moment[];
  /** Up to `fromTick` the failure could be escaped, from `toTick` on not; null when nothing was found. */
  readonly interval: { readonly fromTick: number; readonly toTick: number } | null;
  /** Both sides of it once more, with seeds of their own. */
  readonly sides: readonly [Moment, Moment] | null;
  readonly runs: number;
  /** False when the user ended it. */
  readonly isComplete: boolean;
}

/** Runs between two looks at the test, and at most. */
const LOOK_TRIALS = 8;
const LOOKS_MAX = 12;
/** A wrong turn of the bisection is one in two hundred at the levels tested: the natural logarithm of that. */
const DECIDED = 5.3;
/** What could be escaped by four runs in ten is not taken for doomed, whatever the row says of earlier moments. */
const ESCAPABLE_LEVEL = 0.6;
const LEVELS_APART = 0.15;
const SIDE_TRIALS = 64;
/** A share at which nothing seems to help. */
const DOOMED_SHARE = 0.85;

/** Seeds of a moment, told apart by what they are for. */
const ROW_SALT = 0;
const SIDE_SALT = 1 << 20;

export function* doom(settings: DoomSettings): Campaign<DoomResult> {
  const { symptomTick } = settings;
  const known = new Map<number, Share>();
  let runs = 0;
  let isStopped = false;
  function* sample(tick: number, trials: number, salt: number): Campaign<Share> {
    const plans = Array.from({ length: trials }, (_, i) => continuation(settings, tick, salt + i));
    const { horizonTick } = settings;
    const batch = { fromTick: tick, horizonTick, trials: plans, mergeTicks: [], pieceTrials: PIECE_TRIALS };
    const answer = yield { ...batch, isUntilFailure: false };
    ({ isStopped } = answer);
    runs += answer.outcomes.length;
    return { failing: answer.outcomes.filter(({ fails }) => fails).length, trials: answer.outcomes.length };
  }
  const momentsSorted = (): Moment[] =>
    [...known].map(([tick, share]) => ({ tick, ...share })).sort((a, b) => a.tick - b.tick);
  const result = (
    verdict: DoomVerdict,
    interval: DoomResult['interval'] = null,
    sides: DoomResult['sides'] = null,
  ): DoomResult => ({ verdict, moments: momentsSorted(), interval, sides, runs, isComplete: !isStopped });

  for (const tick of rowOf(settings)) {
    known.set(tick, yield* sample(tick, settings.trials, ROW_SALT));
    if (isStopped) return result('no-jump');
  }
  const row = momentsSorted();
  const jump = lastJump(row);
  if (jump === null) {
    const { failing, trials } = pool(row);
    return result(failing >= DOOMED_SHARE * trials ? 'from-the-start' : 'no-jump');
  }
  let low = row[jump.at - 1].tick;
  let high = row[jump.at].tick;
  const before = Math.min(Math.max(jump.before, ESCAPABLE_LEVEL), jump.after - LEVELS_APART);
  while (high - low > 1 && !isStopped) {
    const tick = low + Math.floor((high - low) / 2);
    let share: Share = { failing: 0, trials: 0 };
    for (let look = 0; look < LOOKS_MAX && !isStopped; look++) {
      share = pool([share, yield* sample(tick, LOOK_TRIALS, share.trials)]);
      if (Math.abs(evidence(share, jump.after, before)) > DECIDED) break;
    }
    known.set(tick, share);
    if (evidence(share, jump.after, before) > 0) high = tick;
    else low = tick;
  }
  const interval = { fromTick: low, toTick: Math.min(high, symptomTick) };
  if (isStopped) return result('found', interval);
  const sides: Moment[] = [];
  for (const tick of [low, high]) sides.push({ tick, ...(yield* sample(tick, SIDE_TRIALS, SIDE_SALT)) });
  return result('found', interval, [sides[0], sides[1]]);
}

/** Moments at equal distances, the last one a tick before the symptom. */
function rowOf({ fromTick, symptomTick, moments }: DoomSettings): number[] {
  const length = symptomTick - 1 - fromTick;
  const ticks = Array.from({ length: moments }, (_, i) => fromTick + Math.round((length * i) / (moments - 1)));
  return [...new Set(ticks)];
}

function continuation(settings: DoomSettings, fromTick: number, number: number): TimedInput[] {
  const { seed, knobs, guest, symptomTick } = settings;
  const random = new Random(
    Math.imul(seed, 0x9e3779b1) ^ Math.imul(fromTick % 2 ** 32, 0x85ebca6b) ^ (number * 0x61c9),
  );
  const inputs = settings.inputs.filter(({ tick }) => tick >= fromTick);
  const interruptTicks = settings.interruptTicks.filter((tick) => tick >= fromTick);
  return makeContinuation(random, { knobs, inputs, fromTick, endTick: symptomTick, interruptTicks, ...guest });
}

/** The event that decided the run, at other places. */
export interface Again {
  readonly fromTick: number;
  readonly horizonTick: number;
  /** Inputs of each placement. */
  readonly placements: readonly (readonly TimedInput[])[];
}

/** What the next interrupt found, and whether the run then fails. */
export interface Placement {
  readonly arrival: Arrival | null;
  readonly fails: boolean;
}

export function* placeAgain({ fromTick, horizonTick, placements }: Again): Campaign<Placement[]> {
  const batch = { fromTick, horizonTick, trials: placements, mergeTicks: [], pieceTrials: PIECE_TRIALS };
  const { outcomes } = yield { ...batch, isUntilFailure: false };
  return outcomes.map(({ fails, arrivals }) => ({ arrival: arrivals[0] ?? null, fails }));
}

/** The decisive input at every boundary around its own; or what waits at a tick held back for longer and longer. */
export function otherPlaces(
  inputs: readonly TimedInput[],
  decisive: TimedInput | number,
  reachTicks: number,
): Pick<Again, 'fromTick' | 'placements'> {
  if (typeof decisive === 'number') {
    const behind = inputs.filter(({ tick }) => tick >= decisive);
    const placements = Array.from({ length: reachTicks }, (_, ticks): TimedInput[] =>
      ticks === 0 ? behind : [{ tick: decisive, event: { kind: 'hold-interrupts', ticks } }, ...behind],
    );
    return { fromTick: decisive, placements };
  }
  const fromTick = Math.max(0, decisive.tick - reachTicks);
  const rest = inputs.filter((input) => input !== decisive && input.tick >= fromTick);
  const placements = Array.from({ length: decisive.tick + reachTicks - fromTick }, (_, i) =>
    [...rest, { tick: fromTick + i, event: decisive.event }].sort((a, b) => a.tick - b.tick),
  );
  return { fromTick, placements };
}
