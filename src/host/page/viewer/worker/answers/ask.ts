// Questions about the whole run: a query over its tables, and where a value of this moment came from, as a graph. Each
// is a way that may be given up: a query then says what it has found, the rest of the run is left out.

import { originGraph } from '../../../../../core/timeline/provenance/graph.ts';
import { Origins } from '../../../../../core/timeline/provenance/origin.ts';
import { questionOf } from '../../../../../core/timeline/provenance/what.ts';
import type { Row } from '../../../../../core/query/compile.ts';
import { planQuery } from '../../../../../core/query/plan.ts';
import { findWindow, type QueryProgress, runQuery } from '../../../../../core/query/run.ts';
import { valueText } from '../../../../../core/query/values.ts';
import { originText } from '../../../../debugger/origin-text.ts';
import { queryWords } from '../../../../query/grammar.ts';
import { planContext } from '../../../../query/guest-view.ts';
import { GivenUp, type WorkerSession } from '../session.ts';

/** More are not for a window. */
const SHOWN_ROWS_MAX = 1000;
/** A picture of more is none. */
const NODES_MAX = 60;
/** Names that a field offers while one types. */
const NAMES_MAX = 2000;

export interface QueryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly tick: number | null; readonly seq: number }[];
  /** There are more rows than are shown. */
  readonly hasMore: boolean;
  /** Given up at this tick; null: the whole window was asked. */
  readonly stoppedTick: number | null;
}

export async function query(session: WorkerSession, ask: { text: string }): Promise<QueryAnswer> {
  const opened = await session.recording();
  const { symbols, timeline } = opened;
  const plan = planQuery(ask.text, planContext(timeline.machine, symbols));
  const symbolOf = (name: string): number | undefined => symbols.address(name);
  const found: Row[] = [];
  const answer = plan.start((row) => found.push(row));
  const stretch = await session.walk(opened, findWindow(timeline, plan, symbolOf));
  let doneTicks = 0;
  let stoppedTick: number | null = null;
  const tell = (progress: QueryProgress): boolean => {
    doneTicks = progress.doneTicks;
    return found.length <= SHOWN_ROWS_MAX;
  };
  try {
    await session.walk(opened, runQuery(timeline, plan, stretch, answer, { tell }));
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    answer.end();
    stoppedTick = stretch.fromTick + doneTicks;
  }
  const describe = (address: number): string => symbols.describe(address);
  const rows = found.slice(0, SHOWN_ROWS_MAX).map((row) => ({
    cells: row.map((value, i) => valueText(value, plan.columns[i].type, describe)),
    ...positionOf(
      row,
      plan.columns.map(({ name }) => name),
    ),
  }));
  return { columns: plan.columns.map(({ name }) => name), rows, hasMore: found.length > SHOWN_ROWS_MAX, stoppedTick };
}

/** Where a row leads: its position, or its tick alone. */
function positionOf(row: Row, names: readonly string[]): { tick: number | null; seq: number } {
  const position = /^(\d+)(?:\/(\d+))?$/.exec(String(row[names.indexOf('position')] ?? ''));
  if (position !== null) return { tick: Number(position[1]), seq: Number(position[2] ?? 0) };
  const tick = row[names.indexOf('tick')];
  return { tick: typeof tick === 'number' ? tick : null, seq: 0 };
}

export interface OriginNode {
  /** The question, then what was found. */
  readonly lines: readonly string[];
  readonly tick: number;
  readonly seq: number;
}

export interface OriginAnswer {
  readonly nodes: readonly OriginNode[];
  readonly edges: readonly { readonly from: number; readonly to: number; readonly isAddress: boolean }[];
  readonly leftOut: number;
}

export async function origin(session: WorkerSession, ask: { what: string }): Promise<OriginAnswer> {
  const opened = await session.recording();
  const { symbols, timeline } = opened;
  const question = questionOf(ask.what, timeline.machine.cpu, timeline.position, (name) => symbols.address(name));
  const way = originGraph(new Origins(timeline), question, NODES_MAX);
  const { edges, leftOut, nodes } = await session.walk(opened, way);
  return {
    nodes: nodes.map((node) => {
      const at = node.links[0]?.step.position ?? node.question.position;
      return { lines: originText(opened, node).split('\n'), tick: at.tick, seq: at.seq };
    }),
    edges: edges.map(({ from, isAddress, to }) => ({ from, to, isAddress })),
    leftOut,
  };
}

/** Words that a query or a value may be made of. */
export async function askWords(session: WorkerSession, _ask: null): Promise<readonly string[]> {
  const names: string[] = [];
  for (const name of session.present().symbols.names()) if (names.push(name) >= NAMES_MAX) break;
  return [...queryWords(), ...names];
}
