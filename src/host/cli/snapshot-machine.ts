// The machine of `--from FILE`: that of the snapshot, with its images found as those of a log are. What the command
// line adds to it are media that an input script puts into drives; anything else about the machine is in the file.

import { basename } from 'node:path';
import { mediumRole } from '../../core/devices/disk/roles.ts';
import type { LogReader } from '../../core/log/log.ts';
import { SNAPSHOT_ROLE } from '../../core/log/manifest.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { describeFromSnapshot, mediaCountOf } from '../../core/session/describe-snapshot.ts';
import type { ScriptStep } from '../../core/session/input-script.ts';
import { isSnapshotFile, snapshotTick } from '../../core/session/snapshot-file.ts';
import { openDisk } from '../node/disks.ts';
import { CommandError } from '../node/errors.ts';
import { locateImages } from '../node/find-images.ts';
import { sha256 } from '../node/images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import type { Arguments } from './args.ts';
import type { ReadMachine } from './machine-options.ts';
import { IMAGE_FILE_OPTIONS, MACHINE_OPTIONS } from './options.ts';
import { givenImages } from './replay-command.ts';
import { say } from './report.ts';

/** A file given with --from. */
export interface OpenedSnapshot {
  readonly path: string;
  readonly log: LogReader;
  readonly tick: number;
}

/** What may stand beside --from: where images are, and what becomes of what is written to them. */
const BESIDE: readonly string[] = [...IMAGE_FILE_OPTIONS, 'backing', 'overlay', 'writable'];

/** Null without --from. */
export async function openFrom(args: Arguments): Promise<OpenedSnapshot | null> {
  const path = args.text('from');
  if (path === undefined) {
    if (args.has('image')) throw new UsageError('--image is for the images of a snapshot: give --from FILE too.');
    return null;
  }
  const other = MACHINE_OPTIONS.find(({ name }) => !BESIDE.includes(name) && args.has(name));
  if (other !== undefined) {
    throw new UsageError(`--from FILE has the whole machine, and --${other.name} is part of it: leave one out.`);
  }
  const log = await openLogFile(args, path);
  if (!isSnapshotFile(log)) {
    const what = log.truncated ? 'was cut off, or is' : 'is';
    throw new CommandError(
      `${path} ${what} the log of a run and no snapshot: take one with reprise snapshot save LOG@POSITION FILE.`,
    );
  }
  return await withLogProblems(path, async () => ({ path, log, tick: snapshotTick(log.file) }));
}

/** How many media the machine has that wait for a drive; 0 without --from. */
export function mediaOf(from: OpenedSnapshot | null): number {
  return from === null ? 0 : mediaCountOf(from.log);
}

/** `media`: files of the input script, behind those that the snapshot has. */
export async function buildFromSnapshot(
  args: Arguments,
  { log, path }: OpenedSnapshot,
  media: readonly string[],
): Promise<ReadMachine> {
  return await withLogProblems(path, async () => {
    const warn = (text: string): void => say(`${path}: ${text}`);
    const { images, paths } = locateImages({ log, path, given: givenImages(args), warn });
    const read = media.map((file) => {
      const how = 'name another in the input script';
      return { name: basename(file), data: openDisk(file, 'medium', how, args.list('backing')) };
    });
    const setup = describeFromSnapshot({ log, name: basename(path), images, media: read, sha256 });
    const first = mediaCountOf(log) + 1;
    const places = media.map((file, index) => [mediumRole('', first + index), file] as const);
    return { ...setup, imagePaths: new Map([...paths, [SNAPSHOT_ROLE, path], ...places]) };
  });
}

/** What a script says of moments that are over. */
export function checkScript(steps: readonly ScriptStep[] | null, { path, tick }: OpenedSnapshot): void {
  const early = steps?.find((step) => step.kind === 'at' && step.tick < tick);
  if (early?.kind !== 'at') return;
  throw new CommandError(
    `Line ${early.line} of the input script is about tick ${early.tick}, and ${path} begins at tick ${tick}: give a ` +
      'later one.',
  );
}
