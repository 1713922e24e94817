// Host time of this process: processor time of its main thread and of all its threads, and of the wall. Where the
// system does not tell threads apart (only Linux does here) the main thread is taken for the whole process, and that is
// said. No other file of measure/ reads a clock.

import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`;

/**
 * The kernel brings the time of a running thread up to date when it asks what the process has used, and otherwise only
 * at each of its own ticks, which are 1 to 10 ms apart.
 */
function mainThreadNanoseconds(): number | null {
  try {
    process.cpuUsage();
    return Number(readFileSync(SCHEDSTAT, 'latin1').split(' ', 1)[0]);
  } catch {
    return null;
  }
}

/** Whether the main thread has a clock of its own. */
export const hasThreadClock = mainThreadNanoseconds() !== null;

export interface HostTime {
  /** Of the main thread, which runs the machine. */
  readonly mainMs: number;
  /** Of all threads: V8 compiles and collects garbage in others. */
  readonly processMs: number;
  readonly wallMs: number;
}

export function hostTime(): HostTime {
  const { user, system } = process.cpuUsage();
  const processMs = (user + system) / 1000;
  const main = hasThreadClock ? mainThreadNanoseconds() : null;
  return { mainMs: main === null ? processMs : main / 1e6, processMs, wallMs: performance.now() };
}

/** Of the main thread alone, in ms: cheap enough for every piece of a run. */
export function mainMs(): number {
  const main = hasThreadClock ? mainThreadNanoseconds() : null;
  if (main !== null) return main / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export const since = (start: HostTime): HostTime => {
  const now = hostTime();
  return {
    mainMs: now.mainMs - start.mainMs,
    processMs: now.processMs - start.processMs,
    wallMs: now.wallMs - start.wallMs,
  };
};
