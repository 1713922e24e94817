// Where the guest's bytes go: serial lines, the debug console and the printer, each to standard output, a file or
// nowhere. Bytes are gathered while the machine runs and written between its slices, some 10 ms later at most. What
// line 1 said is also digested, so that two runs can be compared without keeping their text.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { OutputPort } from '../../core/board/device.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { NewFile, openTogether } from './new-file.ts';
import { claimLostOutput } from './standard-streams.ts';

const SERIAL_LINES = 4;
/** Of the sinks behind the serial lines. */
const OPTION_NAMES: Readonly<Record<number, string>> = {
  [SERIAL_LINES]: '--debugcon',
  [SERIAL_LINES + 1]: '--printer',
};
/** Beyond this the machine waits for whoever reads our standard output. */
const BACKLOG_BYTES_MAX = 1 << 20;

class Sink {
  private bytes = new Uint8Array(1 << 12);
  private used = 0;
  private readonly write: (bytes: Uint8Array) => void;
  lastByte = 10;

  constructor(write: (bytes: Uint8Array) => void) {
    this.write = write;
  }

  put(byte: number): void {
    if (this.used === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.used++] = byte;
    this.lastByte = byte;
  }

  get isEmpty(): boolean {
    return this.used === 0;
  }

  flush(): void {
    if (this.used === 0) return;
    const bytes = this.bytes.slice(0, this.used);
    this.used = 0;
    this.write(bytes);
  }
}

export interface GuestOutputOptions {
  /** By serial line: `stdio`, `none`, `file:F`. */
  readonly serial: readonly string[];
  readonly debugConsole: string;
  /** What is printed at the parallel port; `none` unless given. */
  readonly printer?: string;
  /** Sees every serial byte when it is written, as scripts must. */
  readonly onSerial?: (line: number, byte: number) => void;
}

export class GuestOutput implements OutputPort {
  private readonly sinks: readonly Sink[];
  private readonly onSerial: ((line: number, byte: number) => void) | undefined;
  private readonly digest = createHash('sha256');
  /** What is written to files: `open` creates them. */
  private readonly files: NewFile[] = [];
  /** Serial bytes by line. */
  readonly serialBytes = [0, 0, 0, 0];
  /** Standard output takes no more. */
  isClosed = false;
  /** Some sink writes to standard output. */
  readonly usesStdout: boolean;

  /** Throws UsageError or CommandError for places that cannot be; no file is created yet. */
  constructor(options: GuestOutputOptions) {
    const places = Array.from({ length: SERIAL_LINES }, (_, line) => options.serial[line] ?? 'none');
    places.push(options.debugConsole, options.printer ?? 'none');
    this.usesStdout = places.includes('stdio');
    this.onSerial = options.onSerial;
    this.sinks = places.map((place, index) => {
      const write = this.openPlace(place, OPTION_NAMES[index] ?? '--serial');
      if (index !== 0) return new Sink(write);
      return new Sink((bytes) => {
        this.digest.update(bytes);
        write(bytes);
      });
    });
    if (this.usesStdout) claimLostOutput(() => (this.isClosed = true));
  }

  private openPlace(place: string, option: string): (bytes: Uint8Array) => void {
    if (place === 'none') return () => {};
    if (place === 'stdio') return (bytes) => void (this.isClosed || process.stdout.write(bytes));
    if (!place.startsWith('file:') || place === 'file:') {
      throw new UsageError(`${option} is stdio, file:FILE or none, not "${place}".`);
    }
    const path = place.slice('file:'.length);
    const file = new NewFile(path, { what: `file of ${option}` }).foresee();
    if (this.files.some((other) => resolve(other.path) === resolve(path))) {
      throw new UsageError(`${path} is to have two outputs: give ${option} a file of its own.`);
    }
    this.files.push(file);
    return (bytes) => file.write(bytes);
  }

  /** Creates the files, when nothing stands in the way of the run any more; all or none. */
  open(): void {
    openTogether(this.files);
  }

  /** The run is not begun: the files are taken away again. */
  discard(): void {
    for (const file of this.files) file.discard();
  }

  serial(line: number, byte: number): void {
    this.serialBytes[line]++;
    this.sinks[line].put(byte);
    this.onSerial?.(line, byte);
  }
  debugConsole(byte: number): void {
    this.sinks[SERIAL_LINES].put(byte);
  }
  parallel(byte: number): void {
    this.sinks[SERIAL_LINES + 1].put(byte);
  }
  debugExit(_value: number): void {}
  powerOff(): void {}

  get hasPending(): boolean {
    return this.sinks.some((sink) => !sink.isEmpty);
  }
  /** Standard output stands at the beginning of a line, as far as the guest decides it. */
  get isAtLineStart(): boolean {
    return this.sinks[0].lastByte === 10;
  }

  flush(): void {
    for (const sink of this.sinks) sink.flush();
  }

  /** Resolves when standard output has taken enough of what it was given. */
  async settle(): Promise<void> {
    if (!this.usesStdout || this.isClosed || process.stdout.writableLength < BACKLOG_BYTES_MAX) return;
    await new Promise<void>((resolve) => {
      process.stdout.once('drain', resolve);
      process.stdout.once('error', () => resolve());
      process.stdout.once('close', () => resolve());
    });
  }

  /** Everything is written, and whether somebody takes it has been heard of. */
  async finish(): Promise<void> {
    this.flush();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** SHA-256 of the first serial line; the last call. */
  serialDigest(): string {
    this.flush();
    return this.digest.digest('hex');
  }
}
