/**
 * Defaults and limits that people see: what a machine or a walk has when nothing else is asked for, and how far that
 * can go. Apart from the parts that follow them, so that a help text names the numbers without loading a machine.
 */

/** Memory and TLB share one 31-bit space of host addresses. */
export const MEMORY_MEGABYTES_MAX = 2032;
export const MEMORY_MEGABYTES_DEFAULT = 128;

/** Guest nanoseconds per tick: what makes a Debian kernel boot fastest (MEASUREMENTS.md). */
export const NS_PER_TICK_DEFAULT = 8;

/** State hashes are this many ticks apart unless the manifest says otherwise: a second or so of host time. */
export const HASH_EVERY_TICKS_DEFAULT = 2 ** 26;

/** Memory for the checkpoints of a timeline. */
export const CHECKPOINT_BYTES_DEFAULT = 512 << 20;

/** Ticks between two comparisons of engines in lockstep: one costs about as much as 20 k instructions. */
export const INTERVAL_TICKS_DEFAULT = 2 ** 21;
