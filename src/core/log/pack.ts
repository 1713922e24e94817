/**
 * A log with its images put inside after the fact: the same bytes as if it had been recorded with them (`--embed`). The
 * frames that were recorded are taken over as they are, with other numbers; only the index is made anew. A log that was
 * cut off, or that has grown behind its end, stays so. Whether the images are right is for the caller to check.
 */
import { type ImageContent, sizeOfContent } from '../board/image.ts';
import { encodeFrame, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND, type FrameInfo, renumberFrame } from './frames.ts';
import { type LogReader, rebuildIndex } from './log.ts';
import { hasImage, imageFrames } from './log-images.ts';

/** True when every image of the manifest is in the log. */
export function isPacked(log: LogReader): boolean {
  return log.header.machine.images.every((_, index) => hasImage(log, index));
}

export interface PackedFrame {
  readonly bytes: Uint8Array;
  /** How much of the images and the log is done with it. */
  readonly doneBytes: number;
}

/** The packed log, frame by frame; `images` in the order of the manifest. */
export function* packLog(log: LogReader, images: readonly ImageContent[]): Generator<PackedFrame> {
  /** What was handed out, as the index has it. */
  const written: Pick<FrameInfo, 'kind' | 'firstTick' | 'payloadBytes'>[] = [];
  const listed = (kind: number, firstTick: number, bytes: Uint8Array): Uint8Array => {
    written.push({ kind, firstTick, payloadBytes: bytes.length - FRAME_HEADER_BYTES });
    return bytes;
  };
  const copied = (frame: FrameInfo): Uint8Array =>
    listed(frame.kind, frame.firstTick, renumberFrame(log.file, frame, written.length));
  const imagesBytes = images.reduce((sum, image) => sum + sizeOfContent(image), 0);
  const [header, ...others] = log.frames;
  yield { bytes: copied(header), doneBytes: 0 };
  for (const { kind, payload, doneBytes } of imageFrames(images)) {
    yield { bytes: listed(kind, 0, encodeFrame(kind, 0, written.length, 0, payload)), doneBytes };
  }
  for (const frame of others) {
    const { kind, flags, firstTick, offset } = frame;
    const doneBytes = imagesBytes + offset;
    if (kind === FRAME_KIND.imagePages || kind === FRAME_KIND.imageMap) continue;
    if (kind === FRAME_KIND.index) {
      const index = rebuildIndex(written);
      const bytes = encodeFrame(kind, flags & ~FRAME_FLAG.deflated, written.length, firstTick, index);
      yield { bytes: listed(kind, firstTick, bytes), doneBytes };
    } else yield { bytes: copied(frame), doneBytes };
  }
}
