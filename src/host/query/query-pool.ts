// A query over several threads, each with its own timeline. The window is cut into the intervals of the timeline; a
// thread goes on where it stands while it can, and otherwise takes half of the heaviest stretch that nobody has begun,
// so that checkpoints are restored seldom. How heavy an interval is, its pages tell: a guest that idles touches few.
// What comes back is folded in the order of the run. Written for this: a pool of a library hands a task to any thread,
// and here the thread that stands nearest is several times as fast.

import { availableParallelism } from 'node:os';
import type { Batch } from '../../core/query/batch.ts';
import { directCallers } from '../../core/query/direct-callers.ts';
import type { Answer, QueryPlan } from '../../core/query/plan.ts';
import type { QueryProgress, QueryWindow } from '../../core/query/run.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import type { AskedPages, IntervalPages } from '../../core/timeline/page-records.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import { QueryThreads } from './query-threads.ts';
import type { WorkerAnswer, WorkerStart } from './query-worker.ts';

/** Below so many intervals one thread is as fast. */
export const CHUNKS_MIN = 8;
/** Records that wait to be folded; beyond it only the first chunk that is missing is run. */
const HELD_BYTES_MAX = 1 << 28;

/**
 * V8 compiles in threads of its own, and for each of ours anew: on a Debian boot as long as the guest runs. So half of
 * the processors are left to it, unless each thread has so many intervals that this is little of its time.
 */
const CHUNKS_PER_THREAD = 256;

/** How many threads pay for so many intervals. */
export function threadsFor(chunks: number, processors: number = availableParallelism()): number {
  return Math.max(
    1,
    Math.min(processors, Math.max(Math.floor(processors / 2), Math.floor(chunks / CHUNKS_PER_THREAD))),
  );
}

export interface PoolOptions {
  readonly timeline: Timeline;
  readonly plan: QueryPlan;
  readonly answer: Answer;
  readonly stretch: QueryWindow;
  /** Null: as many as pay. */
  readonly workers: number | null;
  readonly start: Omit<WorkerStart, 'notesPages' | 'stop' | 'likelyTick'>;
  /** Where they have been started already; they are ended in any case. */
  readonly threads?: QueryThreads | null;
  /** Each batch, in the order of the run. */
  readonly heard: (batch: Batch) => void;
  /** Now and then; false: it shall end with what there is. */
  readonly tell: (progress: QueryProgress) => Promise<boolean>;
}

interface ChunkState {
  readonly fromTick: number;
  readonly toTick: number;
  readonly weight: number;
  state: 'open' | 'taken' | 'done' | 'ruled-out';
  answer: WorkerAnswer | null;
}

/** Where each of several threads begins if all of the run has to be gone through, as equal parts as can be foreseen. */
export function startTicks({ endTick, intervalTicks, knownRecords, startTick }: Timeline, threads: number): number[] {
  const first = Math.floor(startTick / intervalTicks);
  const count = Math.ceil(endTick / intervalTicks) - first;
  const weights = Array.from({ length: count }, (_, i) => weightOf(knownRecords.of(first + i)));
  return Array.from({ length: threads }, (_, thread) =>
    Math.max(startTick, (first + indexAt(weights, thread / threads)) * intervalTicks),
  );
}

