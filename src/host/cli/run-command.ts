// `reprise run`: boots a guest and records nothing. Also what run and record share: script, terminal, output, pace,
// and how a run's end becomes a sentence and a status.

import type { OutputPort } from '../../core/board/device.ts';
import { describeReset, type ResetCause } from '../../core/machine/reset-cause.ts';
import { cutInputs } from '../../core/chaos/power-cut.ts';
import { DISK_ROLES } from '../../core/devices/disk/roles.ts';
import type { TimedInput } from '../../core/log/timed-input.ts';
import { checkDrives } from '../../core/session/media-script.ts';
import { InputScriptError, parseInputScript, ScriptPlayer, type ScriptStep } from '../../core/session/input-script.ts';
import { LivePort } from '../../core/session/live-port.ts';
import { RecordingPort } from '../../core/session/recording-port.ts';
import { Session, type SessionEnd } from '../../core/session/session.ts';
import type { StopOn } from '../../core/timeline/stop-on.ts';
import type { Arguments } from './args.ts';
import { KeptDisks } from './keep-disks.ts';
import { CommandError } from '../node/errors.ts';
import { drive } from '../node/drive.ts';
import { loadEngine } from '../../engines.ts';
import { chosenEngine } from './engine-options.ts';
import { type LiveGdb, prepareLiveGdb } from '../gdb/listen.ts';
import { GuestOutput } from '../node/guest-output.ts';
import { readGivenFile } from '../node/images.ts';
import { withMachineFile } from './machine-file.ts';
import { buildMachine, type ReadMachine } from './machine-options.ts';
import { count, Progress } from '../node/progress.ts';
import { plightOf } from '../../core/machine/plight.ts';
import { buildFromSnapshot, checkScript, mediaOf, openFrom } from './snapshot-machine.ts';
import { endSentence, endToJson, exitStatus, loadColors, printJson, resetsText, runFigures, say } from './report.ts';
import { readCut } from './read-cut.ts';
import { Terminal } from '../node/terminal.ts';
import { screenText } from '../../core/devices/display/screen.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { CursesDisplay } from '../screen/curses.ts';
import { keyInputs } from '../screen/terminal-keys.ts';
import { pictureOf, whyNoScreen } from '../screen/screen-of.ts';

export interface Live {
  readonly setup: ReadMachine;
  /** Its files are not open yet. */
  readonly output: GuestOutput;
  readonly session: Session;
  readonly terminal: Terminal | null;
  /** The guest's screen in the terminal. */
  readonly display: CursesDisplay | null;
  readonly gdb: LiveGdb | null;
  readonly stopOn: StopOn | null;
  readonly kept: KeptDisks;
  /** The power is cut there, and the run ends. */
  readonly cutTick: number | null;
  /** Between slices: a script may wait for something on the screen. */
  readonly lookAtScreen: (tick: number) => void;
}

