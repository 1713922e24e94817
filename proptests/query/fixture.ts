/**
 * Queries of recordings of the tests: planned without a host, on names that the assembler knows, and run on one
 * timeline to their end.
 */
import type { GuestView } from '../../src/core/query/arguments.ts';
import { planQuery, type QueryPlan } from '../../src/core/query/plan.ts';
import { findWindow, runQuery } from '../../src/core/query/run.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import type { Assembly } from '../../src/core/isa/assemble.ts';
import type { Row } from './brute-force.ts';

export function guestView(symbols: ReadonlyMap<string, number>): GuestView {
  return {
    symbolOf: (name) => symbols.get(name),
    names: () => symbols.keys(),
    remarkOn: () => '',
    physicalOf: (linear) => linear,
    passesInRegisters: () => false,
    currentTask: null,
    tasks: null,
  };
}

export const symbolsOf = ({ symbols }: Assembly): ReadonlyMap<string, number> => symbols;

export function planOf(
  text: string,
  symbols: ReadonlyMap<string, number> = new Map(),
  known: Partial<GuestView> = {},
): QueryPlan {
  return planQuery(text, { guest: { ...guestView(symbols), ...known }, describe: () => '', suggest: () => undefined });
}

/** Rows as records by the names of their columns. */
export function ask(
  timeline: Timeline,
  text: string,
  symbols: ReadonlyMap<string, number> = new Map(),
  known: Partial<GuestView> = {},
): Row[] {
  const plan = planOf(text, symbols, known);
  const rows: Row[] = [];
  const window = finish(findWindow(timeline, plan, (name) => symbols.get(name)));
  const answer = plan.start((row) => {
    rows.push(Object.fromEntries(plan.columns.map(({ name }, i) => [name, row[i]])) as Row);
  });
  finish(runQuery(timeline, plan, window, answer));
  return rows;
}
