// The thread that makes modules (compiler-thread.ts): one order after another, in the order in which they come. What
// goes wrong with one is told in the place of its answer.

import { workerData } from 'node:worker_threads';
import { carryOut } from '../../../tiers/carry-out.ts';
import { type AnswerMessage, ANSWERS, type CompilerStart, IS_READY, type OrderMessage } from './compiler-thread.ts';

const { shared, port } = workerData as CompilerStart;
let arena = new Int32Array(0);

function answerOf({ order }: OrderMessage): AnswerMessage['answer'] {
  try {
    if (arena.length < order.arenaWords) arena = new Int32Array(order.arenaWords);
    return carryOut(order, arena);
  } catch (error) {
    return String(error);
  }
}

port.on('message', (message: OrderMessage) => {
  const answer: AnswerMessage = { id: message.id, answer: answerOf(message) };
  port.postMessage(answer);
  Atomics.add(shared, ANSWERS, 1);
});
Atomics.store(shared, IS_READY, 1);
