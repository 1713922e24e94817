/**
 * What a log holds, in numbers: for `reprise info`. Decodes every frame once, so it also shows that all of them can
 * be. Bytes are counted by kind of frame, not of event: events share columns and are compressed together.
 */
import { runSteps } from '../base/steps.ts';
import { FRAME_HEADER_BYTES, frameKindName } from './frames.ts';
import { logEvents } from './log.ts';
import type { LogEnd, LogReader } from './log.ts';
import type { LogProfile } from './manifest.ts';

export interface LogSummary {
  readonly profile: LogProfile;
  readonly fileBytes: number;
  readonly frameCount: number;
  /** Frames and their bytes in the file, headers included, by kind, in order of first appearance. */
  readonly frames: readonly { readonly kind: string; readonly count: number; readonly bytes: number }[];
  /** Events by class and kind, most frequent first. */
  readonly events: readonly { readonly class: 'input' | 'check'; readonly kind: string; readonly count: number }[];
  readonly lastTick: number;
  /** Guest time of `lastTick`, in seconds. */
  readonly guestSeconds: number;
  readonly end: LogEnd | null;
  readonly truncated: boolean;
  readonly trailingBytes: number;
  /** False: the events are only those at the beginning, because the counting was given up. */
  readonly isWhole: boolean;
}

export function summarizeLog(log: LogReader): LogSummary {
  return runSteps(summarySteps(log));
}

/** Events between two steps: some milliseconds. */
const STEP_EVENTS = 1 << 14;

/** The same in steps, each with the number of events so far: `next(true)` ends it there, with what it has. */
export function* summarySteps(log: LogReader): Generator<number, LogSummary, true | undefined> {
  const frames = new Map<string, { kind: string; count: number; bytes: number }>();
  for (const frame of log.frames) {
    const kind = frameKindName(frame.kind) ?? `unknown ${frame.kind}`;
    const entry = frames.get(kind) ?? { kind, count: 0, bytes: 0 };
    entry.count++;
    entry.bytes += FRAME_HEADER_BYTES + frame.payloadBytes;
    frames.set(kind, entry);
  }
  const events = new Map<string, { class: 'input' | 'check'; kind: string; count: number }>();
  let number = 0;
  let isWhole = true;
  for (const logged of logEvents(log)) {
    const { kind } = logged.event;
    const entry = events.get(kind);
    if (entry === undefined) events.set(kind, { class: logged.class, kind, count: 1 });
    else entry.count++;
    if (++number % STEP_EVENTS === 0 && (yield number) === true) {
      isWhole = false;
      break;
    }
  }
  return {
    profile: log.header.profile,
    fileBytes: log.file.length,
    frameCount: log.frames.length,
    frames: [...frames.values()],
    events: [...events.values()].sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1)),
    lastTick: log.lastTick,
    guestSeconds: (log.lastTick * log.header.machine.nsPerTick) / 1e9,
    end: log.end,
    truncated: log.truncated,
    trailingBytes: log.trailingBytes,
    isWhole,
  };
}
