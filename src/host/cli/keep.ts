// Checkpoints that outlive a session, for the verbs that walk in a recording: taken up at their beginning, added to at
// their end, when what was walked is worth it. With a progress line, and given up at the first signal.

import { CHECKPOINT_CACHE_BYTES_DEFAULT } from '../../core/base/defaults.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import { boundCache, runKey } from '../node/cache-folder.ts';
import { KeptCheckpoints } from '../node/kept-checkpoints.ts';
import { Progress } from '../node/progress.ts';
import { Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { say } from './report.ts';

/** A second of running or less is quicker done again than kept. */
const WORTH_TICKS = 1 << 27;

function cacheBytes(args: Arguments): number {
  const megabytes = args.number('checkpoint-cache');
  return megabytes === undefined ? CHECKPOINT_CACHE_BYTES_DEFAULT : megabytes * 2 ** 20;
}

export const keyOf = (args: Arguments, { log }: Timeline): string =>
  runKey(log, args.text('devices') === 'log' ? 'log' : 'model');

/** Null: the user wants none. */
export function openKept(args: Arguments, verb: string, timeline: Timeline): KeptCheckpoints | null {
  if (cacheBytes(args) === 0) return null;
  const key = keyOf(args, timeline);
  return new KeptCheckpoints({ timeline, key, warn: (text) => say(`${verb}: ${text}`) });
}

/** Keeps what this session has added, if that is much. */
export async function keepAtEnd(args: Arguments, kept: KeptCheckpoints): Promise<void> {
  const { intervalTicks } = kept;
  if (kept.unkept().length * intervalTicks < WORTH_TICKS) kept.close();
  else await keep(args, kept);
}

/** The size of the file; null when it has not been written. */
export async function keep(args: Arguments, kept: KeptCheckpoints): Promise<number | null> {
  const bytesMax = cacheBytes(args);
  const end = kept.unkept().length;
  const label = 'keeping checkpoints';
  const work = new Work(Progress.atTerminal({ label, unit: 'checkpoints', end, afterMs: 500 }, args.has('json')));
  try {
    const bytes = await kept.keep(bytesMax / 2, (done) => work.turn(done));
    if (bytes !== null) boundCache(kept.path, bytesMax);
    return bytes;
  } finally {
    work.release();
  }
}
