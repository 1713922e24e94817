// The page's end of the protocol: questions become promises, notices go to who listens. What is asked in one turn of
// the page goes as one message, and its answers come as one. A worker that fails is replaced: its open questions are
// rejected, the page lives and says what happened.

import type { AnswerOf, AskOf, FromWorker, Notice, Problem, Question, Reply, Request } from './protocol.ts';

export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.text);
    this.problem = problem;
  }
}

/** Ways look at messages many times a second. */
const DEAF_MS = 5000;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: ProblemError) => void;
}

export class Client {
  onNotice: (notice: Notice) => void = () => {};
  /** The worker is gone; its successor is there already, and knows nothing. */
  onReplaced: (why: string, isShort: boolean) => void = () => {};
  /** Whether anything is under way whose end the page does not show yet, told when that changes. */
  onBusy: (isBusy: boolean) => void = () => {};
  private readonly startWorker: () => Worker;
  private worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  /** Asked in this turn. */
  private unsent: Request[] = [];
  private unsentBuffers: Transferable[] = [];
  private readonly turn = new MessageChannel();
  private nextId = 1;
  /** What is under way besides questions. */
  private held = 0;
  private isBusy = false;
  private isClosed = false;
  /** Messages that have come from workers. */
  private heard = 0;

  constructor(startWorker: () => Worker) {
    this.startWorker = startWorker;
    this.worker = this.start();
    this.turn.port1.onmessage = () => this.post();
  }

  private start(): Worker {
    const worker = this.startWorker();
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      for (const each of data) if (worker === this.worker) this.take(each);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.worker) this.replace(event.message || 'the worker could not be started');
    };
    return worker;
  }

  /** Rejects with a ProblemError. `transfer`: buffers that are given away. */
  ask<Q extends Question>(question: Q, ask: AskOf<Q>, transfer: readonly Transferable[] = []): Promise<AnswerOf<Q>> {
    return this.send(question, ask, false, transfer);
  }

  /** The same for a way to somewhere, in whose favour others are given up. */
  move<Q extends Question>(question: Q, ask: AskOf<Q>): Promise<AnswerOf<Q>> {
    return this.send(question, ask, true, []);
  }

  private send<Q extends Question>(
    question: Q,
    ask: AskOf<Q>,
    isMove: boolean,
    transfer: readonly Transferable[],
  ): Promise<AnswerOf<Q>> {
    if (this.isClosed) return Promise.reject(new ProblemError({ kind: 'given-up', text: 'it was closed' }));
    const id = this.nextId++;
    const request: Request<Q> = { id, question, ask, isMove };
    return new Promise<AnswerOf<Q>>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.tellBusy();
      if (this.unsent.push(request) === 1) this.turn.port2.postMessage(null);
      this.unsentBuffers.push(...transfer);
    });
  }

  private post(): void {
    const [requests, buffers] = [this.unsent, this.unsentBuffers];
    if (requests.length === 0) return;
    this.unsent = [];
    this.unsentBuffers = [];
    this.worker.postMessage({ requests }, buffers);
  }

  /** The way in hand is given up; a worker that does not hear of it in time is replaced. */
  giveUp(): void {
    this.post();
    this.worker.postMessage({ giveUp: true });
    this.listenFor(this.worker, this.heard);
  }

  /** Whether it says anything in time. A tab that slept has heard nothing, and listens once more. */
  private listenFor(worker: Worker, heard: number): void {
    const startMs = performance.now();
    setTimeout(() => {
      if (worker !== this.worker || heard !== this.heard || this.waiting.size === 0) return;
      if (performance.now() - startMs > 2 * DEAF_MS) this.listenFor(worker, heard);
      else this.replace('it did not answer any more');
    }, DEAF_MS);
  }

  private take(message: Reply | Notice): void {
    this.heard++;
    if ('notice' in message) {
      if (message.notice === 'short') this.replace(message.text, true);
      else this.onNotice(message);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    this.restSoon();
    if ('answer' in message) waiting?.resolve(message.answer);
    else {
      const { kind, text } = message.problem;
      waiting?.reject(new ProblemError(message.problem));
      if (kind === 'fault' || kind === 'memory') this.replace(text, kind === 'memory');
    }
  }

  /** Counts as under way until it has ended: what is read, or asked of another worker. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.held++;
    this.tellBusy();
    try {
      return await work();
    } finally {
      this.held--;
      this.restSoon();
    }
  }

  private tellBusy(): void {
    const isBusy = this.waiting.size + this.held > 0;
    if (isBusy === this.isBusy) return;
    this.isBusy = isBusy;
    this.onBusy(isBusy);
  }

  /** Who heard an answer may ask on at once. */
  private restSoon(): void {
    setTimeout(() => this.tellBusy());
  }

  /** Ends the worker, which nobody needs any more. */
  close(): void {
    this.isClosed = true;
    this.worker.terminate();
    this.turn.port1.close();
    this.giveUpAll('it was closed');
  }

  private giveUpAll(why: string): void {
    const open = [...this.waiting.values()];
    this.waiting.clear();
    this.unsent = [];
    this.unsentBuffers = [];
    for (const { reject } of open) reject(new ProblemError({ kind: 'given-up', text: why }));
    this.restSoon();
  }

  /** Another worker in the place of this one; `isShort`: of memory. */
  replace(why: string, isShort = false): void {
    this.worker.terminate();
    this.worker = this.start();
    this.giveUpAll(why);
    this.onReplaced(why, isShort);
  }
}