/** Everything of a live run but its log: `makePort` is where run and record differ. */
export async function prepareLive(
  given: Arguments,
  makePort: (setup: ReadMachine) => LivePort,
  listen: (output: OutputPort) => OutputPort = (output) => output,
): Promise<Live> {
  const makeEngine = await loadEngine(chosenEngine(given));
  const from = await openFrom(given);
  const merged = await withMachineFile(given);
  const { args } = merged;
  const { steps, media } = readScript(args.text('input'), mediaOf(from));
  if (from !== null) checkScript(steps, from);
  const setup = from === null ? buildMachine(merged, media) : await buildFromSnapshot(args, from, media);
  checkDrives(steps?.flatMap(({ inputs }) => inputs) ?? [], (role) => setup.images.has(role));
  const kept = new KeptDisks(args, setup.images);
  const port = makePort(setup);
  const cut = readPowercut(args, setup, from?.tick ?? 0);
  for (const { tick, event } of cut?.inputs ?? []) port.push(event, tick);
  const player = steps === null ? null : new ScriptPlayer(steps, port);
  const isCurses = args.text('display') === 'curses';
  if (args.has('printer') && setup.manifest.options.parallel !== true) {
    throw new UsageError('--printer wants a machine with a parallel port: give --parallel too.');
  }
  const serial = args.has('serial') ? args.list('serial') : [isCurses || args.has('json') ? 'none' : 'stdio'];
  if (isCurses) checkCurses(args, setup, serial);
  let session: Session | null = null;
  const output = new GuestOutput({
    serial,
    debugConsole: args.text('debugcon') ?? 'none',
    printer: args.text('printer') ?? 'none',
    ...(player === null
      ? {}
      : {
          onSerial: (line, byte) => player.serialOutput(session === null ? 0 : session.machine.cpu.now(), line, byte),
        }),
  });
  const stopOn = await readStopOn(args);
  const heard = listen(output);
  session = new Session({ ...setup, makeEngine, port, output: stopOn?.listen(heard) ?? heard });
  stopOn?.attach(session.machine);
  // A script is the whole input unless the terminal is asked for, so that it gives the same log every time.
  const usesStdin = isCurses || (serial[0] === 'stdio' && (steps === null || args.has('serial')));
  const isRecorded = port instanceof RecordingPort;
  const gdb = await prepareLiveGdb(args, isRecorded ? 'record' : 'run', session, isRecorded, setup.images);
  if (player?.waitingSteps.some(({ kind }) => kind === 'when-screen') === true) {
    const problem = whyNoScreen(setup.manifest, 'model');
    if (problem !== null) throw new CommandError(`The input script waits for the screen. ${problem}`);
  }
  const { machine } = session;
  const lookAtScreen = (tick: number): void => {
    if (player?.awaitsScreen === true) player.screenShown(tick, screenText(pictureOf(machine)));
  };
  const display = isCurses ? new CursesDisplay(() => pictureOf(machine)) : null;
  const terminal = usesStdin ? new Terminal() : null;
  return { setup, output, session, terminal, display, gdb, stopOn, kept, lookAtScreen, cutTick: cut?.tick ?? null };
}

/** --powercut: null where there is none. `startTick`: the run begins there. */
function readPowercut(
  args: Arguments,
  { manifest }: ReadMachine,
  startTick: number,
): { readonly tick: number; readonly inputs: readonly TimedInput[] } | null {
  const text = args.text('powercut');
  if (text === undefined) return null;
  const cut = readCut(text, 'powercut');
  const drives = manifest.images.flatMap(({ role }) => ((DISK_ROLES as readonly string[]).includes(role) ? role : []));
  if (drives.length === 0)
    throw new UsageError('--powercut is for disks, and the machine has none: give one as --hda.');
  if (manifest.options['write-cache'] === undefined) {
    throw new UsageError('The snapshot is of a machine without write caches: make it of one with --write-cache KB.');
  }
  if (cut.tick < startTick) {
    throw new UsageError(`The run begins at tick ${count(startTick)}: give --powercut a later one.`);
  }
  return { tick: cut.tick, inputs: cutInputs(cut, drives) };
}

/** The terminal has room for one. */
function checkCurses(args: Arguments, { manifest }: ReadMachine, serial: readonly string[]): void {
  const problem = whyNoScreen(manifest, 'model');
  if (problem !== null) throw new CommandError(`--display curses has nothing to show. ${problem}`);
  if (serial.includes('stdio') || ['debugcon', 'printer'].some((name) => args.text(name) === 'stdio')) {
    throw new UsageError('--display curses has the terminal for itself: give --serial file:FILE or none.');
  }
  if (!process.stdout.isTTY || args.has('json')) {
    throw new UsageError(
      '--display curses wants a terminal: leave it out, and --screenshot of replay shows the screen.',
    );
  }
}

/** Loaded only when asked for: positions know the whole timeline. */
async function readStopOn(args: Arguments): Promise<StopOn | null> {
  if (!args.has('stop-on')) return null;
  const module = await import('../../core/timeline/stop-on.ts');
  return new module.StopOn(args.list('stop-on'));
}

/**
 * Null: there is no script. `media`: the files that it puts into drives, behind `mediaCount` that the machine has
 * already.
 */
