// The statistics of measurements on identical work: two builds or engines ran the same windows, in turns. Each piece
// of the run was timed in each round. What comes from outside (a neighbour on the same core, an interrupt, caches that
// somebody else has filled) only ever adds to a time, so that the least time of a piece over the rounds is what the
// piece takes (Chen and Revels, "Robust benchmarking in noisy environments", 2016), and a run takes the sum of those.
// How sure the ratio is comes from the bootstrap over rounds (Efron 1979), widened as few rounds need it (Student's t).
// Random numbers are seeded: the same measurements give the same verdict.

import { Random } from '../../core/base/random.ts';

const RESAMPLES = 2000;
/** Differences below are nobody's business: code that moves by a cache line makes as much. */
export const SMALLEST_DIFFERENCE = 0.01;
/** An interval that is wider than this to each side says nothing. */
export const NOISE_LIMIT = 0.1;
/** Fewer are no measure of their own spread: tried on invented measurements with bursts and drift. */
export const ROUNDS_MIN = 5;
const ROUNDS_USEFUL_MAX = 200;

export type Verdict = 'slower' | 'faster' | 'no difference' | 'too noisy';

export interface Comparison {
  /** Time of the second over time of the first: above 1 the second is slower. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly verdict: Verdict;
  readonly rounds: number;
  /** Half the width of the interval, as a part of the ratio. */
  readonly spread: number;
  /** Rounds that would do where it is too noisy; null: no number of rounds that anybody waits for. */
  readonly roundsWanted: number | null;
}

export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** Times by round, by piece of the run, in any unit. */
export type Times = readonly (readonly number[])[];

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

/** Shorter pieces are put together: asking for the time takes some of it. */
const GROUP_MS = 2;

/** Where groups of pieces end: each takes this long at least in the round that was quickest about it. */
export function groupEnds(times: Times): number[] {
  const ends: number[] = [];
  const sums = times.map(() => 0);
  const pieces = times[0]?.length ?? 0;
  for (let piece = 0; piece < pieces; piece++) {
    for (const [round, list] of times.entries()) sums[round] += list[piece];
    if (Math.min(...sums) < GROUP_MS) continue;
    ends.push(piece + 1);
    sums.fill(0);
  }
  // What is left belongs to the last group.
  if (ends.length === 0) return pieces === 0 ? [] : [pieces];
  ends[ends.length - 1] = pieces;
  return ends;
}

/** The pieces of each group as one. */
export const inGroups = (list: readonly number[], ends: readonly number[]): number[] =>
  ends.map((end, k) => sumOf(list.slice(ends[k - 1] ?? 0, end)));

/** The least time of each piece over the rounds picked. */
function leastTimes(times: Times, picked: readonly number[]): number[] {
  const least = [...(times[picked[0]] ?? [])];
  for (const round of picked) {
    const list = times[round];
    for (let piece = 0; piece < least.length; piece++) {
      if (list[piece] < least[piece]) least[piece] = list[piece];
    }
  }
  return least;
}

const allOf = (times: Times): number[] => times.map((_, round) => round);

/** The least time of each group of pieces, in the groups that `groupEnds` says. */
export const leastByGroup = (times: Times, ends: readonly number[]): number[] =>
  leastTimes(
    times.map((round) => inGroups(round, ends)),
    allOf(times),
  );

/** Time of a run that nobody disturbs: each of its pieces as fast as in the round that was quickest about it. */
export const robustTotal = (times: Times): number => sumOf(leastByGroup(times, groupEnds(times)));

/** Student's t for one wrong verdict in a hundred, both ways together, by degrees of freedom from 1. */
const STUDENT = [63.66, 9.92, 5.84, 4.6, 4.03, 3.71, 3.5, 3.36, 3.25, 3.17, 3.11, 3.05, 3.01, 2.98, 2.95];
const STUDENT_AT_LAST = 2.58;

