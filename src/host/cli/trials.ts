// What chaos, shrink and explore have in common: the guest that they try, from options or from a log, the failures
// that are looked for, and the log of a run that fails.

import { existsSync, rmSync } from 'node:fs';
import { sizeOfContent, wholeImage } from '../../core/board/image.ts';
import type { Campaign } from '../../core/chaos/campaign.ts';
import { Experiment } from '../../core/chaos/experiment.ts';
import { recordTrial } from '../../core/chaos/record-trial.ts';
import { inputsOf, type TimedInput } from '../../core/log/timed-input.ts';
import type { PlanSettings } from '../../core/chaos/perturb.ts';
import { SECTOR_BYTES } from '../../core/devices/disk/disk-contents.ts';
import { DISK_ROLES } from '../../core/devices/disk/roles.ts';
import { type Failure, parseFailure } from '../../core/chaos/predicate.ts';
import type { LogReader } from '../../core/log/log.ts';
import { hasImage } from '../../core/log/log-images.ts';
import type { MachineManifest } from '../../core/log/manifest.ts';
import type { ScriptStep } from '../../core/session/input-script.ts';
import { startTickOf } from '../../core/session/snapshot-file.ts';
import { checkManifest, type EngineFactory, type Images, SessionError } from '../../core/session/session.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { loadEngine } from '../../engines.ts';
import { CREATOR } from '../../version.ts';
import { CommandError } from '../node/errors.ts';
import { findImages, noteImage } from '../node/find-images.ts';
import { openLogFile } from '../node/log-file.ts';
import { NewFile } from '../node/new-file.ts';
import { count, Progress } from '../node/progress.ts';
import { LocalTrials, PooledTrials, QueuedTrials, type TrialRunner } from '../node/trial-runners.ts';
import { signalStatus, Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { chosenEngine } from './engine-options.ts';
import { withMachineFile } from './machine-file.ts';
import { buildMachine } from './machine-options.ts';
import { givenImages } from './replay-command.ts';
import { say } from './report.ts';
import { readScript } from './run-command.ts';

/** A run that is disturbed may take so much longer. */
export const SLACK_TICKS = 1 << 22;

export interface Guest {
  readonly manifest: MachineManifest;
  readonly images: Images;
  /** The files that images came from, by role; empty for those of a log. */
  readonly imagePaths: ReadonlyMap<string, string>;
  readonly makeEngine: EngineFactory;
  /** Its name, as loadEngine takes it. */
  readonly engine: string;
  readonly script: readonly ScriptStep[];
  /** All inputs that have a tick: of the recorded run, or of the script. */
  readonly inputs: readonly TimedInput[];
  /** The recording, or null. */
  readonly log: LogReader | null;
  /** Where it begins: 0, or where its snapshot was taken. */
  readonly startTick: number;
  /** Where it ends, or null. */
  readonly endTick: number | null;
  /** Trials run on an engine that counts branches. */
  readonly countsBranches?: boolean;
  /** Events that end a trial well. */
  readonly endings?: readonly string[];
}

export function readFailures(args: Arguments, option: 'fails' | 'symptom' = 'fails'): Failure[] {
  const texts = args.list(option);
  if (texts.length === 0) {
    const example = `--${option} 'serial:"BUG"' or --${option} exit`;
    throw new UsageError(`What is a failure? Say it with --${option}, such as ${example}.`);
  }
  return texts.map(parseFailure);
}

export async function guestOfLog(args: Arguments, path: string, label: string): Promise<Guest> {
  const engine = chosenEngine(args);
  const makeEngine = await loadEngine(engine);
  const log = await openLogFile(args);
  const { machine: manifest } = log.header;
  checkManifest(manifest);
  const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`${label}: ${text}`) });
  const imagePaths = new Map<string, string>();
  const found = { manifest, images, imagePaths, engine, makeEngine };
  return { ...found, script: [], inputs: inputsOf(log), log, startTick: startTickOf(images), endTick: log.lastTick };
}

