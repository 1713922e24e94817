// A way on a timeline, walked by a host with a clock and a keyboard: between its steps the event loop gets its turn,
// the steps are made as long as a look at the keyboard may wait, and what takes long shows at a terminal how far it is.
// What is done when it shall be given up is the caller's affair.

import { performance } from 'node:perf_hooks';
import { CHUNK_TICKS } from '../../core/timeline/distances.ts';
import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import { type Pace, pacedChunk } from '../pace.ts';
import { Progress } from './progress.ts';

/** Ctrl-C is heard within a fraction of a second. */
const PACE: Pace = { msMin: 15, msMax: 50 };
/** Shorter ways show nothing. */
const SHOWN_AFTER_MS = 500;

export interface PacedOptions {
  /** What the progress line begins with. */
  readonly label?: string;
  /** No progress line. */
  readonly isQuiet?: boolean;
}

export class PacedWay<T> {
  private readonly timeline: Timeline;
  private readonly way: Way<T>;
  private readonly label: string;
  private readonly isQuiet: boolean;
  private progress: Progress | null = null;
  private total = 0;

  constructor(timeline: Timeline, way: Way<T>, { label = 'debug', isQuiet = false }: PacedOptions = {}) {
    this.timeline = timeline;
    this.way = way;
    this.label = label;
    this.isQuiet = isQuiet;
    // What was fast enough for compiled code may be far too long for a search that looks at every instruction.
    timeline.chunkTicks = Math.min(timeline.chunkTicks, CHUNK_TICKS / 4);
  }

  /** Some steps, and a turn of the event loop behind it unless it was the last. */
  async next(): Promise<IteratorResult<undefined, T>> {
    const result = this.walk();
    if (result.done === true) this.progress?.clear();
    else {
      await new Promise((resolve) => setImmediate(resolve));
      this.show();
    }
    return result;
  }

  /**
   * Pieces for as long as a look at the keyboard may wait. Each is short: where a guest idles pieces take no time at
   * all, and the next one may be full of work.
   */
  private walk(): IteratorResult<undefined, T> {
    const { timeline } = this;
    const startMs = performance.now();
    try {
      for (let pieceMs = startMs; ; ) {
        const result = this.way.next();
        const nowMs = performance.now();
        timeline.chunkTicks = Math.min(CHUNK_TICKS, pacedChunk(timeline.chunkTicks, nowMs - pieceMs, PACE));
        if (result.done === true || nowMs - startMs >= PACE.msMin) return result;
        pieceMs = nowMs;
      }
    } catch (error) {
      this.progress?.clear();
      throw error;
    }
  }

  giveUp(): void {
    this.progress?.clear();
    this.way.return(undefined as T);
  }

  private show(): void {
    const { progress } = this.timeline;
    if (progress === null) return;
    if (progress.total !== this.total || this.progress === null) {
      this.progress?.clear();
      this.total = progress.total;
      const options = { label: this.label, unit: 'ticks', end: this.total, afterMs: SHOWN_AFTER_MS } as const;
      this.progress = Progress.atTerminal(options, this.isQuiet);
    }
    this.progress?.update(progress.done);
  }
}
