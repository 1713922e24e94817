// The end of `reprise record --index`: what was gathered while the guest ran goes to where reprise debug looks for it,
// as if somebody had walked through the log since. Loaded when it comes to that: it knows the whole timeline.

import { readFileSync } from 'node:fs';
import { openLog } from '../../core/log/log.ts';
import type { Images } from '../../core/session/session.ts';
import { type LiveCheckpoints, recordsFor } from '../../core/timeline/live-checkpoints.ts';
import { Timeline } from '../../core/timeline/timeline.ts';
import { loadEngine } from '../../engines.ts';
import { count } from '../node/progress.ts';
import type { Arguments } from './args.ts';
import { chosenEngine } from './engine-options.ts';
import { keep, openKept } from './keep.ts';
import { say } from './report.ts';

export async function keepGathered(args: Arguments, images: Images, live: LiveCheckpoints): Promise<void> {
  const log = openLog(readFileSync(args.positionals[0]));
  const timeline = new Timeline({ log, images, makeEngine: await loadEngine(chosenEngine(args)) });
  const kept = openKept(args, 'record', timeline);
  if (kept === null) return;
  const gathered = live.of(log);
  timeline.learn(gathered.text);
  timeline.records.learn(recordsFor(gathered, timeline.intervalTicks));
  const added = kept.unkept(gathered.checkpoints);
  const bytes = await keep(args, kept, added);
  if (bytes === null || args.has('json')) return;
  say(`record: ${count(added.length)} checkpoints, ${count(bytes)} bytes in ${kept.path}`);
}
