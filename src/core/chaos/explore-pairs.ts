/**
 * Two events of one kind at two boundaries of a window, for bugs that one alone does not show: every pair where the
 * budget is large enough, else as many different ones, drawn by a seed.
 */
import { Random } from '../base/random.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { Campaign } from './campaign.ts';
import { type ExploreSettings, placed } from './explore.ts';

export interface PairsSettings extends ExploreSettings {
  /** Runs at most. */
  readonly budget: number;
  readonly seed: number;
  /** Ticks at which one event alone fails: a pair with one of them says nothing new. */
  readonly failingAlone: ReadonlySet<number>;
}

export interface PairsResult {
  readonly runs: number;
  /** Pairs that there are, without those of which one alone fails. */
  readonly all: number;
  readonly failing: readonly (readonly [number, number])[];
}

const BATCH_PAIRS = 1 << 9;
const PIECE_PAIRS = 1 << 6;

/** The pair of that number, where those of the lower second place come first: 0 is (0, 1), 1 is (0, 2), 2 is (1, 2). */
function pairOf(number: number): readonly [number, number] {
  // The highest second place whose first pair is not behind.
  let [second, above] = [1, 2];
  while ((above * (above - 1)) / 2 <= number) above *= 2;
  while (above - second > 1) {
    const middle = Math.floor((second + above) / 2);
    if ((middle * (middle - 1)) / 2 <= number) second = middle;
    else above = middle;
  }
  return [number - (second * (second - 1)) / 2, second];
}

/** Different numbers below `all`, in order. */
function numbersOf({ budget, seed }: PairsSettings, all: number): number[] {
  if (all <= budget) return Array.from({ length: all }, (_, i) => i);
  const random = new Random(seed);
  const drawn = new Set<number>();
  while (drawn.size < budget) drawn.add(random.below(all));
  return [...drawn].sort((a, b) => a - b);
}

function pairPlaced(settings: PairsSettings, first: number, second: number): TimedInput[] {
  return placed({ ...settings, inputs: placed(settings, first) }, second);
}

export function* explorePairs(settings: PairsSettings): Campaign<PairsResult> {
  const { fromTick, toTick, horizonTick, failingAlone } = settings;
  const places: number[] = [];
  for (let tick = fromTick; tick < toTick; tick++) if (!failingAlone.has(tick)) places.push(tick);
  const all = (places.length * (places.length - 1)) / 2;
  const pairs = numbersOf(settings, all).map((number) => {
    const [first, second] = pairOf(number);
    return [places[first], places[second]] as const;
  });
  const failing: (readonly [number, number])[] = [];
  let runs = 0;
  for (let isStopped = false; runs < pairs.length && !isStopped; ) {
    const some = pairs.slice(runs, runs + BATCH_PAIRS);
    const trials = some.map(([first, second]) => pairPlaced(settings, first, second));
    const batch = { fromTick, horizonTick, trials, mergeTicks: [], pieceTrials: PIECE_PAIRS, isUntilFailure: false };
    const answer = yield batch;
    answer.outcomes.forEach(({ fails }, i) => {
      if (fails) failing.push(some[i]);
    });
    runs += answer.outcomes.length;
    ({ isStopped } = answer);
  }
  return { runs, all, failing };
}
