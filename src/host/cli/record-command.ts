// `reprise record LOG`: run, with a log. The log is created before the first instruction and only ever appended to,
// frame by frame, so that a process killed at any moment leaves a log that replays to its last whole frame.

import { existsSync, statSync } from 'node:fs';
import { CHECKPOINT_BYTES_DEFAULT } from '../../core/base/defaults.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { RecordingPort } from '../../core/session/recording-port.ts';
import { FRAME_TICKS_DEFAULT, LogWriter } from '../../core/log/log.ts';
import { embedImages } from '../../core/log/log-images.ts';
import type { ImageRecord, LogProfile } from '../../core/log/manifest.ts';
import { LiveCheckpoints } from '../../core/timeline/live-checkpoints.ts';
import { CheckpointRecorder } from '../../core/timeline/stored-checkpoints.ts';
import type { SessionEnd } from '../../core/session/session.ts';
import { Shadow, ShadowedPort } from '../../core/verify/shadow.ts';
import type { Arguments } from './args.ts';
import { DiskImage } from '../node/disks.ts';
import { CommandError } from '../node/errors.ts';
import { loadEngine, shadowName } from '../../engines.ts';
import { chosenEngine } from './engine-options.ts';
import { noteImage } from '../node/find-images.ts';
import { NewFile } from '../node/new-file.ts';
import { driveLive, prepareLive } from './run-command.ts';
import { EXIT, say } from './report.ts';
import { CREATOR } from '../../version.ts';

/** Appends whole frames to a file that did not exist. */
export class LogFile {
  private readonly file: NewFile;
  private readonly waiting: Uint8Array[] = [];

  constructor(path: string) {
    this.file = new NewFile(path, {
      what: 'log',
      advice: 'give another name',
      rest: 'it replays up to its last whole frame',
    });
    if (!existsSync(path)) return;
    const what = statSync(path).isDirectory() ? 'is a directory' : 'exists and is never overwritten';
    throw new CommandError(`The log ${path} ${what}: give the name of a new file.`);
  }

  /** Frames are kept until the file is open, which is when the machine is ready to run. */
  readonly sink = (frame: Uint8Array): void => {
    if (this.file.isOpen) this.file.write(frame);
    else this.waiting.push(frame);
  };

  open(): void {
    this.file.open();
    for (const frame of this.waiting) this.file.write(frame);
    this.waiting.length = 0;
  }

  close(): void {
    this.file.close();
  }
}

function profileOf(args: Arguments): LogProfile {
  const name = args.text('profile');
  return name === 'checked' || name === 'inputs' ? name : 'full';
}

/** So that the log opens without naming them again. */
function noteImages(records: readonly ImageRecord[], paths: ReadonlyMap<string, string>): void {
  const problems = records.map(({ role, sha256 }) => noteImage(sha256, paths.get(role) ?? ''));
  const problem = problems.find((text) => text !== null);
  if (problem !== undefined) say(`record: ${problem}`);
}

function gatherCheckpoints(args: Arguments): LiveCheckpoints {
  const others = args.has('checkpoint-every') ? '--checkpoint-every' : profileOf(args) === 'checked' ? 'checked' : null;
  if (others !== null) {
    const why = others === 'checked' ? '--profile checked, whose digests span checkpoints' : `${others}, which does it`;
    throw new UsageError(`--index cannot be had with ${why}: leave one of them out.`);
  }
  const megabytes = args.number('checkpoint-memory');
  return new LiveCheckpoints(megabytes === undefined ? CHECKPOINT_BYTES_DEFAULT : megabytes * 2 ** 20);
}

export async function recordCommand(args: Arguments): Promise<number> {
  const path = args.positionals[0];
  const file = new LogFile(path);
  let writer: LogWriter | null = null;
  let shadowed: ShadowedPort | null = null;
  let recorder: CheckpointRecorder | null = null;
  let embedDisks: (log: LogWriter, tick: number) => void = () => {};
  const every = args.number('checkpoint-every');
  if (every !== undefined && profileOf(args) === 'checked') {
    throw new CommandError(
      '--checkpoint-every cannot be had with --profile checked, whose digests span checkpoints: use --profile full.',
    );
  }
  const gathering = args.has('index') ? gatherCheckpoints(args) : null;
  const live = await prepareLive(
    args,
    ({ manifest, images }) => {
      const header = { creator: CREATOR, profile: profileOf(args), machine: manifest };
      writer = new LogWriter(file.sink, header, { frameTicks: args.number('frame-ticks') ?? FRAME_TICKS_DEFAULT });
      // Of disks, at the end, only what the guest has read.
      if (args.has('embed')) {
        const contents = manifest.images.map(({ role }) => images.get(role) ?? new Uint8Array(0));
        const embedded = embedImages(
          writer,
          contents.map((content) => (content instanceof DiskImage ? null : content)),
        );
        embedDisks = (log, tick) => {
          const disks = contents.map((content) => (content instanceof DiskImage ? content.partsRead : null));
          embedImages(log, disks, embedded, tick);
        };
      }
      if (every !== undefined) recorder = new CheckpointRecorder(writer, every);
      if (!args.has('shadow')) return new RecordingPort(writer);
      shadowed = new ShadowedPort(writer);
      return shadowed;
    },
    (output) => gathering?.listen(output) ?? recorder?.listen(output) ?? output,
  );
  const checkpoints = recorder as CheckpointRecorder | null;
  checkpoints?.attach(live.session.machine);
  gathering?.attach(live.session.machine);
  const flushLog = (): void => writer?.flush();
  const { manifest, images, imagePaths } = live.setup;
  const engine = chosenEngine(args);
  const other = shadowName(engine);
  const shadow = shadowed === null ? null : new Shadow(shadowed, manifest, images, await loadEngine(other));
  live.output.open();
  try {
    file.open();
  } catch (error) {
    live.output.discard();
    throw error;
  }
  noteImages(manifest.images, imagePaths);
  let status: number;
  try {
    const passed = (): void => (gathering ?? checkpoints)?.passed();
    const ending = (tick: number): void => {
      if (writer !== null) embedDisks(writer, tick);
    };
    const watching = {
      ending,
      flushLog,
      passed,
      watch: (tick: number) => shadow?.catchUp(tick) !== false,
      ended: ({ tick, hash }: SessionEnd) => shadow?.finish(tick, hash),
    };
    status = await driveLive(args, live, 'record', shadow === null ? { flushLog, passed, ending } : watching);
  } finally {
    file.close();
  }
  if (gathering !== null) {
    const { keepGathered } = await import('./record-index.ts');
    await keepGathered(args, images, gathering);
  }
  if (shadow === null) return status;
  if (shadow.difference === null) {
    if (!args.has('json')) say(`record: the shadow on ${other} agrees, ${shadow.compared} comparisons`);
    return status;
  }
  const { agreedTick, tick } = shadow.difference;
  say(`record: the shadow on ${other} left ${engine} after tick ${agreedTick} and by tick ${tick}; the log is whole.`);
  say(`Find the instruction: reprise verify ${path} --engines ${other},${engine}`);
  return EXIT.divergence;
}
