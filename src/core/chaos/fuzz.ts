/**
 * Runs of one guest from one moment with inputs that nobody has tried, guided by the branches that they take: an input
 * whose run showed something new is kept and becomes a parent. Runs that fail are findings, one of each site. Inputs
 * come in rounds that depend on what was kept before the round and on the number of the run alone: it does not matter
 * who runs them, nor whether the campaign was interrupted in between.
 */
import { Random } from '../base/random.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { type Campaign, PIECE_TRIALS } from './campaign.ts';
import type { Outcome } from './experiment.ts';
import { type FuzzTarget, fuzzedInputs, isWhole } from './fuzz-target.ts';
import { mutate } from './mutate.ts';

/** An input, and the run that showed it; −1: it was there from the start. */
export interface Kept {
  readonly run: number;
  readonly bytes: Uint8Array;
}

export interface Finding {
  readonly run: number;
  readonly bytes: Uint8Array;
  readonly kind: 'crash' | 'hang';
  readonly site: string;
  readonly outcome: Outcome;
}

export interface FuzzSettings {
  readonly seed: number;
  /** Runs up to this number. */
  readonly runs: number;
  /** Findings after which it ends; Infinity: it goes on to the last run. */
  readonly findingsMax: number;
  readonly target: FuzzTarget;
  readonly fromTick: number;
  readonly horizonTick: number;
  readonly recorded: readonly TimedInput[];
  readonly dictionary: readonly Uint8Array[];
  /** From the start, and of what was done before, in the order of their runs. */
  readonly kept: readonly Kept[];
  /** Runs that were done before, and the sites of their findings. */
  readonly doneRuns: number;
  readonly knownSites: readonly string[];
  readonly onKept: (kept: Kept) => void;
  readonly onFinding: (finding: Finding) => void;
}

export interface FuzzResult {
  /** Runs by their number, those before included. */
  readonly runs: number;
  readonly kept: number;
  /** What all runs showed: branches by range of their counts. */
  readonly branches: number;
  /** Findings of this time. */
  readonly findings: readonly Finding[];
  readonly isComplete: boolean;
}

const ROUND = 256;
/** The input that was kept last is taken so often: it is the way to what is behind it. */
const LATEST_ONE_IN = 3;

const kindOf = ({ site }: Outcome): Finding['kind'] => (site.startsWith('hang') ? 'hang' : 'crash');

export function* fuzz(settings: FuzzSettings): Campaign<FuzzResult> {
  const { seed, target, fromTick, horizonTick, recorded, dictionary } = settings;
  const kept = [...settings.kept];
  const seen = new Set<number>();
  const sites = new Set(settings.knownSites);
  const findings: Finding[] = [];
  let runs = settings.doneRuns;
  const result = (isComplete: boolean): FuzzResult => {
    return { runs, kept: kept.length, branches: seen.size, findings, isComplete };
  };
  const batchOf = (inputs: readonly Uint8Array[]) => ({
    ...{ fromTick, horizonTick, mergeTicks: [], pieceTrials: PIECE_TRIALS, isUntilFailure: false },
    trials: inputs.map((bytes) => fuzzedInputs(target, recorded, fromTick, bytes)),
  });
  const isNew = ({ branches, novelties }: Outcome): boolean => {
    const before = seen.size;
    for (const word of branches) seen.add(word);
    // Words of the other kind lie above.
    for (const word of novelties) seen.add(2 ** 32 + word);
    return seen.size > before;
  };
  const look = (run: number, bytes: Uint8Array, outcome: Outcome): void => {
    if (outcome.fails) {
      if (sites.has(outcome.site)) return;
      sites.add(outcome.site);
      const finding: Finding = { run, bytes, kind: kindOf(outcome), site: outcome.site, outcome };
      findings.push(finding);
      settings.onFinding(finding);
    } else if (isNew(outcome) && run >= 0) {
      kept.push({ run, bytes });
      settings.onKept({ run, bytes });
    }
  };

  // What is known so far.
  for (let at = 0; at < settings.kept.length; at += ROUND) {
    const some = settings.kept.slice(at, at + ROUND);
    const { outcomes, isStopped } = yield batchOf(some.map(({ bytes }) => bytes));
    for (const [i, outcome] of outcomes.entries()) {
      if (some[i].run >= 0) isNew(outcome);
      else look(-1, some[i].bytes, outcome);
    }
    if (isStopped) return result(false);
  }
  const mutation = { bytesMax: target.bytesMax, isWhole: isWhole(target), dictionary };
  while (runs < settings.runs && findings.length < settings.findingsMax) {
    const round = Math.floor(runs / ROUND);
    // What is learnt in a round counts from the next one on.
    const parents = kept.filter(({ run }) => run < round * ROUND).map(({ bytes }) => bytes);
    const inputs: Uint8Array[] = [];
    for (let run = runs; run < Math.min(settings.runs, (round + 1) * ROUND); run++) {
      const random = new Random(Math.imul(seed, 0x9e3779b1) + run);
      const parent = random.oneIn(LATEST_ONE_IN) ? parents[parents.length - 1] : random.pick(parents);
      inputs.push(mutate(random, parent, parents, mutation));
    }
    const { outcomes, isStopped } = yield batchOf(inputs);
    for (const [i, outcome] of outcomes.entries()) {
      look(runs++, inputs[i], outcome);
      if (findings.length >= settings.findingsMax) break;
    }
    if (isStopped) return result(false);
  }
  return result(true);
}
