// Opening a recording, and the file as it is now, with the bookmarks that were made here.
// Images that are missing are no error: they are asked for.

import { concatenate } from '../../../../../core/base/bytes.ts';
import type { Bookmark } from '../../../../../core/timeline/bookmarks.ts';
import { vgaOf } from '../../../../../core/devices/display/vga.ts';
import type { Moment } from '../../protocol.ts';
import { ImagesMissing, type MissingImage, type OpenAsk, openRecording } from '../opened.ts';
import type { WorkerSession } from '../session.ts';

export interface OpenedFacts {
  readonly moment: Moment;
  readonly endTick: number;
  readonly nsPerTick: number;
  readonly engine: string;
  readonly hasScreen: boolean;
  readonly hasSource: boolean;
  readonly bookmarks: readonly Bookmark[];
  readonly memoryMegabytes: number;
  readonly profile: string;
  readonly creator: string;
  readonly commandLine: string;
  readonly images: readonly MissingImage[];
  readonly fileBytes: number;
  /** How the run ended; '' where the log was cut off. */
  readonly end: string;
  readonly intervalTicks: number;
  readonly checkpointBytesMax: number;
}

/** `missing`: the images that are wanted before it can be opened. */
export type OpenAnswer = { readonly missing: readonly MissingImage[] } | OpenedFacts;

export async function open(session: WorkerSession, ask: OpenAsk): Promise<OpenAnswer> {
  try {
    session.open(null);
    const opened = await openRecording(ask);
    session.open(opened);
    const { log, timeline } = opened;
    const { machine, profile, creator } = log.header;
    return {
      moment: opened.moved(null),
      endTick: timeline.endTick,
      nsPerTick: machine.nsPerTick,
      engine: ask.engine,
      hasScreen: vgaOf(timeline.machine.board) !== null,
      hasSource: opened.source.hasLines,
      bookmarks: opened.bookmarks,
      memoryMegabytes: machine.memoryMegabytes,
      profile,
      creator,
      commandLine: machine.boot.commandLine,
      images: machine.images,
      fileBytes: log.file.length,
      end: log.end === null ? '' : log.end.reason,
      intervalTicks: timeline.intervalTicks,
      checkpointBytesMax: ask.checkpointBytesMax,
    };
  } catch (error) {
    if (error instanceof ImagesMissing) return { missing: error.missing };
    throw error;
  }
}

/** The bytes of the log with what was appended to it here. */
export async function pack(session: WorkerSession, _ask: null): Promise<{ readonly file: Uint8Array }> {
  const { log, added } = await session.recording();
  return { file: concatenate([log.file, ...added]) };
}

/** Digest of the whole state that the guest can see, here. */
export async function digest(session: WorkerSession, _ask: null): Promise<{ tick: number; hash: string }> {
  const { here, run } = await session.recording();
  return { tick: here.tick, hash: run.hash() };
}
