// Images of drives: which options name them, and how the file of one is opened. What lies in such a file is read in
// parts (disk-file.ts), since it need not fit into memory.

import type { HashedSource } from '../../core/board/image.ts';
import { DRIVE_ROLES } from '../../core/devices/disk/roles.ts';
import { DiskFile } from './disk-file.ts';

export const DRIVE_OPTIONS: readonly string[] = DRIVE_ROLES.map((role) => `--${role}`);

/** Throws CommandError: `what` as in "hda image", `how` the next step. */
export function openDisk(path: string, what: string, how: string): HashedSource {
  return new DiskFile(path, what, how);
}
