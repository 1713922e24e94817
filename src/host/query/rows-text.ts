// The rows of an answer as people and machines read them: a table whose columns keep their width, lines of JSON, CSV.
// A table is as wide as the first rows are; what comes later and is longer moves its line.

import type { Row } from '../../core/query/compile.ts';
import type { OutputColumn } from '../../core/query/shape.ts';
import { csvField, type Describe, isNumeric, valueText } from '../../core/query/values.ts';

export const ROW_FORMATS = ['table', 'json', 'csv'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

/** Rows that a table is measured by. */
const MEASURED_ROWS = 200;
const CELL_CHARACTERS_MAX = 80;

/** Collects rows and gives them out as text. */
export class RowsText {
  private readonly columns: readonly OutputColumn[];
  private readonly format: RowFormat;
  private readonly describe: Describe;
  private held: Row[] = [];
  private widths: number[] | null = null;
  private isBegun = false;

  constructor(columns: readonly OutputColumn[], format: RowFormat, describe: Describe) {
    this.columns = columns;
    this.format = format;
    this.describe = describe;
  }

  add(row: Row): void {
    this.held.push(row);
  }

  /** Lines of what has come; `isOver`: all there will be. A table waits for some rows, unless time presses. */
  take(isOver: boolean, isPressing = isOver): string {
    if (this.format === 'table' && !isPressing && this.widths === null && this.held.length < MEASURED_ROWS) return '';
    const rows = this.held;
    this.held = [];
    const lines = this.format === 'table' ? this.table(rows) : rows.map((row) => this.line(row));
    if (!this.isBegun && (isOver || rows.length > 0)) {
      this.isBegun = true;
      lines.unshift(...this.head());
    }
    return lines.map((line) => `${line}\n`).join('');
  }

  private head(): string[] {
    const names = this.columns.map(({ name }) => name);
    if (this.format === 'csv') return [names.map(csvField).join(',')];
    return this.format === 'json' ? [] : [this.padded(names)];
  }

  private line(row: Row): string {
    if (this.format === 'csv') return row.map(csvField).join(',');
    return JSON.stringify(Object.fromEntries(this.columns.map(({ name }, i) => [name, row[i]])));
  }

  private table(rows: readonly Row[]): string[] {
    const cells = rows.map((row) =>
      row.map((value, i) => oneLine(valueText(value, this.columns[i].type, this.describe))),
    );
    this.widths ??= this.columns.map(({ name }, i) =>
      Math.min(
        CELL_CHARACTERS_MAX,
        Math.max(name.length, ...cells.slice(0, MEASURED_ROWS).map((line) => line[i].length)),
      ),
    );
    return cells.map((line) => this.padded(line));
  }

  private padded(cells: readonly string[]): string {
    const widths = this.widths ?? cells.map(({ length }) => length);
    const last = cells.length - 1;
    return cells
      .map((cell, i) => {
        const { type } = this.columns[i];
        if (isNumeric(type) && type !== 'address') return cell.padStart(widths[i]);
        return i === last ? cell : cell.padEnd(widths[i]);
      })
      .join('  ')
      .trimEnd();
  }
}

/** Whatever a guest has sent: nothing that a terminal would obey. */
const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '.');
