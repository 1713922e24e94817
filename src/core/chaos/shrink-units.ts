/**
 * Inputs as shrink.ts takes them away and moves them: what makes sense together alone is one unit, an interrupt line
 * that goes up and down for example. Knows nothing of runs.
 */
import type { TimedInput } from '../log/timed-input.ts';

/** In the order of their ticks; one at the least. */
export type Unit = readonly TimedInput[];

export const tickOf = (unit: Unit): number => unit[0].tick;

const byTick = (a: Unit, b: Unit): number => tickOf(a) - tickOf(b);

/** In the order of their first ticks. */
export function unitsOf(inputs: readonly TimedInput[]): Unit[] {
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

export function inputsOf(units: readonly Unit[]): TimedInput[] {
  return units.flat().sort((a, b) => a.tick - b.tick);
}

/** The smallest tick at which one of two runs has an input that the other one has not; Infinity: they are the same. */
export function firstDifference(some: readonly TimedInput[], others: readonly TimedInput[]): number {
  const end = Math.max(some.length, others.length);
  for (let i = 0; i < end; i++) {
    const [one, other] = [some[i], others[i]];
    if (one !== other) return Math.min(one?.tick ?? Infinity, other?.tick ?? Infinity);
  }
  return Infinity;
}

/** The largest tick at which one of several runs has an input that not all of them have; 0: there is none. */
export function lastDifference(runs: readonly (readonly TimedInput[])[]): number {
  const sets = runs.map((run) => new Set(run));
  const differing = runs.flatMap((run) => run.filter((input) => !sets.every((set) => set.has(input))));
  return differing.reduce((last, { tick }) => Math.max(last, tick), 0);
}

/** One unit less, and the place of what follows it, or came before it, open. */
export interface Slide {
  readonly rest: readonly Unit[];
  /** Those of the rest that move together. */
  readonly moving: ReadonlySet<Unit>;
  /** How far they go before any offset. */
  readonly baseTicks: number;
}

/**
 * What may stand in for each unit, the last one first: the next unit elsewhere, or all that follow, because an
 * interrupt less makes everything come earlier; the one before; and what was held back, where the hold ended.
 */
export function slidesOf(units: readonly Unit[]): Slide[] {
  const slides: Slide[] = [];
  for (let at = units.length - 1; at >= 0; at--) {
    const rest = units.filter((_, i) => i !== at);
    const later = units.slice(at + 1);
    const add = (moving: readonly Unit[], baseTicks: number): void => {
      if (moving.length > 0) slides.push({ rest, moving: new Set(moving), baseTicks });
    };
    const [{ tick, event }] = units[at];
    if (event.kind === 'hold-interrupts') {
      const end = tick + event.ticks;
      const held = later.filter((unit) => tickOf(unit) < end);
      if (held.length > 0) add(held, end - tickOf(held[0]));
    }
    add(later.slice(0, 1), 0);
    if (later.length > 1) add(later, 0);
    if (at > 0) add([units[at - 1]], 0);
  }
  return slides;
}

/** The rest with what moves so far from where it was; null: before `startTick`. */
export function slid({ rest, moving, baseTicks }: Slide, offsetTicks: number, startTick: number): Unit[] | null {
  const ticks = baseTicks + offsetTicks;
  const units = rest.map((unit) =>
    moving.has(unit) ? unit.map(({ tick, event }) => ({ tick: tick + ticks, event })) : unit,
  );
  return units.some((unit) => tickOf(unit) < startTick) ? null : units.sort(byTick);
}

/** Longer than most handlers, and than most loops around what can be interrupted. */
const REACH_TICKS = 4096;
/** A stretch of instructions in which an interrupt does harm is found by steps of no more than its length. */
export const STRIDES: readonly number[] = [256, 128, 64, 32, 16, 8, 4, 2, 1];

/** Those of a stride that no wider one has, the nearest first. */
export function offsetsOf(stride: number): number[] {
  const offsets = stride === STRIDES[0] ? [0] : [];
  for (let ticks = stride; ticks <= REACH_TICKS; ticks += stride) {
    const isNew = stride === STRIDES[0] || ticks % (2 * stride) !== 0;
    if (isNew) offsets.push(-ticks, ticks);
  }
  return offsets;
}
