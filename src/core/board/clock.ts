/**
 * The tick clock: timers fired in (tick, creation order), and exact conversion between ticks and the cycles of the
 * clocks a guest can see. A timer that is due at a tick runs before the next instruction; the machine loop calls
 * runDue().
 *
 * All arithmetic is on integers below 2^53: a product that could pass that bound is taken in 13-bit digits with the
 * remainder carried along, so nothing is ever rounded. Tested against BigInt. Knows no device and no CPU.
 */
import type { Clock, DeviceState, Timer } from './device.ts';
import { describe, isPlainObject, type SavedFields } from '../base/fields.ts';

/** ticks · numerator / denominator = cycles, in lowest terms. */
interface Ratio {
  readonly hertz: number;
  readonly numerator: number;
  readonly denominator: number;
}

/** Bounds numerator and denominator so that remainder · 2^13 + digit · factor stays below 2^53. */
const factorLimit = 2 ** 39;
const digitBase = 2 ** 13;

class TickTimer implements Timer {
  readonly id: string;
  readonly index: number;
  readonly fire: () => void;
  dueTick = Infinity;
  readonly #clock: TickClock;

  constructor(clock: TickClock, id: string, index: number, fire: () => void) {
    this.#clock = clock;
    this.id = id;
    this.index = index;
    this.fire = fire;
  }

  arm(tick: number): void {
    if (!Number.isInteger(tick) && tick !== Infinity) throw new Error(`timer ${this.id}: ${tick} is no tick`);
    // No run comes that far.
    const dueTick = tick > Number.MAX_SAFE_INTEGER ? Infinity : tick;
    const before = this.dueTick;
    this.dueTick = dueTick;
    if (before !== dueTick) this.#clock.moved(before, dueTick);
  }

  disarm(): void {
    const before = this.dueTick;
    this.dueTick = Infinity;
    if (before !== Infinity) this.#clock.moved(before, Infinity);
  }
}

export class TickClock implements Clock {
  readonly name = 'clock';
  /** Which timers are armed, and for when. */
  readonly fields: SavedFields = {
    save: () => this.save(),
    problem: (saved) => this.problem(saved),
    load: (saved) => this.load(saved),
    show: () => Object.entries(this.save()).map(([field, tick]) => ({ field, text: String(tick) })),
  };
  readonly nsPerTick: number;
  readonly epochSeconds: number;
  readonly now: () => number;
  /** Told when a timer was armed before every other one: the slice in hand may have to end earlier. */
  deadlineMoved: (tick: number) => void = () => {};
  /** Told of every firing, before the device acts: the recorder's check event. */
  fired: (index: number, id: string) => void = () => {};

  /** In creation order. A machine has some twenty, so that a scan is cheaper than keeping a heap. */
  readonly #timers: TickTimer[] = [];
  readonly #ratios: Ratio[] = [];
  #next = Infinity;

  /** `now` gives the ticks retired before the instruction in hand; `nsPerTick` is a power of two, possibly below 1. */
  constructor(now: () => number, nsPerTick: number, epochSeconds: number) {
    if (!isPowerOfTwo(nsPerTick)) throw new Error(`nanoseconds per tick: ${nsPerTick} is no power of two`);
    this.now = now;
    this.nsPerTick = nsPerTick;
    this.epochSeconds = epochSeconds;
  }

