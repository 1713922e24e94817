// `reprise replay LOG`: the recorded run again, exactly. Every check in the log is asserted; the first that fails ends
// the replay with status 1 and a description of where and what. Serial output appears as it did while recording.

import type { LogReader } from '../../core/log/log.ts';
import { LogPort } from '../../core/session/log-port.ts';
import { describeDivergence } from '../../core/session/divergence.ts';
import { createReplay, type Images } from '../../core/session/session.ts';
import { startTickOf } from '../../core/session/snapshot-file.ts';
import type { Arguments } from './args.ts';
import { KeptDisks } from './keep-disks.ts';
import { drive } from '../node/drive.ts';
import { loadEngine } from '../../engines.ts';
import { chosenEngine } from './engine-options.ts';
import { GuestOutput } from '../node/guest-output.ts';
import { findImages, type GivenImages } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { CommandError } from '../node/errors.ts';
import { Timeline } from '../../core/timeline/timeline.ts';
import { whyNoScreen } from '../screen/screen-of.ts';
import { Screenshots } from '../screen/screenshots.ts';
import { IMAGE_FILE_OPTIONS } from './options.ts';
import { count, Progress } from '../node/progress.ts';
import { signalStatus } from '../node/work.ts';
import { endToJson, EXIT, loadColors, printJson, runFigures, say } from './report.ts';

export function givenImages(args: Arguments): GivenImages {
  const files = IMAGE_FILE_OPTIONS.flatMap((name) => args.list(name).map((path) => ({ option: `--${name}`, path })));
  return { files, places: args.list('image'), backing: args.list('backing') };
}

export async function replayCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const makeEngine = await loadEngine(chosenEngine(args));
  const log = await openLogFile(args);
  return await withLogProblems(path, () => replayLog(args, path, log, makeEngine));
}

/** Null unless there is something to see. */
function readScreenshots(
  args: Arguments,
  log: LogReader,
  images: Images,
  devices: 'model' | 'log',
): Screenshots | null {
  if (!args.has('screenshot')) return null;
  const problem = whyNoScreen(log.header.machine, devices);
  if (problem !== null) throw new CommandError(problem);
  return new Screenshots(args.list('screenshot'), { log, startTick: startTickOf(images) });
}

async function replayLog(
  args: Arguments,
  path: string,
  log: LogReader,
  makeEngine: Awaited<ReturnType<typeof loadEngine>>,
): Promise<number> {
  const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`replay: ${text}`) });
  const devices = args.text('devices') === 'log' ? 'log' : 'model';
  const screenshots = readScreenshots(args, log, images, devices);
  const serial = args.has('serial') ? args.list('serial') : [args.has('json') ? 'none' : 'stdio'];
  const output = new GuestOutput({
    serial,
    debugConsole: args.text('debugcon') ?? 'none',
    printer: args.text('printer') ?? 'none',
  });
  const kept = new KeptDisks(args, images);
  const session = createReplay({ log, images, makeEngine, output, devices });
  output.open();
  const { nsPerTick } = log.header.machine;
  const isQuiet = args.has('json');
  const driven = await drive({
    session,
    output,
    looks: screenshots,
    progress: Progress.atTerminal({ label: 'replay', unit: 'ticks', nsPerTick, end: log.lastTick }, isQuiet),
  });
  const checks = session.port instanceof LogPort ? session.port.agreedChecks : 0;
  if (driven.reason === 'stopped') {
    const { tick } = session;
    const status = driven.signal === null ? EXIT.ok : signalStatus(driven.signal);
    if (isQuiet) printJson({ command: 'replay', log: path, status, reason: 'stopped', tick, checks });
    else if (!output.isClosed) {
      say(`replay: stopped at tick ${count(tick)} of ${count(log.lastTick)}; ${count(checks)} checks agreed so far`);
    }
    return status;
  }
  screenshots?.takeRest(session.machine);
  const end = session.end(driven.reason);
  await output.finish();
  const { divergence } = end;
  if (divergence === null) kept.finish(session.machine, 'replay', isQuiet);
  const status = divergence === null ? EXIT.ok : EXIT.divergence;
  if (divergence === null && screenshots?.needsTimeline === true) {
    screenshots.search(new Timeline({ log, images, makeEngine, warn: (text) => say(`replay: ${text}`) }));
  }
  if (isQuiet) {
    printJson({
      command: 'replay',
      log: path,
      status,
      checks,
      truncated: log.truncated,
      ...endToJson(end, driven, output, nsPerTick),
      ...(screenshots === null ? {} : { screenshots: screenshots.taken }),
      divergence: divergence === null ? null : { ...divergence, text: describeDivergence(divergence, path) },
    });
    return status;
  }
  const colors = await loadColors(args.has('no-color'), process.stderr);
  if (divergence !== null) {
    say(`${colors.bold.red('replay: divergence.')} ${describeDivergence(divergence, path)}`);
    return status;
  }
  // Whoever reads none of the guest's output reads none of ours.
  if (output.isClosed) return status;
  const figures = runFigures(end, driven, nsPerTick);
  const hash = devices === 'log' || log.end === null || log.end.hash === null ? '' : `, final hash ${end.hash}`;
  for (const { position, tick, file } of screenshots?.taken ?? []) {
    say(`replay: the screen at ${position}${position === String(tick) ? '' : ` (tick ${count(tick)})`} is in ${file}`);
  }
  say(`${colors.bold('replay:')} ${colors.green(`${figures}; ${count(checks)} checks agreed${hash}`)}`);
  if (log.truncated) say('replay: the log was cut off while recording; this was all up to its last whole frame');
  return status;
}
