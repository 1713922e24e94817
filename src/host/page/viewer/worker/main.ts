// The worker: takes requests one after the other, and between them, when nobody wants anything, goes on with the first
// pass. A move gives up the way in hand and those that wait. Whatever a recording does to the core becomes a sentence;
// what is no sentence of ours is a fault, and the page replaces the worker.

import type { FromWorker, Problem, Reply, Request, ToWorker } from '../protocol.ts';
import { type Answer, ANSWERS, ASIDE } from './answers.ts';
import { problemOf } from './problems.ts';
import { GivenUp, WorkerSession } from './session.ts';

/** What a worker's global scope has, as far as it is used. */
interface Scope {
  postMessage(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

const scope = globalThis as unknown as Scope;
/** So long nobody has wanted anything before the first pass goes on. */
const REST_MS = 120;

const waiting: Request[] = [];
let isWorking = false;
let rest: ReturnType<typeof setTimeout> | undefined;

const session = new WorkerSession((notice) => scope.postMessage(notice));

scope.onmessage = ({ data }) => {
  if ('giveUp' in data) {
    session.giveUp('return');
    return;
  }
  if (ASIDE.has(data.question)) {
    void serve(data);
    return;
  }
  if (data.isMove) {
    for (let i = waiting.length - 1; i >= 0; i--) {
      if (waiting[i].isMove) refuse(waiting.splice(i, 1)[0], GIVEN_UP);
    }
    if (session.isMoving) session.giveUp('stay');
  }
  waiting.push(data);
  session.interruptPass();
  if (!isWorking) void work();
};

const GIVEN_UP: Problem = { kind: 'given-up', text: 'Another way was asked for meanwhile.' };

function refuse({ id }: Request, problem: Problem): void {
  scope.postMessage({ id, problem });
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
    session.stopPass(problemOf(error).text);
  } finally {
    isWorking = false;
  }
  if (waiting.length > 0) void work();
}

async function serve(request: Request): Promise<void> {
  const { id, question, ask, isMove } = request;
  let reply: Reply;
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
  scope.postMessage(reply, buffers);
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
