/**
 * Changes of the speaker's divisor as tones: a row is where one begins, and it ends where another or silence does.
 * What a window begins with is no change. Clicks, which no divisor makes, are no rows.
 */
import { pitHertz } from '../devices/timers/pit.ts';
import type { Batch } from './batch.ts';
import type { Row } from './compile.ts';
import { type Fold, momentColumns } from './fold.ts';
import { TONE } from './gather-tones.ts';
import { Ordered, type Waiting } from './ordered.ts';

/** Columns of tones(), behind those of the position. */
const ENDED = 7;

export class TonesFold implements Fold {
  private readonly fields: number;
  private readonly ordered: Ordered;
  private divisor = 0;
  private open: Waiting | null = null;

  constructor(fields: number, emit: (row: Row) => void) {
    this.fields = fields;
    this.ordered = new Ordered(emit);
  }

  add({ count, numbers, texts }: Batch): void {
    for (let i = 0, at = 0; i < count; i++, at += this.fields) {
      // Each window begins with what it found.
      const divisor = numbers[at + TONE.divisor];
      if (divisor === this.divisor) continue;
      this.divisor = divisor;
      const moment = momentColumns(numbers, at, texts);
      this.close(moment[0]);
      const hertz = Math.round((pitHertz / divisor) * 10) / 10;
      if (divisor > 0) this.open = this.ordered.add([...moment, hertz, divisor, null]);
    }
    this.ordered.settle();
  }

  private close(tick: Row[number]): void {
    if (this.open === null) return;
    this.open.row[ENDED] = tick;
    this.open.isReady = true;
    this.open = null;
  }

  end(): void {
    this.ordered.end();
  }
}
