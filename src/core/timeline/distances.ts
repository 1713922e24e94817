/**
 * How far is far for a timeline (timeline.ts): in ticks, what is run between two looks at the keyboard, from where on
 * it pays to compile, and where checkpoints are left on the way.
 */

/** Ticks between two yields: some 40 ms of compiled code. */
export const CHUNK_TICKS = 1 << 22;
/**
 * Compiling what becomes hot pays only for longer ways: on the Debian boot 10 M ticks from a checkpoint took 2 to 3 s
 * with compiling, 0.3 s without.
 */
export const HOLD_TICKS = 1 << 26;
/** On the way to a target, checkpoints are left so far before it: the next steps back begin there. */
export const NEAR_TICKS = [1 << 20, 1 << 16, 1 << 12];
/** What others keep is asked for when it saves such a part of an interval: it has to be read. */
export const SAVED_PARTS = 4;
/** A long way leaves a checkpoint where it begins, when none is as near: who gives it up is back at once. */
export const RETURN_TICKS = 1 << 20;
/** Where a condition may hold and does not, so many ticks are looked at closely, twice as many each time, */
export const CLOSE_TICKS = 16;
/** until such a part of what was run was not. */
export const CLOSE_PART = 64;
