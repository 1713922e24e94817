// A disk image as a file: parts of it are read when the guest wants them, and nothing is ever written. Its digest is
// found out when somebody asks, once. Errors name the file.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { HashedSource } from '../../core/board/image.ts';
import { CommandError } from './errors.ts';
import { whyUnreadable } from './images.ts';

const PIECE_BYTES = 1 << 20;

export class DiskFile implements HashedSource {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #file: number;
  #sha256: string | null = null;

  /** `what` as in "hda image", `how` the next step. */
  constructor(path: string, what: string, how: string) {
    this.path = path;
    try {
      this.#file = openSync(path, 'r');
      const stat = fstatSync(this.#file);
      if (!stat.isFile()) {
        closeSync(this.#file);
        throw new CommandError(`The ${what} ${path} is ${stat.isDirectory() ? 'a directory' : 'no file'}: ${how}.`);
      }
      this.sizeBytes = stat.size;
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError(`The ${what} ${path} cannot be used, ${whyUnreadable(error)}: ${how}.`);
    }
  }

  read(offset: number, target: Uint8Array): void {
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
      throw new CommandError(`${this.path} can no longer be read, ${whyUnreadable(error)}.`);
    }
  }

  get sha256(): string {
    if (this.#sha256 !== null) return this.#sha256;
    const hash = createHash('sha256');
    const piece = new Uint8Array(PIECE_BYTES);
    for (let at = 0; at < this.sizeBytes; at += PIECE_BYTES) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, this.sizeBytes - at));
      this.read(at, part);
      hash.update(part);
    }
    this.#sha256 = hash.digest('hex');
    return this.#sha256;
  }
}
