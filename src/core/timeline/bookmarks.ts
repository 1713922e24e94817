/**
 * Bookmarks: named positions with a note, stored in the log itself as frames that any reader may skip. They are
 * appended, also behind the end frame; nothing that was recorded changes. A later bookmark of the same name replaces
 * the earlier one, one with an empty position (null) takes it away. What is not understood is passed over.
 */
import { isList, isSafe, isUnsigned } from '../log/event-codec.ts';
import { encodeFrame, FRAME_FLAG, FRAME_KIND, readPayload } from '../log/frames.ts';
import type { LogReader } from '../log/log.ts';
import { LogError } from '../log/log-error.ts';
import type { Packed } from '../log/payload.ts';
import type { Position } from './lookout.ts';

export interface Bookmark {
  readonly name: string;
  readonly note: string;
  readonly position: Position;
}

/** Longest name and note, in characters. */
export const BOOKMARK_TEXT_MAX = 4096;

const isText = (value: Packed | undefined): value is string =>
  typeof value === 'string' && value.length <= BOOKMARK_TEXT_MAX;

/** Bookmarks of a log, in the order of their frames. */
export function readBookmarks(log: LogReader): Bookmark[] {
  const byName = new Map<string, Bookmark>();
  for (const frame of log.frames) {
    if (frame.kind !== FRAME_KIND.bookmark) continue;
    let payload: Packed;
    try {
      payload = readPayload(log.file, frame);
    } catch (error) {
      if (error instanceof LogError) continue;
      throw error;
    }
    if (!isList(payload)) continue;
    const [name, note, tick, seq] = payload;
    if (!isText(name) || !isText(note)) continue;
    byName.delete(name);
    if (isSafe(tick) && tick >= 0 && isUnsigned(seq, 0xffffffff))
      byName.set(name, { name, note, position: { tick, seq } });
  }
  return [...byName.values()];
}

/**
 * The frame to append to a log of `frameCount` frames; `position` null takes the bookmark away. The log must end with
 * a whole frame.
 */
export function encodeBookmark(frameCount: number, name: string, note: string, position: Position | null): Uint8Array {
  const payload = [name, note, position === null ? null : position.tick, position === null ? null : position.seq];
  return encodeFrame(FRAME_KIND.bookmark, FRAME_FLAG.maySkip, frameCount, position?.tick ?? 0, payload);
}
