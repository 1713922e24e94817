// Threads that work for one command (tinypool): each has a module loaded once and is handed the same data when it
// begins, then tasks, one at a time. Tasks and results are copied. Loaded when more than one job is wanted.

import { Tinypool } from 'tinypool';

export interface PoolOptions {
  /** Module of the thread, as a URL of the built file. */
  readonly module: URL;
  /** What every thread is handed when it begins: `workerData`. */
  readonly data: unknown;
  readonly threads: number;
}

export class Pool {
  private readonly pool: Tinypool;
  private readonly cancelled = new AbortController();

  constructor({ module, data, threads }: PoolOptions) {
    this.pool = new Tinypool({
      ...{ filename: module.href, runtime: 'worker_threads', workerData: data },
      ...{ minThreads: threads, maxThreads: threads, concurrentTasksPerWorker: 1, trackUnmanagedFds: false },
    });
  }

  /** What the function of that name of the module makes of the task; rejects with what it throws. */
  async run<T>(name: string, task: unknown): Promise<T> {
    return (await this.pool.run(task, { name, signal: this.cancelled.signal })) as T;
  }

  /** Whatever still runs is given up. */
  async close(): Promise<void> {
    this.cancelled.abort();
    await this.pool.destroy();
  }
}
