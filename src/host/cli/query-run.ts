// The run of one query for the shell: from what an earlier query has left, on several threads where checkpoints are
// kept, else along the recording; rows are written as they come, with a progress line and how many rows there may be.

import { performance } from 'node:perf_hooks';
import type { Batch } from '../../core/query/batch.ts';
import type { Row } from '../../core/query/compile.ts';
import type { Answer, QueryPlan } from '../../core/query/plan.ts';
import { findWindow, type QueryProgress, type QueryWindow, runQuery } from '../../core/query/run.ts';
import { CHUNK_TICKS } from '../../core/timeline/distances.ts';
import { mistakeText } from '../../core/timeline/expression.ts';
import { PositionError } from '../../core/timeline/positions.ts';
import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { count, Progress } from '../node/progress.ts';
import { type Pace, pacedChunk } from '../pace.ts';
import { signalStatus, type Work } from '../node/work.ts';
import { AllEvents } from '../query/all-events.ts';
import { readEvents } from '../query/kept-events.ts';
import { ANSWER_BYTES_MAX, noteKept, readAnswer, writeAnswer } from '../query/kept-lists.ts';
import { CHUNKS_MIN, type PoolOptions, QueryPool, threadsFor } from '../query/query-pool.ts';
import type { RowsText } from '../query/rows-text.ts';
import { EXIT, say } from './report.ts';

export interface QueryRunOptions {
  readonly timeline: Timeline;
  readonly plan: QueryPlan;
  readonly rows: RowsText;
  readonly work: Work;
  readonly symbolOf: (name: string) => number | undefined;
  /** Where the guest's code is to be looked at for calls; null: the timeline stands there. */
  readonly codeTick: number | null;
  /** Up to there checkpoints are kept. */
  readonly knownTick: number;
  readonly start: PoolOptions['start'];
  /** Null: as many as pay. */
  readonly workers: number | null;
  /** Threads that have been started already, or null. */
  readonly threads: PoolOptions['threads'];
  /** Rows that are written at most. */
  readonly limit: number;
  /** What is gathered is kept for other queries. */
  readonly keepsLists: boolean;
}

/** What one thread goes through. */
interface Alone {
  readonly plan: QueryPlan;
  readonly answer: Answer;
  readonly stretch: QueryWindow;
  readonly heard: (batch: Batch) => void;
}

/** An answer is called huge from so many rows on, and only when much of it is still to come. */
const HUGE_ROWS = 1_000_000;
const HUGE_AFTER_PART = 0.02;
/** So many wait at a terminal for the end, so that a progress line is not in between. */
const HELD_ROWS = 1000;
/** So many wait at most for an estimate. */
const HELD_ROWS_MAX = 100_000;

/** A piece takes so long with the writing of its rows, which may be one for each tick: Ctrl-C is heard between two. */
const PACE: Pace = { msMin: 50, msMax: 150 };

export class QueryRun {
  private readonly options: QueryRunOptions;
  private written = 0;
  private batches: Batch[] | null = [];
  private heldBytes = 0;
  private isToldHuge = false;
  private hasDiverged = false;

  constructor(options: QueryRunOptions) {
    this.options = options;
    if (!options.keepsLists) this.batches = null;
  }

  async run(): Promise<number> {
    const { plan, timeline, work } = this.options;
    let doneTick = 0;
    try {
      const stretch = await this.walk(findWindow(timeline, plan, this.options.symbolOf));
      if (stretch === null) return signalStatus(work.signal ?? 'SIGINT');
      const totalTicks = Math.max(0, stretch.toTick - stretch.fromTick);
      work.show(Progress.atTerminal({ label: 'query', unit: 'ticks', end: totalTicks }));
      const tell = async (progress: QueryProgress): Promise<boolean> => {
        doneTick = stretch.fromTick + progress.doneTicks;
        this.tellHuge(progress);
        if (this.mayWrite(progress)) {
          work.clear();
          await this.write(false);
        }
        return (await work.turn(progress.doneTicks)) && !this.isFull;
      };
      await this.gather(stretch, tell);
    } catch (error) {
      if (error instanceof PositionError) throw new UsageError(mistakeText(error));
      throw error;
    } finally {
      work.show(null);
      await this.write(true);
    }
    if (this.hasDiverged) {
      say('query: there the replay left the recording, and nothing behind was asked: reprise replay says where');
      return EXIT.divergence;
    }
    if (work.signal === null) return EXIT.ok;
    say(`query: stopped by the user at tick ${count(doneTick)}; the answer is that of the run up to there`);
    return signalStatus(work.signal);
  }

  private get isFull(): boolean {
    return this.written >= this.options.limit;
  }

