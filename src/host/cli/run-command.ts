// `reprise run`: boots a guest and records nothing. Also what run and record share: script, terminal, output, pace,
// and how a run's end becomes a sentence and a status.

import type { OutputPort } from '../../core/board/device.ts';
import { InputScriptError, parseInputScript, ScriptPlayer } from '../../core/session/input-script.ts';
import { LivePort } from '../../core/session/live-port.ts';
import { RecordingPort } from '../../core/session/recording-port.ts';
import { Session, type SessionEnd } from '../../core/session/session.ts';
import type { Arguments } from './args.ts';
import { CommandError } from '../node/errors.ts';
import { drive } from '../node/drive.ts';
import { loadEngine } from '../../engines.ts';
import { chosenEngine } from './engine-options.ts';
import { type LiveGdb, prepareLiveGdb } from '../gdb/listen.ts';
import { GuestOutput } from '../node/guest-output.ts';
import { readGivenFile } from '../node/images.ts';
import { buildMachine, type ReadMachine } from './machine-options.ts';
import { Progress } from '../node/progress.ts';
import { endSentence, endToJson, exitStatus, loadColors, printJson, runFigures, say } from './report.ts';
import { Terminal } from '../node/terminal.ts';

export interface Live {
  readonly setup: ReadMachine;
  readonly output: GuestOutput;
  readonly session: Session;
  readonly terminal: Terminal | null;
  readonly gdb: LiveGdb | null;
}

/** Everything of a live run but its log: `makePort` is where run and record differ. */
export async function prepareLive(
  args: Arguments,
  makePort: (setup: ReadMachine) => LivePort,
  listen: (output: OutputPort) => OutputPort = (output) => output,
): Promise<Live> {
  const makeEngine = await loadEngine(chosenEngine(args));
  const steps = readScript(args.text('input'));
  const setup = buildMachine(args);
  const port = makePort(setup);
  const player = steps === null ? null : new ScriptPlayer(steps, port);
  const serial = args.has('serial') ? args.list('serial') : [args.has('json') ? 'none' : 'stdio'];
  let session: Session | null = null;
  const output = new GuestOutput({
    serial,
    debugConsole: args.text('debugcon') ?? 'none',
    ...(player === null
      ? {}
      : {
          onSerial: (line, byte) => player.serialOutput(session === null ? 0 : session.machine.cpu.now(), line, byte),
        }),
  });
  session = new Session({ ...setup, makeEngine, port, output: listen(output) });
  // A script is the whole input unless the terminal is asked for, so that it gives the same log every time.
  const usesStdin = serial[0] === 'stdio' && (steps === null || args.has('serial'));
  const isRecorded = port instanceof RecordingPort;
  const gdb = await prepareLiveGdb(args, isRecorded ? 'record' : 'run', session, isRecorded);
  return { setup, output, session, terminal: usesStdin ? new Terminal() : null, gdb };
}

function readScript(path: string | undefined) {
  if (path === undefined) return null;
  const text = new TextDecoder().decode(readGivenFile(path, 'input script', 'give one with --input'));
  try {
    return parseInputScript(text);
  } catch (error) {
    if (error instanceof InputScriptError) throw new CommandError(`${error.message} (${path})`);
    throw error;
  }
}

/** What a recording adds to a run. */
export interface LiveHooks {
  readonly flushLog?: () => void;
  /** Between slices, at a tick of which nothing has happened yet. */
  readonly passed?: () => void;
  /** Between slices; false ends the run. */
  readonly watch?: (tick: number) => boolean;
  /** The run is over; before it is said how. */
  readonly ended?: (end: SessionEnd) => void;
}

/** Runs it to its end and says how it ended; the exit status. */
export async function driveLive(args: Arguments, live: Live, label: string, hooks: LiveHooks = {}): Promise<number> {
  const { setup, output, session, terminal, gdb } = live;
  const { nsPerTick } = setup.manifest;
  const maxTick = args.number('max-ticks') ?? Number.POSITIVE_INFINITY;
  const pace = args.text('pace') ?? (terminal?.isTerminal === true ? 'real' : 'none');
  const driven = await drive({
    session,
    output,
    maxTick,
    terminal,
    control: gdb?.target ?? null,
    pace: pace === 'real' ? 'real' : 'none',
    progress: Progress.isWanted() && !args.has('json') ? new Progress({ label, nsPerTick, endTick: maxTick }) : null,
    ...(hooks.flushLog === undefined || terminal === null ? {} : { flushLog: hooks.flushLog }),
    ...(hooks.watch === undefined ? {} : { watch: hooks.watch }),
    ...(hooks.passed === undefined ? {} : { passed: hooks.passed }),
  });
  const end = session.end(driven.reason);
  hooks.ended?.(end);
  output.flush();
  const status = exitStatus(end, driven);
  gdb?.target.end(status);
  gdb?.server.finish();
  const log = args.positionals[0];
  if (args.has('json')) {
    printJson({
      command: label,
      ...(log === undefined ? {} : { log }),
      status,
      ...endToJson(end, driven, output, nsPerTick),
    });
  } else {
    const colors = await loadColors(args.has('no-color'), process.stderr);
    say(`${colors.bold(`${label}:`)} ${endSentence(end)}; ${runFigures(end, driven, nsPerTick)}`);
  }
  return status;
}

export async function runCommand(args: Arguments): Promise<number> {
  return driveLive(args, await prepareLive(args, () => new LivePort()), 'run');
}
