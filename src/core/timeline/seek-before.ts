/**
 * The way to the last position before a tick, where tick − 1 is none: a reset takes time in which no position lies.
 * Found by halving, from a place before the reset. A part of stepping back (timeline.ts).
 */
import type { Stop, Timeline, Way } from './timeline.ts';

export function* seekBefore(timeline: Timeline, tick: number): Way<Stop> {
  const { startTick } = timeline;
  let distance = 1 << 16;
  do {
    distance *= 2;
    yield* timeline.seek({ tick: tick - distance, seq: 0 });
  } while (timeline.position.tick >= tick && distance < tick - startTick);
  let low = Math.max(startTick, tick - distance);
  let high = tick - 1;
  // `low` is a position before the reset.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    yield* timeline.seek({ tick: middle, seq: 0 });
    if (timeline.position.tick < tick) low = middle;
    else high = middle - 1;
  }
  return yield* timeline.seek({ tick: low, seq: 0 });
}
