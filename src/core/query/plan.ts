/**
 * A query planned: what is gathered, over which window, how rows become of it and what is made of the rows. All that
 * can
 * be wrong with a query is found here, before anything runs.
 */
import { type GuestView, TableArguments } from './arguments.ts';
import type { Scope } from './compile.ts';
import type { LinuxPlaces } from './events.ts';
import { COLUMN_PROCESS, type Fold } from './fold.ts';
import type { Job } from './jobs.ts';
import type { AskedPages } from '../timeline/page-records.ts';
import { parseQuery } from './parse.ts';
import { QueryError } from './query-error.ts';
import { type OutputColumn, shapeOf } from './shape.ts';
import type { Bound, Item, Query } from './syntax.ts';
import { TABLES } from './tables.ts';
import type { Describe } from './values.ts';
import type { Row } from './compile.ts';

/** A Linux has it. */
const TASK_SYMBOL = 'init_task';

export interface QueryPlan {
  readonly query: Query;
  readonly columns: readonly OutputColumn[];
  readonly job: Job;
  readonly fields: number;
  readonly pages: AskedPages | null;
  /** Which process runs is asked for, and not known: at another moment the guest may tell, or no symbol says it. */
  readonly lacksTask: 'here' | 'symbol' | null;
  /** What is known of the guest where the query was planned. */
  readonly linux: LinuxPlaces;
  readonly from: Bound | null;
  readonly to: Bound | null;
  /** Rows go on as they come. */
  readonly isStreaming: boolean;
  /** Begins an answer. */
  readonly start: (emit: (row: Row) => void) => Answer;
}

/** From gathered records to the answer. */
export interface Answer {
  readonly fold: Fold;
  /** Nothing that is still to come can change the answer. */
  readonly isComplete: () => boolean;
  /** Rows of the table so far, for estimates. */
  readonly rows: () => number;
  readonly end: () => void;
}

export interface PlanContext {
  readonly guest: GuestView;
  readonly describe: Describe;
  /** A name near one that is not known. */
  readonly suggest: (name: string, names: readonly string[]) => string | undefined;
}

/** Throws QueryError; UnknownNameError where a name may become known. */
export function planQuery(text: string, { guest, describe, suggest }: PlanContext): QueryPlan {
  const parsed = parseQuery(text);
  const table = TABLES.find(({ name }) => name === parsed.table.toLowerCase());
  if (table === undefined) {
    const names = TABLES.map(({ name }) => name);
    const near = suggest(parsed.table, names);
    const what = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
    throw new QueryError(text, parsed.tableAt, `There is no table "${parsed.table}": ${what}`);
  }
  const scope: Scope = { text, columns: [], symbolOf: guest.symbolOf, describe, suggest };
  const planned = table.plan(new TableArguments(parsed, scope, guest));
  const query = { ...parsed, select: withPosition(parsed) };
  const shape = shapeOf(query, { ...scope, columns: planned.columns }, planned.shown);
  checkBounds(query);
  const { currentTask: task } = guest;
  const isProcessAsked = shape.used.has(COLUMN_PROCESS);
  const job: Job = { ...planned.job(shape.used), ...(isProcessAsked && task !== null ? { task } : {}) };
  const canTell = guest.symbolOf(TASK_SYMBOL) !== undefined;
  const lacksTask = !isProcessAsked || task !== null ? null : canTell ? 'here' : 'symbol';
  const start = (emit: (row: Row) => void): Answer => {
    let isComplete = query.limit === 0;
    let rows = 0;
    const shaping = shape.start(emit);
    const fold = planned.fold(shape.used, (row) => {
      rows++;
      if (!isComplete) isComplete = !shaping.add(row);
    });
    const end = (): void => {
      fold.end();
      shaping.end();
    };
    return { fold, isComplete: () => isComplete, rows: () => rows, end };
  };
  return {
    ...{ query, columns: shape.columns, job, fields: planned.fields, pages: planned.pages },
    lacksTask,
    linux: { currentTask: task, tasks: guest.tasks },
    ...{ from: query.from, to: query.to, isStreaming: shape.isStreaming, start },
  };
}

/** Every row that is one of the table has its position, so that one can go there. */
function withPosition({ select, groupBy }: Query): readonly Item[] | null {
  if (select === null || groupBy !== null || select.some(({ expression }) => hasAggregate(expression))) return select;
  const names = select.map(({ expression }) => (expression.kind === 'name' ? expression.name.toLowerCase() : ''));
  if (names.includes('position') || names.includes('tick')) return select;
  return [{ expression: { kind: 'name', name: 'position', at: 0 }, label: 'position' }, ...select];
}

function hasAggregate(expression: Item['expression']): boolean {
  switch (expression.kind) {
    case 'call':
      return (expression.name !== 'symbol' && expression.name !== 'hex') || expression.args.some(hasAggregate);
    case 'name':
      return expression.name.toLowerCase() === 'count';
    case 'unary':
      return hasAggregate(expression.a);
    case 'binary':
      return hasAggregate(expression.a) || hasAggregate(expression.b);
    case 'in':
      return hasAggregate(expression.a) || expression.list.some(hasAggregate);
    default:
      return false;
  }
}

function checkBounds({ from, text, to }: Query): void {
  const isBackwards =
    (from?.kind === 'tick' && to?.kind === 'tick' && to.tick < from.tick) ||
    (from?.kind === 'part' && to?.kind === 'part' && to.percent < from.percent);
  if (isBackwards && to !== null) throw new QueryError(text, to.at, 'The window ends before it begins');
}
