// The socket of the gdb server: one client at a time on the loopback interface, packets in their order, Ctrl-C at any
// time. A client that goes away leaves the timeline where it is, without its breakpoints, for the next one.

import { createServer, type Server, type Socket } from 'node:net';
import type { Debugger } from '../debugger/debugger.ts';
import { encodePacket, PacketReader } from './packets.ts';
import { GdbStub } from './stub.ts';

/** Packets that wait while one is being answered; a client that sends more without listening is dropped. */
const QUEUE_MAX = 64;

export interface GdbServer {
  readonly port: number;
  /** Resolves when the server has been closed. */
  readonly closed: Promise<void>;
  readonly close: () => void;
}

export interface GdbServerOptions {
  readonly debug: Debugger;
  /** 0: any free one. */
  readonly port: number;
  readonly host?: string;
  /** Close when the first client has gone. */
  readonly isOnce?: boolean;
  readonly say?: (line: string) => void;
}

/** Resolves when it listens; rejects when it cannot. */
export function serveGdb(options: GdbServerOptions): Promise<GdbServer> {
  const { debug, port, host = '127.0.0.1', isOnce = false, say = () => {} } = options;
  let current: Client | null = null;
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    if (current !== null) {
      say('gdb: a second client was turned away');
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end(encodePacket('E.another debugger is connected'));
      return;
    }
    say('gdb: connected');
    current = new Client(socket, debug, () => {
      say('gdb: disconnected');
      current = null;
      if (isOnce) server.close();
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      const closed = new Promise<void>((done) => server.once('close', done));
      const close = (): void => {
        current?.drop();
        server.close();
      };
      resolve({ port: typeof address === 'object' && address !== null ? address.port : port, closed, close });
    });
  });
}

class Client {
  private readonly socket: Socket;
  private readonly debug: Debugger;
  private readonly reader = new PacketReader();
  private readonly stub: GdbStub;
  private readonly queue: string[] = [];
  private readonly gone: () => void;
  private isBusy = false;
  private isGone = false;
  private last: Uint8Array | null = null;

  constructor(socket: Socket, debug: Debugger, gone: () => void) {
    this.socket = socket;
    this.debug = debug;
    this.gone = gone;
    this.stub = new GdbStub(debug, { console: (packet) => this.send(packet) });
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', () => this.drop());
    socket.on('close', () => this.leave());
  }

  drop(): void {
    this.socket.destroy();
  }

  private leave(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.queue.length = 0;
    if (this.isBusy) this.debug.isInterrupted = true;
    else this.finish();
  }

  private finish(): void {
    this.stub.close();
    this.gone();
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
          if (this.isBusy || this.queue.length > 0) this.debug.isInterrupted = true;
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
      this.debug.isInterrupted = false;
      if (this.isGone) this.finish();
    }
  }

  private send(packet: string): void {
    if (this.isGone || this.socket.destroyed) return;
    this.last = encodePacket(packet);
    this.socket.write(this.last);
  }
}
