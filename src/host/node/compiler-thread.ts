// A thread that makes modules of WebAssembly beside the guest (tiers/wasm/order.ts): the guest goes on in the
// interpreter meanwhile and asks, between slices, for what has become ready. Begun once there is enough to compile;
// where it dies or never comes up, modules are made in line, and it is said once. Invisible to the guest.

import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Answer, Awaited, Compiler, Order } from '../../../tiers/wasm/order.ts';

/** Words that both threads see. */
export const IS_READY = 0;
export const ANSWERS = 1;
const SHARED_WORDS = 2;

/** What the thread begins with. */
export interface CompilerStart {
  readonly shared: Int32Array;
  readonly port: MessagePort;
}

export interface OrderMessage {
  readonly id: number;
  readonly order: Order;
}

export interface AnswerMessage {
  readonly id: number;
  /** What went wrong, or what came of it. */
  readonly answer: Answer | string;
}

/** Orders after which a thread is worth its beginning. */
const ORDERS_BEFORE = 3;
/** Orders that wait at most: what comes then is made in line. */
const WAITING_MAX = 3;

/** Where the answer comes to lie. */
interface Slip {
  answer: Answer | null;
}

class CompilerThread implements Compiler {
  private readonly warn: (sentence: string) => void;
  private readonly module: URL;
  private readonly shared = new Int32Array(new SharedArrayBuffer(4 * SHARED_WORDS));
  private worker: Worker | null = null;
  private port: MessagePort | null = null;
  private isLost = false;
  private asked = 0;
  private nextId = 1;
  private received = 0;
  /** Those without an answer yet, by id. Whoever asked may be gone. */
  private readonly waiting = new Map<number, Slip>();

  constructor(module: URL, warn: (sentence: string) => void) {
    this.module = module;
    this.warn = warn;
  }

  begin(order: Order): Awaited | null {
    if (this.isLost || ++this.asked <= ORDERS_BEFORE) return null;
    if (this.worker === null) this.start();
    this.receive();
    const isReady = Atomics.load(this.shared, IS_READY) !== 0;
    if (this.port === null || !isReady || this.waiting.size >= WAITING_MAX) return null;
    const id = this.nextId++;
    const slip: Slip = { answer: null };
    this.waiting.set(id, slip);
    const message: OrderMessage = { id, order };
    this.port.postMessage(message, [order.words.buffer as ArrayBuffer]);
    return {
      take: () => {
        if (slip.answer === null) this.receive();
        return slip.answer ?? (this.isLost ? 'lost' : null);
      },
    };
  }

  /** Ends the thread; modules are made in line from then on. */
  async end(): Promise<void> {
    this.isLost = true;
    await this.worker?.terminate();
  }

  private receive(): void {
    if (this.port === null) return;
    while (Atomics.load(this.shared, ANSWERS) !== this.received) {
      const received = receiveMessageOnPort(this.port);
      if (received === undefined) return;
      this.received = (this.received + 1) | 0;
      const { id, answer } = received.message as AnswerMessage;
      const slip = this.waiting.get(id);
      this.waiting.delete(id);
      if (typeof answer === 'string') this.lose(answer);
      else if (slip !== undefined) slip.answer = answer;
    }
  }

  private start(): void {
    const { port1, port2 } = new MessageChannel();
    const workerData: CompilerStart = { shared: this.shared, port: port2 };
    try {
      this.worker = new Worker(this.module, { workerData, transferList: [port2] });
    } catch (error) {
      this.lose(String(error));
      return;
    }
    this.port = port1;
    this.worker.unref();
    this.worker.on('error', (error) => this.lose(String(error)));
    this.worker.on('exit', (status) => this.lose(`it ended with status ${status}`));
  }

  private lose(why: string): void {
    if (this.isLost) return;
    this.isLost = true;
    this.warn(`The thread that compiles is gone (${why}): functions are compiled in line from now on.`);
  }
}

/** One runs the guest, and V8 compiles on another (MEASUREMENTS.md): with two the thread takes more than it gives. */
const PROCESSORS_MIN = 3;

const WORKER = new URL('./compiler-worker.js', import.meta.url);

let only: CompilerThread | null = null;

/**
 * The thread of this process, not begun yet; null where no processor is to spare, unless it is wanted in any case.
 * `warn` is told of its end.
 */
export function compilerThread(isInAnyCase: boolean, warn: (sentence: string) => void): Compiler | null {
  if (!isInAnyCase && availableParallelism() < PROCESSORS_MIN) return null;
  only ??= new CompilerThread(WORKER, warn);
  return only;
}

/** For tests: a thread of its own, of any module. */
export const makeCompilerThread = (warn: (sentence: string) => void, module = WORKER): CompilerThread =>
  new CompilerThread(module, warn);