/** The first index before which no more than this part of the weight lies; never behind the last. */
function indexAt(weights: readonly number[], part: number): number {
  let left = weights.reduce((sum, weight) => sum + weight, 0) * part;
  for (const [i, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return i;
  }
  return 0;
}

/** Chunks that a thread has before it, so that it need not wait for this one between two of them. */
const CHUNKS_AHEAD = 2;
/** Milliseconds between two looks at what has come. */
const TELL_EVERY_MS = 50;

export class QueryPool {
  /** The replay left the recording. */
  hasDiverged = false;
  private readonly options: PoolOptions;
  private readonly chunks: ChunkState[] = [];
  private readonly returns = new Set<number>();
  private readonly reruns: number[] = [];
  /** Where each thread will stand when it has done what it was given. */
  private readonly places: number[] = [];
  /** Threads that could have been given more. */
  private readonly idle: number[] = [];
  private head = 0;
  private heldBytes = 0;
  private doneTicks = 0;
  private wake: () => void = () => {};

  constructor(options: PoolOptions) {
    this.options = options;
    const { plan, stretch, timeline } = options;
    const { intervalTicks } = timeline;
    for (let { fromTick } = stretch; fromTick < stretch.toTick; ) {
      const toTick = Math.min(stretch.toTick, (Math.floor(fromTick / intervalTicks) + 1) * intervalTicks);
      const isRuledOut = plan.pages !== null && !this.mayTouch(fromTick, plan.pages);
      const weight = isRuledOut ? 0 : weightOf(timeline.knownRecords.of(Math.floor(fromTick / intervalTicks)));
      this.chunks.push({ fromTick, toTick, weight, state: isRuledOut ? 'ruled-out' : 'open', answer: null });
      fromTick = toTick;
    }
    if (plan.job.table !== 'calls' || !plan.job.wantsReturns) return;
    for (const place of directCallers(timeline.machine, plan.job.addresses)) this.returns.add(place);
  }

  private mayTouch(tick: number, pages: AskedPages): boolean {
    const { intervalTicks, knownRecords, machine } = this.options.timeline;
    return knownRecords.mayTouch(Math.floor(tick / intervalTicks), pages, machine.memory.ramPages);
  }

  /** A whole interval, and nobody knows what it does to pages. */
  private isUnknown({ fromTick, toTick }: ChunkState): boolean {
    const { intervalTicks, knownRecords } = this.options.timeline;
    return toTick - fromTick === intervalTicks && knownRecords.of(fromTick / intervalTicks) === null;
  }

  /** Intervals that have to be run. */
  get openChunks(): number {
    return this.chunks.filter(({ state }) => state === 'open').length;
  }

  /** How many share the work. */
  get threads(): number {
    return this.options.threads?.count ?? this.options.workers ?? threadsFor(this.openChunks);
  }

  async run(): Promise<void> {
    const { answer, plan, start, tell } = this.options;
    const notesPages = this.chunks.some((chunk) => this.isUnknown(chunk));
    const threads = this.options.threads ?? new QueryThreads(this.threads, { ...start, notesPages });
    const count = Math.max(1, Math.min(threads.count, this.openChunks));
    threads.heard = (thread, message) => {
      if (message === null) this.wake();
      else this.answered(threads, thread, message);
    };
    for (let thread = 0; thread < count; thread++) {
      threads.tell(thread, { job: plan.job, fields: plan.fields });
      this.places.push(this.halfway(0, this.chunks.length, thread / count));
    }
    for (let ahead = 0; ahead < CHUNKS_AHEAD; ahead++) {
      for (let thread = 0; thread < count; thread++) this.give(threads, thread);
    }
    try {
      this.fold(threads);
      while (this.head < this.chunks.length && !answer.isComplete() && !this.hasDiverged) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, TELL_EVERY_MS);
        });
        if (threads.failure !== null) throw threads.failure;
        this.fold(threads);
        const totalTicks = this.options.stretch.toTick - this.options.stretch.fromTick;
        if (!(await tell({ doneTicks: this.doneTicks, totalTicks, rows: answer.rows() }))) break;
      }
    } finally {
      await threads.end();
    }
  }

  private answered(threads: QueryThreads, thread: number, message: WorkerAnswer): void {
    const chunk = this.chunks[message.index];
    if (message.chunk !== null) {
      chunk.answer = message;
      chunk.state = 'done';
      this.heldBytes += bytesOf(message);
      for (const place of message.chunk.listenedLast) this.returns.add(place);
      const { intervalTicks, knownRecords: records } = this.options.timeline;
      const interval = Math.floor(chunk.fromTick / intervalTicks);
      if (message.pages !== null && records.of(interval) === null) records.note(interval, message.pages);
    }
    this.give(threads, thread);
    this.wake();
  }

  /** The next chunk for a thread. */
  private give(threads: QueryThreads, thread: number): void {
    const rerun = this.reruns.shift();
    const index = rerun ?? this.choose(this.places[thread]);
    if (index < 0) {
      this.idle.push(thread);
      return;
    }
    // From what is run again it comes back.
    if (rerun === undefined) this.places[thread] = index + 1;
    const chunk = this.chunks[index];
    chunk.state = 'taken';
    threads.tell(thread, { index, fromTick: chunk.fromTick, toTick: chunk.toTick, returns: [...this.returns] });
  }

  private choose(at: number): number {
    const { chunks } = this;
    if (this.heldBytes > HELD_BYTES_MAX) return chunks[this.head]?.state === 'open' ? this.head : -1;
    const isFree = (index: number): boolean => /^(open|ruled-out)$/.test(chunks[index]?.state ?? '');
    // What is ruled out on the way is passed over.
    const next = chunks.findIndex(({ state }, index) => index >= at && state !== 'ruled-out');
    if (chunks[next]?.state === 'open') return next;
    // The heaviest stretch that nobody has begun; its second half where somebody comes along from before.
    let [best, bestEnd, bestWeight] = [-1, -1, 0];
    for (let first = 0; first < chunks.length; first++) {
      if (chunks[first].state !== 'open') continue;
      let [end, weight] = [first, 0];
      for (; isFree(end); end++) weight += chunks[end].weight;
      if (weight > bestWeight) [best, bestEnd, bestWeight] = [first, end, weight];
      first = end;
    }
    const before = chunks
      .slice(0, Math.max(0, best))
      .filter(({ state }) => state !== 'ruled-out')
      .at(-1);
    return before?.state === 'taken' ? this.halfway(best, bestEnd, 1 / 2) : best;
  }

  /** The chunk of a stretch before which so much of its weight lies; never its end. */
  private halfway(first: number, end: number, part: number): number {
    const weights = this.chunks.slice(first, end).map(({ weight }) => weight);
    return first + indexAt(weights, part);
  }

  /** What has come, as far as nothing before it is missing. */
  private fold(threads: QueryThreads): void {
    const { fold, isComplete } = this.options.answer;
    while (this.head < this.chunks.length && !isComplete()) {
      const chunk = this.chunks[this.head];
      if (chunk.state !== 'done' && chunk.state !== 'ruled-out') break;
      const awaited = fold.awaited?.() ?? new Set<number>();
      if (this.isDeaf(chunk, awaited)) {
        for (const place of awaited) this.returns.add(place);
        chunk.state = 'open';
        if (chunk.answer !== null) this.heldBytes -= bytesOf(chunk.answer);
        chunk.answer = null;
        this.reruns.push(this.head);
        break;
      }
      for (const batch of chunk.answer?.chunk?.batches ?? []) {
        fold.add(batch);
        this.options.heard(batch);
      }
      if (chunk.answer !== null) this.heldBytes -= bytesOf(chunk.answer);
      this.hasDiverged ||= chunk.answer?.chunk?.hasDiverged === true;
      chunk.answer = null;
      this.doneTicks += chunk.toTick - chunk.fromTick;
      this.head++;
    }
    for (const thread of this.idle.splice(0)) this.give(threads, thread);
  }

  /** A call that has not returned may do so in the chunk, where nobody has listened. */
  private isDeaf(chunk: ChunkState, awaited: ReadonlySet<number>): boolean {
    if (awaited.size === 0) return false;
    if (chunk.answer?.chunk == null) {
      const pages = [...awaited].map((place) => Math.floor(place / PAGE_BYTES));
      return this.mayTouch(chunk.fromTick, { executed: pages, written: [], touched: [] });
    }
    const listened = new Set(chunk.answer.chunk.listenedFirst);
    return [...awaited].some((place) => !listened.has(place));
  }
}

/** Of an interval of which nothing is known, or little: it takes time too. */
const WEIGHT_MIN = 16;

const weightOf = (pages: IntervalPages | null): number =>
  WEIGHT_MIN + (pages === null ? 0 : pages.executed.length + pages.written.length);

const bytesOf = ({ chunk }: WorkerAnswer): number =>
  chunk?.batches.reduce((sum, { numbers }) => sum + numbers.byteLength, 0) ?? 0;