  private async gather(stretch: QueryWindow, tell: (progress: QueryProgress) => Promise<boolean>): Promise<void> {
    const { knownTick, keepsLists, plan, start, threads, timeline, work, workers } = this.options;
    const hear = (row: Row): void => {
      if (this.written++ < this.options.limit) this.options.rows.add(row);
    };
    const known = keepsLists ? this.readKnown(stretch) : null;
    if (known !== null) {
      const answer = plan.start(hear);
      for (const batch of known) if (!answer.isComplete() && !this.isFull) answer.fold.add(batch);
      answer.end();
      return;
    }
    // Who wants the first rows has them soonest from one thread.
    const isShort = plan.isStreaming && (plan.query.limit !== null || Number.isFinite(this.options.limit));
    const isWholeRun = stretch.fromTick === timeline.startTick && stretch.toTick === timeline.endTick;
    const events = keepsLists && isWholeRun && !isShort ? AllEvents.of(plan) : null;
    const asked = plan.start(hear);
    const gathered = events?.plan ?? plan;
    const answer = events?.answer(asked, (batch) => this.hold(batch)) ?? asked;
    const heard = (batch: Batch): void => {
      if (events === null) this.hold(batch);
    };
    const count = workers ?? threadsFor(Math.ceil((stretch.toTick - stretch.fromTick) / timeline.intervalTicks));
    const isTogether = count > 1 && !isShort && knownTick >= stretch.toTick - timeline.intervalTicks;
    if (isTogether && !(await this.goToCode())) return;
    const pool = isTogether
      ? new QueryPool({ timeline, plan: gathered, answer, stretch, workers, threads, start, heard, tell })
      : null;
    if (pool !== null && pool.threads > 1 && pool.openChunks >= CHUNKS_MIN) {
      await pool.run();
      this.hasDiverged = pool.hasDiverged;
      answer.end();
    } else await this.gatherAlone({ plan: gathered, answer, stretch, heard }, tell);
    const isWhole = work.signal === null && !this.hasDiverged && !answer.isComplete() && !this.isFull;
    const isIndexed = isWhole && events?.keep(start.key, stretch) === true;
    if (!isWhole || isIndexed || this.batches === null) return;
    writeAnswer(start.key, plan.job, stretch, this.batches);
    noteKept(start.key, plan.query.text);
  }

  /** Threads are told of places behind calls, which stand in the guest's code. False: given up. */
  private async goToCode(): Promise<boolean> {
    const { codeTick: tick, plan, timeline } = this.options;
    if (tick === null || plan.job.table !== 'calls' || !plan.job.wantsReturns) return true;
    return (await this.walk(timeline.seek({ tick, seq: 0 }, []))) !== null;
  }

  /** What earlier sessions have left of it. */
  private readKnown(stretch: QueryWindow): Batch[] | null {
    const { plan, start } = this.options;
    return readEvents(start.key, plan.job, stretch) ?? readAnswer(start.key, plan.job, plan.fields, stretch);
  }

  private async gatherAlone(
    { answer, heard, plan, stretch }: Alone,
    tell: (progress: QueryProgress) => Promise<boolean>,
  ): Promise<void> {
    const { timeline } = this.options;
    let progress: QueryProgress = { doneTicks: 0, totalTicks: 1, rows: 0 };
    let goesOn = true;
    const way = runQuery(timeline, plan, stretch, answer, {
      heard,
      tell: (told) => {
        progress = told;
        return goesOn;
      },
    });
    timeline.chunkTicks = CHUNK_TICKS / 16;
    for (let startMs = performance.now(); way.next().done !== true; ) {
      goesOn = await tell(progress);
      const nowMs = performance.now();
      timeline.chunkTicks = pacedChunk(timeline.chunkTicks, nowMs - startMs, PACE);
      startMs = nowMs;
    }
    this.hasDiverged = timeline.divergence !== null;
  }

  private hold(batch: Batch): void {
    if (this.batches === null) return;
    this.batches.push(batch);
    this.heldBytes += batch.numbers.byteLength;
    if (this.heldBytes > ANSWER_BYTES_MAX) this.batches = null;
  }

  private async walk<T>(way: Way<T>): Promise<T | null> {
    for (let step = way.next(); ; step = way.next()) {
      if (step.done === true) return step.value;
      if (await this.options.work.turn(0)) continue;
      way.return(undefined as T);
      return null;
    }
  }

  /** Once, and for people: an answer that nobody will read to its end. */
  private tellHuge({ doneTicks, rows, totalTicks }: QueryProgress): void {
    if (this.isToldHuge || process.stderr.isTTY !== true || !this.options.plan.isStreaming) return;
    const part = doneTicks / Math.max(1, totalTicks);
    const isEarly = part < HUGE_AFTER_PART && rows < HELD_ROWS_MAX;
    if (part === 0 || isEarly || rows / part < HUGE_ROWS || Number.isFinite(this.options.limit)) return;
    this.isToldHuge = true;
    say(`query: there will be about ${count(Math.round(rows / part))} rows: --limit N, or count, or Ctrl-C`);
  }

  /** At a terminal how many rows there will be is told before them: they wait for it, unless they are few. */
  private mayWrite({ doneTicks, totalTicks }: QueryProgress): boolean {
    if (process.stdout.isTTY !== true) return true;
    const isLate = doneTicks >= totalTicks * HUGE_AFTER_PART || this.written >= HELD_ROWS_MAX;
    return this.written > HELD_ROWS && isLate;
  }

  private async write(isOver: boolean): Promise<void> {
    const text = this.options.rows.take(isOver, true);
    if (text === '' || process.stdout.write(text)) return;
    await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
  }
}