export function readScript(
  path: string | undefined,
  mediaCount = 0,
): { steps: ScriptStep[] | null; media: readonly string[] } {
  if (path === undefined) return { steps: null, media: [] };
  const media: string[] = new Array<string>(mediaCount).fill('');
  const text = new TextDecoder().decode(readGivenFile(path, 'input script', 'give one with --input'));
  try {
    return { steps: parseInputScript(text, media), media: media.slice(mediaCount) };
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
  /** The run is over, and its end is not yet in the log. */
  readonly ending?: (tick: number) => void;
  /** The run is over; before it is said how. */
  readonly ended?: (end: SessionEnd) => void;
}

/** Runs it to its end and says how it ended; the exit status. */
export async function driveLive(args: Arguments, live: Live, label: string, hooks: LiveHooks = {}): Promise<number> {
  const { setup, output, session, terminal, display, gdb, stopOn } = live;
  const { nsPerTick } = setup.manifest;
  const lastTick = session.startTick + (args.number('max-ticks') ?? Number.POSITIVE_INFINITY);
  const maxTick = live.cutTick === null ? lastTick : Math.min(lastTick, live.cutTick + 1);
  const pace = args.text('pace') ?? (terminal?.isTerminal === true ? 'real' : 'none');
  const isQuiet = args.has('json') || display !== null;
  const progress = Progress.atTerminal({ label, unit: 'ticks', nsPerTick, end: maxTick }, isQuiet);
  const { machine } = session;
  const resets: { readonly tick: number; readonly cause: ResetCause }[] = [];
  let resetCount = 0;
  const sayApart = (line: string): void => {
    if (isQuiet) return;
    progress?.clear();
    output.flush();
    const isInLine = output.usesStdout && process.stdout.isTTY && !output.isAtLineStart;
    say(`${isInLine ? '\n' : ''}${label}: ${line}`);
  };
  machine.onReset = (cause) => {
    if (++resetCount > 1) return;
    resets.push({ tick: machine.tick, cause });
    sayApart(`reset at tick ${count(machine.tick)}: ${describeReset(cause)}; --no-reboot stops here`);
  };
  display?.start();
  const driving = drive({
    session,
    output,
    maxTick,
    stopOn,
    progress,
    terminal,
    ...(display === null ? {} : { typed: keyInputs, show: (isWaiting: boolean) => display.show(isWaiting) }),
    control: gdb?.target ?? null,
    pace: pace === 'real' ? 'real' : 'none',
    ...(hooks.flushLog === undefined || terminal === null ? {} : { flushLog: hooks.flushLog }),
    look: live.lookAtScreen,
    ...(hooks.watch === undefined ? {} : { watch: hooks.watch }),
    ...(hooks.passed === undefined ? {} : { passed: hooks.passed }),
  });
  const driven = await driving.finally(() => display?.stop());
  const shutdown = driven.reason === 'shutdown' ? machine.resetCause() : null;
  hooks.ending?.(session.tick);
  const end = session.end(driven.reason);
  hooks.ended?.(end);
  await output.finish();
  live.kept.finish(machine, label, args.has('json'));
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
      stopOn: stopOn?.cameText ?? null,
      resets: resetCount,
      firstReset: resets.length === 0 ? null : { tick: resets[0].tick, ...resetToJson(resets[0].cause) },
      shutdown: shutdown === null ? null : resetToJson(shutdown),
    });
  } else if (!output.isClosed || log !== undefined) {
    const colors = await loadColors(args.has('no-color'), process.stderr);
    const sentence = endSentence(end, driven, {
      stopText: stopOn?.cameText ?? null,
      shutdown,
      plight: plightOf(machine),
    });
    const figures = runFigures(end, driven, nsPerTick);
    say(`${colors.bold(`${label}:`)} ${sentence}; ${figures}${resetsText(resetCount)}`);
  }
  return status;
}

function resetToJson(cause: ResetCause) {
  const { kind, by, eip, vectors } = cause;
  return { kind, by, eip, vectors, text: describeReset(cause) };
}

export async function runCommand(args: Arguments): Promise<number> {
  const live = await prepareLive(args, () => new LivePort());
  live.output.open();
  return driveLive(args, live, 'run');
}
