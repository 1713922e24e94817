// Standard input at a terminal, shared: readline has the keys unless somebody has taken them for a while (the pager,
// the search through the history). What is typed meanwhile is theirs alone.

import { PassThrough } from 'node:stream';

type Taker = (keys: string) => void;

/** What readline reads from: a stream that can be put into raw mode as the terminal can. */
export class Keyboard extends PassThrough {
  readonly isTTY = true;
  isRaw = false;
  /** Ctrl-R was typed while readline had the keys. */
  onSearch: () => void = () => {};
  private taker: Taker | null = null;

  constructor() {
    super();
    process.stdin.on('data', this.onKeys);
    process.stdin.on('end', this.onEnd);
  }

  setRawMode(isRaw: boolean): this {
    process.stdin.setRawMode(isRaw);
    this.isRaw = isRaw;
    return this;
  }

  /** All keys go to `taker` until it is null again. */
  lend(taker: Taker | null): void {
    this.taker = taker;
  }

  /** Gives the terminal back and lets the process end. */
  release(): void {
    process.stdin.off('data', this.onKeys);
    process.stdin.off('end', this.onEnd);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  private readonly onKeys = (data: Buffer): void => {
    let keys = data;
    while (keys.length > 0) {
      if (this.taker !== null) {
        this.taker(keys.toString());
        return;
      }
      const at = keys.indexOf(CTRL_R);
      if (at < 0) {
        this.write(keys);
        return;
      }
      if (at > 0) this.write(keys.subarray(0, at));
      this.onSearch();
      keys = keys.subarray(at + 1);
    }
  };

  private readonly onEnd = (): void => {
    this.end();
  };
}

const CTRL_R = 0x12;
