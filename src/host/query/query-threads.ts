// The threads that answer a query. They may be started before it is known what is to be gathered: to open the recording
// takes each of them as long as the planning takes.

import { Worker } from 'node:worker_threads';
import { setThreadFlags } from '../node/v8-flags.ts';
import type { WorkerAnswer, WorkerMessage, WorkerStart } from './query-worker.ts';

export class QueryThreads {
  readonly count: number;
  /** What has gone wrong in one of them, or null. */
  failure: unknown = null;
  /** Told of every answer, and with null of a failure. */
  heard: (thread: number, answer: WorkerAnswer | null) => void = () => {};
  private readonly workers: readonly Worker[];
  private readonly stop = new Int32Array(new SharedArrayBuffer(4));

  /** `likelyTicks`: where they will probably begin, one for each; they go there by themselves. */
  constructor(count: number, start: Omit<WorkerStart, 'stop' | 'likelyTick'>, likelyTicks: readonly number[] = []) {
    this.count = count;
    setThreadFlags();
    this.workers = Array.from({ length: count }, (_, thread) => {
      const workerData: WorkerStart = { ...start, stop: this.stop, likelyTick: likelyTicks[thread] ?? 0 };
      const worker = new Worker(new URL('./query-worker.js', import.meta.url), { workerData });
      worker.on('message', (answer: WorkerAnswer) => this.heard(thread, answer));
      worker.on('error', (error) => {
        this.failure ??= error;
        this.heard(thread, null);
      });
      return worker;
    });
  }

  tell(thread: number, message: WorkerMessage): void {
    this.workers[thread].postMessage(message);
  }

  /** What they are doing is given up. */
  async end(): Promise<void> {
    this.heard = () => {};
    Atomics.store(this.stop, 0, 1);
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}
