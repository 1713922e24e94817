// The messages between page and worker. A request names an entry of the worker's table of answers (worker/answers.ts)
// and carries what is asked; the reply has the same number. What the worker tells unasked is a notice. All are plain
// data, as structured cloning takes it. A question is added in the table alone: its types come from there.

import type { Answers } from './worker/answers.ts';

export type Question = keyof Answers;

/** What is asked with a question. */
export type AskOf<Q extends Question> = Parameters<Answers[Q]>[1];

export type AnswerOf<Q extends Question> = Awaited<ReturnType<Answers[Q]>>;

export interface Request<Q extends Question = Question> {
  readonly id: number;
  readonly question: Q;
  readonly ask: AskOf<Q>;
  /** A way to somewhere: what is on its way or waits to go is given up for it. */
  readonly isMove: boolean;
}

/**
 * user: what was asked cannot be, in a sentence that names the next step. log: the recording is not good. given-up:
 * another way was asked for meanwhile. memory: the browser gives no more of it. fault: ours. After the last two the
 * worker is not to be trusted any more.
 */
export type ProblemKind = 'user' | 'log' | 'given-up' | 'memory' | 'fault';

export interface Problem {
  readonly kind: ProblemKind;
  readonly text: string;
}

export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly problem: Problem };

/** A moment of the run, as every view needs it. */
export interface Moment {
  readonly tick: number;
  readonly seq: number;
  readonly endTick: number;
  /** Linear address of the next instruction, with its name or ''. */
  readonly eip: number;
  readonly symbol: string;
  /** Why it stopped here, in words; '' when it is where it was told to go. */
  readonly why: string;
  readonly isHalted: boolean;
}

/** The first pass, in which the timeline's lanes and the checkpoints are made. */
export interface PassNotice {
  readonly notice: 'pass';
  readonly tick: number;
  readonly endTick: number;
  readonly isDone: boolean;
  /** What the replay has found to be another run than the recorded one; ''. */
  readonly problem: string;
}

/** How far a way is. */
export interface WayNotice {
  readonly notice: 'way';
  readonly done: number;
  readonly total: number;
}

export interface WarnNotice {
  readonly notice: 'warning';
  readonly text: string;
}

/** The worker has run out of memory while nobody asked for anything. */
export interface ShortNotice {
  readonly notice: 'short';
  readonly text: string;
}

export type Notice = PassNotice | WayNotice | WarnNotice | ShortNotice;

/** To the worker: what was asked at once, or the wish that the way in hand be given up. */
export type ToWorker = { readonly requests: readonly Request[] } | { readonly giveUp: true };

/** What was answered at once: views that show a moment do so in one frame. */
export type FromWorker = readonly (Reply | Notice)[];
