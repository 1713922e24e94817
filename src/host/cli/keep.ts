// Checkpoints that outlive a session, for the verbs that walk in a recording: taken up at their beginning, added to at
// their end, when what was walked is worth it. With a progress line, and given up at the first signal.

import { isDeepStrictEqual } from 'node:util';
import { CHECKPOINT_CACHE_BYTES_DEFAULT } from '../../core/base/defaults.ts';
import { isList, isSafe, isUnsigned } from '../../core/log/event-codec.ts';
import type { Packed } from '../../core/log/payload.ts';
import type { Checkpoint } from '../../core/timeline/checkpoints.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import { boundCache, keptNamesPath, runKey } from '../node/cache-folder.ts';
import { KeptCheckpoints } from '../node/kept-checkpoints.ts';
import { readKept, writeKept } from '../node/kept-values.ts';
import { Progress } from '../node/progress.ts';
import { Work } from '../node/work.ts';
import type { FoundPlaces, GuestSymbols } from '../symbols/guest-symbols.ts';
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

/**
 * Where the guest of this run keeps its table of names, as an earlier session found it: looking through all memory is
 * most of what a second session's first seek takes. Gives who writes it down at the end, where it is new.
 */
export function keepNames(
  args: Arguments,
  timeline: Timeline,
  guest: Pick<GuestSymbols, 'likely' | 'found'>,
): () => void {
  if (cacheBytes(args) === 0) return () => {};
  const path = keptNamesPath(keyOf(args, timeline));
  const likely = placesOf(readKept(path));
  if (likely !== null) guest.likely = likely;
  return () => {
    const { found } = guest;
    if (found === null) return;
    const { digitsAt, moduleList, tasks } = found;
    const known = likely?.digitsAt === digitsAt ? likely : null;
    const told = {
      digitsAt,
      moduleList: moduleList ?? known?.moduleList ?? null,
      tasks: tasks ?? known?.tasks ?? null,
    };
    if (!isDeepStrictEqual(told, likely))
      writeKept(path, [digitsAt, told.moduleList, told.tasks && [told.tasks.init, told.tasks.pointer]]);
  };
}

const isAddress = (value: Packed | undefined): value is number => isUnsigned(value, 0xffffffff);

function placesOf(value: Packed | null): FoundPlaces | null {
  const [digitsAt, moduleList, tasks] = isList(value) ? value : [];
  if (!isSafe(digitsAt) || (moduleList !== null && !isAddress(moduleList))) return null;
  if (tasks === null) return { digitsAt, moduleList, tasks };
  const [init, pointer] = isList(tasks) ? tasks : [];
  return isAddress(init) && isAddress(pointer) ? { digitsAt, moduleList, tasks: { init, pointer } } : null;
}

/** The size of the file; null when it has not been written. */
export async function keep(
  args: Arguments,
  kept: KeptCheckpoints,
  added: readonly Checkpoint[] = kept.unkept(),
): Promise<number | null> {
  const bytesMax = cacheBytes(args);
  const end = added.length;
  const label = 'keeping checkpoints';
  const work = new Work(Progress.atTerminal({ label, unit: 'checkpoints', end, afterMs: 500 }, args.has('json')));
  try {
    const bytes = await kept.keep(bytesMax / 2, (done) => work.turn(done), added);
    if (bytes !== null) boundCache(kept.path, bytesMax);
    return bytes;
  } finally {
    work.release();
  }
}
