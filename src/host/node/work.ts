// Long work in the foreground: pieces of it, and between them the event loop, so that signals and a terminal that
// changes its width are heard of, and the progress line. The first signal asks the work to end with what it has; what
// that is, is the work's own affair. (Runs of a machine have drive.ts, which does the same and more.)

import { performance } from 'node:perf_hooks';
import type { Progress } from './progress.ts';

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type EndingSignal = keyof typeof SIGNAL_NUMBERS;
export const ENDING_SIGNALS = Object.keys(SIGNAL_NUMBERS) as EndingSignal[];

/** Exit status of a program that a signal has ended. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + (signal in SIGNAL_NUMBERS ? SIGNAL_NUMBERS[signal as EndingSignal] : 0);
}

/** Host time between two looks at the event loop. */
export const TURN_MS = 8;

export class Work {
  /** What asked the work to end. */
  signal: NodeJS.Signals | null = null;
  private progress: Progress | null;
  private turnMs = performance.now();
  private readonly onSignal = (signal: NodeJS.Signals): void => {
    this.signal = signal;
  };

  constructor(progress: Progress | null) {
    this.progress = progress;
    for (const signal of ENDING_SIGNALS) process.on(signal, this.onSignal);
  }

  /** Something else is about to be written: the line goes, until it is drawn again. */
  clear(): void {
    this.progress?.clear();
  }

  /** Another stage has another line. */
  show(progress: Progress | null): void {
    this.progress?.clear();
    this.progress = progress;
  }

  /** Between two pieces of some microseconds or more, `done` as the progress counts; false: the work shall end. */
  async turn(done: number): Promise<boolean> {
    if (performance.now() - this.turnMs < TURN_MS) return this.signal === null;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.progress?.update(done);
    this.turnMs = performance.now();
    return this.signal === null;
  }

  /** The terminal and the signals are as they were. */
  release(): void {
    this.progress?.clear();
    for (const signal of ENDING_SIGNALS) process.off(signal, this.onSignal);
  }
}
