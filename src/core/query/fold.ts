/**
 * From gathered records to the rows of a table: what every table has for that, and the simple case, in which each
 * record is a row.
 */
import { type Batch, FIELD_PROCESS, FIELD_SEQ, FIELD_SPACE, FIELD_TICK } from './batch.ts';
import type { Row } from './compile.ts';
import type { Value } from './values.ts';

export interface Fold {
  /** Batches come in the order of their windows. */
  add(batch: Batch): void;
  end(): void;
  /** Places behind calls that have not returned yet: windows to come must listen there. */
  awaited?(): ReadonlySet<number>;
}

/** The first columns of every table: tick, seq, position, space, process. */
export const COLUMN_POSITION = 2;
export const COLUMN_PROCESS = 4;

export function momentColumns(numbers: Float64Array, at: number, texts: readonly string[]): Value[] {
  const tick = numbers[at + FIELD_TICK];
  const seq = numbers[at + FIELD_SEQ];
  const name = numbers[at + FIELD_PROCESS];
  return [
    tick,
    seq,
    seq === 0 ? `${tick}` : `${tick}/${seq}`,
    numberOrNull(numbers[at + FIELD_SPACE]),
    Number.isNaN(name) ? null : texts[name],
  ];
}

export const numberOrNull = (number: number): Value => (Number.isNaN(number) ? null : number);

export type MakeRow = (numbers: Float64Array, at: number, texts: readonly string[]) => Value[];

/** Each record is a row. */
export function plainFold(fields: number, make: MakeRow): (emit: (row: Row) => void) => Fold {
  return (emit) => ({
    add: ({ count, numbers, texts }) => {
      for (let i = 0; i < count; i++) emit(make(numbers, i * fields, texts));
    },
    end: () => {},
  });
}
