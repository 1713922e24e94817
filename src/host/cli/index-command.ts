// `reprise index LOG`: one walk through a recorded run, and its checkpoints on disk, so that the first seek of reprise
// debug need not be one, and its events (index-events.ts), so that queries of them run nothing. What is kept, and how,
// is node/kept-checkpoints.ts and query/kept-events.ts.

import type { LogReader } from '../../core/log/log.ts';
import { finish, Timeline } from '../../core/timeline/timeline.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { findImages } from '../node/find-images.ts';
import type { KeptCheckpoints } from '../node/kept-checkpoints.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { PacedWay } from '../node/paced-way.ts';
import { count } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import type { Arguments } from './args.ts';
import { gatherEvents } from './index-events.ts';
import { findAndKeepGuest } from '../query/kept-guest.ts';
import { keep, keepNames, keyOf, openKept } from './keep.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';

export async function indexCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const log = await openLogFile(args);
  return await withLogProblems(path, () => indexLog(args, path, log));
}

async function indexLog(args: Arguments, path: string, log: LogReader): Promise<number> {
  const warn = (text: string): void => say(`index: ${text}`);
  const megabytes = args.number('checkpoint-memory');
  const images = findImages({ log, path, given: givenImages(args), warn });
  const timeline = new Timeline({
    log,
    images,
    makeEngine: await loadEngine(args.text('engine') ?? DEFAULT_ENGINE),
    devices: args.text('devices') === 'log' ? 'log' : 'model',
    warn,
    ...(megabytes === undefined ? {} : { checkpointBytesMax: megabytes * 2 ** 20 }),
  });
  const kept = openKept(args, 'index', timeline);
  if (kept === null) throw new UsageError('--checkpoint-cache 0 keeps no checkpoints: give more, or leave it out.');
  const guest = new GuestSymbols(symbolsFor(images, []), images);
  const writeNames = keepNames(args, timeline, guest);
  let keepEvents: (key: string) => void = () => {};
  const work = new Work(null);
  try {
    // All of it has been walked through before.
    if (kept.knownTick >= timeline.endTick && kept.knowsPages)
      return report(args, { ...nothing, path, kept, timeline });
    // Without a shorter way through checkpoints that are kept already: what is between them is wanted too.
    const gathering = gatherEvents(timeline, guest, (keeps) => {
      keepEvents = keeps;
    });
    const way = new PacedWay(timeline, gathering, { label: 'index', isQuiet: args.has('json') });
    while (work.signal === null && (await way.next()).done !== true) {
      // Until the end, or until somebody has had enough: then what there is is kept.
    }
    way.giveUp();
  } finally {
    work.release();
  }
  writeNames();
  const { tick } = timeline.machine;
  const isWhole = work.signal === null && tick >= timeline.endTick && timeline.divergence === null;
  if (isWhole) {
    keepEvents(keyOf(args, timeline));
    const middle = new GuestSymbols(symbolsFor(images, []), images);
    finish(findAndKeepGuest(keyOf(args, timeline), timeline, middle));
  }
  const added = kept.unkept().length;
  const bytes = added === 0 ? null : await keep(args, kept);
  if (added === 0) kept.close();
  return report(args, { path, kept, tick, added, bytes, timeline, signal: work.signal });
}

interface Indexed {
  readonly path: string;
  readonly kept: KeptCheckpoints;
  readonly tick: number;
  readonly added: number;
  readonly bytes: number | null;
  readonly timeline: Timeline;
  readonly signal: NodeJS.Signals | null;
}

const nothing = { tick: 0, added: 0, bytes: null, signal: null } as const;

function report(args: Arguments, { path, kept, tick, added, bytes, timeline, signal }: Indexed): number {
  const isDivergent = timeline.divergence !== null;
  const status = signal !== null ? signalStatus(signal) : isDivergent ? EXIT.divergence : EXIT.ok;
  if (args.has('json')) {
    printJson({ command: 'index', log: path, status, file: kept.path, tick, endTick: timeline.endTick, added, bytes });
    return status;
  }
  if (tick === 0) {
    say(`index: ${path} has been walked through: ${count(kept.count)} checkpoints are in ${kept.path}`);
    return status;
  }
  const how = signal !== null ? '; stopped by the user' : isDivergent ? '; there the replay leaves the log' : '';
  const what =
    bytes === null ? 'no checkpoint was kept' : `${count(added)} checkpoints, ${count(bytes)} bytes in ${kept.path}`;
  say(`index: ${path} up to tick ${count(tick)} of ${count(timeline.endTick)}: ${what}${how}`);
  return status;
}