  timer(id: string, fire: () => void): Timer {
    if (this.#timers.some((timer) => timer.id === id)) throw new Error(`two timers are called ${id}`);
    const timer = new TickTimer(this, id, this.#timers.length, fire);
    this.#timers.push(timer);
    return timer;
  }

  /** Tick of the earliest armed timer, Infinity when none is armed. */
  nextDue(): number {
    return this.#next;
  }

  /** Fire everything due at or before `tick`, in order, including what is armed meanwhile. */
  runDue(tick: number): void {
    while (this.#next <= tick) {
      let first = this.#timers[0];
      for (const timer of this.#timers) if (timer.dueTick < first.dueTick) first = timer;
      first.dueTick = Infinity;
      this.#rescan();
      this.fired(first.index, first.id);
      first.fire();
    }
  }

  /** A timer went from one tick to another; called by timers only. */
  moved(before: number, after: number): void {
    if (after < this.#next) {
      this.#next = after;
      this.deadlineMoved(after);
    } else if (before === this.#next) this.#rescan();
  }

  #rescan(): void {
    let next = Infinity;
    for (const timer of this.#timers) if (timer.dueTick < next) next = timer.dueTick;
    this.#next = next;
  }

  cycles(tick: number, hertz: number): number {
    const ratio = this.#ratio(hertz);
    return multiplyDivide(tick, ratio.numerator, ratio.denominator, 0);
  }

  tickOfCycle(count: number, hertz: number): number {
    if (count <= 0) return 0;
    const ratio = this.#ratio(hertz);
    return multiplyDivide(count, ratio.denominator, ratio.numerator, 1);
  }

  #ratio(hertz: number): Ratio {
    for (const ratio of this.#ratios) if (ratio.hertz === hertz) return ratio;
    if (!Number.isSafeInteger(hertz) || hertz <= 0) throw new Error(`a clock of ${hertz} Hz`);
    // nsPerTick is a power of two: the factor goes to whichever side keeps both integers.
    const numerator = this.nsPerTick >= 1 ? hertz * this.nsPerTick : hertz;
    const denominator = this.nsPerTick >= 1 ? 1e9 : 1e9 / this.nsPerTick;
    const divisor = greatestCommonDivisor(numerator, denominator);
    const ratio = { hertz, numerator: numerator / divisor, denominator: denominator / divisor };
    if (ratio.numerator >= factorLimit || ratio.denominator >= factorLimit) {
      throw new Error(`${hertz} Hz at ${this.nsPerTick} ns per tick is beyond exact arithmetic`);
    }
    this.#ratios.push(ratio);
    return ratio;
  }

  /** Armed ticks by timer id; disarmed timers are left out. */
  save(): DeviceState {
    const state: DeviceState = {};
    for (const timer of this.#timers) if (timer.dueTick !== Infinity) state[timer.id] = timer.dueTick;
    return state;
  }

  /** What is wrong with a saved state, or null: which timers are armed differs from moment to moment. */
  problem(saved: unknown): string | null {
    if (!isPlainObject(saved)) return `it is ${describe(saved)}, expected ticks by timer`;
    for (const [id, tick] of Object.entries(saved)) {
      if (!this.#timers.some((timer) => timer.id === id)) return `the machine has no timer ${id}`;
      if (!Number.isSafeInteger(tick) || (tick as number) < 0 || Object.is(tick, -0)) {
        return `timer ${id} is due at ${describe(tick)}, expected a tick`;
      }
    }
    return null;
  }

  /** A state without problem. Every timer not named is disarmed. */
  load(state: DeviceState): void {
    for (const timer of this.#timers) {
      timer.dueTick = Object.hasOwn(state, timer.id) ? (state[timer.id] as number) : Infinity;
    }
    this.#next = Infinity;
    let next = Infinity;
    for (const timer of this.#timers) if (timer.dueTick < next) next = timer.dueTick;
    this.moved(Infinity, next);
  }
}

function isPowerOfTwo(value: number): boolean {
  if (!(value > 0) || value === Infinity) return false;
  while (value > 1) value /= 2;
  while (value < 1) value *= 2;
  return value === 1;
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/**
 * floor(value · factor / divisor), or the ceiling with `up` = 1. Exact while value and the result are below 2^53 and
 * factor and divisor below factorLimit. (The floor of a correctly rounded quotient of integers below 2^53 is exact.)
 */
function multiplyDivide(value: number, factor: number, divisor: number, up: 0 | 1): number {
  const product = value * factor;
  if (product < 2 ** 52) return Math.floor((product + up * (divisor - 1)) / divisor);
  let quotient = 0;
  let remainder = 0;
  for (let weight = 2 ** 52; weight >= 1; weight /= digitBase) {
    const digit = Math.floor(value / weight) % digitBase;
    const partial = remainder * digitBase + digit * factor;
    const whole = Math.floor(partial / divisor);
    quotient = quotient * digitBase + whole;
    remainder = partial - whole * divisor;
  }
  return remainder > 0 ? quotient + up : quotient;
}
