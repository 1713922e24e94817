/**
 * Rows that become ready out of turn, given on in the order in which they began.
 * How many may wait for one before them is bounded.
 */
import { UsageError } from '../base/usage-error.ts';
import type { Row } from './compile.ts';
import type { Value } from './values.ts';

export interface Waiting {
  readonly row: Value[];
  isReady: boolean;
}

/** Rows that wait for one before them. */
const WAITING_MAX = 4_000_000;

export class Ordered {
  private readonly emit: (row: Row) => void;
  private list: Waiting[] = [];
  private head = 0;

  constructor(emit: (row: Row) => void) {
    this.emit = emit;
  }

  add(row: Value[]): Waiting {
    if (this.list.length - this.head >= WAITING_MAX) {
      throw new UsageError(
        `More than ${WAITING_MAX} rows wait for the end of the one at ${String(this.list[this.head].row[2])}: select ` +
          'nothing that is known at the end of a call (result, duration, returned), or give a smaller window.',
      );
    }
    const waiting = { row, isReady: false };
    this.list.push(waiting);
    return waiting;
  }

  /** Gives on what is ready, up to the first that is not. */
  settle(): void {
    while (this.head < this.list.length && this.list[this.head].isReady) this.emit(this.list[this.head++].row);
    if (this.head > 1024 && this.head * 2 > this.list.length) {
      this.list = this.list.slice(this.head);
      this.head = 0;
    }
  }

  /** Nothing becomes ready any more. */
  end(): void {
    for (const waiting of this.list) waiting.isReady = true;
    this.settle();
  }
}
