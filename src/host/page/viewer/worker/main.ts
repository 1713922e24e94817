// The worker: takes requests one after the other, and between them, when nobody wants anything, goes on with the first
// pass. A move gives up the way in hand and those that wait. Answers to what was asked at once go together, so that the
// page shows them in one frame. Whatever a recording does to the core becomes a sentence; what is no sentence of ours
// is a fault, and the page replaces the worker.

import type { FromWorker, Problem, Request, ToWorker } from '../protocol.ts';
import { type Answer, ANSWERS, ASIDE } from './answers.ts';
import { problemOf } from './problems.ts';
import { GivenUp, WorkerSession } from './session.ts';

/** What a worker's global scope has, as far as it is used. */
interface Scope {
  postMessage(messages: FromWorker, transfer: readonly ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

const scope = globalThis as unknown as Scope;
/** So long nobody has wanted anything before the first pass goes on. */
const REST_MS = 120;

const waiting: Request[] = [];
let isWorking = false;
let rest: ReturnType<typeof setTimeout> | undefined;

/** Answers are not held back for others that take longer. */
const HOLD_MS = 16;
let held: FromWorker[number][] = [];
let heldBuffers: ArrayBuffer[] = [];
let heldMs = 0;

function post(message: FromWorker[number], buffers: readonly ArrayBuffer[] = []): void {
  if (held.length === 0) heldMs = performance.now();
  held.push(message);
  heldBuffers.push(...buffers);
  const isNextSoon = waiting.length > 0 && !waiting[0].isMove && !session.isMoving;
  if (!isNextSoon || performance.now() - heldMs > HOLD_MS) release();
}

function release(): void {
  const [messages, buffers] = [held, heldBuffers];
  if (messages.length === 0) return;
  held = [];
  heldBuffers = [];
  scope.postMessage(messages, buffers);
}

const session = new WorkerSession((notice) => {
  post(notice);
  release();
});

scope.onmessage = ({ data }) => {
  if ('giveUp' in data) {
    session.giveUp('return');
    return;
  }
  for (const request of data.requests) take(request);
  if (waiting.length > 0 && !isWorking) void work();
};

function take(request: Request): void {
  if (ASIDE.has(request.question)) {
    void serve(request);
    return;
  }
  if (request.isMove) {
    for (let i = waiting.length - 1; i >= 0; i--) {
      if (waiting[i].isMove) refuse(waiting.splice(i, 1)[0], GIVEN_UP);
    }
    if (session.isMoving) session.giveUp('stay');
  }
  waiting.push(request);
  session.interruptPass();
}

const GIVEN_UP: Problem = { kind: 'given-up', text: 'Another way was asked for meanwhile.' };

function refuse({ id }: Request, problem: Problem): void {
  post({ id, problem });
}

async function work(): Promise<void> {
  isWorking = true;
  clearTimeout(rest);
  try {
    for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) await serve(request);
  } finally {
    isWorking = false;
  }
  rest = setTimeout(() => void passOn(), REST_MS);
}

async function passOn(): Promise<void> {
  if (isWorking) return;
  isWorking = true;
  try {
    await session.passOn();
  } catch (error) {
    const { kind, text } = problemOf(error);
    if (kind === 'memory') session.tell({ notice: 'short', text });
    else session.stopPass(text);
  } finally {
    isWorking = false;
  }
  if (waiting.length > 0) void work();
}

async function serve(request: Request): Promise<void> {
  const { id, question, ask, isMove } = request;
  let reply: FromWorker[number];
  const buffers: ArrayBuffer[] = [];
  try {
    if (isMove) session.isMoving = true;
    const answer = (Object.hasOwn(ANSWERS, question) ? ANSWERS[question] : undefined) as Answer | undefined;
    if (answer === undefined) throw new Error(`there is no question ${question}`);
    const found = await answer(session, ask as never);
    reply = { id, answer: found };
    collectBuffers(found, buffers);
  } catch (error) {
    reply = { id, problem: error instanceof GivenUp ? GIVEN_UP : problemOf(error) };
  } finally {
    if (isMove) session.isMoving = false;
  }
  post(reply, buffers);
}

/** Large arrays at the top of an answer are given away, not copied: answers own what they hold. */
function collectBuffers(answer: unknown, buffers: ArrayBuffer[]): void {
  if (typeof answer !== 'object' || answer === null) return;
  for (const value of Object.values(answer)) {
    if (ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer && value.byteLength > 1 << 16) {
      if (value.byteLength === value.buffer.byteLength) buffers.push(value.buffer);
    }
  }
}
