/**
 * What is gathered while a machine runs, on its way to whoever makes rows of it, possibly in another thread: records of
 * as many numbers each as the table has fields, one behind the other. The first are tick and seq of the position, CR3
 * and the text of the process that runs. NaN stands for nothing; a text is the index of one in `texts`.
 */
export const FIELD_TICK = 0;
export const FIELD_SEQ = 1;
export const FIELD_SPACE = 2;
export const FIELD_PROCESS = 3;

export interface Batch {
  readonly count: number;
  readonly numbers: Float64Array;
  readonly texts: readonly string[];
}

/** Records of a batch before it is handed on. */
const FIRST_RECORDS = 256;

export class BatchBuilder {
  readonly fields: number;
  count = 0;
  private numbers: Float64Array;
  private texts: string[] = [];
  private indices = new Map<string, number>();

  constructor(fields: number) {
    this.fields = fields;
    this.numbers = new Float64Array(FIRST_RECORDS * fields);
  }

  /** Index of the first number of a new record, all NaN. */
  add(): number {
    const at = this.count * this.fields;
    if (at + this.fields > this.numbers.length) {
      const grown = new Float64Array(this.numbers.length * 2);
      grown.set(this.numbers);
      this.numbers = grown;
    }
    this.numbers.fill(Number.NaN, at, at + this.fields);
    this.count++;
    return at;
  }

  set(at: number, value: number): void {
    this.numbers[at] = value;
  }

  get(at: number): number {
    return this.numbers[at];
  }

  /** Takes one record out of the middle. */
  remove(index: number): void {
    const { fields, numbers } = this;
    numbers.copyWithin(index * fields, (index + 1) * fields, this.count * fields);
    this.count--;
  }

  text(value: string): number {
    let index = this.indices.get(value);
    if (index === undefined) {
      index = this.texts.push(value) - 1;
      this.indices.set(value, index);
    }
    return index;
  }

  /** Takes records back: the last ones. */
  truncate(count: number): void {
    this.count = Math.min(this.count, count);
  }

  /** All there is; then there is nothing. */
  take(): Batch {
    const batch = { count: this.count, numbers: this.numbers.slice(0, this.count * this.fields), texts: this.texts };
    this.count = 0;
    this.texts = [];
    this.indices = new Map();
    return batch;
  }
}
