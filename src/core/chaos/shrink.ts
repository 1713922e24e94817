/**
 * The smallest set of inputs with which a run still fails: delta debugging (Zeller and Hildebrandt, "Simplifying and
 * Isolating Failure-Inducing Input", 2002) over the inputs of a log, an interrupt line that goes up and down counting
 * as one, then delays halved as long as that does. Anytime: every smaller set is handed out as soon as it is known.
 */
import type { Way } from '../timeline/timeline.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { Experiment } from './experiment.ts';

/** Inputs that make sense together alone. */
type Unit = readonly TimedInput[];

export interface ShrinkResult {
  readonly inputs: readonly TimedInput[];
  readonly runs: number;
  /** Inputs that were left out. */
  readonly removed: number;
  /** False: the run does not fail with all of them. */
  readonly failed: boolean;
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

/** Yields after every run; `onSmaller` gets each smaller set that still fails. */
export function* shrink(
  experiment: Experiment,
  inputs: readonly TimedInput[],
  onSmaller: (inputs: readonly TimedInput[]) => void,
): Way<ShrinkResult> {
  let runs = 0;
  function* fails(units: readonly Unit[]): Way<boolean> {
    runs++;
    const outcome = experiment.run(inputsOf(units));
    yield undefined;
    return outcome.fails;
  }
  let units = unitsOf(inputs);
  const countBefore = units.length;
  if (!(yield* fails(units))) return { inputs, runs, removed: 0, failed: false };
  const accept = (smaller: readonly Unit[]): void => {
    units = [...smaller];
    onSmaller(inputsOf(units));
  };
  if (units.length > 0 && (yield* fails([]))) accept([]);
  for (let parts = 2; units.length > 1; ) {
    const size = Math.ceil(units.length / parts);
    let isSmaller = false;
    for (let from = 0; from < units.length; from += size) {
      const rest = units.filter((_, i) => i < from || i >= from + size);
      if (rest.length === units.length || rest.length === 0 || !(yield* fails(rest))) continue;
      accept(rest);
      parts = Math.max(2, parts - 1);
      isSmaller = true;
      break;
    }
    if (isSmaller) continue;
    if (size === 1) break;
    parts = Math.min(units.length, parts * 2);
  }
  for (let at = 0; at < units.length; at++) {
    for (;;) {
      const [{ tick, event }] = units[at];
      if (event.kind !== 'hold-interrupts' || event.ticks < 2) break;
      const shorter: Unit = [{ tick, event: { ...event, ticks: event.ticks >>> 1 } }];
      const changed = units.map((unit, i) => (i === at ? shorter : unit));
      if (!(yield* fails(changed))) break;
      accept(changed);
    }
  }
  return { inputs: inputsOf(units), runs, removed: countBefore - units.length, failed: true };
}
