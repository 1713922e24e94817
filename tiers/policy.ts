// When and how much is compiled: the knobs of tiering.ts, what they are for the engines that compile, and their text
// form, as in js:threshold=1,region=2. Invisible to the guest: any policy gives the same states at the same ticks, and
// the knobs exist so that schedules can be permuted.

import { BLOCK_INSTRUCTIONS_MAX } from './interp/blocks.ts';

export interface TierPolicy {
  /** Entry into a block at which it is compiled, at first; 0, as 1: the first. Beyond what a run reaches: never. */
  readonly threshold: number;
  /**
   * Ticks of the guest before anything is compiled, unless a threshold is asked for: the compiler, run for the first
   * time, takes longer than a guest that is over by then.
   */
  readonly delay: number;
  /**
   * Functions after which the threshold doubles, and again after as many: each costs what few blocks are worth. 0:
   * never, as with a threshold that is asked for.
   */
  readonly ramp: number;
  /** What the threshold does not grow beyond. */
  readonly steepest: number;
  /** Blocks of a function at most. */
  readonly region: number;
  /**
   * Guest instructions of a block at most, and so of what runs in one piece at least: short ones show where a fault
   * is.
   */
  readonly block: number;
  /** Guest instructions of a function at most. */
  readonly instructions: number;
  /** 1: functions go on into calls, and where those return to. */
  readonly calls: number;
  /** 1: functions take blocks that begin other functions. 0: they jump there. */
  readonly overlap: number;
  /** Functions that are kept; beyond it the oldest half goes. */
  readonly cache: number;
  /** 1: take blocks that have not run yet into functions. */
  readonly ahead: number;
  /**
   * Functions with the same entry that may be lost to changed code before it is left to the interpreter for a while.
   */
  readonly losses: number;
  /** 0: compile the IR as it was lifted. */
  readonly optimise: number;
  /**
   * How often blocks that wait for others to be compiled with may become as hot again before they are compiled, where a
   * backend takes several at once.
   */
  readonly wait: number;
  /**
   * 1: modules are made by another thread, where the host has a processor to spare for it
   * (host/node/compiler-thread.ts); 2: by another thread in any case; 0: in line.
   */
  readonly thread: number;
  /** Chance in 1000, at each compilation and each slice, that a function is thrown away. */
  readonly evict: number;
  /** Of the pseudo-random schedule of evictions. */
  readonly seed: number;
}

/**
 * Compiles nearly everything at once: steady state, and as different from the interpreter as can be.
 */
export const JS_POLICY: TierPolicy = {
  threshold: 64,
  delay: 0,
  ramp: 0,
  steepest: 64,
  region: 10,
  block: BLOCK_INSTRUCTIONS_MAX,
  instructions: 120,
  calls: 1,
  overlap: 1,
  cache: 4096,
  ahead: 0,
  losses: 6,
  optimise: 1,
  wait: 0,
  thread: 0,
  evict: 0,
  seed: 1,
};

/**
 * Functions are cheaper than those of js when many are made together, and a jump from one to another costs little: so
 * nothing is compiled twice that can be jumped to.
 */
export const WASM_POLICY: TierPolicy = {
  ...JS_POLICY,
  threshold: 1000,
  steepest: 1000,
  calls: 0,
  overlap: 0,
  cache: 65_536,
  wait: 12,
  thread: 1,
};

/**
 * Interprets what is cold and compiles what is hot, with WebAssembly.
 * The first functions are made early: the inner loop itself is slow until V8 has compiled it, and a short guest has no
 * time to lose. Later ones must pay for our and V8's compiling them too (MEASUREMENTS.md).
 */
export const TIERED_POLICY: TierPolicy = { ...WASM_POLICY, threshold: 128, delay: 60_000, ramp: 64, steepest: 1000 };

/** The same on a host without tail calls, with JavaScript: each function costs V8 a thousand times as much. */
export const TIERED_JS_POLICY: TierPolicy = {
  ...JS_POLICY,
  threshold: 64,
  delay: 60_000,
  ramp: 25,
  steepest: 50_000,
  cache: 2048,
};

const COUNT_MAX = 999_999_999;
/** Least and greatest value of each knob. */
const RANGES: Readonly<Record<keyof TierPolicy, readonly [min: number, max: number]>> = {
  threshold: [0, COUNT_MAX],
  delay: [0, COUNT_MAX],
  ramp: [0, COUNT_MAX],
  steepest: [0, COUNT_MAX],
  region: [1, COUNT_MAX],
  block: [1, BLOCK_INSTRUCTIONS_MAX],
  instructions: [1, COUNT_MAX],
  calls: [0, 1],
  overlap: [0, 1],
  cache: [1, COUNT_MAX],
  ahead: [0, 1],
  losses: [0, COUNT_MAX],
  optimise: [0, 1],
  wait: [0, COUNT_MAX],
  thread: [0, 2],
  evict: [0, 1000],
  seed: [0, COUNT_MAX],
};

/** Names of all. */
export const KNOBS: readonly string[] = Object.keys(RANGES);

export class TierPolicyError extends Error {}

/** Read `name=number,…` over a base policy; throws TierPolicyError. */
export function parseTierPolicy(text: string, base: TierPolicy): TierPolicy {
  const policy: Record<string, number> = { ...base };
  // A threshold that is asked for stays what it is from the start, unless a ramp or a delay is asked for too.
  if (/(^|,)\s*threshold\s*=/.test(text)) {
    policy.ramp = 0;
    policy.delay = 0;
  }
  for (const part of text.split(',').filter((piece) => piece.trim() !== '')) {
    const [name, value = ''] = part.split('=').map((piece) => piece.trim());
    if (!Object.hasOwn(policy, name)) {
      throw new TierPolicyError(`There is no tier policy "${name}": the names are ${Object.keys(base).join(', ')}.`);
    }
    if (!/^\d{1,9}$/.test(value)) {
      throw new TierPolicyError(`The tier policy ${name} wants a whole number, as in ${name}=10, not "${value}".`);
    }
    const [min, max] = RANGES[name as keyof TierPolicy];
    const number = Number(value);
    if (number < min || number > max) {
      throw new TierPolicyError(`The tier policy ${name} goes from ${min} to ${max}: ${number} is outside.`);
    }
    policy[name] = number;
  }
  return policy as unknown as TierPolicy;
}
