/**
 * Recordings of built-in and of wild guests as timelines, and the plain replay that they are held against: one machine
 * that runs from zero and never looks back.
 */
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { type Stop, Timeline, type Way } from '../../src/core/timeline/timeline.ts';
import type { TimelineOptions } from '../../src/core/timeline/timeline-options.ts';
import { buildGuest, findGuest } from '../../src/host/node/guest-images.ts';
import { openLog, record, type RecordSettings, serialText } from '../../src/library.ts';
import type { LogReader } from '../../src/core/log/log.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';

export interface Recorded {
  readonly name: string;
  readonly log: LogReader;
  readonly images: ReadonlyMap<string, Uint8Array>;
}

export const makeEngine = (cpu: Cpu) => new Interpreter(cpu);

export async function recordRun(name: string, settings: RecordSettings): Promise<Recorded> {
  const recording = await record(settings);
  const { kernel } = settings.images;
  if (kernel === undefined) throw new Error('a run needs a kernel');
  return { name, log: openLog(recording.log), images: new Map([['kernel', kernel]]) };
}

export async function recordGuest(name: string, settings: Partial<RecordSettings> = {}): Promise<Recorded> {
  const { input } = findGuest(name);
  const inputs = input === undefined ? [] : [{ tick: 400_000, event: serialText(input) }];
  return recordRun(name, {
    images: { kernel: buildGuest(name) },
    memoryMegabytes: 4,
    hashEveryTicks: 8192,
    inputs,
    ...settings,
  });
}

export function timelineOf(recorded: Recorded, options: Partial<TimelineOptions> = {}): Timeline {
  return new Timeline({ log: recorded.log, images: recorded.images, makeEngine, ...options });
}

/** State hashes of a replay from zero at ascending ticks, which are positions. */
export function plainHashes(recorded: Recorded, ticks: readonly number[]): string[] {
  const { log, images } = recorded;
  const session = createReplay({ log, images, makeEngine, output: SILENT_OUTPUT });
  return ticks.map((tick) => {
    session.advance(tick);
    return session.machine.tick === tick ? session.machine.hash().root : `tick ${session.machine.tick}`;
  });
}

export function hashOf(timeline: Timeline): string {
  return timeline.machine.hash().root;
}

/** Walks to the end, and gives up nowhere. */
export function go<T extends Stop | null>(way: Way<T>): T {
  for (;;) {
    const { done, value } = way.next();
    if (done === true) return value;
  }
}
