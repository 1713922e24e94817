// `reprise replay LOG`: the recorded run again, exactly. Every check in the log is asserted; the first that fails ends
// the replay with status 1 and a description of where and what. Serial output appears as it did while recording.

import { LogError } from '../../core/log/log-error.ts';
import { LogPort } from '../../core/session/log-port.ts';
import { describeDivergence } from '../../core/session/divergence.ts';
import { createReplay, SessionError } from '../../core/session/session.ts';
import { type Arguments, CommandError, type CommandSpec, type OptionSpec } from './args.ts';
import { drive } from '../node/drive.ts';
import { loadEngine } from '../../engines.ts';
import { chosenEngine, ENGINE_OPTION, TIER_POLICY_OPTION } from './engine-options.ts';
import { GuestOutput } from '../node/guest-output.ts';
import { findImages, type GivenImages } from '../node/images.ts';
import { logProblem, openLogFile } from '../node/log-file.ts';
import { SERIAL_OPTIONS } from './machine-options.ts';
import { count, Progress } from '../node/progress.ts';
import { endToJson, EXIT, loadColors, printJson, runFigures, say } from './report.ts';

const IMAGE_GROUP = 'Images (not needed for a log recorded with --embed)';
/** Options that name files by their role; any of them serves any image with the right SHA-256. */
const FILE_OPTIONS = ['kernel', 'initrd', 'bios'];

export const IMAGE_OPTIONS: readonly OptionSpec[] = [
  {
    group: IMAGE_GROUP,
    name: 'image',
    value: 'PATH',
    repeat: true,
    help: 'a file, or a directory with files, among which the images are found by their SHA-256',
  },
  ...FILE_OPTIONS.map((name) => ({ group: IMAGE_GROUP, name, value: 'FILE', help: `the same, as given to record` })),
];

export const REPLAY: CommandSpec = {
  name: 'replay',
  positionals: ['LOG'],
  summary: 'Runs a recorded run again and asserts everything that the log says about it.',
  options: [
    {
      group: 'Replay',
      name: 'devices',
      value: 'WHICH',
      choices: ['model', 'log'],
      help: 'model (default): devices run and are checked; log: no device runs, all they did comes from the log',
    },
    { group: 'Replay', name: 'salvage', help: 'replay what is before the damaged part of a damaged log' },
    { ...ENGINE_OPTION, group: 'Replay' },
    { ...TIER_POLICY_OPTION, group: 'Replay' },
    ...IMAGE_OPTIONS,
    ...SERIAL_OPTIONS,
  ],
  notes: `Exit status: 0 when every check and the final state agreed; 1 when the replay left the recorded run;
2 for wrong usage, a log that cannot be read or an image that is missing. A log that was cut off (the
recording was killed) replays to its last whole frame.`,
};

export function givenImages(args: Arguments): GivenImages {
  const files = FILE_OPTIONS.flatMap((name) => args.list(name).map((path) => ({ option: `--${name}`, path })));
  return { files, places: args.list('image') };
}

export async function replayCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const makeEngine = await loadEngine(chosenEngine(args));
  const log = openLogFile(path, args.has('salvage'));
  try {
    return await replayLog(args, path, log, makeEngine);
  } catch (error) {
    // Payloads are decoded as the replay reaches them.
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw new CommandError(`${path}: ${error.message}`);
    throw error;
  }
}

async function replayLog(
  args: Arguments,
  path: string,
  log: ReturnType<typeof openLogFile>,
  makeEngine: Awaited<ReturnType<typeof loadEngine>>,
): Promise<number> {
  const images = findImages(log, givenImages(args));
  const devices = args.text('devices') === 'log' ? 'log' : 'model';
  const serial = args.has('serial') ? args.list('serial') : [args.has('json') ? 'none' : 'stdio'];
  const output = new GuestOutput({ serial, debugConsole: args.text('debugcon') ?? 'none' });
  const session = createReplay({ log, images, makeEngine, output, devices });
  const { nsPerTick } = log.header.machine;
  const isQuiet = args.has('json');
  const driven = await drive({
    session,
    output,
    progress:
      Progress.isWanted() && !isQuiet ? new Progress({ label: 'replay', nsPerTick, endTick: log.lastTick }) : null,
  });
  const checks = session.port instanceof LogPort ? session.port.agreedChecks : 0;
  if (driven.reason === 'stopped') {
    say(
      `replay: stopped at tick ${count(session.tick)} of ${count(log.lastTick)}; ${count(checks)} checks agreed so far`,
    );
    return driven.signal === 'SIGTERM' ? 143 : 130;
  }
  const end = session.end(driven.reason);
  output.flush();
  const { divergence } = end;
  const status = divergence === null ? EXIT.ok : EXIT.divergence;
  if (isQuiet) {
    printJson({
      command: 'replay',
      log: path,
      status,
      checks,
      truncated: log.truncated,
      ...endToJson(end, driven, output, nsPerTick),
      divergence: divergence === null ? null : { ...divergence, text: describeDivergence(divergence, path) },
    });
    return status;
  }
  const colors = await loadColors(args.has('no-color'), process.stderr);
  if (divergence !== null) {
    say(`${colors.bold.red('replay: divergence.')} ${describeDivergence(divergence, path)}`);
    return status;
  }
  const figures = runFigures(end, driven, nsPerTick);
  const hash = devices === 'log' || log.end === null || log.end.hash === null ? '' : `, final hash ${end.hash}`;
  say(`${colors.bold('replay:')} ${colors.green(`${figures}; ${count(checks)} checks agreed${hash}`)}`);
  if (log.truncated) say('replay: the log was cut off while recording; this was all up to its last whole frame');
  return status;
}
