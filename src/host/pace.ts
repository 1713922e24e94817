// How long the pieces of a way are, for hosts that look at the world between them: as many ticks as take a few tens of
// milliseconds, found by measuring. Knows no clock itself.

/** Where compiled code runs at 200 M ticks a second; idle time passes much faster. */
const CHUNK_TICKS_MIN = 1 << 12;
const CHUNK_TICKS_MAX = 1 << 26;

export interface Pace {
  /** A piece that took less time or more is followed by a longer one or a shorter one. */
  readonly msMin: number;
  readonly msMax: number;
}

/** Ticks of the next piece, when one of `chunkTicks` took so long. */
export function pacedChunk(chunkTicks: number, takenMs: number, { msMin, msMax }: Pace): number {
  if (takenMs > msMax) return Math.max(CHUNK_TICKS_MIN, chunkTicks / 2);
  return takenMs < msMin ? Math.min(CHUNK_TICKS_MAX, chunkTicks * 2) : chunkTicks;
}
