/**
 * One event at every instruction boundary of a window, each run to the horizon: not whether a bug can happen, but at
 * which instructions. Runs of one outcome that lie side by side are one row of the result.
 */
import type { InputEvent } from '../log/events.ts';
import type { Way } from '../timeline/timeline.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { Experiment, Merging, Outcome } from './experiment.ts';

const MERGES = 6;
const MERGE_AFTER_TICKS = 1 << 10;

export interface ExploreSettings {
  /** Boundaries [fromTick, toTick). */
  readonly fromTick: number;
  readonly toTick: number;
  /** What is delivered; a line that is pulled is let go `releaseTicks` later. */
  readonly event: InputEvent;
  readonly releaseTicks: number;
  /** Inputs that the run has in any case. */
  readonly inputs: readonly TimedInput[];
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
  /** The run without the event. */
  readonly plain: string;
  /** False when the user ended it. */
  readonly isComplete: boolean;
}

export function outcomeName({ reason, debugExit, sent }: Outcome): string {
  return `${reason}${debugExit === null ? '' : ` ${debugExit}`} ${sent.slice(0, 8)}`;
}

/** Behind the window and everything that was added, further and further apart: a state needs time to settle. */
function mergeTicks({ toTick, releaseTicks }: ExploreSettings): number[] {
  return Array.from({ length: MERGES }, (_, i) => toTick + releaseTicks + (MERGE_AFTER_TICKS << (2 * i)));
}

/** The inputs of one placement. */
export function placed({ event, releaseTicks, inputs }: ExploreSettings, tick: number): TimedInput[] {
  const added: TimedInput[] = [{ tick, event }];
  if (event.kind === 'irq-line') added.push({ tick: tick + releaseTicks, event: { ...event, level: !event.level } });
  return [...inputs, ...added].sort((a, b) => a.tick - b.tick);
}

/** Yields after every placement; `isStopped` ends it early with what there is. */
export function* explore(
  experiment: Experiment,
  settings: ExploreSettings,
  isStopped: () => boolean,
): Way<ExploreResult> {
  const plain = experiment.run(settings.inputs);
  const merging: Merging = { ticks: mergeTicks(settings), known: new Map(), merged: 0 };
  yield undefined;
  const stretches: Stretch[] = [];
  let failing = 0;
  let tick = settings.fromTick;
  for (; tick < settings.toTick && !isStopped(); tick++) {
    const outcome = experiment.run(placed(settings, tick), merging);
    if (outcome.fails) failing++;
    const name = outcomeName(outcome);
    const last = stretches.at(-1);
    if (last !== undefined && last.outcome === name && last.fails === outcome.fails) {
      stretches[stretches.length - 1] = { ...last, toTick: tick + 1 };
    } else stretches.push({ fromTick: tick, toTick: tick + 1, fails: outcome.fails, outcome: name });
    yield undefined;
  }
  const runs = tick - settings.fromTick;
  const { merged } = merging;
  return { runs, stretches, failing, merged, plain: outcomeName(plain), isComplete: tick >= settings.toTick };
}
