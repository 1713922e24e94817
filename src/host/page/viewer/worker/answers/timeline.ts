// The lanes of the timeline: how much happened in each stretch of it, and single events where one looks closely.
// Answered from what the first pass has gathered; the machine is not asked.

import { levelled, LANE_GROUPS, type LaneGroup } from '../lanes.ts';
import type { WorkerSession } from '../session.ts';

export interface LaneAnswer {
  readonly key: string;
  readonly group: LaneGroup;
  readonly name: string;
  /** In the whole run, as far as it has been passed. */
  readonly total: number;
  /** Events in each stretch; of a lane of states, the state in each, plus one. */
  readonly counts: Uint32Array;
  readonly isLevel: boolean;
}

const BUCKETS_MAX = 4096;
const EVENTS_MAX = 500;

export async function lanes(session: WorkerSession, ask: { from: number; to: number; buckets: number }) {
  const opened = session.present();
  const { pass, timeline } = opened;
  const buckets = Math.max(1, Math.min(BUCKETS_MAX, Math.floor(ask.buckets)));
  const to = Math.max(ask.from + 1, ask.to);
  const found: LaneAnswer[] = opened.lanes.all().map((lane) => {
    const isLevel = levelled(lane.group);
    const counts = isLevel ? lane.levels(ask.from, to, buckets) : lane.histogram(ask.from, to, buckets);
    return { key: lane.key, group: lane.group, name: lane.name, total: lane.count, counts, isLevel };
  });
  const checkpoints = timeline.checkpoints.ticks().filter((tick) => tick >= ask.from && tick <= to);
  const spaces = [...opened.lanes.spaceNames];
  return { lanes: found, spaces, groups: LANE_GROUPS, checkpoints, passedTick: pass.tick, isDone: pass.isDone };
}

/** How many events of a lane lie before a tick, and the other way: for two runs that are aligned by an event. */
export function laneRank(session: WorkerSession, ask: { key: string; tick: number }): number | null {
  return session.present().lanes.byKey.get(ask.key)?.indexAt(ask.tick) ?? null;
}

export function laneTick(session: WorkerSession, ask: { key: string; index: number }): number | null {
  return session.present().lanes.byKey.get(ask.key)?.tickAt(ask.index) ?? null;
}

/** So many events of a lane from one of them on. */
export function laneValues(session: WorkerSession, ask: { key: string; from: number; count: number }) {
  const lane = session.present().lanes.byKey.get(ask.key);
  const ticks: number[] = [];
  const values: number[] = [];
  for (let i = ask.from; lane !== undefined && i < ask.from + ask.count; i++) {
    const tick = lane.tickAt(i);
    if (tick === null) break;
    ticks.push(tick);
    values.push(lane.valueAt(i));
  }
  return { ticks, values };
}

/** The events of a lane from a tick on, or the last ones before it. */
export async function laneEvents(session: WorkerSession, ask: { key: string; tick: number; count: number }) {
  const { lanes: all } = session.present();
  const lane = all.byKey.get(ask.key);
  const events: { tick: number; value: number }[] = [];
  if (lane === undefined) return { events, name: '' };
  const at = lane.indexAt(ask.tick);
  const wanted = Math.min(EVENTS_MAX, Math.abs(ask.count));
  const first = ask.count < 0 ? Math.max(0, at - wanted) : at;
  for (let i = first; i < (ask.count < 0 ? at : at + wanted); i++) {
    const tick = lane.tickAt(i);
    if (tick === null) break;
    events.push({ tick, value: lane.valueAt(i) });
  }
  return { events, name: lane.name };
}
