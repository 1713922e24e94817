// A verification under schedules as plain data that can be handed to a thread or to another process: the log, its
// images and the engines, and of each piece the number of a schedule and the chain of digests that its run must give.

import { openLog } from '../../core/log/log.ts';
import { loadContestants } from '../../contestants.ts';
import { runSchedule, type ScheduleAnswer, type VerifyJob } from '../../verification.ts';

export interface ScheduleGuest {
  readonly kind: 'schedules';
  readonly log: Uint8Array;
  readonly isSalvaged: boolean;
  readonly images: readonly (readonly [role: string, bytes: Uint8Array])[];
  /** As loadContestants takes them. */
  readonly engines: readonly string[];
  /** Null: the usual one. */
  readonly intervalTicks: number | null;
  readonly seed: number;
}

export interface SchedulePiece {
  readonly index: number;
  readonly chain: readonly string[];
}

export type ScheduleWork = (piece: SchedulePiece) => Promise<ScheduleAnswer>;

/** What does the pieces of a verification. */
export async function scheduleWorkOf(guest: ScheduleGuest): Promise<ScheduleWork> {
  const { log, isSalvaged, images, engines, intervalTicks, seed } = guest;
  const job: VerifyJob = {
    log: openLog(log, { salvage: isSalvaged }),
    images: new Map(images),
    contestants: await loadContestants(engines),
    seed,
    ...(intervalTicks === null ? {} : { intervalTicks }),
  };
  return async ({ index, chain }) => {
    const answer = await runSchedule(job, index, chain);
    if (answer === null) throw new Error('a schedule was given up that nobody has given up');
    return answer;
  };
}
