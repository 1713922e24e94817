/**
 * One event at every instruction boundary of a window, each run to the horizon: not whether a bug can happen, but at
 * which instructions. Runs of one outcome that lie side by side are one row of the result.
 */
import type { InputEvent } from '../log/events.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { type Campaign, mergeTicksBehind } from './campaign.ts';
import type { Outcome } from './experiment.ts';

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
  /** Runs that end in different states are told apart too, whatever they sent. */
  readonly tellsStates?: boolean;
}

/** Placements [fromTick, toTick) that come to the same, so that one of them is run. */
export interface Group {
  readonly fromTick: number;
  readonly toTick: number;
}

/** Which of the placements [settings.fromTick, toTick) cannot differ, all of them in order (placements.ts). */
export type Grouping = (settings: ExploreSettings, toTick: number) => readonly Group[];

/** Every placement is one of its own. */
export const EACH_ALONE: Grouping = ({ fromTick }, toTick) =>
  Array.from({ length: toTick - fromTick }, (_, i) => ({ fromTick: fromTick + i, toTick: fromTick + i + 1 }));

export interface Stretch {
  readonly fromTick: number;
  /** Exclusive. */
  readonly toTick: number;
  readonly fails: boolean;
  /** What tells outcomes apart: how the run ended, what it sent and, if asked for, its state then. */
  readonly outcome: string;
}

export interface ExploreResult {
  /** Placements of which the outcome is known. */
  readonly places: number;
  /** Placements that were run. */
  readonly runs: number;
  /** Placements that cannot differ from one that was run, by the instructions between them. */
  readonly spared: number;
  readonly stretches: readonly Stretch[];
  readonly failing: number;
  /** Placements that came to a state another one had come to, and were not run to their end. */
  readonly merged: number;
  /** False when the user ended it. */
  readonly isComplete: boolean;
}

const NAMED_DIGITS = 8;

export function outcomeName({ reason, debugExit, sent, state }: Outcome): string {
  const digests = [sent, state].filter((digest) => digest !== '').map((digest) => digest.slice(0, NAMED_DIGITS));
  return [reason, ...(debugExit === null ? [] : [debugExit]), ...digests].join(' ');
}

/** All runs that came to one outcome. */
export interface OutcomeClass {
  readonly outcome: string;
  readonly fails: boolean;
  readonly places: number;
  /** The first of its places. */
  readonly fromTick: number;
}

/** What the placements came to, the commonest first. */
export function outcomeClasses(stretches: readonly Stretch[]): OutcomeClass[] {
  const classes = new Map<string, OutcomeClass>();
  for (const { fromTick, toTick, fails, outcome } of stretches) {
    const name = `${fails} ${outcome}`;
    const known = classes.get(name) ?? { outcome, fails, places: 0, fromTick };
    classes.set(name, { ...known, places: known.places + toTick - fromTick });
  }
  return [...classes.values()].sort((a, b) => b.places - a.places || a.fromTick - b.fromTick);
}

/** The inputs of one placement. */
export function placed({ event, releaseTicks, inputs }: ExploreSettings, tick: number): TimedInput[] {
  const added: TimedInput[] = [{ tick, event }];
  if (event.kind === 'irq-line') added.push({ tick: tick + releaseTicks, event: { ...event, level: !event.level } });
  return [...inputs, ...added].sort((a, b) => a.tick - b.tick);
}

export function* explore(settings: ExploreSettings, grouping = EACH_ALONE): Campaign<ExploreResult> {
  const { fromTick, toTick, horizonTick } = settings;
  const stretches: Stretch[] = [];
  let failing = 0;
  let merged = 0;
  let runs = 0;
  let tick = fromTick;
  for (let isStopped = false; tick < toTick && !isStopped; ) {
    const length = Math.min(BATCH_TRIALS, toTick - tick);
    const here = { ...settings, fromTick: tick, inputs: settings.inputs.filter((input) => input.tick >= tick) };
    const groups = grouping(here, tick + length);
    const trials = groups.map((group) => placed(here, group.fromTick));
    const mergeTicks = mergeTicksBehind(tick + length + settings.releaseTicks);
    const { tellsStates: isHashed = false } = settings;
    const batch = { fromTick: tick, horizonTick, trials, mergeTicks, pieceTrials: PIECE_TRIALS, isHashed };
    const answer = yield { ...batch, isUntilFailure: false };
    for (const [i, outcome] of answer.outcomes.entries()) {
      const group = groups[i];
      runs++;
      if (outcome.fails) failing += group.toTick - group.fromTick;
      if (outcome.isMerged) merged++;
      addPlacements(stretches, group, outcome);
      tick = group.toTick;
    }
    ({ isStopped } = answer);
  }
  const places = tick - fromTick;
  return { places, runs, spared: places - runs, stretches, failing, merged, isComplete: tick >= toTick };
}

function addPlacements(stretches: Stretch[], { fromTick, toTick }: Group, outcome: Outcome): void {
  const name = outcomeName(outcome);
  const last = stretches.at(-1);
  if (last !== undefined && last.outcome === name && last.fails === outcome.fails) {
    stretches[stretches.length - 1] = { ...last, toTick };
  } else stretches.push({ fromTick, toTick, fails: outcome.fails, outcome: name });
}
