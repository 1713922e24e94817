// What a client of the Debug Adapter Protocol sends, looked at before it is parsed: headers that are none and messages
// that claim to be huge end the session with a sentence, so that nobody can fill the memory. ("Base protocol" of the
// specification.) Knows no request.

import { Transform, type TransformCallback, type Writable } from 'node:stream';

const HEADER_BYTES_MAX = 1024;
export const MESSAGE_BYTES_MAX = 8 << 20;
/** Answers that a client has not read; beyond it nothing more is read from it. */
const UNREAD_BYTES_MAX = 1 << 24;

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/**
 * Passes whole messages on; calls `refused` once for what is none, and passes nothing from then on. A client that does
 * not read what it is answered is not listened to until it does.
 */
export class Guard extends Transform {
  private waiting: Buffer = Buffer.alloc(0);
  private isClosed = false;
  private readonly refused: (problem: string) => void;
  private readonly output: Writable;

  /** `output`: where the answers go. */
  constructor(output: Writable, refused: (problem: string) => void) {
    super();
    this.output = output;
    this.refused = refused;
  }

  override _transform(data: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (!this.isClosed) {
      this.waiting = Buffer.concat([this.waiting, data]);
      while (this.passOne()) {
        // As many as are there.
      }
    }
    if (this.output.writableLength < UNREAD_BYTES_MAX || this.output.destroyed) done();
    else this.output.once('drain', () => done());
  }

  private passOne(): boolean {
    const end = this.waiting.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.waiting.length > HEADER_BYTES_MAX) this.refuse('a header without end');
      return false;
    }
    const header = this.waiting.toString('latin1', 0, Math.min(end, HEADER_BYTES_MAX));
    const length = /^Content-Length: *(\d{1,9})$/im.exec(header);
    const sizeBytes = length === null ? -1 : Number(length[1]);
    if (sizeBytes < 0 || sizeBytes > MESSAGE_BYTES_MAX) {
      this.refuse(sizeBytes < 0 ? 'a message without its length' : `a message of ${sizeBytes} bytes`);
      return false;
    }
    const whole = end + 4 + sizeBytes;
    if (this.waiting.length < whole) return false;
    if (!isObject(this.waiting.toString('utf8', end + 4, whole))) {
      this.refuse('a message that is no JSON object');
      return false;
    }
    this.push(this.waiting.subarray(0, whole));
    this.waiting = this.waiting.subarray(whole);
    return true;
  }

  private refuse(what: string): void {
    this.isClosed = true;
    this.waiting = Buffer.alloc(0);
    this.refused(`The client sent ${what}: the session is over.`);
  }
}
