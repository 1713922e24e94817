// Images of drives: which options name them, and how the file of one is opened. What lies in such a file is read in
// parts, since it need not fit into memory. A qcow2 image (qcow2.ts) may have another below it; the name
// that stands in the file is looked for only among the files and directories that the user has named for that.

import { closeSync, existsSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import type { HashedSource } from '../../core/board/image.ts';
import type { ImageSource } from '../../core/board/context.ts';
import { DRIVE_ROLES } from '../../core/devices/disk/roles.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { CommandError } from './errors.ts';
import { whyUnreadable } from './images.ts';
import { isQcow2, Qcow2 } from './qcow2.ts';

export const DRIVE_OPTIONS: readonly string[] = DRIVE_ROLES.map((role) => `--${role}`);

/** Images are read and written in such parts. */
export const PIECE_BYTES = 1 << 20;
/** Who reads on where the last read ended gets what follows from one read of so much: guests read page by page. */
const AHEAD_BYTES = 1 << 16;
const CHAIN_MAX = 16;

/** A file as it is. Nothing is ever written to it. */
class RawFile implements ImageSource {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #file: number;
  readonly #modifiedMs: number;
  /** Where the last read ended, and what was read beyond: AHEAD_BYTES from a place on, or none. */
  #end = -1;
  #ahead: Uint8Array | null = null;
  #aheadAt = 0;

  constructor(path: string, what: string, how: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'r');
      const stat = fstatSync(this.#file);
      if (!stat.isFile()) {
        closeSync(this.#file);
        throw new CommandError(`The ${what} ${path} is ${stat.isDirectory() ? 'a directory' : 'no file'}: ${how}.`);
      }
      this.sizeBytes = stat.size;
      this.#modifiedMs = stat.mtimeMs;
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError(`The ${what} ${path} cannot be used, ${whyUnreadable(error)}: ${how}.`);
    }
  }

  read(offset: number, target: Uint8Array): void {
    const isOn = offset === this.#end;
    const end = offset + target.length;
    this.#end = end;
    if (this.#ahead === null || offset < this.#aheadAt || end > this.#aheadAt + AHEAD_BYTES) {
      if (!isOn || target.length >= AHEAD_BYTES) {
        this.#readWhole(offset, target);
        return;
      }
      const ahead = this.#ahead ?? new Uint8Array(AHEAD_BYTES);
      this.#ahead = null;
      this.#readWhole(offset, ahead);
      this.#ahead = ahead;
      this.#aheadAt = offset;
    }
    target.set(this.#ahead.subarray(offset - this.#aheadAt, end - this.#aheadAt));
  }

  /** With zeros behind the end of the file. */
  #readWhole(offset: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length && offset + done < this.sizeBytes) {
      const count = this.#readSome(target, done, offset + done);
      if (count === 0) break;
      done += count;
    }
    target.fill(0, done);
  }

  #readSome(target: Uint8Array, at: number, offset: number): number {
    try {
      return readSync(this.#file, target, at, Math.min(target.length - at, this.sizeBytes - offset), offset);
    } catch (error) {
      throw new CommandError(`${this.#path} can no longer be read, ${whyUnreadable(error)}.`);
    }
  }

  /** Somebody has written to the file since it was opened. */
  get hasChanged(): boolean {
    const { size, mtimeMs } = fstatSync(this.#file);
    return size !== this.sizeBytes || mtimeMs !== this.#modifiedMs;
  }
}

/** What a drive is given: the disk as the guest sees it, whatever the format of its file. */
export class DiskImage implements HashedSource {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly sizeBytes: number;
  /** Pages of 4 KiB that have been read: what a replay needs. */
  readonly pagesRead = new Set<number>();
  readonly #source: ImageSource;
  /** Its file, and those of the images below. */
  readonly #files: readonly RawFile[];
  #sha256: string | null = null;

  constructor(path: string, format: 'raw' | 'qcow2', source: ImageSource, files: readonly RawFile[]) {
    this.path = path;
    this.format = format;
    this.#files = files;
    this.sizeBytes = source.sizeBytes;
    this.#source = source;
  }

  read(offset: number, target: Uint8Array): void {
    const last = Math.floor((offset + target.length - 1) / PAGE_BYTES);
    for (let page = Math.floor(offset / PAGE_BYTES); page <= last; page++) this.pagesRead.add(page);
    this.#source.read(offset, target);
  }

  get files(): readonly RawFile[] {
    return this.#files;
  }

  /** What has been read from it may be no more what its digest says. */
  get hasChanged(): boolean {
    return this.#files.some((file) => file.hasChanged);
  }

  /** As a source that holds what has been read and nothing else. */
  get partsRead(): HashedSource {
    const { sizeBytes, sha256, pagesRead } = this;
    return {
      sizeBytes,
      sha256,
      holds: (page) => pagesRead.has(page),
      read: (offset, target) => this.#source.read(offset, target),
    };
  }

  /** Of all that the guest can see; found out when somebody asks, once. */
  get sha256(): string {
    if (this.#sha256 !== null) return this.#sha256;
    const hash = createHash('sha256');
    const piece = new Uint8Array(PIECE_BYTES);
    for (let at = 0; at < this.sizeBytes; at += PIECE_BYTES) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, this.sizeBytes - at));
      this.#source.read(at, part);
      hash.update(part);
    }
    this.#sha256 = hash.digest('hex');
    return this.#sha256;
  }
}

/**
 * Throws CommandError: `what` as in "hda image", `how` the next step. `places`: files and directories among which
 * images below a qcow2 image are looked for.
 */
export function openDisk(path: string, what: string, how: string, places: readonly string[] = []): DiskImage {
  return openInChain(path, what, how, places, []);
}

function openInChain(
  path: string,
  what: string,
  how: string,
  places: readonly string[],
  above: readonly string[],
): DiskImage {
  const file = new RawFile(path, what, how);
  if (!isQcow2(file)) return new DiskImage(path, 'raw', file, [file]);
  const image = new Qcow2(file, path);
  const { backingName, backingFormat } = image;
  const files = [file];
  if (backingName !== null) {
    const chain = [...above, realpathSync(path)];
    const below = findBacking(path, backingName, places);
    if (chain.includes(realpathSync(below)) || chain.length > CHAIN_MAX) {
      throw new CommandError(`The images below ${path} lead in a circle or are too many: rebase it, qemu-img rebase.`);
    }
    // A raw image may begin like a qcow2 image, and then it is that what the image above says.
    const how = 'name another with --backing';
    if (backingFormat === 'raw') {
      const raw = new RawFile(below, 'backing file', how);
      image.backing = raw;
      files.push(raw);
    } else {
      const disk = openInChain(below, 'backing file', how, places, chain);
      image.backing = disk;
      files.push(...disk.files);
    }
  }
  return new DiskImage(path, 'qcow2', image, files);
}

function findBacking(path: string, name: string, places: readonly string[]): string {
  // Of an untrusted name only its last part is used.
  const wanted = basename(name);
  for (const place of places) {
    const candidate = isDirectory(place) ? join(place, wanted) : place;
    if (basename(candidate) === wanted && existsSync(candidate)) return resolve(candidate);
  }
  throw new CommandError(
    `The qcow2 image ${path} lies over another, ${JSON.stringify(name)}: name that file, or its directory, with ` +
      '--backing PATH.',
  );
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
