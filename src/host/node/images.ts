// Files that users name: reading them with errors a person understands, and their SHA-256. Where the images of a log
// are looked for is find-images.ts.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { IMAGE_BYTES_MAX } from '../../core/log/find-images.ts';
import { CommandError } from './errors.ts';

/** Many times faster than the core's own. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no directory',
  EACCES: 'reading it is not allowed',
  EISDIR: 'it is a directory',
  ELOOP: 'its links lead in a circle',
};

export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return WHY[code] ?? (code === '' ? 'it cannot be read' : `it cannot be read (${code})`);
}

/** Bytes of a file that the user named. `what` as in "kernel image", `how` the next step. */
export function readGivenFile(path: string, what: string, how: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new CommandError(`The ${what} ${path} is a directory: ${how}.`);
    if (!stat.isFile()) throw new CommandError(`The ${what} ${path} is no regular file: ${how}.`);
    if (stat.size > IMAGE_BYTES_MAX) {
      throw new CommandError(
        `The ${what} ${path} has ${stat.size} bytes, more than any machine here can hold: ${how}.`,
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`The ${what} ${path} cannot be used, ${whyUnreadable(error)}: ${how}.`);
  }
}
