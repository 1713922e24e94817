/**
 * Schedules that nobody would choose, to show that none of it is visible (law 3): slices cut to random lengths, decoded
 * and compiled code and translations dropped at random moments. Every decision is a function of the seed and of the
 * ticks at which slices begin, so that the same run decides the same; nothing is random.
 */
import type { Engine } from '../machine/engine.ts';
import type { Cpu } from '../state/cpu.ts';

export interface Schedule {
  readonly seed: number;
  /** Length of a short slice at most. */
  readonly shortTicksMax: number;
  /** One slice in so many is short; the others are whole or, at most, LONG_TICKS_MAX. */
  readonly shortOneIn: number;
  /** Decoded and compiled code is dropped at the first slice after every so many ticks; 0: never. */
  readonly dropEveryTicks: number;
  /** Translations are; 0: never. */
  readonly flushEveryTicks: number;
  /** One window in so many is like this; the others are left alone. 1: all. */
  readonly windowOneIn: number;
}

/**
 * A schedule that drops and compiles all the time comes to some hundred thousand ticks a second; a boot has billions.
 * So a long run is disturbed in windows, spread over all of it, that add up to this: on a Debian boot a schedule then
 * takes about twice as long as a run that is left alone.
 */
const DISTURBED_TICKS_MAX = 2 ** 23;
const WINDOW_TICKS = 2 ** 17;

/** Long slices are cut too, so that drops come as often in a guest that nothing interrupts. */
const LONG_TICKS_MAX = 1 << 15;

/** A number from seed, tick (or index) and purpose, spread over 32 bits. */
export function scheduleNumber(seed: number, tick: number, purpose: number): number {
  let word = Math.imul(seed ^ Math.imul(purpose, 0x9e3779b1), 0x85ebca6b) ^ (tick | 0);
  word = Math.imul(word ^ (word >>> 16) ^ Math.floor(tick / 0x1_0000_0000), 0xc2b2ae35);
  word = Math.imul(word ^ (word >>> 13), 0x27d4eb2f);
  return (word ^ (word >>> 16)) >>> 0;
}

/**
 * Schedule `index` of a seed for a run of `runTicks`. Short slices are rarer the shorter they are, drops rarer than
 * slices: time is finite.
 */
export function scheduleOf(seed: number, index: number, runTicks = 0): Schedule {
  const choose = (purpose: number, choices: readonly number[]): number =>
    choices[scheduleNumber(seed, index, purpose) % choices.length];
  return {
    seed: scheduleNumber(seed, index, 100),
    shortTicksMax: choose(1, [1, 2, 3, 7, 40, 300, 5000]),
    shortOneIn: choose(2, [2, 2, 3, 5, 16]),
    dropEveryTicks: choose(3, [0, 30_011, 100_003, 1_000_003]),
    flushEveryTicks: choose(4, [0, 1009, 10_007, 200_003]),
    windowOneIn: Math.max(1, Math.ceil(runTicks / DISTURBED_TICKS_MAX)),
  };
}

export function scheduleToText(schedule: Schedule): string {
  const { shortTicksMax, shortOneIn, dropEveryTicks, flushEveryTicks, windowOneIn } = schedule;
  const often = (what: string, ticks: number): string =>
    ticks === 0 ? `${what} never` : `${what} every ${ticks} ticks`;
  const drops = `${often('code dropped', dropEveryTicks)}, ${often('translations dropped', flushEveryTicks)}`;
  const windows = windowOneIn === 1 ? '' : `; in 1 of ${windowOneIn} windows of ${WINDOW_TICKS} ticks`;
  return `1 slice in ${shortOneIn} of 1 to ${shortTicksMax} ticks; ${drops}${windows}`;
}

/** An engine under a schedule. `onWindow` hears where disturbed windows begin and end. */
export class ScheduledEngine implements Engine {
  readonly name: string;
  private readonly inner: Engine;
  private readonly schedule: Schedule;
  private readonly onWindow: (isDisturbed: boolean) => void;
  private wasDisturbed: boolean | null = null;
  /** Beginning of the slice before this one. */
  private lastTick = 0;

  constructor(inner: Engine, schedule: Schedule, onWindow: (isDisturbed: boolean) => void = () => {}) {
    this.name = inner.name;
    this.inner = inner;
    this.schedule = schedule;
    this.onWindow = onWindow;
  }

  drop(): void {
    this.inner.drop();
  }

  run(cpu: Cpu): void {
    const { seed, shortTicksMax, shortOneIn, dropEveryTicks, flushEveryTicks, windowOneIn } = this.schedule;
    const tick = cpu.now();
    const isDisturbed = scheduleNumber(seed, Math.floor(tick / WINDOW_TICKS), 5) % windowOneIn === 0;
    if (isDisturbed !== this.wasDisturbed) {
      this.wasDisturbed = isDisturbed;
      this.onWindow(isDisturbed);
    }
    if (!isDisturbed) {
      this.lastTick = tick;
      cpu.exitRequest = 0;
      this.slice(cpu, WINDOW_TICKS - (tick % WINDOW_TICKS));
      return;
    }
    const hasPassed = (ticks: number): boolean =>
      ticks > 0 && Math.floor(tick / ticks) !== Math.floor(this.lastTick / ticks);
    if (hasPassed(dropEveryTicks)) this.inner.drop();
    if (hasPassed(flushEveryTicks)) cpu.memory.dropTranslations();
    this.lastTick = tick;
    // Dropping asks engines to leave; one that left before its first instruction would break the loop's single steps.
    cpu.exitRequest = 0;
    const isShort = scheduleNumber(seed, tick, 3) % shortOneIn === 0;
    this.slice(cpu, isShort ? 1 + (scheduleNumber(seed, tick, 4) % shortTicksMax) : LONG_TICKS_MAX);
  }

  private slice(cpu: Cpu, most: number): void {
    // The slice ends early; the loop sees an engine that left before its time, which any may do.
    const rest = Math.max(0, cpu.left - most);
    cpu.left -= rest;
    cpu.deadlineTick -= rest;
    this.inner.run(cpu);
    cpu.left += rest;
    cpu.deadlineTick += rest;
  }
}
