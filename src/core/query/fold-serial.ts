/**
 * Bytes on serial lines as lines of text: a row is where its first byte was sent.
 * A carriage return is no part of the text, and a line that does not end is cut.
 */
import { type Batch, FIELD_TICK } from './batch.ts';
import type { Row } from './compile.ts';
import { type Fold, momentColumns } from './fold.ts';
import { SERIAL } from './gather-deliveries.ts';
import { Ordered, type Waiting } from './ordered.ts';

/** Columns of serial(), behind those of the position. */
export const SERIAL_COLUMN = { line: 5, text: 6, bytes: 7, ended: 8 } as const;
/** A line that does not end is cut. */
const TEXT_BYTES_MAX = 4096;
const NEWLINE = 10;
const RETURN = 13;

export class SerialFold implements Fold {
  private readonly fields: number;
  private readonly ordered: Ordered;
  private readonly open = new Map<number, { readonly waiting: Waiting; readonly bytes: number[] }>();

  constructor(fields: number, emit: (row: Row) => void) {
    this.fields = fields;
    this.ordered = new Ordered(emit);
  }

  add({ count, numbers, texts }: Batch): void {
    for (let i = 0, at = 0; i < count; i++, at += this.fields) this.sent(numbers, at, texts);
    this.ordered.settle();
  }

  private sent(numbers: Float64Array, at: number, texts: readonly string[]): void {
    const line = numbers[at + SERIAL.line];
    const byte = numbers[at + SERIAL.byte];
    let open = this.open.get(line);
    if (open === undefined) {
      const moment = momentColumns(numbers, at, texts);
      open = { waiting: this.ordered.add([...moment, line, '', 0, null]), bytes: [] };
      this.open.set(line, open);
    }
    const { row } = open.waiting;
    if (byte !== NEWLINE && byte !== RETURN) open.bytes.push(byte);
    row[SERIAL_COLUMN.bytes] = Number(row[SERIAL_COLUMN.bytes]) + 1;
    row[SERIAL_COLUMN.ended] = numbers[at + FIELD_TICK];
    if (byte === NEWLINE || open.bytes.length >= TEXT_BYTES_MAX) this.close(line);
  }

  private close(line: number): void {
    const open = this.open.get(line);
    if (open === undefined) return;
    open.waiting.row[SERIAL_COLUMN.text] = String.fromCharCode(...open.bytes);
    open.waiting.isReady = true;
    this.open.delete(line);
  }

  end(): void {
    for (const line of [...this.open.keys()]) this.close(line);
    this.ordered.end();
  }
}
