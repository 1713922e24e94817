/**
 * What may happen to a run that did not happen to it, all within what hardware does, each kind a knob with a name:
 * interrupts that come later, inputs that come at other moments or over a bad line, an interrupt line that somebody
 * pulls for nothing, non-maskable interrupts, resets, sectors that cannot be read or written, drives that take their
 * time or lose their power, a wall clock that is set, a counter since power-on that is elsewhere, bits of RAM that
 * flip. Each is an input of the log, which so says what was done to the run. A plan is the inputs of one run; from a
 * seed, or a change of a plan that was worth keeping.
 */
import type { Random } from '../base/random.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { comesByLine, spoiled } from './bad-line.ts';
import { cutInputs } from './power-cut.ts';

export const KNOBS = {
  hold: 'interrupts wait for 16 to 65536 ticks',
  jitter: 'interrupts in a row each wait for up to 1024 ticks, as those of a timer do on a busy machine',
  input: 'inputs come up to 65536 ticks earlier or later',
  line: 'bytes of the serial lines are lost, come twice or have a wrong bit, as on a bad line',
  spurious: 'an interrupt line is pulled that no device drives',
  nmi: 'non-maskable interrupts',
  reset: 'somebody presses the reset button',
  disk: 'some sectors of a disk cannot be read, or cannot be written',
  latency: 'what a drive is busy with takes 16 to 65536 ticks longer, and so comes after what it came before',
  powercut: 'the power of the disks fails, with what they have not flushed, and the machine starts again',
  epoch: 'the wall clock is set up to a year forwards or backwards',
  entropy: 'the time stamp counter, from which guests take chance, begins somewhere else',
  memory: 'the machine has up to twice the memory',
  ratio: 'a tick takes a quarter to four times the time',
  flip: 'bits of memory flip by themselves',
} as const;

export type Knob = keyof typeof KNOBS;

export function isKnob(name: string): name is Knob {
  return Object.hasOwn(KNOBS, name);
}

/** What a guest must always be able to stand. */
export const KNOBS_DEFAULT: readonly Knob[] = ['hold', 'input', 'spurious'];

export interface PlanSettings {
  readonly knobs: readonly Knob[];
  /** Inputs that the run has in any case, from the moment on. */
  readonly inputs: readonly TimedInput[];
  readonly fromTick: number;
  /** Where the run without perturbations ended. */
  readonly endTick: number;
  /** When interrupts arrived in it: most bugs lie near. */
  readonly interruptTicks: readonly number[];
  readonly ramBytes: number;
  /** Of the guest at tick 0, in seconds since 1970. */
  readonly epochSeconds: number;
  /** Disks that may fail. */
  readonly drives: readonly DriveSize[];
}

export interface DriveSize {
  /** As inputs name it: hda. */
  readonly drive: string;
  readonly sectors: number;
}

const PERTURBATIONS_MAX = 6;
const NEAR_TICKS = 256;
/** Powers of two between which a delay lies. */
const DELAY_LOG_MIN = 4;
const DELAY_LOG_RANGE = 13;
/** Lines of a PC that are free unless something is plugged in. */
const FREE_LINES = [5, 7, 9, 10, 11] as const;
const PULSE_TICKS = 64;
const JITTERED_MAX = 64;
const JITTER_TICKS = 1024;
const BAD_SECTORS_MAX = 64;
const YEAR_SECONDS = 365 * 86_400;

function someTick(random: Random, { fromTick, endTick, interruptTicks }: PlanSettings): number {
  const uniform = fromTick + random.below(Math.max(1, endTick - fromTick));
  if (interruptTicks.length === 0 || random.oneIn(2)) return uniform;
  const near = random.pick(interruptTicks) + random.below(2 * NEAR_TICKS) - NEAR_TICKS;
  return Math.max(fromTick, near);
}

function someDelay(random: Random): number {
  const low = 1 << (DELAY_LOG_MIN + random.below(DELAY_LOG_RANGE));
  return low + random.below(low);
}

function perturbation(random: Random, settings: PlanSettings, knob: Knob): TimedInput[] {
  const tick = someTick(random, settings);
  switch (knob) {
    case 'hold':
      return [{ tick, event: { kind: 'hold-interrupts', ticks: someDelay(random) } }];
    case 'jitter': {
      const first = settings.interruptTicks.findIndex((one) => one >= tick);
      const row = first < 0 ? [tick] : settings.interruptTicks.slice(first, first + 1 + random.below(JITTERED_MAX));
      return row.map((one) => ({
        tick: one,
        event: { kind: 'hold-interrupts', ticks: 1 + random.below(JITTER_TICKS) },
      }));
    }
    case 'spurious': {
      const line = random.pick(FREE_LINES);
      return [
        { tick, event: { kind: 'irq-line', line, level: true } },
        { tick: tick + PULSE_TICKS, event: { kind: 'irq-line', line, level: false } },
      ];
    }
    case 'nmi':
      return [{ tick, event: { kind: 'nmi' } }];
    case 'reset':
      return [{ tick, event: { kind: 'reset' } }];
    case 'disk': {
      if (settings.drives.length === 0) return [];
      const { drive, sectors } = random.pick(settings.drives);
      const from = random.below(sectors);
      const to = Math.min(sectors, from + 1 + random.below(BAD_SECTORS_MAX));
      return [{ tick, event: { kind: 'disk-fault', drive, isWrite: random.oneIn(2), from, to } }];
    }
    case 'latency': {
      if (settings.drives.length === 0) return [];
      const { drive } = random.pick(settings.drives);
      return [{ tick, event: { kind: 'stall', drive, ticks: someDelay(random) } }];
    }
    case 'powercut': {
      if (settings.drives.length === 0) return [];
      const seed = random.word() >>> 0;
      const drives = settings.drives.map(({ drive }) => drive);
      return [...cutInputs({ tick, seed }, drives), { tick, event: { kind: 'reset' } }];
    }
    case 'epoch': {
      const seconds = settings.epochSeconds + random.below(2 * YEAR_SECONDS) - YEAR_SECONDS;
      return [{ tick, event: { kind: 'epoch', seconds: Math.max(0, seconds) } }];
    }
    case 'entropy':
      // Later on a counter that jumps is no other machine, but a broken one.
      if (settings.fromTick > 0) return [];
      return [{ tick: 0, event: { kind: 'time-stamp', ticks: random.word() >>> 0 } }];
    case 'flip':
      return [{ tick, event: { kind: 'flip-bit', address: random.below(settings.ramBytes), bit: random.below(8) } }];
    case 'input':
    case 'line':
    case 'memory':
    case 'ratio':
      return [];
  }
}

