// The socket of the gdb server: one client at a time on the loopback interface, packets in their order, Ctrl-C at any
// time. A client that goes away leaves a recording where it is, without its breakpoints, for the next one;
// a live run goes on.

import { createServer, type Server, type Socket } from 'node:net';
import { encodePacket, PacketReader } from './packets.ts';
import { GdbStub } from './stub.ts';
import type { GdbTarget } from './target.ts';

/** Packets that wait while one is being answered; a client that sends more without listening is dropped. */
const QUEUE_MAX = 64;
/** For a client that does not go by itself when the run is over. */
const LAST_WORD_MS = 1000;
const CLIENTS_MAX = 8;

export interface GdbServer {
  readonly port: number;
  /** Resolves when the server has been closed. */
  readonly closed: Promise<void>;
  readonly close: () => void;
  /** Says nothing more and closes, once what was said has been sent. */
  readonly finish: () => void;
}

export interface GdbServerOptions {
  readonly target: GdbTarget;
  /** 0: any free one. */
  readonly port: number;
  readonly host?: string;
  /** Close when the first client has gone. A client that kills what it debugs closes the server always. */
  readonly isOnce?: boolean;
  /** The server alone keeps no process running. */
  readonly isUnreferenced?: boolean;
  readonly say?: (line: string) => void;
}

/** Resolves when it listens; rejects when it cannot. */
export function serveGdb(options: GdbServerOptions): Promise<GdbServer> {
  const { target, port, host = '127.0.0.1', isOnce = false, isUnreferenced = false, say = () => {} } = options;
  const clients: Client[] = [];
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    // Who comes while others are here waits for the last of them, and may look meanwhile.
    const before = clients.at(-1);
    if (before !== undefined && clients.length >= CLIENTS_MAX) {
      say('gdb: one client too many was turned away');
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end(encodePacket('E.too many debuggers are connected'));
      return;
    }
    say(before === undefined ? 'gdb: connected' : 'gdb: another client is connected and waits for its turn');
    const client: Client = new Client(socket, target, before?.departure ?? null, say, (isKilled) => {
      say('gdb: disconnected');
      clients.splice(clients.indexOf(client), 1);
      if (isKilled || (isOnce && clients.length === 0)) {
        for (const each of clients) each.drop();
        server.close();
      }
    });
    clients.push(client);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    if (isUnreferenced) server.unref();
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      const closed = new Promise<void>((done) => server.once('close', done));
      const close = (): void => {
        for (const client of clients) client.drop();
        server.close();
      };
      const finish = (): void => {
        for (const client of clients) client.finishTalk();
        server.close();
      };
      resolve({ port: typeof address === 'object' && address !== null ? address.port : port, closed, close, finish });
    });
  });
}

class Client {
  private readonly socket: Socket;
  private readonly reader = new PacketReader();
  private readonly stub: GdbStub;
  private readonly queue: string[] = [];
  private readonly gone: (isKilled: boolean) => void;
  /** Settled when this client, and all who came before it, have gone. */
  readonly departure: Promise<void>;
  private departed: () => void = () => {};
  private isBusy = false;
  private isGone = false;
  private last: Uint8Array | null = null;

  constructor(
    socket: Socket,
    target: GdbTarget,
    turn: Promise<void> | null,
    say: (line: string) => void,
    gone: (isKilled: boolean) => void,
  ) {
    this.socket = socket;
    this.gone = gone;
    const own = new Promise<void>((resolve) => (this.departed = resolve));
    this.departure = turn === null ? own : Promise.all([turn, own]).then(() => {});
    const output = { console: (packet: string) => this.send(packet), note: (text: string) => say(`gdb: ${text}`) };
    this.stub = new GdbStub(target, output, turn);
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', () => this.drop());
    socket.on('close', () => this.leave());
  }

  drop(): void {
    this.socket.destroy();
  }

  /** The last answer is on its way through promises: it goes out first. */
  finishTalk(): void {
    setImmediate(() => this.socket.end());
    setTimeout(() => this.drop(), LAST_WORD_MS).unref();
  }

  private leave(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.queue.length = 0;
    if (this.isBusy) this.stub.interrupt();
    else this.finish();
  }

  private finish(): void {
    const isKilled = this.stub.close();
    this.departed();
    this.gone(isKilled);
  }

  private take(bytes: Uint8Array): void {
    for (const incoming of this.reader.read(bytes)) {
      switch (incoming.kind) {
        case 'packet':
          this.answerTransport('+');
          this.queue.push(incoming.data);
          break;
        case 'damaged':
          this.answerTransport('-');
          break;
        case 'nak':
          if (this.last !== null && !this.stub.isQuiet) this.socket.write(this.last);
          break;
        case 'break':
          if (this.isBusy || this.queue.length > 0) this.stub.interrupt();
          break;
        case 'ack':
          break;
      }
    }
    if (this.queue.length > QUEUE_MAX) this.drop();
    else void this.work();
  }

  private answerTransport(sign: '+' | '-'): void {
    if (!this.stub.isQuiet) this.socket.write(sign);
  }

  private async work(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      for (let packet = this.queue.shift(); packet !== undefined && !this.isGone; packet = this.queue.shift()) {
        const answer = await this.stub.answer(packet);
        if (answer !== null) this.send(answer);
        if (this.stub.isDetached) {
          this.socket.end();
          break;
        }
      }
    } finally {
      this.isBusy = false;
      this.stub.rest();
      if (this.isGone) this.finish();
    }
  }

  private send(packet: string): void {
    if (this.isGone || this.socket.destroyed) return;
    this.last = encodePacket(packet);
    this.socket.write(this.last);
  }
}
