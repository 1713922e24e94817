// Standard input as the other end of the first serial line. At a terminal keys go to the guest raw, Ctrl-C too; Ctrl-A
// is the way out (Ctrl-A x ends the run, Ctrl-A h says so). Pipes and files are handed on as they come, and their
// end means only that nothing more will.

const ESCAPE = 0x01;

export const ESCAPE_HELP = 'Ctrl-A x ends the run, Ctrl-A a sends Ctrl-A to the guest, Ctrl-A h shows this.';

export interface TerminalEvents {
  readonly bytes: (bytes: Uint8Array) => void;
  /** Nothing more will come. */
  readonly ended: () => void;
  /** Ctrl-A x. */
  readonly quit: () => void;
}

export class Terminal {
  readonly isTerminal: boolean;
  hasEnded = false;
  private events: TerminalEvents | null = null;
  private isEscaped = false;

  constructor() {
    this.isTerminal = process.stdin.isTTY === true;
  }

  start(events: TerminalEvents): void {
    this.events = events;
    const { stdin } = process;
    if (this.isTerminal) stdin.setRawMode(true);
    stdin.on('data', this.onData);
    stdin.on('end', this.onEnd);
    stdin.on('error', this.onEnd);
    stdin.resume();
    // Ended before, by an earlier run in this process: it tells nobody again.
    if (stdin.readableEnded) this.onEnd();
  }

  /** Gives the terminal back as it was and lets the process end. */
  stop(): void {
    const { stdin } = process;
    stdin.off('data', this.onData);
    stdin.off('end', this.onEnd);
    stdin.off('error', this.onEnd);
    // What comes late is nobody's.
    if (stdin.listenerCount('error') === 0) stdin.on('error', () => {});
    if (this.isTerminal) stdin.setRawMode(false);
    stdin.pause();
    // A pipe whose other end stays open must not keep the process alive.
    if (!this.isTerminal && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  }

  private readonly onEnd = (): void => {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.events?.ended();
  };

  private readonly onData = (data: Uint8Array | string): void => {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    if (bytes.length === 0) return;
    if (!this.isTerminal) {
      this.events?.bytes(bytes);
      return;
    }
    const kept: number[] = [];
    for (const byte of bytes) {
      if (this.isEscaped) {
        this.isEscaped = false;
        if (byte === 0x78) this.events?.quit();
        else if (byte === 0x68) process.stderr.write(`\r\n${ESCAPE_HELP}\r\n`);
        else if (byte === 0x61 || byte === ESCAPE) kept.push(ESCAPE);
      } else if (byte === ESCAPE) this.isEscaped = true;
      else kept.push(byte);
    }
    if (kept.length > 0) this.events?.bytes(Uint8Array.from(kept));
  };
}
