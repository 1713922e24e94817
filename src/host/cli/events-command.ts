// `reprise events LOG`: the inputs and checks of a log, one a line, in the order in which they happened. Filters by
// tick, class and kind; writes as fast as its reader reads.

import { eventToJson, eventToText } from '../../core/log/events.ts';
import { LogError } from '../../core/log/log-error.ts';
import { type EventFilter, logEvents } from '../../core/log/log.ts';
import { nearest } from '../nearest.ts';
import type { Arguments } from './args.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { EVENT_KINDS, TICK_MAX } from './options.ts';
import { logProblem, openLogFile } from '../node/log-file.ts';
import { Progress } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import { loadColors } from './report.ts';

const LINES_AT_ONCE = 1000;

export async function eventsCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const kinds = args.list('kind').flatMap((list) => list.split(','));
  for (const kind of kinds) {
    if (EVENT_KINDS.includes(kind)) continue;
    const near = nearest(kind, EVENT_KINDS);
    throw new UsageError(
      `There is no kind of event "${kind}"${near === undefined ? '' : `, did you mean ${near}`}: reprise events ` +
        `--help lists them.`,
    );
  }
  const fromTick = args.number('from') ?? 0;
  const toTick = args.number('to') ?? TICK_MAX;
  if (toTick < fromTick) throw new UsageError(`--to ${toTick} is before --from ${fromTick}: no event lies between.`);
  const log = await openLogFile(args);
  const className = args.text('class');
  const eventClass = className === 'input' || className === 'check' ? className : undefined;
  const filter: EventFilter = {
    fromTick,
    toTick,
    ...(kinds.length === 0 ? {} : { kinds: new Set(kinds) }),
    ...(eventClass === undefined ? {} : { class: eventClass }),
  };
  const colors = await loadColors(args.has('no-color') || args.has('json'), process.stdout);
  let left = args.number('limit') ?? TICK_MAX;
  let lines: string[] = [];
  const write = async (): Promise<void> => {
    const text = lines.join('');
    lines = [];
    if (text === '' || process.stdout.write(text)) return;
    await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
  };
  const isShown = process.stdout.isTTY === true;
  const end = Math.min(toTick, log.lastTick) - fromTick;
  const work = new Work(Progress.atTerminal({ label: 'events', unit: 'ticks', end }, isShown));
  try {
    for (const logged of logEvents(log, filter)) {
      if (left-- <= 0) break;
      if (args.has('json')) lines.push(`${JSON.stringify(eventToJson(logged))}\n`);
      else {
        const name = logged.class === 'input' ? colors.yellow('input') : 'check';
        lines.push(
          `${String(logged.tick).padStart(14)} ${name} ${String(logged.seq).padStart(8)}  ` +
            `${eventToText(logged.event)}\n`,
        );
      }
      if (lines.length < LINES_AT_ONCE) continue;
      await write();
      if (!(await work.turn(logged.tick - fromTick))) break;
    }
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    throw error;
  } finally {
    work.release();
    await write();
  }
  return work.signal === null ? 0 : signalStatus(work.signal);
}
