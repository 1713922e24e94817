// One of several threads that answer a query together: its own timeline over the same recording, with the checkpoints
// that are kept of it. Chunks come as messages and go back as records; a flag in shared memory gives the work up.

import { parentPort, workerData } from 'node:worker_threads';
import { ChunkGatherer, type GatheredChunk } from '../../core/query/chunk.ts';
import type { Job } from '../../core/query/jobs.ts';
import { openLog } from '../../core/log/log.ts';
import type { IntervalPages } from '../../core/timeline/page-records.ts';
import { finish, Timeline } from '../../core/timeline/timeline.ts';
import { loadEngine } from '../../engines.ts';
import { findImages, type GivenImages } from '../node/find-images.ts';
import { KeptCheckpoints } from '../node/kept-checkpoints.ts';

export interface WorkerStart {
  readonly path: string;
  /** The log, shared. */
  readonly log: Uint8Array;
  readonly given: GivenImages;
  /** The images where all of them lie in memory, shared; null: each thread looks for them. */
  readonly images: ReadonlyMap<string, Uint8Array> | null;
  readonly engine: string;
  readonly devices: 'model' | 'log';
  /** Of the kept checkpoints. */
  readonly key: string;
  /** What intervals do to pages is not known yet: it is noted on the way. */
  readonly notesPages: boolean;
  /** It will probably begin there. */
  readonly likelyTick: number;
  /** Not 0: give up. */
  readonly stop: Int32Array;
}

/** The first message: what is to be gathered. */
export interface WorkerJob {
  readonly job: Job;
  readonly fields: number;
}

/** Each message behind it. */
export interface WorkerChunk {
  readonly index: number;
  readonly fromTick: number;
  readonly toTick: number;
  readonly returns: readonly number[];
}

export type WorkerMessage = WorkerJob | WorkerChunk;

/** Null: what there was to do has been given up. */
export interface WorkerAnswer {
  readonly index: number;
  readonly chunk: GatheredChunk | null;
  /** What the interval did to pages, where it was run whole and that was wanted. */
  readonly pages: IntervalPages | null;
}

/** A worker goes forward from what is kept, and leaves none of its own. */
const CHECKPOINT_BYTES = 1 << 26;

async function main(start: WorkerStart): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  const { devices, engine, given, images, key, likelyTick, notesPages, path, stop } = start;
  const log = openLog(start.log);
  const timeline = new Timeline({
    log,
    images: images ?? findImages({ log, path, given, warn: () => {} }),
    makeEngine: await loadEngine(engine),
    devices,
    checkpointBytesMax: CHECKPOINT_BYTES,
    leavesCheckpoints: false,
    notesPages,
  });
  new KeptCheckpoints({ timeline, key, warn: () => {} });
  // While the query is planned. Where no checkpoint is near, that would be a way of its own.
  if (likelyTick > timeline.startTick) finish(timeline.seek({ tick: likelyTick, seq: 0 }, []));
  let gatherer: ChunkGatherer | null = null;
  port.on('message', (message: WorkerMessage) => {
    if ('job' in message) {
      gatherer = new ChunkGatherer(timeline, message.job, message.fields);
      return;
    }
    if (gatherer === null) throw new Error('a chunk has come before its job');
    const { index, ...chunk } = message;
    const way = gatherer.gather(chunk);
    let gathered: GatheredChunk | null = null;
    for (let step = way.next(); gathered === null && Atomics.load(stop, 0) === 0; step = way.next()) {
      if (step.done === true) gathered = step.value;
    }
    way.return({} as never);
    const pages = timeline.records.of(Math.floor(chunk.fromTick / timeline.intervalTicks));
    const answer: WorkerAnswer = { index, chunk: gathered, pages };
    port.postMessage(answer, gathered?.batches.map(({ numbers }) => numbers.buffer as ArrayBuffer) ?? []);
  });
}

await main(workerData as WorkerStart);
