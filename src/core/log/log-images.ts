/**
 * Images inside a log (`--embed`), so that one file is the whole bug. Pages of 4 KiB are stored once, however many
 * images hold them; an image is then a list of runs of pages. Whether the bytes have the SHA-256 that the manifest
 * names is checked by find-images.ts, through which everybody gets them.
 */
import { type ImageContent, sourceOf } from '../board/image.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import { isBytes, isList, isSafe, isUnsigned } from './event-codec.ts';
import { FRAME_KIND, readPayload } from './frames.ts';
import { hashBytesHex } from '../base/hash.ts';
import type { LogReader, LogWriter } from './log.ts';
import { LogError, malformed } from './log-error.ts';
import type { Packed } from './payload.ts';

/** One MiB: frames are the unit that is held in memory while compressing. */
const PAGES_PER_FRAME = 256;

export interface ImageFrame {
  readonly kind: typeof FRAME_KIND.imagePages | typeof FRAME_KIND.imageMap;
  readonly payload: Packed;
  /** Of all images, how much is in this frame and those before it. */
  readonly doneBytes: number;
}

/** Appends the images, in the order of the manifest. Call it right after the writer was made. */
export function embedImages(writer: LogWriter, images: readonly ImageContent[]): void {
  for (const { kind, payload } of imageFrames(images)) writer.writeFrame(kind, 0, 0, payload);
}

/** The frames of the images, in the order of the manifest. */
export function* imageFrames(images: readonly ImageContent[]): Generator<ImageFrame> {
  /** Pages by digest: numbers in the log. */
  const known = new Map<string, number[]>();
  const unique: Uint8Array[] = [];
  let written = 0;
  const pending = (): number => unique.length - written;
  let before = 0;
  const flush = (doneBytes: number): ImageFrame => {
    const block = new Uint8Array(pending() * PAGE_BYTES);
    for (let i = written; i < unique.length; i++) block.set(unique[i], (i - written) * PAGE_BYTES);
    const payload = [written, block];
    written = unique.length;
    return { kind: FRAME_KIND.imagePages, payload, doneBytes };
  };
  const pageNumber = (page: Uint8Array): number => {
    const digest = hashBytesHex(page);
    const candidates = known.get(digest) ?? [];
    const found = candidates.find((number) => page.every((byte, i) => byte === unique[number][i]));
    if (found !== undefined) return found;
    known.set(digest, [...candidates, unique.length]);
    unique.push(page);
    return unique.length - 1;
  };
  for (const [index, image] of images.map(sourceOf).entries()) {
    const runs: number[] = [];
    for (let at = 0; at < image.sizeBytes; at += PAGE_BYTES) {
      const page = new Uint8Array(PAGE_BYTES);
      image.read(at, page);
      const number = pageNumber(page);
      if (pending() === PAGES_PER_FRAME) yield flush(before + at);
      const last = runs.length - 2;
      if (last >= 0 && runs[last] + runs[last + 1] === number) runs[last + 1]++;
      else runs.push(number, 1);
    }
    before += image.sizeBytes;
    if (pending() > 0) yield flush(before);
    yield { kind: FRAME_KIND.imageMap, payload: [index, image.sizeBytes, runs], doneBytes: before };
  }
}

/** True when the log carries this image of its manifest. */
export function hasImage(log: LogReader, index: number): boolean {
  return findMap(log, index) !== null;
}

/** The bytes of image `index` of the manifest. Throws a `LogError`: `image` when the log does not carry it. */
export function readImage(log: LogReader, index: number, bytesMax = 2 ** 30): Uint8Array {
  const record = log.header.machine.images[index];
  const map = findMap(log, index);
  if (map === null) {
    const name = record === undefined ? `image ${index}` : `${record.role} image ${record.name}`;
    const hash = record === undefined ? '' : ` with SHA-256 ${record.sha256}`;
    throw new LogError('image', `The log does not hold the ${name}: give a file${hash}, or pack the log.`);
  }
  const { sizeBytes, runs, seq, offset } = map;
  if (record === undefined || record.sizeBytes !== sizeBytes) throw malformed('size of an image', seq, offset);
  if (sizeBytes > bytesMax) {
    throw new LogError(
      'too-large',
      `The ${record.role} image is ${sizeBytes} bytes, at most ${bytesMax} were expected: raise the limit or give ` +
        `the file.`,
      seq,
      offset,
    );
  }
  // Which pages are wanted where, checked against the pages that exist before the image is allocated.
  const pageCount = Math.ceil(sizeBytes / PAGE_BYTES);
  const blocks = log.frames.filter(({ kind }) => kind === FRAME_KIND.imagePages);
  let total = 0;
  for (let i = 0; i < runs.length; i += 2) total += runs[i + 1];
  if (total !== pageCount) throw malformed('pages of an image', seq, offset);
  const image = new Uint8Array(sizeBytes);
  let filled = 0;
  for (const frame of blocks) {
    const payload = readPayload(log.file, frame);
    const [firstPage, bytes] = isList(payload) ? payload : [];
    if (!isSafe(firstPage) || !isBytes(bytes) || bytes.length % PAGE_BYTES !== 0) {
      throw malformed('image pages', frame.seq, frame.offset);
    }
    filled += copyPages(runs, firstPage, bytes, image);
  }
  if (filled !== pageCount) throw malformed('missing pages of an image', seq, offset);
  return image;
}

/** Copies the pages of one block to every place in the image where the runs want them; returns how many. */
function copyPages(runs: readonly number[], firstPage: number, block: Uint8Array, image: Uint8Array): number {
  const endPage = firstPage + block.length / PAGE_BYTES;
  let place = 0;
  let copied = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const from = Math.max(runs[i], firstPage);
    const to = Math.min(runs[i] + runs[i + 1], endPage);
    for (let page = from; page < to; page++) {
      const at = (place + page - runs[i]) * PAGE_BYTES;
      const start = (page - firstPage) * PAGE_BYTES;
      image.set(block.subarray(start, start + Math.min(PAGE_BYTES, image.length - at)), at);
      copied++;
    }
    place += runs[i + 1];
  }
  return copied;
}

interface ImageMap {
  readonly sizeBytes: number;
  /** First page, number of pages, first page, number of pages … */
  readonly runs: readonly number[];
  readonly seq: number;
  readonly offset: number;
}

function findMap(log: LogReader, index: number): ImageMap | null {
  for (const frame of log.frames) {
    if (frame.kind !== FRAME_KIND.imageMap) continue;
    const payload = readPayload(log.file, frame);
    const { seq, offset } = frame;
    const [imageIndex, sizeBytes, runs] = isList(payload) ? payload : [];
    if (!isUnsigned(imageIndex, 255) || !isSafe(sizeBytes) || !isList(runs) || runs.length % 2 !== 0) {
      throw malformed('list of image pages', seq, offset);
    }
    const numbers: number[] = [];
    for (const value of runs) {
      if (!isUnsigned(value, 0xffffffff)) throw malformed('list of image pages', seq, offset);
      numbers.push(value);
    }
    if (imageIndex === index) return { sizeBytes, runs: numbers, seq, offset };
  }
  return null;
}
