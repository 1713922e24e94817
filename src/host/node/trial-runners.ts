// Who runs the pieces of a campaign: this thread, several threads, or processes behind a queue (trial-queue.ts). All
// give the same answers, because an answer is put together from pieces in their order and an outcome depends on its
// piece alone.

import { type Answer, type Batch, piecesOf, runPiece } from '../../core/chaos/campaign.ts';
import type { Experiment, Outcome } from '../../core/chaos/experiment.ts';
import { CommandError } from './errors.ts';
import type { Pool } from './pool.ts';
import type { QueuedPieces } from './queued-pieces.ts';
import type { TrialGuest } from './trial-guest.ts';

/** Called after so many trials; false: the user ends it. */
export type Turn = (trials: number) => Promise<boolean>;

/** With `problem` it was that which stopped it. */
export interface RunnerAnswer extends Answer {
  readonly problem?: CommandError;
}

export interface TrialRunner {
  run(batch: Batch, turn: Turn): Promise<RunnerAnswer>;
  close(): Promise<void>;
}

/** One after the other, here. */
export class LocalTrials implements TrialRunner {
  private readonly experiment: Experiment;

  constructor(experiment: Experiment) {
    this.experiment = experiment;
  }

  async run(batch: Batch, turn: Turn): Promise<RunnerAnswer> {
    const outcomes: Outcome[] = [];
    for (const piece of piecesOf(batch)) {
      for (const outcome of runPiece(this.experiment, piece)) {
        outcomes.push(outcome);
        if (!(await turn(1))) return { outcomes, isStopped: true };
        if (batch.isUntilFailure && outcome.fails) return { outcomes, isStopped: false };
      }
    }
    return { outcomes, isStopped: false };
  }

  async close(): Promise<void> {}
}

/** Null: the user has ended it. */
type PieceRunner = (piece: Batch) => Promise<readonly Outcome[] | null>;

/** So many pieces at once; none behind one that fails is begun when nobody asks for it. */
export async function runPieces(batch: Batch, width: number, runOne: PieceRunner, turn: Turn): Promise<RunnerAnswer> {
  const pieces = piecesOf(batch);
  const done: (readonly Outcome[])[] = [];
  let next = 0;
  let wanted = pieces.length;
  let isStopped = false;
  let problem: CommandError | undefined;
  const isProblem = (error: unknown): null => {
    if (!(error instanceof CommandError)) throw error;
    problem ??= error;
    return null;
  };
  const lane = async (): Promise<void> => {
    while (next < wanted && !isStopped) {
      const at = next++;
      const outcomes = await runOne(pieces[at]).catch(isProblem);
      if (outcomes === null) {
        isStopped = true;
        return;
      }
      done[at] = outcomes;
      if (batch.isUntilFailure && outcomes.at(-1)?.fails === true) wanted = Math.min(wanted, at + 1);
      if (!(await turn(outcomes.length))) isStopped = true;
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, pieces.length) }, lane));
  const outcomes: Outcome[] = [];
  let at = 0;
  for (; at < wanted && done[at] !== undefined; at++) outcomes.push(...done[at]);
  const answer = { outcomes, isStopped: isStopped && at < wanted };
  return problem === undefined || !answer.isStopped ? answer : { ...answer, problem };
}

/** Workers behind a queue. */
export class QueuedTrials implements TrialRunner {
  private readonly pieces: QueuedPieces;

  constructor(pieces: QueuedPieces) {
    this.pieces = pieces;
  }

  async run(batch: Batch, turn: Turn): Promise<RunnerAnswer> {
    const runOne: PieceRunner = (piece) => this.pieces.run<Outcome[]>(piece, () => turn(0));
    return await runPieces(batch, this.pieces.width, runOne, turn);
  }

  close(): Promise<void> {
    return this.pieces.close();
  }
}

/** Threads of this process; made with the first batch. */
export class PooledTrials implements TrialRunner {
  private readonly guest: TrialGuest;
  private readonly jobs: number;
  private pool: Pool | null = null;

  constructor(guest: TrialGuest, jobs: number) {
    this.guest = guest;
    this.jobs = jobs;
  }

  async run(batch: Batch, turn: Turn): Promise<RunnerAnswer> {
    const pool = this.pool ?? (await this.open());
    this.pool = pool;
    return await runPieces(batch, this.jobs, (piece) => pool.run<Outcome[]>('ownPiece', piece), turn);
  }

  private async open(): Promise<Pool> {
    const { Pool } = await import('./pool.ts');
    return new Pool({ module: new URL('./trial-thread.js', import.meta.url), data: this.guest, threads: this.jobs });
  }

  async close(): Promise<void> {
    await this.pool?.close();
  }
}
