/**
 * Looking for a text that the guest sends on a serial line: through what the timeline's history still has of it, and
 * where that has a gap, or ends before the run does, by running the guest and listening. Each byte is looked at once
 * and in order, so that an occurrence may lie across kept and heard text, and the next one is looked for behind it.
 */
import { StreamMatcher } from '../session/input-script.ts';
import type { Timeline, Way } from './timeline.ts';

export class TextSearch {
  private readonly timeline: Timeline;
  private readonly line: number;
  private readonly matcher: StreamMatcher | null;
  /** Of the next byte of the line. */
  private index = 0;

  constructor(timeline: Timeline, line: number, text: Uint8Array) {
    this.timeline = timeline;
    this.line = line;
    this.matcher = text.length === 0 ? null : new StreamMatcher(text);
  }

  /** The same of the n-th occurrence, from 1. */
  *nth(occurrence: number): Way<number> {
    let tick = -1;
    for (let missing = occurrence; missing > 0; missing--) {
      tick = yield* this.next();
      if (tick < 0) break;
    }
    return tick;
  }

  /**
   * The tick at which the last byte of the next occurrence was sent, or −1 when the guest does not send it again. What
   * is known is looked through; where it is not known the run is heard. Leaves the machine somewhere.
   */
  *next(): Way<number> {
    const { timeline, line, matcher } = this;
    const { serial, machine } = timeline;
    if (matcher === null) return -1;
    for (;;) {
      const known = this.searchKept(matcher);
      if (known >= 0) return known;
      const isKnown = this.index < serial.count(line);
      if (!isKnown && timeline.learnText()) continue;
      if (!isKnown && timeline.knownTick >= timeline.endTick) return -1;
      const end = isKnown ? serial.gapEnd(line, this.index) : Number.POSITIVE_INFINITY;
      const isHere = isKnown ? serial.sentCount(line) === this.index : machine.tick === timeline.knownTick;
      if (!isHere) {
        const tick = isKnown ? serial.tickBefore(line, this.index) : timeline.knownTick;
        yield* timeline.seek({ tick, seq: 0 });
      }
      let found = -1;
      serial.listener = (sentOn, at, byte, tick) => {
        if (sentOn !== line || at < this.index || found >= 0) return;
        this.index = at + 1;
        if (matcher.feed(byte)) found = tick;
        if (found >= 0 || this.index >= end) machine.breakIn();
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

  private searchKept(matcher: StreamMatcher): number {
    const { serial } = this.timeline;
    for (let part = serial.keptFrom(this.line, this.index); part !== null; ) {
      const { bytes, ticks } = part;
      for (let i = 0; i < bytes.length; i++) {
        this.index++;
        if (matcher.feed(bytes[i])) return ticks[i];
      }
      part = serial.keptFrom(this.line, this.index);
    }
    return -1;
  }
}
