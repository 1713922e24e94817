// What reprise index gathers besides checkpoints and pages: all events of the run (query/kept-events.ts), so that a
// query of one of their tables runs nothing. Which process runs at each, a Linux tells where its kernel has placed
// itself, which may be late: what had happened by then is gathered once more, where it was anything.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { ChunkGatherer } from '../../core/query/chunk.ts';
import type { LinuxPlaces } from '../../core/query/events.ts';
import { EVENT_RECORD_FIELDS, type EventBatches, splitEvents } from '../../core/query/gather-events.ts';
import type { Job } from '../../core/query/jobs.ts';
import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import { planContext } from '../query/guest-view.ts';
import { EventLists } from '../query/kept-events.ts';
import type { GuestSymbols } from '../symbols/guest-symbols.ts';

/** A kernel is looked for so often in a run, but not behind its middle. */
const LOOKS = 16;

interface Stretch {
  readonly fromTick: number;
  readonly toTick: number;
}

/** Goes through the whole run; whoever gives the way up has gathered nothing. Tells where it is done what to keep. */
export function* gatherEvents(
  timeline: Timeline,
  guest: GuestSymbols,
  done: (keep: (key: string) => void) => void,
): Way<void> {
  const { startTick, endTick, intervalTicks } = timeline;
  const look = (): LinuxPlaces => {
    guest.refresh(timeline.machine.cpu);
    const { currentTask, tasks } = planContext(timeline.machine, guest.table).guest;
    return { currentTask, tasks };
  };
  const gathered: (readonly EventBatches[])[] = [];
  const stretches: Stretch[] = [];
  let linux = look();
  let gatherer = gathererOf(timeline, linux);
  const gather = function* ({ fromTick, toTick }: Stretch): Way<readonly EventBatches[]> {
    return (yield* gatherer.gather({ fromTick, toTick, returns: [] })).batches.map(splitEvents);
  };
  try {
    let lookTick = startTick + (endTick - startTick) / LOOKS;
    for (let fromTick = startTick; fromTick < endTick && timeline.divergence === null; ) {
      const toTick = Math.min(endTick, (Math.floor(fromTick / intervalTicks) + 1) * intervalTicks);
      stretches.push({ fromTick, toTick });
      gathered.push(yield* gather({ fromTick, toTick }));
      fromTick = toTick;
      const isLate = fromTick > (startTick + endTick) / 2;
      if (linux.currentTask !== null || !guest.isUnplaced || isLate || fromTick < lookTick) continue;
      lookTick += (endTick - startTick) / LOOKS;
      const found = look();
      if (found.currentTask === null) continue;
      linux = found;
      gatherer.release();
      gatherer = gathererOf(timeline, linux);
      for (const [i, each] of stretches.entries()) {
        if (gathered[i].length > 0 || mayHaveSwitched(timeline, linux, each)) gathered[i] = yield* gather(each);
      }
    }
  } finally {
    gatherer.release();
  }
  if (timeline.divergence !== null) return;
  const lists = new EventLists();
  for (const batches of gathered.flat()) lists.add(batches);
  done((key) => lists.write(key, { fromTick: startTick, toTick: endTick }, linux));
}

function gathererOf(timeline: Timeline, { currentTask, tasks }: LinuxPlaces): ChunkGatherer {
  const job: Job = { table: 'events', tasks, asked: -1, ...(currentTask === null ? {} : { task: currentTask }) };
  return new ChunkGatherer(timeline, job, EVENT_RECORD_FIELDS);
}

/** Whether a kernel may have switched tasks there: nobody has looked for that. */
function mayHaveSwitched({ intervalTicks, machine, records }: Timeline, { tasks }: LinuxPlaces, at: Stretch): boolean {
  const executed = tasks === null ? [] : [Math.floor(tasks.switchTo / PAGE_BYTES)];
  const asked = { executed, written: [], touched: [] };
  return records.mayTouch(Math.floor(at.fromTick / intervalTicks), asked, machine.memory.ramPages);
}
