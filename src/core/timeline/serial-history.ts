/**
 * What the guest sent on its serial lines and its debug console, and when: recorded the first time that a replay
 * passes, found again whenever it goes back. Kept as one list of bytes and ticks a line.
 */

/** COM1 to COM4, then the debug console. */
export const SERIAL_LINES = 5;
export const DEBUG_CONSOLE_LINE = 4;

/** What was sent on a line in some stretch of ticks. */
export interface SerialPart {
  readonly bytes: Uint8Array;
  readonly ticks: readonly number[];
}

interface LineHistory {
  bytes: Uint8Array;
  ticks: Float64Array;
  count: number;
  /** Bytes sent up to the moment where the replay is now. */
  sent: number;
}

export class SerialHistory {
  private readonly lines: LineHistory[] = Array.from({ length: SERIAL_LINES }, () => ({
    bytes: new Uint8Array(1024),
    ticks: new Float64Array(1024),
    count: 0,
    sent: 0,
  }));

  /** The guest sends a byte at `tick`; one that a run before has recorded is only counted. */
  add(line: number, byte: number, tick: number): void {
    const history = this.lines[line];
    if (history === undefined) return;
    if (history.sent++ < history.count) return;
    if (history.count === history.bytes.length) {
      const bytes = new Uint8Array(history.count * 2);
      const ticks = new Float64Array(history.count * 2);
      bytes.set(history.bytes);
      ticks.set(history.ticks);
      history.bytes = bytes;
      history.ticks = ticks;
    }
    history.bytes[history.count] = byte;
    history.ticks[history.count++] = tick;
  }

  /** What each line has sent at or after a tick. */
  partsSince(tick: number): SerialPart[] {
    return this.lines.map(({ bytes, ticks, count }) => {
      let first = 0;
      while (first < count && ticks[first] < tick) first++;
      return { bytes: bytes.slice(first, count), ticks: [...ticks.subarray(first, count)] };
    });
  }

  /** Takes over what is not known yet of a history that begins where this one does. */
  learn(parts: readonly SerialPart[]): void {
    parts.forEach(({ bytes, ticks }, line) => {
      const history = this.lines[line];
      if (history === undefined) return;
      const { sent } = history;
      for (let i = history.count; i < bytes.length; i++) {
        history.sent = history.count;
        this.add(line, bytes[i], ticks[i]);
      }
      history.sent = sent;
    });
  }

  /** The replay is at `tick` again, before anything that happens at it. */
  rewind(tick: number): void {
    for (const history of this.lines) {
      let low = 0;
      let high = history.count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (history.ticks[middle] < tick) low = middle + 1;
        else high = middle;
      }
      history.sent = low;
    }
  }

  /** Bytes sent up to now. */
  sent(line: number): Uint8Array {
    const history = this.lines[line];
    return history.bytes.subarray(0, history.sent);
  }

  /** Tick at which the last byte of the n-th (from 0) occurrence of `wanted` was sent, as far as is known, or −1. */
  find(line: number, wanted: Uint8Array, n: number): number {
    const { bytes, ticks, count } = this.lines[line];
    if (wanted.length === 0) return -1;
    for (let at = 0; at + wanted.length <= count; at++) {
      let i = 0;
      while (i < wanted.length && bytes[at + i] === wanted[i]) i++;
      if (i === wanted.length && n-- === 0) return ticks[at + i - 1];
    }
    return -1;
  }
}
