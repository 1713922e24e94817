// `reprise render LOG OUT`: what the screen of a recorded run showed, at guest time, as an animated PNG or as a folder
// of pictures. The screen is looked at every so many milliseconds of the guest; what has not changed costs nothing.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Screen } from '../../core/devices/display/screen.ts';
import type { LogReader } from '../../core/log/log.ts';
import { describeDivergence } from '../../core/session/divergence.ts';
import { RunLoop, LEG_TICKS } from '../../core/session/run-loop.ts';
import { createReplay, type Session } from '../../core/session/session.ts';
import { SILENT_OUTPUT } from '../../core/board/silent.ts';
import { loadEngine } from '../../engines.ts';
import type { Arguments } from './args.ts';
import { chosenEngine } from './engine-options.ts';
import { CommandError } from '../node/errors.ts';
import { findImages } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { NewFile, whyUnwritable } from '../node/new-file.ts';
import { count, Progress } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import { Animation, encodePng } from '../screen/png.ts';
import { screenOf, whyNoScreen } from '../screen/screen-of.ts';
import { TICK_MAX } from './options.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';

const EVERY_MS_DEFAULT = 100;

/** Takes the screens that differ from the one before, in their order. */
interface Sink {
  put(screen: Screen, tick: number): void;
  finish(tick: number): void;
}

class AnimationSink implements Sink {
  readonly #animation = new Animation();
  readonly #file: NewFile;
  readonly #msOf: (tick: number) => number;

  constructor(path: string, msOf: (tick: number) => number) {
    this.#file = new NewFile(path, { what: 'animation' }).open();
    this.#msOf = msOf;
  }
  put(screen: Screen, tick: number): void {
    this.#animation.add(screen, this.#msOf(tick));
  }
  finish(tick: number): void {
    if (this.#animation.frameCount > 0) this.#file.write(this.#animation.finish(this.#msOf(tick)));
    else this.#file.discard();
    this.#file.close();
  }
}

class FolderSink implements Sink {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder);
    } catch (error) {
      throw new CommandError(`The folder ${folder} cannot be made, ${whyUnwritable(error)}: name another one.`);
    }
  }
  put(screen: Screen, tick: number): void {
    const path = join(this.#folder, `${String(tick).padStart(12, '0')}.png`);
    const file = new NewFile(path, { what: 'picture' }).open();
    file.write(encodePng(screen));
    file.close();
  }
  finish(): void {}
}

export async function renderCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const log = await openLogFile(args);
  return await withLogProblems(path, () => renderLog(args, path, log));
}

async function renderLog(args: Arguments, path: string, log: LogReader): Promise<number> {
  const target = args.positionals[1];
  const problem = whyNoScreen(log.header.machine, 'model');
  if (problem !== null) throw new CommandError(problem);
  const makeEngine = await loadEngine(chosenEngine(args));
  const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`render: ${text}`) });
  const session = createReplay({ log, images, makeEngine, output: SILENT_OUTPUT });
  const { nsPerTick } = log.header.machine;
  const fromTick = args.number('from') ?? 0;
  const toTick = Math.min(args.number('to') ?? TICK_MAX, log.lastTick);
  if (fromTick > toTick)
    throw new CommandError(`The run ends at tick ${log.lastTick}: --from lies behind what is left.`);
  const msOf = (tick: number): number => ((tick - fromTick) * nsPerTick) / 1e6;
  const sink = /\.a?png$/i.test(target) ? new AnimationSink(target, msOf) : new FolderSink(target);
  const everyTicks = Math.max(1, Math.round(((args.number('every') ?? EVERY_MS_DEFAULT) * 1e6) / nsPerTick));
  const isQuiet = args.has('json');
  const work = new Work(Progress.atTerminal({ label: 'render', unit: 'ticks', nsPerTick, end: toTick }, isQuiet));
  const seen = await show({ session, sink, work, fromTick, toTick, everyTicks });
  work.release();
  sink.finish(session.tick);
  const { divergence } = session.port;
  const status = divergence !== null ? EXIT.divergence : work.signal === null ? EXIT.ok : signalStatus(work.signal);
  if (isQuiet) {
    const text = divergence === null ? null : describeDivergence(divergence, path);
    printJson({
      command: 'render',
      log: path,
      out: target,
      status,
      pictures: seen,
      tick: session.tick,
      divergence: text,
    });
    return status;
  }
  if (divergence !== null) say(`render: divergence. ${describeDivergence(divergence, path)}`);
  say(`render: ${count(seen)} pictures up to tick ${count(session.tick)} are in ${target}`);
  return status;
}

interface Show {
  readonly session: Session;
  readonly sink: Sink;
  readonly work: Work;
  readonly fromTick: number;
  readonly toTick: number;
  readonly everyTicks: number;
}

/** Runs and looks; how many screens differed from the one before. */
async function show({ session, sink, work, fromTick, toTick, everyTicks }: Show): Promise<number> {
  const { machine } = session;
  let last: Screen | null = null;
  let seen = 0;
  let nextTick = fromTick;
  const look = (): void => {
    const screen = screenOf(machine);
    const isSame =
      last !== null && last.width === screen.width && last.height === screen.height && sameBytes(last, screen);
    if (!isSame) {
      sink.put(screen, machine.tick);
      seen++;
    }
    last = screen;
  };
  const advance = (untilTick: number) => {
    const reason = session.advance(Math.min(untilTick, nextTick));
    if (reason === 'tick' && session.tick === nextTick) {
      look();
      nextTick += everyTicks;
    }
    return reason;
  };
  const loop = new RunLoop({ session, maxTick: toTick, legTicks: LEG_TICKS, advance });
  if (fromTick === 0) {
    look();
    nextTick += everyTicks;
  }
  let end = loop.leg();
  while (end === null && (await work.turn(session.tick))) end = loop.leg();
  // The last screen, if the run came so far.
  if (session.tick >= fromTick) look();
  return seen;
}

function sameBytes(a: Screen, b: Screen): boolean {
  return Buffer.compare(a.rgba, b.rgba) === 0;
}
