// A log file to which bookmarks are appended by somebody who has no file himself, such as a page: each as a frame
// behind what the file has by then, whoever else has appended meanwhile.

import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { concatenate } from '../../core/base/bytes.ts';
import { type LogReader, openLog } from '../../core/log/log.ts';
import { LogError } from '../../core/log/log-error.ts';
import { type Bookmark, BOOKMARK_TEXT_MAX, encodeBookmark } from '../../core/timeline/bookmarks.ts';
import { CommandError } from './errors.ts';
import { logProblem } from './log-file.ts';
import { whyUnreadable } from './images.ts';

/** `position` null takes the bookmark away. */
export type WantedBookmark = Omit<Bookmark, 'position'> & { readonly position: Bookmark['position'] | null };

export class BookmarkedLog {
  private readonly path: string;
  private log: LogReader;

  constructor(path: string, log: LogReader) {
    this.path = path;
    this.log = log;
  }

  get bytes(): Uint8Array {
    return this.log.file;
  }

  /** False: it was cut off in the middle of a frame, or is damaged. */
  get canTake(): boolean {
    return this.log.trailingBytes === 0 && this.log.damage === null;
  }

  /** Throws CommandError. */
  append({ name, note, position }: WantedBookmark): void {
    const { path } = this;
    try {
      if (statSync(path).size !== this.log.file.length) this.log = openLog(readFileSync(path));
      if (!this.canTake) throw new CommandError(`The log ${path} was cut off and cannot take bookmarks.`);
      const frame = encodeBookmark(this.log.frames.length, name, note, position);
      appendFileSync(path, frame);
      this.log = openLog(concatenate([this.log.file, frame]));
    } catch (error) {
      if (error instanceof CommandError) throw error;
      if (error instanceof LogError) throw logProblem(path, error);
      throw new CommandError(`The bookmark cannot be stored in ${path}, ${whyUnreadable(error)}.`);
    }
  }
}

/** A bookmark out of what somebody sent; null when it is none. */
export function bookmarkFrom(value: unknown): WantedBookmark | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, note, position } = value as Record<string, unknown>;
  const isText = (text: unknown): text is string => typeof text === 'string' && text.length <= BOOKMARK_TEXT_MAX;
  if (!isText(name) || !isText(note) || name === '') return null;
  if (position === null) return { name, note, position };
  if (typeof position !== 'object') return null;
  const { tick, seq } = position as Record<string, unknown>;
  if (!Number.isSafeInteger(tick) || Number(tick) < 0 || !Number.isInteger(seq)) return null;
  if (Number(seq) < 0 || Number(seq) >= 2 ** 32) return null;
  return { name, note, position: { tick: Number(tick), seq: Number(seq) } };
}
