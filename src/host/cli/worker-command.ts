// `reprise worker --queue URL`: runs pieces of campaigns that others have put into a queue, until it is ended. A
// campaign does not notice how many workers there are, nor when one of them dies.

import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../../core/base/usage-error.ts';
import { CommandError } from '../node/errors.ts';
import { Pool } from '../node/pool.ts';
import { count } from '../node/progress.ts';
import {
  CARE_MS,
  openWorker,
  packBlob,
  type PieceJob,
  programName,
  QueueStore,
  readQueueUrl,
  selfName,
  unpackBlob,
} from '../node/trial-queue.ts';
import type { ForeignPiece } from '../node/trial-thread.ts';
import { signalStatus, Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { say } from './report.ts';

const LOOK_MS = 200;

export async function workerCommand(args: Arguments): Promise<number> {
  const text = args.text('queue');
  if (text === undefined) throw new UsageError('Where is the work? Name the queue with --queue redis://HOST:PORT.');
  const url = readQueueUrl(text);
  const jobs = args.number('jobs') ?? availableParallelism();
  const timeoutSeconds = args.number('timeout') ?? null;
  const store = new QueueStore(url, (line) => say(`worker: ${line}`));
  const pool = new Pool({ module: new URL('../node/trial-thread.js', import.meta.url), data: null, threads: jobs });
  const guests = new GuestCache(store);
  let pieces = 0;
  const work = async (name: string, job: PieceJob): Promise<void> => {
    const guest = await guests.get(job.guest);
    const piece = await store.get(job.piece);
    // The campaign puts what is missing there again.
    if (guest === null || piece === null) return;
    try {
      const foreign: ForeignPiece = { id: job.guest, guest, piece: unpackBlob<ForeignPiece['piece']>(piece) };
      const outcomes = await pool.run('foreignPiece', foreign);
      await store.setResult(name, { outcomes: await store.put(packBlob(outcomes)), problem: '' });
      pieces++;
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') throw error;
      const problem = error instanceof Error ? error.message : String(error);
      await store.setResult(name, { outcomes: '', problem });
    }
  };
  const worker = openWorker(url, jobs, work);
  const signals = new Work(null);
  const told = new Set<string>();
  say(`worker: ${selfName()}, reprise ${programName()}, ${jobs === 1 ? 'one job' : `${jobs} jobs`} at once, at ${url}`);
  try {
    for (let caredMs = 0; signals.signal === null; ) {
      await sleep(LOOK_MS);
      if (timeoutSeconds !== null && store.awaySeconds > timeoutSeconds) {
        throw new CommandError(`The queue ${url} has not answered for ${timeoutSeconds} s: start it, or name another.`);
      }
      if (store.awaySeconds > 0 || Date.now() - caredMs < CARE_MS) continue;
      caredMs = Date.now();
      void care(store, told);
    }
    say(`worker: ended by the user, ${count(pieces)} pieces done`);
    return signalStatus(signals.signal ?? 'SIGTERM');
  } finally {
    signals.release();
    if (store.awaySeconds === 0) await Promise.race([store.withdraw('worker'), sleep(LOOK_MS)]);
    await Promise.race([worker.close(), sleep(CARE_MS)]);
    await pool.close();
    await store.close();
  }
}

/** Says that it is there, and once of each campaign that is of another program. */
async function care(store: QueueStore, told: Set<string>): Promise<void> {
  await store.announce('worker');
  const own = programName();
  for (const { who, program } of await store.present('campaign')) {
    if (program === own || told.has(who)) continue;
    told.add(who);
    say(`worker: the campaign ${who} is refused: it is of reprise ${program}, this is reprise ${own}`);
  }
}

/** The last guest: pieces of one campaign come one after the other. */
class GuestCache {
  private readonly store: QueueStore;
  private digest = '';
  private guest: ForeignPiece['guest'] | null = null;

  constructor(store: QueueStore) {
    this.store = store;
  }

  async get(digest: string): Promise<ForeignPiece['guest'] | null> {
    if (this.guest !== null && this.digest === digest) return this.guest;
    const bytes = await this.store.get(digest);
    if (bytes === null) return null;
    this.guest = unpackBlob<ForeignPiece['guest']>(bytes);
    this.digest = digest;
    return this.guest;
  }
}
