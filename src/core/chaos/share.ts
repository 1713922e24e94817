/**
 * Shares of runs that fail, and what a few runs say of them: how much more likely one level is than another, as the
 * sequential test of Wald (1945) asks, and where in a row of shares the level jumps. Knows nothing of runs.
 */

export interface Share {
  readonly failing: number;
  readonly trials: number;
}

/** No level is taken for certain. */
const LEVEL_MIN = 0.02;

export function clampLevel(level: number): number {
  return Math.min(1 - LEVEL_MIN, Math.max(LEVEL_MIN, level));
}

const SERIES_TERMS = 20;

/** Twice the inverse hyperbolic tangent of up to a third, by sums, products and quotients: the same on every host. */
function twiceArtanh(y: number): number {
  let [sum, power] = [0, y];
  for (let i = 0; i < SERIES_TERMS; i++, power *= y * y) sum += power / (2 * i + 1);
  return 2 * sum;
}

const LOG_OF_TWO = twiceArtanh(1 / 3);

/** Of a number between 0 and 1. */
function naturalLog(value: number): number {
  let [mantissa, exponent] = [value, 0];
  for (; mantissa < 0.5; exponent--) mantissa *= 2;
  return twiceArtanh((mantissa - 1) / (mantissa + 1)) + exponent * LOG_OF_TWO;
}

function logLikelihood({ failing, trials }: Share, level: number): number {
  return failing * naturalLog(level) + (trials - failing) * naturalLog(1 - level);
}

/** How much more likely the runs are at level `a` than at level `b`, as a natural logarithm. */
export function evidence(share: Share, a: number, b: number): number {
  return logLikelihood(share, clampLevel(a)) - logLikelihood(share, clampLevel(b));
}

export function pool(shares: readonly Share[]): Share {
  return shares.reduce<Share>(
    (sum, { failing, trials }) => ({ failing: sum.failing + failing, trials: sum.trials + trials }),
    { failing: 0, trials: 0 },
  );
}

const levelOf = ({ failing, trials }: Share): number => (trials === 0 ? 0.5 : failing / trials);

/** So much more likely two levels have to be than one. */
const SPLIT_EVIDENCE = 5;

export interface Jump {
  /** Of the first share that belongs to what is behind the jump. */
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The last jump upwards in a row of shares: where two levels are far more likely than one; null without any. */
export function lastJump(shares: readonly Share[], from = 0): Jump | null {
  const rest = shares.slice(from);
  const one = pool(rest);
  const alone = logLikelihood(one, clampLevel(levelOf(one)));
  let best: Jump | null = null;
  let most = SPLIT_EVIDENCE;
  for (let at = 1; at < rest.length; at++) {
    const [before, after] = [pool(rest.slice(0, at)), pool(rest.slice(at))];
    const [low, high] = [clampLevel(levelOf(before)), clampLevel(levelOf(after))];
    const gain = logLikelihood(before, low) + logLikelihood(after, high) - alone;
    if (high <= low || gain <= most) continue;
    most = gain;
    best = { at: from + at, before: low, after: high };
  }
  return best === null ? null : (lastJump(shares, best.at) ?? best);
}
