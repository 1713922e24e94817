// What the guest has sent on a serial line up to here: all that is kept, or what came behind what the page has
// already.

import { DEBUG_CONSOLE_LINE } from '../../../../../core/timeline/serial-history.ts';
import type { WorkerSession } from '../session.ts';

/** More of it nobody scrolls through. */
const BYTES_MAX = 1 << 18;

export async function serial(session: WorkerSession, ask: { line: number; from: number }) {
  const { timeline } = await session.recording();
  const history = timeline.serial;
  const total = history.sentCount(ask.line);
  const sent = history.sent(ask.line);
  const kept = sent.subarray(Math.max(0, sent.length - BYTES_MAX));
  const first = total - kept.length;
  const isMore = ask.from >= first && ask.from <= total;
  const lines: number[] = [];
  for (let line = 0; line <= DEBUG_CONSOLE_LINE; line++) if (history.count(line) > 0) lines.push(line);
  // `start`: which byte of the line the first of these is; where it is what was asked for, they go behind the others.
  return {
    start: isMore ? ask.from : first,
    total,
    lines,
    bytes: (isMore ? kept.subarray(ask.from - first) : kept).slice(),
  };
}
