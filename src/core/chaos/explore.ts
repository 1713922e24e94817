/**
 * One event at every instruction boundary of a window, each run to the horizon: not whether a bug can happen, but at
 * which instructions. Runs of one outcome that lie side by side are one row of the result.
 */
import type { InputEvent } from '../log/events.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { Campaign } from './campaign.ts';
import type { Outcome } from './experiment.ts';

const MERGES = 6;
const MERGE_AFTER_TICKS = 1 << 10;
/** Placements of a batch: what is lost of them when the user ends it is little. */
const BATCH_TRIALS = 1 << 10;
const PIECE_TRIALS = 1 << 8;

export interface ExploreSettings {
  /** Boundaries [fromTick, toTick). */
  readonly fromTick: number;
  readonly toTick: number;
  /** What is delivered; a line that is pulled is let go `releaseTicks` later. */
  readonly event: InputEvent;
  readonly releaseTicks: number;
  /** Inputs that the run has in any case. */
  readonly inputs: readonly TimedInput[];
  readonly horizonTick: number;
}

export interface Stretch {
  readonly fromTick: number;
  /** Exclusive. */
  readonly toTick: number;
  readonly fails: boolean;
  /** What tells outcomes apart: how the run ended and what it sent. */
  readonly outcome: string;
}

export interface ExploreResult {
  /** Placements that were run. */
  readonly runs: number;
  readonly stretches: readonly Stretch[];
  readonly failing: number;
  /** Placements that came to a state another one had come to, and were not run to their end. */
  readonly merged: number;
  /** False when the user ended it. */
  readonly isComplete: boolean;
}

export function outcomeName({ reason, debugExit, sent }: Outcome): string {
  return `${reason}${debugExit === null ? '' : ` ${debugExit}`} ${sent.slice(0, 8)}`;
}

/** Behind the placements of a batch, further and further apart: a state needs time to settle. */
function mergeTicksOf(lastTick: number): number[] {
  return Array.from({ length: MERGES }, (_, i) => lastTick + (MERGE_AFTER_TICKS << (2 * i)));
}

/** The inputs of one placement. */
export function placed({ event, releaseTicks, inputs }: ExploreSettings, tick: number): TimedInput[] {
  const added: TimedInput[] = [{ tick, event }];
  if (event.kind === 'irq-line') added.push({ tick: tick + releaseTicks, event: { ...event, level: !event.level } });
  return [...inputs, ...added].sort((a, b) => a.tick - b.tick);
}

export function* explore(settings: ExploreSettings): Campaign<ExploreResult> {
  const { fromTick, toTick, horizonTick } = settings;
  const stretches: Stretch[] = [];
  let failing = 0;
  let merged = 0;
  let tick = fromTick;
  for (let isStopped = false; tick < toTick && !isStopped; ) {
    const length = Math.min(BATCH_TRIALS, toTick - tick);
    const inputs = settings.inputs.filter((input) => input.tick >= tick);
    const trials = Array.from({ length }, (_, i) => placed({ ...settings, inputs }, tick + i));
    const mergeTicks = mergeTicksOf(tick + length + settings.releaseTicks);
    const batch = { fromTick: tick, horizonTick, trials, mergeTicks, pieceTrials: PIECE_TRIALS };
    const answer = yield { ...batch, isUntilFailure: false };
    for (const outcome of answer.outcomes) {
      if (outcome.fails) failing++;
      if (outcome.isMerged) merged++;
      addPlacement(stretches, tick++, outcome);
    }
    ({ isStopped } = answer);
  }
  return { runs: tick - fromTick, stretches, failing, merged, isComplete: tick >= toTick };
}

function addPlacement(stretches: Stretch[], tick: number, outcome: Outcome): void {
  const name = outcomeName(outcome);
  const last = stretches.at(-1);
  if (last !== undefined && last.outcome === name && last.fails === outcome.fails) {
    stretches[stretches.length - 1] = { ...last, toTick: tick + 1 };
  } else stretches.push({ fromTick: tick, toTick: tick + 1, fails: outcome.fails, outcome: name });
}
