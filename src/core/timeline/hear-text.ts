/**
 * Looking for a text that the guest sends on a serial line: through what the timeline's history still has of it, and
 * where that has a gap, or ends before the run does, by running the guest and listening. Each byte is looked at once
 * and in order, so that an occurrence may lie across kept and heard text.
 */
import { StreamMatcher } from '../session/input-script.ts';
import type { Timeline, Way } from './timeline.ts';

/** As `Timeline.findText`. */
export function* hearText(timeline: Timeline, line: number, text: Uint8Array, occurrence: number): Way<number> {
  const { serial, machine } = timeline;
  const matcher = new StreamMatcher(text);
  let missing = occurrence;
  let found = -1;
  const take = (byte: number, tick: number): boolean => {
    if (matcher.feed(byte) && --missing === 0) found = tick;
    return found >= 0;
  };
  if (text.length === 0) return -1;
  for (let index = 0; ; ) {
    for (let part = serial.keptFrom(line, index); part !== null; part = serial.keptFrom(line, index)) {
      const { bytes, ticks } = part;
      for (let i = 0; i < bytes.length; i++) if (take(bytes[i], ticks[i])) return found;
      index += bytes.length;
    }
    const isKnown = index < serial.count(line);
    if (!isKnown && timeline.learnText()) continue;
    if (!isKnown && timeline.knownTick >= timeline.endTick) return -1;
    const end = isKnown ? serial.gapEnd(line, index) : Number.POSITIVE_INFINITY;
    const isHere = isKnown ? serial.sentCount(line) === index : machine.tick === timeline.knownTick;
    if (!isHere) {
      yield* timeline.seek({ tick: isKnown ? serial.tickBefore(line, index) : timeline.knownTick, seq: 0 });
    }
    serial.listener = (sentOn, at, byte, tick) => {
      if (sentOn !== line || at < index || found >= 0) return;
      index = at + 1;
      if (take(byte, tick) || index >= end) machine.breakIn();
    };
    try {
      yield* timeline.runOn(timeline.endTick);
    } finally {
      serial.listener = null;
    }
    if (found >= 0) return found;
    if (timeline.isAtEnd) return -1;
  }
}
