/**
 * Bytes on serial lines as lines of text: a row is where its first byte was sent.
 * A carriage return is no part of the text, and a line that does not end is cut.
 */
import type { Batch } from './batch.ts';
import type { Row } from './compile.ts';
import { type Fold, positionColumns } from './fold.ts';
import { SERIAL } from './gather-deliveries.ts';
import { Ordered, type Waiting } from './ordered.ts';

/** Columns of serial(), behind those of the position. */
export const SERIAL_COLUMN = { line: 3, text: 4, bytes: 5, ended: 6 } as const;
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

  add({ count, numbers }: Batch): void {
    for (let i = 0, at = 0; i < count; i++, at += this.fields) this.sent(numbers, at);
    this.ordered.settle();
  }

  private sent(numbers: Float64Array, at: number): void {
    const line = numbers[at + SERIAL.line];
    const byte = numbers[at + SERIAL.byte];
    const position = positionColumns(numbers, at);
    let open = this.open.get(line);
    if (open === undefined) {
      open = { waiting: this.ordered.add([...position, line, '', 0, null]), bytes: [] };
      this.open.set(line, open);
    }
    const { row } = open.waiting;
    if (byte !== NEWLINE && byte !== RETURN) open.bytes.push(byte);
    row[SERIAL_COLUMN.bytes] = Number(row[SERIAL_COLUMN.bytes]) + 1;
    row[SERIAL_COLUMN.ended] = position[0];
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
