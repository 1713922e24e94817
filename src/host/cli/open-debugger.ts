// A recording opened for whoever walks in it, with its images, symbols and the checkpoints that are kept of it: what
// the terminal, gdb and editors have in common. Knows none of the debugger's commands; bookmarks go to the end of the
// log.

import { appendFileSync } from 'node:fs';
import type { LogReader } from '../../core/log/log.ts';
import { Timeline } from '../../core/timeline/timeline.ts';
import { COMMANDS } from '../debugger/commands.ts';
import { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { loadNodeListing } from '../node/listing.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { findImages } from '../node/find-images.ts';
import { whyUnreadable } from '../node/images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import type { Arguments } from './args.ts';
import { keepAtEnd, keepNames, openKept } from './keep.ts';
import { givenImages } from './replay-command.ts';
import { say } from './report.ts';

export interface OpenedDebugger {
  readonly debug: Debugger;
  /** At the end: keeps the checkpoints that the session has added. */
  readonly finish: () => Promise<void>;
}

/** The log is the first positional; `verb` is who speaks in warnings. Throws CommandError. */
export async function openDebugger(args: Arguments, verb: string): Promise<OpenedDebugger> {
  const log = await openLogFile(args);
  return await withLogProblems(args.positionals[0], () => open(args, verb, log));
}

async function open(args: Arguments, verb: string, log: LogReader): Promise<OpenedDebugger> {
  const [path] = args.positionals;
  const engine = args.text('engine') ?? DEFAULT_ENGINE;
  const makeStepper = await loadEngine(DEFAULT_ENGINE);
  const makeEngine = engine === DEFAULT_ENGINE ? makeStepper : await loadEngine(engine);
  const warn = (text: string): void => say(`${verb}: ${text}`);
  const images = findImages({ log, path, given: givenImages(args), warn });
  const megabytes = args.number('checkpoint-memory');
  const timeline = new Timeline({
    log,
    images,
    makeEngine,
    makeStepper,
    devices: args.text('devices') === 'log' ? 'log' : 'model',
    warn,
    ...(megabytes === undefined ? {} : { checkpointBytesMax: megabytes * 2 ** 20 }),
  });
  const kept = openKept(args, verb, timeline);
  const isWhole = log.trailingBytes === 0 && log.damage === null;
  const debug = new Debugger({
    timeline,
    commands: COMMANDS,
    symbols: symbolsFor(images, args.list('symbols')),
    disassemble: await loadNodeListing(),
    logName: path,
    images,
    makeEngine,
    appendFrame: isWhole ? (frame) => appendTo(path, frame) : null,
  });
  const writeNames = keepNames(args, timeline, debug.guest);
  const finish = async (): Promise<void> => {
    writeNames();
    if (kept !== null) await keepAtEnd(args, kept);
  };
  return { debug, finish };
}

function appendTo(path: string, frame: Uint8Array): void {
  try {
    appendFileSync(path, frame);
  } catch (error) {
    throw new DebuggerError(`The bookmark cannot be stored in ${path}, ${whyUnreadable(error)}.`);
  }
}
