// Who runs the schedules of a verification (src/verification.ts): threads of this process, or workers behind a queue
// (queued-pieces.ts). Each is given the log and the chain of digests that the plain run left; what differs is run again
// by who asked, beside the reference.

import type { ScheduleAnswer, ScheduleRunner } from '../../verification.ts';
import { QueuedPieces, type QueuedPiecesOptions } from './queued-pieces.ts';
import { Pool } from './pool.ts';
import type { ScheduleGuest, SchedulePiece } from './schedule-guest.ts';

/** Asked now and then; false: the user ends it. */
type Turn = () => Promise<boolean>;

export interface ClosableScheduleRunner extends ScheduleRunner {
  close(): Promise<void>;
}

const LOOK_MS = 50;

export function pooledSchedules(guest: ScheduleGuest, jobs: number, turn: Turn): ClosableScheduleRunner {
  const pool = new Pool({ module: new URL('./trial-thread.js', import.meta.url), data: guest, threads: jobs });
  return {
    width: jobs,
    run: async (index, chain) => {
      const piece: SchedulePiece = { index, chain };
      const answer = pool.run<ScheduleAnswer>('ownSchedule', piece);
      answer.catch(() => {});
      for (;;) {
        const first = await Promise.race([answer, new Promise<null>((done) => setTimeout(done, LOOK_MS, null))]);
        if (first !== null) return first;
        if (!(await turn())) return null;
      }
    },
    close: () => pool.close(),
  };
}

export function queuedSchedules(options: QueuedPiecesOptions, turn: Turn): ClosableScheduleRunner {
  const pieces = new QueuedPieces(options);
  return {
    width: pieces.width,
    run: (index, chain) => pieces.run<ScheduleAnswer>({ index, chain } satisfies SchedulePiece, turn),
    close: () => pieces.close(),
  };
}
