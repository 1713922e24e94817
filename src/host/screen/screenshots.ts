// `--screenshot POSITION=FILE`: pictures of moments of a recorded run. Positions that are a tick from the log alone are
// taken as the replay passes them; the others (a text, an interrupt, a condition) are looked for on a timeline after
// it.

import { logEvents, type LogReader } from '../../core/log/log.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { readBookmarks } from '../../core/timeline/bookmarks.ts';
import { mistakeText } from '../../core/timeline/expression.ts';
import { goTo, parsePosition, PositionError, type PositionQuery, tickOfPart } from '../../core/timeline/positions.ts';
import { finish, type Timeline } from '../../core/timeline/timeline.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { CommandError } from '../node/errors.ts';
import { NewFile } from '../node/new-file.ts';
import { encodePng } from './png.ts';
import { screenOf } from './screen-of.ts';

interface Wanted {
  readonly position: string;
  readonly path: string;
  readonly query: PositionQuery;
  /** Where the log alone says so. */
  readonly tick: number | null;
}

export interface Screenshot {
  readonly position: string;
  readonly tick: number;
  readonly file: string;
  readonly width: number;
  readonly height: number;
}

/** A recording, and where it begins. */
interface Recorded {
  readonly log: LogReader;
  readonly startTick: number;
}

function tickOf({ log, startTick }: Recorded, query: PositionQuery): number | null {
  switch (query.kind) {
    case 'absolute':
      return query.position.seq === 0 ? query.position.tick : null;
    case 'part':
      return tickOfPart(startTick, log.lastTick, query.percent);
    case 'end':
      return log.lastTick;
    case 'event': {
      let count = 0;
      for (const { tick } of logEvents(log, query.isInput ? { class: 'input' } : {})) {
        if (count++ === query.number) return tick;
      }
      return null;
    }
    default:
      return null;
  }
}

function readWanted(text: string, recorded: Recorded): Wanted {
  const at = text.lastIndexOf('=');
  const [position, path] = [text.slice(0, at).trim(), text.slice(at + 1)];
  if (at < 1 || path === '') {
    throw new UsageError(
      `--screenshot wants POSITION=FILE, as in end=screen.png or 1_000_000=screen.png, not "${text}".`,
    );
  }
  try {
    const query = parsePosition(position);
    const tick = tickOf(recorded, query);
    const { log, startTick } = recorded;
    if (tick !== null && tick > Math.max(log.lastTick, startTick)) {
      throw new UsageError(`Tick ${tick} is beyond the end of the run, which is at tick ${log.lastTick}.`);
    }
    if (tick !== null && tick > 0 && tick < startTick) {
      throw new UsageError(`Tick ${tick} is before the snapshot that the run begins at, ${startTick}.`);
    }
    return { position, path, query, tick };
  } catch (error) {
    if (error instanceof PositionError) throw new UsageError(mistakeText(error));
    throw error;
  }
}

const fileOf = (path: string): NewFile => new NewFile(path, { what: 'screenshot' });

export class Screenshots {
  readonly taken: Screenshot[] = [];
  /** By tick. */
  readonly #passing: Wanted[];
  readonly #searched: readonly Wanted[];

  constructor(texts: readonly string[], recorded: Recorded) {
    const wanted = texts.map((text) => readWanted(text, recorded));
    const paths = wanted.map(({ path }) => path);
    for (const path of paths) fileOf(path).foresee();
    const twice = paths.find((path, k) => paths.indexOf(path) !== k);
    if (twice !== undefined) throw new UsageError(`--screenshot names ${twice} twice: give each a file of its own.`);
    this.#passing = wanted.filter(({ tick }) => tick !== null).sort((a, b) => Number(a.tick) - Number(b.tick));
    this.#searched = wanted.filter(({ tick }) => tick === null);
  }

  /** Tick of the next one that is taken in passing, Infinity when there is none. */
  get nextTick(): number {
    return this.#passing[0]?.tick ?? Number.POSITIVE_INFINITY;
  }

  /** The machine stands at `nextTick`, or where the run has ended. */
  take(machine: Machine): void {
    const wanted = this.#passing.shift();
    if (wanted !== undefined) this.#write(machine, wanted);
  }

  /** The run is over: what was wanted of its end. */
  takeRest(machine: Machine): void {
    while (this.nextTick <= machine.tick) this.take(machine);
  }

  get needsTimeline(): boolean {
    return this.#searched.length > 0;
  }

  /** Throws CommandError for a position that the run does not have. */
  search(timeline: Timeline): void {
    const marks = readBookmarks(timeline.log);
    for (const wanted of this.#searched) {
      try {
        finish(timeline.seek({ tick: 0, seq: 0 }));
        finish(goTo(timeline, wanted.query, (name) => marks.find((mark) => mark.name === name)?.position));
      } catch (error) {
        if (error instanceof PositionError)
          throw new CommandError(`--screenshot ${wanted.position}: ${mistakeText(error)}`);
        throw error;
      }
      this.#write(timeline.machine, wanted);
    }
  }

  #write(machine: Machine, { position, path }: Wanted): void {
    const screen = screenOf(machine);
    const file = fileOf(path).open();
    file.write(encodePng(screen));
    file.close();
    this.taken.push({ position, tick: machine.tick, file: path, width: screen.width, height: screen.height });
  }
}
