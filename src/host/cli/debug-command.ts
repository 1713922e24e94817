// `reprise debug LOG`: the recorded run as a place to walk in, at a terminal, by script (--exec) or by gdb (--gdb).
// Opens the log, its images and symbols and hands them to the debugger; knows none of its commands. The only thing
// that it writes are bookmarks, appended to the log.

import { appendFileSync } from 'node:fs';
import { LogError } from '../../core/log/log-error.ts';
import type { LogReader } from '../../core/log/log.ts';
import { SessionError } from '../../core/session/session.ts';
import { Timeline } from '../../core/timeline/timeline.ts';
import type { Arguments } from './args.ts';
import { COMMANDS } from '../debugger/commands.ts';
import { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { loadListing } from '../debugger/disassemble.ts';
import { runPiped, runScript } from '../debugger/script.ts';
import { runTerminal } from '../debugger/terminal.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { RecordingTarget } from '../gdb/recording-target.ts';
import { listenForGdb } from '../gdb/listen.ts';
import { findImages } from '../node/find-images.ts';
import { whyUnreadable } from '../node/images.ts';
import { logProblem, openLogFile, sessionProblem } from '../node/log-file.ts';
import { gdbLines } from '../symbols/describe.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import { keepAtEnd, openKept } from './keep.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';

export async function debugCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const log = await openLogFile(args);
  try {
    return await debugLog(args, path, log);
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw sessionProblem(path, error);
    throw error;
  }
}

async function debugLog(args: Arguments, path: string, log: LogReader): Promise<number> {
  const engine = args.text('engine') ?? DEFAULT_ENGINE;
  const makeStepper = await loadEngine(DEFAULT_ENGINE);
  const makeEngine = engine === DEFAULT_ENGINE ? makeStepper : await loadEngine(engine);
  const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`debug: ${text}`) });
  const megabytes = args.number('checkpoint-memory');
  const timeline = new Timeline({
    log,
    images,
    makeEngine,
    makeStepper,
    devices: args.text('devices') === 'log' ? 'log' : 'model',
    warn: (text) => say(`debug: ${text}`),
    ...(megabytes === undefined ? {} : { checkpointBytesMax: megabytes * 2 ** 20 }),
  });
  const kept = openKept(args, 'debug', timeline);
  const symbols = symbolsFor(images, args.list('symbols'));
  const isWhole = log.trailingBytes === 0 && log.damage === null;
  const debug = new Debugger({
    timeline,
    commands: COMMANDS,
    symbols,
    disassemble: await loadListing(),
    logName: path,
    images,
    makeEngine,
    appendFrame: isWhole ? (frame) => appendTo(path, frame) : null,
  });
  const status = await talk(args, debug);
  if (kept !== null) await keepAtEnd(args, kept);
  return status;
}

async function talk(args: Arguments, debug: Debugger): Promise<number> {
  const scripts = args.list('exec');
  if (args.has('gdb')) return await serve(args, debug);
  const isJson = args.has('json');
  if (scripts.length > 0) {
    await runScript(debug, scripts, isJson);
    return EXIT.ok;
  }
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    await runPiped(debug, isJson);
    return EXIT.ok;
  }
  const colors = await loadColors(args.has('no-color'), process.stdout);
  if (colors.level > 0) debug.mark = (text) => colors.yellow(text);
  await runTerminal(debug, colors);
  return EXIT.ok;
}

function appendTo(path: string, frame: Uint8Array): void {
  try {
    appendFileSync(path, frame);
  } catch (error) {
    throw new DebuggerError(`The bookmark cannot be stored in ${path}, ${whyUnreadable(error)}.`);
  }
}

async function serve(args: Arguments, debug: Debugger): Promise<number> {
  await runScript(debug, args.list('exec'), false);
  const wanted = args.number('gdb') ?? 0;
  const server = await listenForGdb({ target: new RecordingTarget(debug), port: wanted, say });
  if (args.has('json')) printJson({ command: 'debug', gdb: server.port });
  say(`debug: gdb can connect with: target remote :${server.port}`);
  debug.guest.refresh(debug.timeline.machine.cpu);
  for (const line of gdbLines(debug.guest)) say(`debug: ${line}`);
  if (debug.guest.isUnplaced) say('debug: where the kernel will lie is not known yet; once it runs: monitor symbols');
  process.once('SIGINT', server.close);
  process.once('SIGTERM', server.close);
  await server.closed;
  return EXIT.ok;
}
