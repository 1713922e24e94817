// Pieces of a campaign that workers behind a queue run (trial-queue.ts): puts the guest and the pieces there, and waits
// for what comes of them. What is lost on the way, by a queue that has forgotten it, is put there again. Says once when
// nobody works, and who is there that must not.

import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './errors.ts';
import type { ScheduleGuest } from './schedule-guest.ts';
import type { TrialGuest } from './trial-guest.ts';
import {
  CARE_MS,
  digestOf,
  type OpenQueue,
  openQueue,
  packBlob,
  programName,
  QueueStore,
  unpackBlob,
} from './trial-queue.ts';

const LOOK_MS = 40;
const AWAY_LOOK_MS = 200;

export interface QueuedPiecesOptions {
  readonly url: string;
  readonly guest: TrialGuest | ScheduleGuest;
  /** Null: for ever. */
  readonly timeoutSeconds: number | null;
  readonly say: (text: string) => void;
}

/** Pieces that are in the queue at once: what so many threads of workers can do. */
const QUEUED = 64;

export class QueuedPieces {
  readonly width = QUEUED;
  private readonly options: QueuedPiecesOptions;
  private readonly store: QueueStore;
  private readonly queue: OpenQueue;
  private readonly guestBlob: Uint8Array;
  private readonly refused = new Set<string>();
  private caredMs = 0;
  /** Since when nobody works, or null. */
  private aloneSinceMs: number | null = null;
  private isAloneTold = false;

  constructor(options: QueuedPiecesOptions) {
    this.options = options;
    this.store = new QueueStore(options.url, options.say);
    this.queue = openQueue(options.url);
    this.guestBlob = packBlob(options.guest);
  }

  /** What comes of a piece, a Batch or a SchedulePiece by the guest; null when `turn`, asked now and then, ends it. */
  async run<T>(piece: unknown, turn: () => Promise<boolean>): Promise<T | null> {
    const bytes = packBlob(piece);
    const guest = digestOf(this.guestBlob);
    const name = `${guest.slice(0, 32)}-${digestOf(bytes).slice(0, 32)}`;
    const submit = async (): Promise<void> => {
      await this.store.put(this.guestBlob);
      await this.queue.add(name, { guest, piece: await this.store.put(bytes) });
    };
    let submitted: Promise<void> | null = null;
    let submittedMs = 0;
    for (;;) {
      if (!(await turn())) return null;
      this.checkTimeout();
      if (this.store.awaySeconds > 0) {
        await sleep(LOOK_MS);
        continue;
      }
      const result = await this.unlessAway(this.store.result(name));
      if (result !== null && result !== undefined) {
        if (result.problem !== '') throw new CommandError(`A worker cannot run this guest: ${result.problem}`);
        const outcomes = await this.unlessAway(this.store.get(result.outcomes));
        if (outcomes !== null && outcomes !== undefined) return unpackBlob<T>(outcomes);
      }
      // A job that is there already, of this or of another campaign, is left alone.
      if (submitted === null || Date.now() - submittedMs > CARE_MS) {
        submittedMs = Date.now();
        submitted = submit();
        submitted.catch(() => {});
      }
      await this.care();
      await sleep(LOOK_MS);
    }
  }

  /** Undefined: the queue went away while it was asked. */
  private async unlessAway<T>(asked: Promise<T>): Promise<T | undefined> {
    const answer = asked.then((value) => ({ value }));
    for (;;) {
      const first = await Promise.race([answer, sleep(AWAY_LOOK_MS, null)]);
      if (first !== null) return first.value;
      if (this.store.awaySeconds === 0) continue;
      answer.catch(() => {});
      return undefined;
    }
  }

  private checkTimeout(): void {
    const { url, timeoutSeconds } = this.options;
    if (timeoutSeconds === null) return;
    if (this.store.awaySeconds > timeoutSeconds) {
      throw new CommandError(`The queue ${url} has not answered for ${timeoutSeconds} s: start it, or name another.`);
    }
    if (this.aloneSinceMs !== null && Date.now() - this.aloneSinceMs > timeoutSeconds * 1000) {
      throw new CommandError(
        `No worker has come to ${url} for ${timeoutSeconds} s: start reprise worker --queue ${url}.`,
      );
    }
  }

  private async care(): Promise<void> {
    if (Date.now() - this.caredMs < CARE_MS) return;
    this.caredMs = Date.now();
    const { url, say } = this.options;
    await this.unlessAway(this.store.announce('campaign'));
    const own = programName();
    const workers = (await this.unlessAway(this.store.present('worker'))) ?? null;
    if (workers === null) return;
    for (const { who, program } of workers) {
      if (program === own || this.refused.has(who)) continue;
      this.refused.add(who);
      say(`the worker ${who} is refused: it is reprise ${program}, this is reprise ${own}: let it have the same`);
    }
    if (workers.some(({ program }) => program === own)) {
      this.aloneSinceMs = null;
      return;
    }
    this.aloneSinceMs ??= Date.now();
    if (this.isAloneTold) return;
    this.isAloneTold = true;
    say(`nobody works for the queue yet: start reprise worker --queue ${url}`);
  }

  async close(): Promise<void> {
    if (this.store.awaySeconds === 0) await this.unlessAway(this.store.withdraw('campaign'));
    await this.queue.close();
    await this.store.close();
  }
}
