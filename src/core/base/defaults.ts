/**
 * Defaults and limits that people see: what a machine or a walk has when nothing else is asked for, and how far that
 * can go. Apart from the parts that follow them, so that a help text names the numbers without loading a machine.
 */

/** Memory and TLB share one 31-bit space of host addresses. */
export const MEMORY_MEGABYTES_MAX = 2032;
export const MEMORY_MEGABYTES_DEFAULT = 128;

/** Room for what a guest writes to its disks; memory that nobody writes costs nothing. */
export const DISK_ROOM_MEGABYTES_DEFAULT = 256;

/** Of a disk's write cache, where it is imitated. */
export const WRITE_CACHE_KILOBYTES_DEFAULT = 8192;
export const WRITE_CACHE_KILOBYTES_MAX = 65_536;

export function isWriteCache(kilobytes: unknown): kilobytes is number {
  return Number.isInteger(kilobytes) && Number(kilobytes) >= 1 && Number(kilobytes) <= WRITE_CACHE_KILOBYTES_MAX;
}

/** Media that may be put into drives beside those that they have at first, by number from 1. */
export const MEDIA_MAX = 99;

/** Guest nanoseconds per tick: what makes a Debian kernel boot fastest (MEASUREMENTS.md). */
export const NS_PER_TICK_DEFAULT = 8;
/** With shorter ticks the frequencies of the board's clocks are beyond exact arithmetic (board/clock.ts). */
export const NS_PER_TICK_MIN = 1 / 1024;
export const NS_PER_TICK_MAX = 2 ** 20;
/** How people are told. */
export const NS_PER_TICK_WANTED = 'a power of two from 1/1024 to 1048576, such as 8 or 1/2';

/** Whether a machine can have so many nanoseconds per tick. */
export function isNsPerTick(value: number): boolean {
  for (let power = NS_PER_TICK_MIN; power <= NS_PER_TICK_MAX; power *= 2) if (value === power) return true;
  return false;
}

/**
 * A run ends here at the latest: ticks are exact up to 2^53, and a reset takes up to 2^30 of them. At a guest that
 * idles all the time it is reached in minutes, at 250 million instructions a second in a year.
 */
export const TICK_LIMIT = 2 ** 53 - 2 ** 31;

/** State hashes are this many ticks apart unless the manifest says otherwise: a second or so of host time. */
export const HASH_EVERY_TICKS_DEFAULT = 2 ** 26;

/** Memory for the checkpoints of a timeline. */
export const CHECKPOINT_BYTES_DEFAULT = 512 << 20;
/** Disk for the checkpoints of all logs that sessions have left for later ones. */
export const CHECKPOINT_CACHE_BYTES_DEFAULT = 2 ** 30;

/** Ticks between two comparisons of engines in lockstep: one costs about as much as 20 k instructions. */
export const INTERVAL_TICKS_DEFAULT = 2 ** 21;

/** Disk, then CD-ROM, then diskette. */
export const BOOT_ORDER_DEFAULT = 'cda';
export const BOOT_ORDER_WANTED = 'up to three different letters of c (disk), d (CD-ROM), a (diskette) and n (network)';

/** Whether firmware can be told to try these drives in this order. */
export function isBootOrder(text: string): boolean {
  return /^[acdn]{1,3}$/.test(text) && new Set(text).size === text.length;
}
