// A query of one table of events over a whole run that has no index of them yet: the run gathers all of them, this
// query is answered from its part, and the index is made of the rest (kept-events.ts).

import type { Batch } from '../../core/query/batch.ts';
import { EVENT_TABLES, eventNumber, recordsOf } from '../../core/query/events.ts';
import { EVENT_RECORD_FIELDS, splitEvents } from '../../core/query/gather-events.ts';
import type { Answer, QueryPlan } from '../../core/query/plan.ts';
import type { QueryWindow } from '../../core/query/run.ts';
import { chosen, EventLists } from './kept-events.ts';

export class AllEvents {
  /** Gathers everything. */
  readonly plan: QueryPlan;
  private readonly asked: QueryPlan;
  private readonly lists = new EventLists();

  private constructor(asked: QueryPlan) {
    const { currentTask, tasks } = asked.linux;
    this.asked = asked;
    this.plan = {
      ...asked,
      job: {
        ...{ table: 'events', tasks, asked: asked.job.table === 'events' ? -1 : eventNumber(asked.job) },
        ...(currentTask === null ? {} : { task: currentTask }),
      },
      fields: EVENT_RECORD_FIELDS,
    };
  }

  /** Null: the query is of none of these tables. */
  static of(plan: QueryPlan): AllEvents | null {
    const { job } = plan;
    if (job.table === 'events' || eventNumber(job) < 0 || recordsOf(job) === null) return null;
    return new AllEvents(plan);
  }

  /** The answer to the query, of batches of everything; `heard`: told of its own records. */
  answer(answer: Answer, heard: (batch: Batch) => void): Answer {
    const { job } = this.asked;
    const table = job.table === 'events' ? undefined : EVENT_TABLES[eventNumber(job)];
    const isOfJob = job.table === 'events' ? null : recordsOf(job);
    const add = (all: Batch): void => {
      const split = splitEvents(all);
      const own = table === undefined ? undefined : split.byTable.get(table);
      // What is kept is all of it: the answer takes a copy of its own.
      const copy = own === undefined ? undefined : { ...own, numbers: own.numbers.slice() };
      this.lists.add(split);
      if (copy === undefined || isOfJob === null) return;
      const batch = chosen(copy, this.asked.fields, isOfJob);
      answer.fold.add(batch);
      heard(batch);
    };
    return { ...answer, fold: { add, end: () => answer.fold.end() } };
  }

  /** All of the run has been gathered. False: there was too much of the table that was asked for. */
  keep(key: string, stretch: QueryWindow): boolean {
    const { job, linux } = this.asked;
    this.lists.write(key, stretch, linux);
    return job.table !== 'events' && this.lists.has(EVENT_TABLES[eventNumber(job)]);
  }
}
