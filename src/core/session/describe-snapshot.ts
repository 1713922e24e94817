/**
 * The machine that goes on from a snapshot file: its manifest is that of the file, with the file itself as one more
 * image and behind it the media that somebody may put into drives.
 */
import { digestOf, sizeOfContent } from '../board/image.ts';
import { mediumRole } from '../devices/disk/roles.ts';
import type { Sha256 } from '../base/sha256.ts';
import type { LogReader } from '../log/log.ts';
import { type ImageRecord, SNAPSHOT_ROLE } from '../log/manifest.ts';
import type { MachineSetup, NamedDrive } from './describe-machine.ts';
import { checkManifest, type Images } from './session.ts';

export interface SnapshotMachine {
  /** Of the file, as `openSnapshot` gives it. */
  readonly log: LogReader;
  /** What the file is called, for people. */
  readonly name: string;
  /** The images of its manifest, by role. */
  readonly images: Images;
  /** More media, in the order in which a script names them. */
  readonly media: readonly NamedDrive[];
  readonly sha256: Sha256;
}

/** How many media a snapshot has that wait for a drive. */
export function mediaCountOf({ header }: LogReader): number {
  let count = 0;
  while (header.machine.images.some(({ role }) => role === mediumRole('', count + 1))) count++;
  return count;
}

/** Throws `SessionError` for a machine that this version does not have. */
export function describeFromSnapshot({ log, name, images, media, sha256 }: SnapshotMachine): MachineSetup {
  const { machine } = log.header;
  checkManifest(machine, 'model', 'snapshot');
  const all = new Map(images);
  const records: ImageRecord[] = [...machine.images];
  const first = mediaCountOf(log) + 1;
  const added = [
    [SNAPSHOT_ROLE, { name, data: log.file }] as const,
    ...media.map((each, index) => [mediumRole('', first + index), each] as const),
  ];
  for (const [role, { name: called, data }] of added) {
    all.set(role, data);
    records.push({ role, name: called, sha256: digestOf(data, sha256), sizeBytes: sizeOfContent(data) });
  }
  return { manifest: { ...machine, images: records }, images: all };
}
