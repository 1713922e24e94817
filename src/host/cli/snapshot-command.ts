// `reprise snapshot save LOG@POSITION FILE`: goes to a moment of a recording and puts the machine as it is there into
// a file, from which `run` and `record` go on with --from. The file must not exist, and stands there whole or not at
// all.

import { existsSync, rmSync } from 'node:fs';
import { UsageError } from '../../core/base/usage-error.ts';
import { readBookmarks } from '../../core/timeline/bookmarks.ts';
import { mistakeText } from '../../core/timeline/expression.ts';
import { goTo, parsePosition, PositionError } from '../../core/timeline/positions.ts';
import { takeSnapshot } from '../../core/timeline/take-snapshot.ts';
import { finish, Timeline } from '../../core/timeline/timeline.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { CREATOR } from '../../version.ts';
import { CommandError } from '../node/errors.ts';
import { locateImages, noteImage } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { appear, NewFile, whyUnwritable } from '../node/new-file.ts';
import { PacedWay } from '../node/paced-way.ts';
import { count } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { openKept } from './keep.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';

export async function snapshotCommand(args: Arguments): Promise<number> {
  const [, place, out] = args.positionals;
  const match = /^(.+?)@(.+)$/s.exec(place);
  if (match === null) {
    throw new UsageError(`reprise snapshot save wants LOG@POSITION, as in boot.rlog@50%, not "${place}".`);
  }
  const [, path, position] = match;
  const query = asUsage(() => parsePosition(position));
  if (existsSync(out)) throw new CommandError(`${out} exists, and nothing is overwritten: name another file.`);
  const file = new NewFile(`${out}.${process.pid}.part`, { what: 'snapshot', rest: 'nothing remains of it' });
  const log = await openLogFile(args, path);
  const warn = (text: string): void => say(`snapshot: ${text}`);
  return await withLogProblems(path, async () => {
    const { images, paths } = locateImages({ log, path, given: givenImages(args), warn });
    const makeEngine = await loadEngine(args.text('engine') ?? DEFAULT_ENGINE);
    const timeline = new Timeline({ log, images, makeEngine, warn });
    const kept = openKept(args, 'snapshot', timeline);
    const marks = readBookmarks(log);
    const way = goTo(timeline, query, (name) => marks.find((mark) => mark.name === name)?.position);
    const signal = await walk(timeline, way, args.has('json'), path);
    kept?.close();
    if (signal !== null) {
      say('snapshot: stopped by the user; nothing was written');
      return signalStatus(signal);
    }
    let bytes = 0;
    const frames: Uint8Array[] = [];
    const taking = takeSnapshot(timeline, CREATOR, (frame) => frames.push(frame));
    const tick = finish(taking);
    file.open();
    try {
      for (const frame of frames) {
        bytes += frame.length;
        file.write(frame);
      }
      file.close();
      stand(file.path, out);
    } finally {
      file.close();
      rmSync(file.path, { force: true });
    }
    for (const { role, sha256 } of log.header.machine.images) {
      const origin = paths.get(role);
      if (origin !== undefined) noteImage(sha256, origin);
    }
    const hash = timeline.machine.hash().root;
    if (args.has('json')) printJson({ command: 'snapshot', log: path, status: EXIT.ok, out, tick, bytes, hash });
    else {
      say(`snapshot: ${out}, ${count(bytes)} bytes, is ${path} at tick ${count(tick)}: reprise run --from ${out}`);
    }
    return EXIT.ok;
  });
}

function asUsage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof PositionError) throw new UsageError(mistakeText(error));
    throw error;
  }
}

/** The signal that ended it. */
async function walk(
  timeline: Timeline,
  way: Generator<undefined, unknown>,
  isQuiet: boolean,
  path: string,
): Promise<NodeJS.Signals | null> {
  const paced = new PacedWay(timeline, way, { label: 'snapshot', isQuiet });
  const work = new Work(null);
  try {
    while (work.signal === null && (await paced.next()).done !== true) {
      // Until it is there, or until somebody has had enough.
    }
  } catch (error) {
    if (error instanceof PositionError) throw new CommandError(`${path}: ${mistakeText(error)}`);
    throw error;
  } finally {
    work.release();
  }
  if (work.signal !== null) paced.giveUp();
  return work.signal;
}

function stand(temporary: string, out: string): void {
  try {
    appear(temporary, out);
  } catch (error) {
    throw new CommandError(`The snapshot ${out} cannot be created, ${whyUnwritable(error)}: name another file.`);
  }
}