export async function guestOfOptions(args: Arguments): Promise<Guest> {
  const engine = chosenEngine(args);
  const makeEngine = await loadEngine(engine);
  const { steps: read, media } = readScript(args.text('input'));
  const steps = read ?? [];
  // What has a tick can be moved; what waits for the guest goes with it.
  const script = steps.filter(({ kind }) => kind === 'when');
  const inputs = steps.flatMap((step) =>
    step.kind === 'at' ? step.inputs.map((event) => ({ tick: step.tick, event })) : [],
  );
  inputs.sort((a, b) => a.tick - b.tick);
  const { manifest, images, imagePaths } = buildMachine(await withMachineFile(args), media);
  return { manifest, images, imagePaths, engine, makeEngine, script, inputs, log: null, startTick: 0, endTick: null };
}

/** --from, or where the run begins. */
export function readFrom(args: Arguments, { startTick }: Guest): number {
  const fromTick = args.number('from') ?? startTick;
  if (fromTick < startTick) {
    throw new UsageError(`The run begins at a snapshot, at tick ${count(startTick)}: give a later --from.`);
  }
  return fromTick;
}

/** The guest, booted. Throws CommandError when it cannot be. */
export function experimentOf(guest: Guest, failures: readonly Failure[]): Experiment {
  const { manifest, images, makeEngine, script, inputs } = guest;
  return new Experiment({ manifest, images, makeEngine, recorded: inputs, script, failures });
}

/** What perturbations must know of the machine. */
export function planGuest(manifest: MachineManifest): Pick<PlanSettings, 'ramBytes' | 'epochSeconds' | 'drives'> {
  const { memoryMegabytes, epochSeconds, images } = manifest;
  const disks = images.filter(({ role }) => (DISK_ROLES as readonly string[]).includes(role));
  const drives = disks.map(({ role, sizeBytes }) => ({ drive: role, sectors: Math.floor(sizeBytes / SECTOR_BYTES) }));
  return { ramBytes: memoryMegabytes << 20, epochSeconds, drives };
}

/** Trials go on from this tick of the run. Throws CommandError when the run does not come so far. */
export function standAt(experiment: Experiment, tick: number): void {
  try {
    experiment.stand(tick);
  } catch (error) {
    if (error instanceof SessionError) throw new CommandError(error.message);
    throw error;
  }
}

export interface Walked<T> {
  readonly result: T;
  /** Runs that were made. */
  readonly made: number;
  /** Exit status for what ended it early, a signal or a queue that has gone; null: nothing did. */
  readonly stopStatus: number | null;
}

export interface WalkProgress {
  readonly label: string;
  readonly end: number;
  readonly isQuiet: boolean;
}

/** Images that are copied to other threads and processes are no larger, all together. */
const COPIED_BYTES_MAX = 1 << 29;

/** --jobs and --queue, of which there is one at most. */
export function readJobs(args: Arguments): { readonly jobs: number; readonly url: string | undefined } {
  const url = args.text('queue');
  if (url !== undefined && args.has('jobs')) {
    throw new UsageError('--jobs is for this process and --queue for others: give one of them.');
  }
  if (args.has('timeout') && url === undefined) throw new UsageError('--timeout goes with --queue: name the queue.');
  return { jobs: args.number('jobs') ?? 1, url };
}

/** Whole, to be handed on. Throws CommandError when they are too large. */
export function copiedImages(images: Images): [role: string, bytes: Uint8Array][] {
  const sizeBytes = [...images.values()].reduce((sum, image) => sum + sizeOfContent(image), 0);
  if (sizeBytes > COPIED_BYTES_MAX) {
    const sizes = `the images have ${sizeBytes >> 20} MB, and up to ${COPIED_BYTES_MAX >> 20} MB are handed on`;
    throw new CommandError(`--jobs and --queue copy the guest; ${sizes}: leave the option out.`);
  }
  return [...images].map(([role, content]) => [role, wholeImage(content)]);
}

/** Of the queue that --queue names. */
export async function queueOptions<G>(args: Arguments, label: string, url: string, guest: G) {
  const { readQueueUrl } = await import('../node/trial-queue.ts');
  const timeoutSeconds = args.number('timeout') ?? null;
  return { url: readQueueUrl(url), guest, timeoutSeconds, say: (text: string) => say(`${label}: ${text}`) };
}

