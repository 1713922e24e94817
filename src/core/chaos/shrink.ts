/**
 * The smallest set of inputs with which a run still fails: delta debugging (Zeller and Hildebrandt, "Simplifying and
 * Isolating Failure-Inducing Input", 2002) over the inputs of a log, an interrupt line that goes up and down counting
 * as one, then delays halved as long as that does. Anytime: every smaller set is handed out as soon as it is known.
 */
import type { TimedInput } from '../log/timed-input.ts';
import type { Campaign } from './campaign.ts';

/** Inputs that make sense together alone. */
type Unit = readonly TimedInput[];

export interface ShrinkResult {
  readonly inputs: readonly TimedInput[];
  readonly runs: number;
  /** Inputs that were left out. */
  readonly removed: number;
  /** False: the run does not fail with all of them. */
  readonly failed: boolean;
  /** False when the user ended it. */
  readonly isComplete: boolean;
}

function unitsOf(inputs: readonly TimedInput[]): Unit[] {
  const units: TimedInput[][] = [];
  const open = new Map<number, TimedInput[]>();
  for (const input of inputs) {
    const { event } = input;
    if (event.kind === 'irq-line') {
      const pulled = open.get(event.line);
      if (!event.level && pulled !== undefined) {
        pulled.push(input);
        open.delete(event.line);
        continue;
      }
      const unit = [input];
      if (event.level) open.set(event.line, unit);
      units.push(unit);
    } else units.push([input]);
  }
  return units;
}

const inputsOf = (units: readonly Unit[]): TimedInput[] => units.flat().sort((a, b) => a.tick - b.tick);

const PIECE_TRIALS = 4;

export interface ShrinkSettings {
  readonly inputs: readonly TimedInput[];
  readonly horizonTick: number;
  /** Gets each smaller set that still fails. */
  readonly onSmaller: (inputs: readonly TimedInput[]) => void;
}

export function* shrink({ inputs, horizonTick, onSmaller }: ShrinkSettings): Campaign<ShrinkResult> {
  let runs = 0;
  let isStopped = false;
  /** The first of several sets that fails, or null. */
  function* firstFailing(candidates: readonly (readonly Unit[])[]): Campaign<readonly Unit[] | null> {
    if (candidates.length === 0 || isStopped) return null;
    const trials = candidates.map(inputsOf);
    const answer = yield {
      ...{ fromTick: 0, horizonTick, trials, mergeTicks: [], pieceTrials: PIECE_TRIALS },
      isUntilFailure: true,
    };
    runs += answer.outcomes.length;
    isStopped = answer.isStopped;
    const at = answer.outcomes.findIndex(({ fails }) => fails);
    return at < 0 ? null : candidates[at];
  }
  let units = unitsOf(inputs);
  const countBefore = units.length;
  const accept = (smaller: readonly Unit[]): void => {
    units = [...smaller];
    onSmaller(inputsOf(units));
  };
  const result = (failed: boolean): ShrinkResult => {
    return { inputs: inputsOf(units), runs, removed: countBefore - units.length, failed, isComplete: !isStopped };
  };
  if ((yield* firstFailing([units])) === null) return result(isStopped);
  if (units.length > 0 && (yield* firstFailing([[]])) !== null) accept([]);
  for (let parts = 2; units.length > 1 && !isStopped; ) {
    const size = Math.ceil(units.length / parts);
    const candidates: Unit[][] = [];
    for (let from = 0; from < units.length; from += size) {
      const rest = units.filter((_, i) => i < from || i >= from + size);
      if (rest.length > 0) candidates.push(rest);
    }
    const smaller = yield* firstFailing(candidates);
    if (smaller !== null) {
      accept(smaller);
      parts = Math.max(2, parts - 1);
      continue;
    }
    if (size === 1) break;
    parts = Math.min(units.length, parts * 2);
  }
  for (let at = 0; at < units.length; at++) {
    for (;;) {
      const [{ tick, event }] = units[at];
      if (event.kind !== 'hold-interrupts' || event.ticks < 2) break;
      const shorter: Unit = [{ tick, event: { ...event, ticks: event.ticks >>> 1 } }];
      const changed = yield* firstFailing([units.map((unit, i) => (i === at ? shorter : unit))]);
      if (changed === null) break;
      accept(changed);
    }
  }
  return result(true);
}
