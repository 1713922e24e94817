// The index of a run's events (core/query/events.ts), made by a pass that gathers all of them (reprise index, or the
// first query of one of their tables): a file a table, beside the checkpoints of the run and as easily thrown away
// (kept-values.ts). Queries of these tables run nothing any more, whatever their vectors, ports and windows.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isList } from '../../core/log/event-codec.ts';
import type { Packed } from '../../core/log/payload.ts';
import type { Batch } from '../../core/query/batch.ts';
import {
  EVENT_TABLES,
  type EventTable,
  eventNumber,
  fieldsOf,
  type LinuxPlaces,
  recordsOf,
} from '../../core/query/events.ts';
import type { EventBatches } from '../../core/query/gather-events.ts';
import type { Job } from '../../core/query/jobs.ts';
import type { QueryWindow } from '../../core/query/run.ts';
import { keptAnswerPath } from '../node/cache-folder.ts';
import { readKept, writeKept } from '../node/kept-values.ts';
import { packBatches, unpackBatches } from './kept-lists.ts';

/** A table whose records are more is not kept; packed they are a tenth of it and less. */
const TABLE_BYTES_MAX = 1 << 27;

const pathOf = (key: string, table: EventTable): string =>
  keptAnswerPath(createHash('sha256').update(`${key} events ${table}`).digest('hex'));

/** Whether an index of the table has been made, which is known before a query is planned. */
export function hasIndex(key: string, table: string): boolean {
  const found = EVENT_TABLES.find((each) => each === table);
  return found !== undefined && existsSync(pathOf(key, found));
}

/** What a pass has gathered of all tables, on its way to the cache. */
export class EventLists {
  private readonly lists = new Map<EventTable, Batch[]>(EVENT_TABLES.map((table) => [table, []]));
  private readonly bytes = new Map<EventTable, number>();

  add({ byTable, givenUp }: EventBatches): void {
    for (const [table, batch] of byTable) {
      const bytes = (this.bytes.get(table) ?? 0) + batch.numbers.byteLength;
      this.bytes.set(table, bytes);
      if (bytes <= TABLE_BYTES_MAX) this.lists.get(table)?.push(batch);
      else this.lists.delete(table);
    }
    for (const table of givenUp) this.lists.delete(table);
  }

  /** Nothing of the table has been left out. */
  has(table: EventTable): boolean {
    return this.lists.has(table);
  }

  /** All of the run is in it. */
  write(key: string, { fromTick, toTick }: QueryWindow, { currentTask, tasks }: LinuxPlaces): void {
    for (const [table, batches] of this.lists) {
      const value: Packed = [
        fromTick,
        toTick,
        JSON.stringify(currentTask),
        JSON.stringify(tasks),
        packBatches(batches),
      ];
      writeKept(pathOf(key, table), value);
    }
  }
}

/** The records of a job, or null: they are not kept, or were gathered without what it wants to know. */
export function readEvents(key: string, job: Job, { fromTick, toTick }: QueryWindow): Batch[] | null {
  if (job.table === 'events' || eventNumber(job) < 0) return null;
  const table = EVENT_TABLES[eventNumber(job)];
  const isOfJob = recordsOf(job);
  const value = isOfJob === null ? null : readKept(pathOf(key, table));
  if (isOfJob === null || !isList(value)) return null;
  const [from, to, currentTask, tasks, packed] = value;
  if (typeof from !== 'number' || typeof to !== 'number' || fromTick < from || toTick > to) return null;
  if (job.task !== undefined && JSON.stringify(job.task) !== currentTask) return null;
  if (job.table === 'switches' && job.tasks !== null && JSON.stringify(job.tasks) !== tasks) return null;
  // What sounds when a window begins has begun before it.
  if (table === 'tones' && (fromTick !== from || toTick !== to)) return null;
  const fields = fieldsOf(table);
  const isWanted = (numbers: Float64Array, at: number): boolean =>
    numbers[at] >= fromTick && numbers[at] < toTick && isOfJob(numbers, at);
  return unpackBatches(packed, fields)?.map((batch) => chosen(batch, fields, isWanted)) ?? null;
}

/** The records that are wanted; the batch is used up. */
export function chosen(
  { count, numbers, texts }: Batch,
  fields: number,
  isWanted: (numbers: Float64Array, at: number) => boolean,
): Batch {
  let end = 0;
  for (let at = 0; at < count * fields; at += fields) {
    if (!isWanted(numbers, at)) continue;
    numbers.copyWithin(end, at, at + fields);
    end += fields;
  }
  return { count: end / fields, numbers: numbers.subarray(0, end), texts };
}
