// The language of queries on one page: clauses, tables with their columns, examples, and the words for completion.
// Made from the tables themselves.

import { FUNCTIONS } from '../../core/query/compile.ts';
import { CLAUSES } from '../../core/query/parse.ts';
import { MOMENT_COLUMNS } from '../../core/query/table.ts';
import { TABLES } from '../../core/query/tables.ts';

const CLAUSE_LINES: readonly (readonly [string, string])[] = [
  ['from BEGIN', 'a tick, a part of the run (50%) or a position in quotes ("serial:\\"login\\"")'],
  ['to END', 'the first tick that does not count any more'],
  ['where CONDITION', 'and or not, == != < <= > >=, ~ (has the text), in (a, b), + - * / % & | ^ << >>'],
  ['select A, B as NAME', 'columns, or aggregates: count() min(X) max(X) sum(X) avg(X) first(X) last(X)'],
  ['group by X, Y', 'one row for all that are alike; without select their number'],
  ['order by X desc, Y', 'otherwise rows come in the order of their positions'],
  ['limit N, first N, last N', 'so many rows; first and last alone: one'],
  ['count', 'the number of rows'],
];

export function grammarText(): string {
  const width = Math.max(...CLAUSE_LINES.map(([name]) => name.length));
  const tables = TABLES.flatMap(({ name, usage, summary, columns, example }) => [
    `  ${name}(${usage})`,
    `      ${summary}`,
    `      columns: ${columns.join(' ')}`,
    `      ${example}`,
  ]);
  return [
    'A query is a table with its arguments, and clauses in any order:',
    '',
    ...CLAUSE_LINES.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    '',
    'Values are columns, names of the guest (their address), numbers (10, 0x1f, 1fh, c01234ab), texts in quotes,',
    'and symbol(X), the function that an address lies in. An address is compared with a text by its name. Every row',
    'has its position, which reprise debug seeks; every table has the columns tick, seq, position, space (CR3) and',
    'process (of a Linux: the task that runs) besides its own:',
    '',
    ...tables,
  ].join('\n');
}

/** Words that a query may have, for completion. */
export function queryWords(): string[] {
  const columns = TABLES.flatMap((table) => table.columns);
  const clauses = CLAUSES.flatMap((clause) => clause.split(' '));
  const words = [...TABLES.map(({ name }) => `${name}(`), ...clauses, ...FUNCTIONS.map((name) => `${name}(`)];
  return [
    ...new Set([...words, ...MOMENT_COLUMNS.map(({ name }) => name), ...columns, 'and', 'or', 'not', 'in', 'desc']),
  ];
}