/** Who runs the trials: --jobs and --queue. `failures`: what a failure is, as the user and the command spell it. */
export async function runnerOf(
  args: Arguments,
  label: string,
  guest: Guest,
  experiment: Experiment,
  failures: readonly string[] = args.list('fails'),
): Promise<TrialRunner> {
  const { jobs, url } = readJobs(args);
  if (url === undefined && jobs === 1) return new LocalTrials(experiment);
  const { manifest, engine, inputs: recorded, script, countsBranches = false, endings = [] } = guest;
  const plainNovelties = [...experiment.plainNovelties];
  const images = copiedImages(guest.images);
  const plain = { manifest, images, engine, recorded, script, failures, countsBranches, endings, plainNovelties };
  if (url === undefined) return new PooledTrials(plain, jobs);
  const { QueuedPieces } = await import('../node/queued-pieces.ts');
  return new QueuedTrials(new QueuedPieces(await queueOptions(args, label, url, plain)));
}

/**
 * A campaign to its end, or until the user or a queue that has gone ends it; with a progress line. What keeps it from
 * going on is said, and thrown when nothing has been run. The runner is closed by who made it.
 */
export async function walkCampaign<T>(
  runner: TrialRunner,
  campaign: Campaign<T>,
  { label, end, isQuiet }: WalkProgress,
): Promise<Walked<T>> {
  const work = new Work(Progress.atTerminal({ label, unit: 'runs', end }, isQuiet));
  let made = 0;
  const turn = async (trials: number): Promise<boolean> => {
    made += trials;
    return await work.turn(made);
  };
  let problem: CommandError | null = null;
  try {
    for (let step = campaign.next(); ; ) {
      if (step.done === true) {
        const status = problem?.status ?? (work.signal === null ? null : signalStatus(work.signal));
        return { result: step.value, made, stopStatus: status };
      }
      const answer = await runner.run(step.value, turn);
      if (answer.problem !== undefined) {
        if (made === 0) throw answer.problem;
        problem = answer.problem;
        work.clear();
        say(`reprise: ${answer.problem.message}`);
      }
      step = campaign.next(answer);
    }
  } finally {
    work.release();
  }
}

/** `tell` says what was found also where it cannot be written; what kept it from that is thrown behind it. */
export function tellAndWrite(write: () => void, tell: (isWritten: boolean) => void): void {
  try {
    write();
  } catch (error) {
    tell(false);
    throw error;
  }
  tell(true);
}

/** Nothing is overwritten: said before hours of work, not after. */
export function checkFree(path: string): void {
  if (existsSync(path)) throw new CommandError(`${path} exists, and nothing is overwritten: give another with --out.`);
}

/**
 * Writes the whole run with these inputs as a log; true when it fails, as it must. Where it cannot be written to its
 * end nothing is left of it: a run that was cut short does not show the failure, and would be in the way of the next.
 */
export function writeTrial(
  guest: Guest,
  failures: readonly Failure[],
  inputs: readonly TimedInput[],
  horizonTick: number,
  path: string,
): boolean {
  const rest = 'it is removed: make room and give the command again';
  const file = new NewFile(path, { what: 'log', advice: 'give another name with --out', rest }).open();
  let isWhole = false;
  try {
    const { manifest, images, imagePaths, makeEngine, script } = guest;
    const { log } = guest;
    // What was found in a recording that is one file is one file too.
    const embeds = log !== null && manifest.images.every((_, index) => hasImage(log, index));
    const trial = { manifest, images, makeEngine, script, failures, horizonTick, inputs, creator: CREATOR, embeds };
    const fails = recordTrial({ ...trial, sink: (frame) => file.write(frame) });
    for (const { role, sha256 } of manifest.images) {
      const imagePath = imagePaths.get(role);
      if (imagePath !== undefined && imagePath !== '') noteImage(sha256, imagePath);
    }
    isWhole = true;
    return fails;
  } finally {
    file.close();
    if (!isWhole) rmSync(path, { force: true });
  }
}
