// The command `query`: the recording asked as a database, by the timeline of the session, which comes back to where it
// was asked. So many rows are shown; --json has them as records. The language is that of `reprise query`.

import type { Row } from '../../core/query/compile.ts';
import { planQuery } from '../../core/query/plan.ts';
import { UnknownNameError } from '../../core/query/query-error.ts';
import { findWindow, runQuery } from '../../core/query/run.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { PositionError } from '../../core/timeline/positions.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import { grammarText } from '../query/grammar.ts';
import { planContext } from '../query/guest-view.ts';
import { RowsText } from '../query/rows-text.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

/** More are not for a screen. */
const ROWS_MAX = 1000;

function* query(debug: Debugger, text: string): Way<Output> {
  if (text.trim() === '') return { text: grammarText(), data: null };
  const { timeline, symbols } = debug;
  const from = timeline.position;
  const symbolOf = (name: string): number | undefined => symbols.address(name);
  try {
    const plan = planQuery(text, planContext(timeline.machine, symbols));
    const stretch = yield* findWindow(timeline, plan, symbolOf);
    const rows: Row[] = [];
    const answer = plan.start((row) => rows.push(row));
    yield* runQuery(timeline, plan, stretch, answer, { tell: () => rows.length <= ROWS_MAX });
    yield* timeline.seek(from);
    const shown = new RowsText(plan.columns, 'table', (address) => symbols.describe(address));
    for (const row of rows.slice(0, ROWS_MAX)) shown.add(row);
    const more = rows.length > ROWS_MAX ? `… and more than the ${ROWS_MAX} rows that are shown: give a where\n` : '';
    const names = plan.columns.map(({ name }) => name);
    const data = rows.slice(0, ROWS_MAX).map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
    return { text: `${shown.take(true)}${more}`.trimEnd(), data };
  } catch (error) {
    if (error instanceof UnknownNameError) throw new PositionError(error.problem, error.place, true);
    if (error instanceof UsageError) throw new DebuggerError(error.message);
    throw error;
  }
}

export const QUERY: Command = {
  names: ['query'],
  usage: 'TABLE(ARGUMENTS) [where …] [select …] [group by …] [order by …] [limit N]',
  summary: 'ask the run as a database: calls("f"), accesses(ADDRESS, 4, w), syscalls(), faults(14) …; alone: how',
  details: grammarText(),
  group: 'ask',
  completes: ['query', 'symbol'],
  run: query,
};