function moved(random: Random, input: TimedInput, fromTick: number): TimedInput {
  const delay = someDelay(random) * (random.oneIn(2) ? 1 : -1);
  return { tick: Math.max(fromTick, input.tick + delay), event: input.event };
}

const byTick = (a: TimedInput, b: TimedInput): number => a.tick - b.tick;

function withOneMore(random: Random, settings: PlanSettings, plan: readonly TimedInput[]): TimedInput[] {
  const knob = random.pick(settings.knobs);
  if (knob === 'line') {
    const victims = plan.filter(comesByLine);
    const victim = victims.length === 0 ? null : random.pick(victims);
    return plan.flatMap((input) => (input === victim ? (spoiled(random, input) ?? []) : [input]));
  }
  if (knob !== 'input') return [...plan, ...perturbation(random, settings, knob)];
  if (plan.length === 0) return [];
  const at = random.below(plan.length);
  return plan.map((input, i) => (i === at ? moved(random, input, settings.fromTick) : input));
}

/** The plan of a seed. */
export function makePlan(random: Random, settings: PlanSettings): TimedInput[] {
  let plan = [...settings.inputs];
  for (let count = 1 + random.below(PERTURBATIONS_MAX); count > 0; count--) plan = withOneMore(random, settings, plan);
  return plan.sort(byTick);
}

/** How many powers of two lie below, one at the least. */
function powersBelow(value: number): number {
  let count = 1;
  for (let power = 4; power < value; power *= 2) count++;
  return count;
}

/** Interrupts behind a moment that are held back one by one, and how many of those that come later. */
const HELD_SOON = 64;
const HELD_LATER = 64;

/**
 * A run that goes on from the moment in another way, at once and for long: what is to come from outside comes at other
 * moments, interrupts are held back one by one. `settings.interruptTicks` are those of the recorded run behind the
 * moment, in their order.
 */
export function makeContinuation(random: Random, settings: PlanSettings): TimedInput[] {
  const { knobs, inputs, fromTick, endTick, interruptTicks } = settings;
  const isMoving = knobs.includes('input');
  const plan = inputs.flatMap((input) => {
    const isSpoiled = knobs.includes('line') && comesByLine(input) && random.oneIn(4);
    const arriving = isSpoiled ? spoiled(random, input) : input;
    if (arriving === null) return [];
    return isMoving && !random.oneIn(4) ? moved(random, arriving, fromTick) : arriving;
  });
  const hold = (tick: number): void => {
    plan.push({ tick, event: { kind: 'hold-interrupts', ticks: someDelay(random) } });
  };
  for (const knob of knobs) {
    if (knob === 'input' || knob === 'line') continue;
    if (knob === 'hold') {
      if (!random.oneIn(4)) hold(fromTick);
      for (const tick of interruptTicks.slice(0, HELD_SOON)) if (random.oneIn(2)) hold(tick);
      for (let i = 0; i < HELD_LATER && interruptTicks.length > HELD_SOON; i++) hold(random.pick(interruptTicks));
      continue;
    }
    for (let count = random.below(PERTURBATIONS_MAX); count > 0; count--) {
      // As many soon as late: each power of two of the distance is as likely as another.
      let distance = 2;
      for (let far = random.below(powersBelow(endTick - fromTick)); far > 0; far--) distance *= 2;
      const near = fromTick + random.below(distance);
      plan.push(...perturbation(random, { ...settings, fromTick: near, endTick: near + 1, interruptTicks: [] }, knob));
    }
  }
  return plan.sort(byTick);
}

/** A plan near another one: something added, moved by a little, or, of what was added, left out. */
export function varyPlan(random: Random, settings: PlanSettings, plan: readonly TimedInput[]): TimedInput[] {
  const added = plan.flatMap((input, i) => (settings.inputs.includes(input) ? [] : [i]));
  const choice = random.below(added.length === 0 ? 1 : 3);
  if (choice === 0) return withOneMore(random, settings, plan).sort(byTick);
  const at = random.pick(added);
  if (choice === 1) return plan.filter((_, i) => i !== at);
  const shift = random.below(2 * NEAR_TICKS) - NEAR_TICKS;
  return plan
    .map((input, i) => (i === at ? { ...input, tick: Math.max(settings.fromTick, input.tick + shift) } : input))
    .sort(byTick);
}
