// A file that is written anew: it must not exist yet, and whatever keeps it from being created or written becomes one
// sentence that names it. Nothing is ever overwritten.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from './errors.ts';

const WHY: Readonly<Record<string, string>> = {
  EEXIST: 'it exists and nothing is overwritten',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'writing there is not allowed',
  EPERM: 'writing there is not allowed',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'files may not become so large here',
  ENAMETOOLONG: 'its name is too long',
};

export function whyUnwritable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return WHY[code] ?? (code === '' ? 'it cannot be written' : `it cannot be written (${code})`);
}

export interface NewFileOptions {
  /** What the file is, as in "trace file". */
  readonly what: string;
  /** What to do when it cannot be created. */
  readonly advice?: string;
  /** What remains when it cannot be written any further. */
  readonly rest?: string;
}

export class NewFile {
  readonly path: string;
  private readonly options: NewFileOptions;
  private file = -1;

  constructor(path: string, options: NewFileOptions) {
    this.path = path;
    this.options = options;
  }

  get isOpen(): boolean {
    return this.file >= 0;
  }

  /**
   * Throws CommandError, as all of it does, for what can be known before a long run: something has the name, or there
   * is no folder to write to. Nothing is created.
   */
  foresee(): this {
    try {
      if (existsSync(this.path)) throw Object.assign(new Error(), { code: 'EEXIST' });
      // A file that is no folder has no `.`.
      accessSync(`${dirname(this.path)}/.`, constants.W_OK);
    } catch (error) {
      throw this.notCreated(error);
    }
    return this;
  }

  open(): this {
    try {
      this.file = openSync(this.path, 'wx');
    } catch (error) {
      throw this.notCreated(error);
    }
    return this;
  }

  private notCreated(error: unknown): CommandError {
    const { what, advice = 'name another file' } = this.options;
    return new CommandError(`The ${what} ${this.path} cannot be created, ${whyUnwritable(error)}: ${advice}.`);
  }

  write(content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const { what, rest = 'it is not whole' } = this.options;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
    } catch (error) {
      throw new CommandError(`The ${what} ${this.path} cannot be written, ${whyUnwritable(error)}; ${rest}.`);
    }
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
  }

  /** What has been created here is taken away again: nothing came of it. */
  discard(): void {
    if (!this.isOpen) return;
    this.close();
    rmSync(this.path, { force: true });
  }
}

/** Opens them all, or none: what has been created is taken away when one cannot be. */
export function openTogether(files: readonly NewFile[]): void {
  try {
    for (const file of files) file.open();
  } catch (error) {
    for (const file of files) file.discard();
    throw error;
  }
}

/** Under its name the file stands whole or not at all, and never in the place of another. */
export function appear(temporary: string, out: string): void {
  try {
    linkSync(temporary, out);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error;
    // A file system without links: take the name, then put the file there.
    closeSync(openSync(out, 'wx'));
    renameSync(temporary, out);
  }
}

/** A file of one piece: it is there as a whole or not at all. Throws CommandError. */
export function writeNewFile(path: string, content: Uint8Array | string, what: string): void {
  const file = new NewFile(path, { what, rest: 'it is removed: make room and give the command again' }).open();
  let isWhole = false;
  try {
    file.write(content);
    isWhole = true;
  } finally {
    file.close();
    if (!isWhole) rmSync(path, { force: true });
  }
}
