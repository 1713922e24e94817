/**
 * A query in pieces: one timeline of several gathers chunk after chunk, in any order, and says of each what it has
 * found and where it has listened. Which chunks, and what becomes of them, is somebody else's affair (a host with
 * threads).
 */
import type { Timeline, Way } from '../timeline/timeline.ts';
import { type Batch, BatchBuilder } from './batch.ts';
import { CallsGatherer } from './gather-calls.ts';
import type { Gatherer } from './gatherer.ts';
import { type Job, makeGatherer } from './jobs.ts';

/** Records of a batch, unless a chunk has fewer. */
const BATCH_RECORDS = 1 << 12;

export interface Chunk {
  readonly fromTick: number;
  readonly toTick: number;
  /** Places behind calls that are known by now. */
  readonly returns: readonly number[];
}

export interface GatheredChunk {
  readonly batches: readonly Batch[];
  /** Of calls: places that were listened to from the beginning of the chunk on, and those to its end. */
  readonly listenedFirst: readonly number[];
  readonly listenedLast: readonly number[];
  /** The replay left the recording before the end. */
  readonly hasDiverged: boolean;
}

export class ChunkGatherer {
  private readonly timeline: Timeline;
  private readonly batch: BatchBuilder;
  private readonly gatherer: Gatherer;

  constructor(timeline: Timeline, job: Job, fields: number) {
    this.timeline = timeline;
    this.batch = new BatchBuilder(fields);
    this.gatherer = makeGatherer(job, { timeline, machine: timeline.machine, batch: this.batch });
  }

  private get listened(): readonly number[] {
    return this.gatherer instanceof CallsGatherer ? [...this.gatherer.listened] : [];
  }

  *gather({ fromTick, returns, toTick }: Chunk): Way<GatheredChunk> {
    const { batch, gatherer, timeline } = this;
    if (gatherer instanceof CallsGatherer) gatherer.listen(returns);
    if (timeline.position.tick !== fromTick) yield* timeline.seek({ tick: fromTick, seq: 0 });
    const listenedFirst = this.listened;
    const batches: Batch[] = [];
    const way = timeline.runOn(toTick, true);
    try {
      for (let isOver = false; !isOver; ) {
        gatherer.begin();
        try {
          isOver = way.next().done === true;
        } finally {
          gatherer.end();
        }
        if (batch.count >= BATCH_RECORDS || (isOver && batch.count > 0)) batches.push(batch.take());
        if (!isOver) yield undefined;
      }
    } finally {
      way.return({} as never);
    }
    const hasDiverged = timeline.divergence !== null;
    return { batches, listenedFirst, listenedLast: this.listened, hasDiverged };
  }

  release(): void {
    this.gatherer.release();
  }
}
