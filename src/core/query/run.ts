/**
 * A query answered by one timeline, from one end of its stretch to the other. Intervals that hold nothing are passed
 * over
 * by what is known of their pages. Rows are handed on while the run goes on; whoever has enough gives the way up.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import { goTo, parsePosition } from '../timeline/positions.ts';
import type { Timeline, Way } from '../timeline/timeline.ts';
import { type Batch, BatchBuilder } from './batch.ts';
import type { Gatherer } from './gatherer.ts';
import { makeGatherer } from './jobs.ts';
import type { Answer, QueryPlan } from './plan.ts';
import type { Bound } from './syntax.ts';

/** Ticks from the first on, up to the last and not with it. */
export interface QueryWindow {
  readonly fromTick: number;
  readonly toTick: number;
}

/** Where the stretch lies. Leaves the timeline somewhere; throws PositionError. */
export function* findWindow(
  timeline: Timeline,
  { from, to }: QueryPlan,
  symbolOf: (name: string) => number | undefined,
): Way<QueryWindow> {
  const fromTick = from === null ? timeline.startTick : yield* tickOf(timeline, from, symbolOf);
  const toTick = to === null ? timeline.endTick : yield* tickOf(timeline, to, symbolOf);
  return { fromTick, toTick: Math.min(toTick, timeline.endTick) };
}

function* tickOf(timeline: Timeline, bound: Bound, symbolOf: (name: string) => number | undefined): Way<number> {
  if (bound.kind === 'tick') return bound.tick;
  if (bound.kind === 'part') return Math.floor((timeline.endTick * bound.percent) / 100);
  yield* timeline.seek({ tick: 0, seq: 0 });
  const stop = yield* goTo(timeline, parsePosition(bound.text, symbolOf));
  return stop.position.tick;
}

/** How far the run of a query is. */
export interface QueryProgress {
  readonly doneTicks: number;
  readonly totalTicks: number;
  /** Rows of the table so far. */
  readonly rows: number;
}

/** Finds the window and gathers it. */
export function* answerQuery(
  timeline: Timeline,
  plan: QueryPlan,
  answer: Answer,
  symbolOf: (name: string) => number | undefined,
): Way<void> {
  yield* runQuery(timeline, plan, yield* findWindow(timeline, plan, symbolOf), answer);
}

export interface QueryListener {
  /** Each batch, behind the fold. */
  readonly heard?: (batch: Batch) => void;
  /** Between two pieces, how far it is; false: the answer shall be that of what has been run. */
  readonly tell?: (progress: QueryProgress) => boolean;
}

/** Gathers the whole window for an answer, and ends it. Leaves the timeline somewhere. */
export function* runQuery(
  timeline: Timeline,
  plan: QueryPlan,
  stretch: QueryWindow,
  answer: Answer,
  { heard = () => {}, tell = () => true }: QueryListener = {},
): Way<void> {
  const batch = new BatchBuilder(plan.fields);
  const gatherer = makeGatherer(plan.job, { timeline, machine: timeline.machine, batch });
  const totalTicks = Math.max(0, stretch.toTick - stretch.fromTick);
  const gather = { timeline, gatherer, batch, answer, heard };
  try {
    let goesOn = true;
    for (let { fromTick } = stretch; fromTick < stretch.toTick && !answer.isComplete() && goesOn; ) {
      const toTick = Math.min(stretch.toTick, endOfInterval(timeline, fromTick));
      if (isRuledOut(timeline, plan, answer, fromTick)) {
        fromTick = toTick;
        continue;
      }
      // As far as no interval can be left out.
      let endTick = toTick;
      while (endTick < stretch.toTick && !isRuledOut(timeline, plan, answer, endTick)) {
        endTick = Math.min(stretch.toTick, endOfInterval(timeline, endTick));
      }
      yield* gatherRange(gather, fromTick, endTick, (tick) => {
        goesOn = tell({ doneTicks: tick - stretch.fromTick, totalTicks, rows: answer.rows() });
        return goesOn;
      });
      if (timeline.divergence !== null) break;
      fromTick = Math.max(endTick, timeline.machine.tick);
    }
    answer.end();
  } finally {
    gatherer.release();
  }
}

const endOfInterval = ({ intervalTicks }: Timeline, tick: number): number =>
  (Math.floor(tick / intervalTicks) + 1) * intervalTicks;

function isRuledOut(timeline: Timeline, { pages }: QueryPlan, { fold }: Answer, tick: number): boolean {
  if (pages === null) return false;
  const interval = Math.floor(tick / timeline.intervalTicks);
  const behind = [...(fold.awaited?.() ?? [])].map((address) => Math.floor(address / PAGE_BYTES));
  const { ramPages } = timeline.machine.memory;
  const asked = { ...pages, executed: [...pages.executed, ...behind] };
  return !timeline.knownRecords.mayTouch(interval, asked, ramPages);
}

interface RangeGather {
  readonly timeline: Timeline;
  readonly gatherer: Gatherer;
  readonly batch: BatchBuilder;
  readonly answer: Answer;
  readonly heard: (batch: Batch) => void;
}

function* gatherRange(
  { timeline, gatherer, batch, answer, heard }: RangeGather,
  fromTick: number,
  toTick: number,
  tell: (tick: number) => boolean,
): Way<void> {
  if (timeline.position.tick !== fromTick || timeline.position.seq !== 0) {
    yield* timeline.seek({ tick: fromTick, seq: 0 });
  }
  const way = timeline.runOn(toTick, true);
  try {
    for (let [isOver, goesOn] = [false, true]; !isOver && goesOn && !answer.isComplete(); ) {
      gatherer.begin();
      try {
        isOver = way.next().done === true;
      } finally {
        gatherer.end();
      }
      const taken = batch.take();
      answer.fold.add(taken);
      if (taken.count > 0) heard(taken);
      goesOn = tell(timeline.machine.tick);
      if (!isOver && goesOn) yield undefined;
    }
  } finally {
    way.return({} as never);
  }
}
