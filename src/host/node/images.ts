// Files that a machine boots from: reading them with errors a person understands, and the files and directories that a
// user gives for the images of a log (core/log/find-images.ts says which of them count).

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LogReader } from '../../core/log/log.ts';
import { findImages as findLogImages, IMAGE_BYTES_MAX } from '../../core/log/find-images.ts';
import { LogError } from '../../core/log/log-error.ts';
import type { Images } from '../../core/session/session.ts';
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

export interface GivenImages {
  /** Files named by option: `--kernel F` and so on. */
  readonly files: readonly { readonly option: string; readonly path: string }[];
  /** `--image`: files or directories to look in. */
  readonly places: readonly string[];
}

/** The bytes of every image in the manifest of the log, by role. Throws CommandError. */
export function findImages(log: LogReader, given: GivenImages): Images {
  const isAnyGiven = given.files.length + given.places.length > 0;
  const source = {
    sha256,
    given: (sizesBytes: ReadonlySet<number>) => readGiven(given, sizesBytes),
    tried:
      `${isAnyGiven ? 'no file that was given is it' : 'none was given'}: name the file or its directory ` +
      `with --image`,
  };
  try {
    return findLogImages(log, source);
  } catch (error) {
    if (error instanceof LogError && error.kind === 'image') throw new CommandError(error.message);
    throw error;
  }
}

/** The files that were given, one after the other; of directories only those of a size that is wanted. */
function* readGiven(given: GivenImages, sizesBytes: ReadonlySet<number>): Generator<Uint8Array> {
  for (const { option, path } of given.files) {
    yield readGivenFile(path, 'image', `give the right file with ${option} or --image`);
  }
  for (const place of given.places) {
    let isDirectory = false;
    try {
      isDirectory = statSync(place).isDirectory();
    } catch (error) {
      throw new CommandError(`--image ${place} cannot be used, ${whyUnreadable(error)}: give a file or a directory.`);
    }
    const paths = isDirectory ? readdirSync(place).map((name) => join(place, name)) : [place];
    for (const path of paths) {
      const bytes = readIfWanted(path, sizesBytes);
      if (bytes !== null) yield bytes;
    }
  }
}

/** A file in a given directory that has another size or cannot be read is not the one. */
function readIfWanted(path: string, sizesBytes: ReadonlySet<number>): Uint8Array | null {
  try {
    const stat = statSync(path);
    return stat.isFile() && sizesBytes.has(stat.size) ? readFileSync(path) : null;
  } catch {
    return null;
  }
}
