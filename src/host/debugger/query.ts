// The command `query`: the recording asked as a database, by the timeline of the session, which comes back to where it
// was asked. So many rows are shown; --json has them as records. The language is that of `reprise query`.

import type { Row } from '../../core/query/compile.ts';
import { planQuery } from '../../core/query/plan.ts';
import { UnknownNameError } from '../../core/query/query-error.ts';
import { findWindow, type QueryProgress, runQuery } from '../../core/query/run.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { PositionError } from '../../core/timeline/positions.ts';
import { grammarText } from '../query/grammar.ts';
import { planContext } from '../query/guest-view.ts';
import { RowsText } from '../query/rows-text.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError, Interrupted } from './debugger-error.ts';

/** More are not for a screen. */
const ROWS_MAX = 1000;

async function query(debug: Debugger, text: string): Promise<Output> {
  if (text.trim() === '') return { text: grammarText(), data: null };
  const { timeline, symbols } = debug;
  const from = timeline.position;
  const symbolOf = (name: string): number | undefined => symbols.address(name);
  const rows: Row[] = [];
  let told = '';
  try {
    const plan = planQuery(text, planContext(timeline.machine, symbols));
    const stretch = await debug.walk(findWindow(timeline, plan, symbolOf));
    const answer = plan.start((row) => rows.push(row));
    let doneTicks = 0;
    const tell = (progress: QueryProgress): boolean => {
      ({ doneTicks } = progress);
      return rows.length <= ROWS_MAX;
    };
    try {
      await debug.walk(runQuery(timeline, plan, stretch, answer, { tell }), 'stay');
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      answer.end();
      told = `Interrupted: this is the answer of the run up to tick ${stretch.fromTick + doneTicks}.\n`;
    }
    const shown = new RowsText(plan.columns, 'table', (address) => symbols.describe(address));
    for (const row of rows.slice(0, ROWS_MAX)) shown.add(row);
    if (rows.length > ROWS_MAX) told += `… and more than the ${ROWS_MAX} rows that are shown: give a where\n`;
    const names = plan.columns.map(({ name }) => name);
    const data = rows.slice(0, ROWS_MAX).map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
    return { text: `${shown.take(true)}${told}`.trimEnd(), data };
  } catch (error) {
    if (error instanceof UnknownNameError) throw new PositionError(error.problem, error.place, true);
    if (error instanceof UsageError) throw new DebuggerError(error.message);
    throw error;
  } finally {
    for (const back = timeline.seek(from); back.next().done !== true; ) {
      // Always back, whatever happened.
    }
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
