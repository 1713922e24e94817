/**
 * What a table is: how it is called and described, and what a query of it is planned to.
 * Tables are rows of tables.ts; parser, help and completion know them by this alone.
 */
import type { ColumnType, Row } from './compile.ts';
import { COLUMN_POSITION, type Fold } from './fold.ts';
import type { AskedPages } from '../timeline/page-records.ts';
import type { TableJob } from './jobs.ts';
import type { TableArguments } from './arguments.ts';

export interface TablePlan {
  readonly columns: readonly ColumnType[];
  /** Of a query without select. */
  readonly shown: readonly number[];
  /** Numbers of a record. */
  readonly fields: number;
  /** By which intervals are ruled out; null: any interval may have rows. */
  readonly pages: AskedPages | null;
  /** `used`: the columns that are looked at. */
  readonly job: (used: ReadonlySet<number>) => TableJob;
  readonly fold: (used: ReadonlySet<number>, emit: (row: Row) => void) => Fold;
}

export interface Table {
  readonly name: string;
  /** What stands between the parentheses. */
  readonly usage: string;
  readonly summary: string;
  /** Names of its columns, as far as they do not depend on the arguments. */
  readonly columns: readonly string[];
  readonly example: string;
  readonly plan: (args: TableArguments) => TablePlan;
}

/** Of every table: when, in which address space (CR3), and which process of a Linux runs. */
export const MOMENT_COLUMNS: readonly ColumnType[] = [
  { name: 'tick', type: 'number' },
  { name: 'seq', type: 'number' },
  { name: 'position', type: 'text' },
  { name: 'space', type: 'hex' },
  { name: 'process', type: 'text' },
];

/** Position and these. */
export const shownOf = (columns: readonly number[]): number[] => [COLUMN_POSITION, ...columns];

/** Position, and all columns of the table's own. */
export const showAll = (columns: readonly ColumnType[]): number[] =>
  shownOf(columns.map((_, i) => i).slice(MOMENT_COLUMNS.length));