/** Compares two contestants that ran in the same rounds. */
export function compare(first: Times, second: Times, seed = 1): Comparison {
  const rounds = Math.min(first.length, second.length);
  const sides = [first.slice(0, rounds), second.slice(0, rounds)];
  const ends = groupEnds(sides.flat());
  const [before, after] = sides.map((times) => times.map((round) => inGroups(round, ends)));
  const ratioOf = (picked: readonly number[]): number =>
    sumOf(leastTimes(after, picked)) / sumOf(leastTimes(before, picked));
  const ratio = ratioOf(allOf(before));
  const random = new Random(seed);
  const ratios = Array.from({ length: RESAMPLES }, () =>
    ratioOf(Array.from({ length: rounds }, () => random.below(rounds))),
  );
  const mean = sumOf(ratios) / RESAMPLES;
  const variance = sumOf(ratios.map((one) => (one - mean) ** 2)) / RESAMPLES;
  // What is drawn again from few rounds spreads less than the rounds do.
  const deviation = rounds < 2 ? Number.POSITIVE_INFINITY : Math.sqrt((variance * rounds) / (rounds - 1));
  const width = deviation * (STUDENT[rounds - 2] ?? STUDENT_AT_LAST);
  const [low, high] = [ratio - width, ratio + width];
  const spread = rounds < ROUNDS_MIN ? Number.POSITIVE_INFINITY : width / ratio;
  // A difference that stands out of any noise is one; where there is much of it, it has to stand out far.
  const margin = spread > NOISE_LIMIT ? NOISE_LIMIT : 0;
  const isOutside = low > 1 + margin || high < 1 - margin;
  const isApart = rounds >= ROUNDS_MIN && isOutside && Math.abs(ratio - 1) >= SMALLEST_DIFFERENCE;
  const otherwise = spread > NOISE_LIMIT ? 'too noisy' : 'no difference';
  const verdict = isApart ? (ratio > 1 ? 'slower' : 'faster') : otherwise;
  return { ratio, low, high, verdict, rounds, spread, roundsWanted: roundsFor(rounds, spread) };
}

/** The width falls with the root of the number of rounds. */
function roundsFor(rounds: number, spread: number): number | null {
  if (spread === Number.POSITIVE_INFINITY) return ROUNDS_MIN;
  const wanted = Math.ceil(rounds * (spread / (NOISE_LIMIT / 2)) ** 2);
  return wanted <= ROUNDS_USEFUL_MAX ? Math.max(wanted, rounds + 1) : null;
}

/** Median and the middle half, as parts of it. */
export function spreadOf(numbers: readonly number[]): { readonly median: number; readonly spread: number } {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = median(sorted);
  return { median: middle, spread: (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2 / middle };
}

/**
 * The warm-up: the first piece from which on the speed stays within a tenth of what the rest has on average, and what
 * the pieces before cost beyond that speed.
 */
export function warmUp(pieces: readonly { readonly ticks: number; readonly ms: number }[]): {
  readonly piece: number;
  readonly extraMs: number;
} {
  const halves = pieces.slice(pieces.length >> 1);
  const ticks = halves.reduce((sum, one) => sum + one.ticks, 0);
  const ms = halves.reduce((sum, one) => sum + one.ms, 0);
  if (ticks === 0 || ms === 0) return { piece: 0, extraMs: 0 };
  const msPerTick = ms / ticks;
  let piece = pieces.length >> 1;
  while (piece > 0 && pieces[piece - 1].ms <= pieces[piece - 1].ticks * msPerTick * 1.1) piece--;
  const extraMs = pieces.slice(0, piece).reduce((sum, one) => sum + one.ms - one.ticks * msPerTick, 0);
  return { piece, extraMs };
}

/** Two-sided 95 %. */
const Z_95 = 1.96;

/**
 * Between which a share lies of which a few trials are a sample (Wilson, "Probable inference, the law of succession,
 * and statistical inference", 1927); 0 to 1 without any.
 */
export function wilsonBand(hits: number, trials: number): { readonly low: number; readonly high: number } {
  if (trials === 0) return { low: 0, high: 1 };
  const share = hits / trials;
  const weight = 1 + Z_95 ** 2 / trials;
  const middle = (share + Z_95 ** 2 / (2 * trials)) / weight;
  const half = (Z_95 / weight) * Math.sqrt((share * (1 - share)) / trials + (Z_95 / (2 * trials)) ** 2);
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
