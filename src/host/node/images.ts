// Files that a machine boots from: reading them with errors a person understands, and finding the right ones again for
// a replay. A log is untrusted: nothing that it names is opened. An image comes from the log itself (--embed) or from
// files and directories that the user gives, and counts only when its SHA-256 is the one in the manifest.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { LogReader } from '../../core/log/log.ts';
import { hasImage, readImage } from '../../core/log/log-images.ts';
import type { ImageRecord } from '../../core/log/manifest.ts';
import type { Images } from '../../core/session/session.ts';
import { CommandError } from '../cli/args.ts';

/** Larger files are no image that fits the memory of any machine here. */
const IMAGE_BYTES_MAX = 2 ** 31;

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

export function imageRecord(role: string, path: string, bytes: Uint8Array): ImageRecord {
  return { role, name: basename(path), sha256: sha256(bytes), sizeBytes: bytes.length };
}

export interface GivenImages {
  /** Files named by option: `--kernel F` and so on. */
  readonly files: readonly { readonly option: string; readonly path: string }[];
  /** `--image`: files or directories to look in. */
  readonly places: readonly string[];
}

/** The bytes of every image in the manifest of the log, by role. */
export function findImages(log: LogReader, given: GivenImages): Images {
  const found = new Map<string, Uint8Array>();
  /** Given files by digest, read when first needed. */
  let byDigest: Map<string, Uint8Array> | null = null;
  const sizes = new Set(log.header.machine.images.map(({ sizeBytes }) => sizeBytes));
  log.header.machine.images.forEach((record, index) => {
    let bytes: Uint8Array | undefined;
    if (hasImage(log, index)) {
      bytes = readImage(log, index, IMAGE_BYTES_MAX);
      if (sha256(bytes) !== record.sha256) {
        throw new CommandError(
          `The ${record.role} image inside the log is not the one that its manifest names (SHA-256 ` +
            `${record.sha256}): give the right file with --image.`,
        );
      }
    } else {
      byDigest ??= readGiven(given, sizes);
      bytes = byDigest.get(record.sha256);
    }
    if (bytes === undefined) throw missingImage(record, given);
    found.set(record.role, bytes);
  });
  return found;
}

function missingImage(record: ImageRecord, given: GivenImages): CommandError {
  const { role, name, sizeBytes } = record;
  const tried = given.files.length + given.places.length > 0 ? 'no file that was given is it' : 'none was given';
  return new CommandError(
    `The log needs the ${role} image ${JSON.stringify(name)} (${sizeBytes} bytes, SHA-256 ` +
      `${record.sha256}) and ${tried}: name the file or its directory with --image.`,
  );
}

/** Files by SHA-256; only those of a size that is wanted are hashed. */
function readGiven(given: GivenImages, sizes: ReadonlySet<number>): Map<string, Uint8Array> {
  const byDigest = new Map<string, Uint8Array>();
  const take = (path: string): void => {
    const bytes = readFileSync(path);
    byDigest.set(sha256(bytes), bytes);
  };
  for (const { option, path } of given.files) {
    const bytes = readGivenFile(path, 'image', `give the right file with ${option} or --image`);
    byDigest.set(sha256(bytes), bytes);
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
      try {
        const stat = statSync(path);
        if (stat.isFile() && sizes.has(stat.size)) take(path);
      } catch {
        // A file in a given directory that cannot be read is not the one.
      }
    }
  }
  return byDigest;
}
