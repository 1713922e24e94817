// Campaigns on many machines: pieces are jobs of a queue in Redis (BullMQ), guests, pieces and outcomes are blobs there
// under the digests of their bytes. A piece whose worker has died is given to another one; its result has the name of
// the piece, so that nothing counts twice. Whoever takes part says who it is and which program: programs that are not
// the same have queues of their own, and each is named to the others.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Packr } from 'msgpackr';
import { VERSION } from '../../version.ts';
import { buildStamp } from './cache-folder.ts';
import { CommandError } from './errors.ts';

const PREFIX = 'reprise';
/** Blobs that nobody asks for any more go after a day. */
const BLOB_SECONDS = 24 * 3600;
/** A worker that has not been heard of for so long is taken for dead: its pieces are given to another one. */
const LOCK_MS = 10_000;
/** As often as workers die, their pieces are done again. */
const STALLED_MAX = 1000;
const PRESENT_SECONDS = 15;
/** How often one looks who else is there, and puts lost pieces into the queue again. */
export const CARE_MS = 3000;

const packr = new Packr({ structuredClone: false, moreTypes: true, useRecords: false });

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const blobKey = (digest: string): string => `${PREFIX}:blob:${digest}`;
const resultKey = (name: string): string => `${PREFIX}:result:${name}`;
const presentKey = (role: Role, who: string): string => `${PREFIX}:${role}:${who}`;

export type Role = 'worker' | 'campaign';

/** This program: others of the same version may have been built from other sources. */
export function programName(): string {
  const stamp = buildStamp();
  return stamp === '' ? VERSION : `${VERSION}-${digestOf(Buffer.from(stamp)).slice(0, 8)}`;
}

export const selfName = (): string => `${hostname()}:${process.pid}`;
const queueName = (program: string): string => `trials-${program}`;

export function packBlob(value: unknown): Uint8Array {
  return packr.pack(value);
}

export function unpackBlob<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

/** What stands in a job: digests of the guest and of the piece. */
export interface PieceJob {
  readonly guest: string;
  readonly piece: string;
}

export interface PieceResult {
  /** Digest of the outcomes, or empty. */
  readonly outcomes: string;
  /** Why it cannot be run, or empty. */
  readonly problem: string;
}

export function readQueueUrl(text: string): string {
  const isRedis = /^rediss?:\/\/[^/\s]+(\/\d+)?$/.test(text);
  if (!isRedis) throw new CommandError(`--queue wants redis://HOST:PORT, not "${text}".`);
  return text;
}

/** The connection: goes on trying for ever, and says once when the queue is away and when it is back. */
export class QueueStore {
  readonly redis: Redis;
  private readonly url: string;
  private readonly say: (text: string) => void;
  private awaySinceMs: number | null;

  constructor(url: string, say: (text: string) => void) {
    this.url = url;
    this.say = say;
    this.awaySinceMs = Date.now();
    this.redis = connect(url);
    this.redis.on('ready', () => {
      if (this.isTold) this.say(`the queue ${this.url} answers`);
      this.awaySinceMs = null;
      this.isTold = false;
    });
    this.redis.on('error', () => this.noticeAway());
    this.redis.on('close', () => this.noticeAway());
  }

  private isTold = false;

  private noticeAway(): void {
    this.awaySinceMs ??= Date.now();
    if (this.isTold) return;
    this.isTold = true;
    this.say(`the queue ${this.url} does not answer: waiting (--timeout SECONDS gives up)`);
  }

  /** For how long it has not answered. */
  get awaySeconds(): number {
    return this.awaySinceMs === null ? 0 : (Date.now() - this.awaySinceMs) / 1000;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes);
    await this.redis.set(blobKey(digest), Buffer.from(bytes), 'EX', BLOB_SECONDS);
    return digest;
  }

  /** Null: it is not there, or not what its name says. */
  async get(digest: string): Promise<Uint8Array | null> {
    const bytes = await this.redis.getBuffer(blobKey(digest));
    return bytes !== null && digestOf(bytes) === digest ? bytes : null;
  }

  async result(name: string): Promise<PieceResult | null> {
    const bytes = await this.redis.getBuffer(resultKey(name));
    return bytes === null ? null : unpackBlob<PieceResult>(bytes);
  }

  /** The first result of a piece is the one that counts. */
  async setResult(name: string, result: PieceResult): Promise<void> {
    await this.redis.set(resultKey(name), Buffer.from(packBlob(result)), 'EX', BLOB_SECONDS, 'NX');
  }

  async announce(role: Role): Promise<void> {
    await this.redis.set(presentKey(role, selfName()), programName(), 'EX', PRESENT_SECONDS);
  }

  async withdraw(role: Role): Promise<void> {
    await this.redis.del(presentKey(role, selfName()));
  }

  /** Who is there, and which program it is. */
  async present(role: Role): Promise<{ readonly who: string; readonly program: string }[]> {
    const keys = await this.redis.keys(presentKey(role, '*'));
    const programs = keys.length === 0 ? [] : await this.redis.mget(keys);
    return keys.flatMap((key, i) => {
      const program = programs[i];
      return program === null ? [] : [{ who: key.slice(presentKey(role, '').length), program }];
    });
  }

  async close(): Promise<void> {
    this.redis.removeAllListeners();
    this.redis.on('error', () => {});
    this.redis.disconnect();
  }
}

/** BullMQ wants connections that never give a command up. */
function connect(url: string): Redis {
  return new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 500, connectTimeout: 3000 });
}

export interface OpenQueue {
  add(name: string, job: PieceJob): Promise<void>;
  close(): Promise<void>;
}

export function openQueue(url: string): OpenQueue {
  const connection = connect(url);
  connection.on('error', () => {});
  const queue = new Queue<PieceJob>(queueName(programName()), { connection, prefix: PREFIX });
  queue.on('error', () => {});
  return {
    add: async (name, job) => {
      await queue.add('piece', job, { jobId: name, removeOnComplete: true, removeOnFail: true });
    },
    close: async () => {
      connection.disconnect();
      await queue.close().catch(() => {});
    },
  };
}

/** Takes pieces, so many at once, and lets `work` do them. */
export function openWorker(
  url: string,
  concurrency: number,
  work: (name: string, job: PieceJob) => Promise<void>,
): { close(): Promise<void> } {
  const connection = connect(url);
  connection.on('error', () => {});
  const worker = new Worker<PieceJob>(queueName(programName()), async ({ id = '', data }) => await work(id, data), {
    ...{ connection, prefix: PREFIX, concurrency, lockDuration: LOCK_MS },
    ...{ stalledInterval: LOCK_MS / 2, maxStalledCount: STALLED_MAX },
  });
  worker.on('error', () => {});
  return {
    close: async () => {
      await worker.close(true).catch(() => {});
      connection.disconnect();
    },
  };
}
