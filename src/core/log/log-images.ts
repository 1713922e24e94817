/**
 * Images inside a log (`--embed`), so that one file is the whole bug. Pages of 4 KiB are stored once, however many
 * images hold them; an image is then a list of runs of pages. Of a disk only the pages may be there that the guest has
 * read. Whether the bytes have the SHA-256 that the manifest names is checked by find-images.ts, through which
 * everybody gets them; of an image in parts nobody can tell, and a replay of other bytes leaves its log.
 */
import { type HashedSource, type ImageContent, sourceOf } from '../board/image.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import { isBytes, isList, isSafe, isUnsigned } from './event-codec.ts';
import { FRAME_KIND, readPayload } from './frames.ts';
import { hashBytesHex } from '../base/hash.ts';
import type { LogReader, LogWriter } from './log.ts';
import { LogError, malformed } from './log-error.ts';
import type { MachineManifest } from './manifest.ts';
import type { Packed } from './payload.ts';

/** One MiB: frames are the unit that is held in memory while compressing. */
const PAGES_PER_FRAME = 256;

export interface ImageFrame {
  readonly kind: typeof FRAME_KIND.imagePages | typeof FRAME_KIND.imageMap;
  readonly payload: Packed;
  /** Of all images, how much is in this frame and those before it. */
  readonly doneBytes: number;
}

/** In the place of the first page of a run: these pages are not in the log. */
const ABSENT = 0xffffffff;

/**
 * Appends the images, in the order of the manifest; null for one that comes later or not at all. Returns how many pages
 * the log has then, for another call at `tick`.
 */
export function embedImages(
  writer: LogWriter,
  images: readonly (ImageContent | null)[],
  firstPage = 0,
  tick = 0,
): number {
  const frames = imageFrames(images, firstPage);
  for (;;) {
    const { done, value } = frames.next();
    if (done === true) return value;
    writer.writeFrame(value.kind, 0, tick, value.payload);
  }
}

/** The same for all images of a machine that are at hand, by role; the others are looked for when the log is opened. */
export function embedAll(
  writer: LogWriter,
  { images: records }: Pick<MachineManifest, 'images'>,
  images: ReadonlyMap<string, ImageContent>,
): void {
  embedImages(
    writer,
    records.map(({ role }) => images.get(role) ?? null),
  );
}

/** The frames of the images, in the order of the manifest; then how many pages the log has with those before. */
export function* imageFrames(images: readonly (ImageContent | null)[], firstPage = 0): Generator<ImageFrame, number> {
  /** Pages by digest: numbers in the log. */
  const known = new Map<string, number[]>();
  const unique: Uint8Array[] = [];
  let written = 0;
  const pending = (): number => unique.length - written;
  let before = 0;
  const flush = (doneBytes: number): ImageFrame => {
    const block = new Uint8Array(pending() * PAGE_BYTES);
    for (let i = written; i < unique.length; i++) block.set(unique[i], (i - written) * PAGE_BYTES);
    const payload = [firstPage + written, block];
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
  for (const [index, content] of images.entries()) {
    if (content === null) continue;
    const image = sourceOf(content);
    const runs: number[] = [];
    for (let at = 0; at < image.sizeBytes; at += PAGE_BYTES) {
      if (!(content instanceof Uint8Array) && content.holds?.(at / PAGE_BYTES) === false) {
        if (runs.at(-2) === ABSENT) runs[runs.length - 1]++;
        else runs.push(ABSENT, 1);
        continue;
      }
      const page = new Uint8Array(PAGE_BYTES);
      image.read(at, page);
      const number = firstPage + pageNumber(page);
      if (pending() === PAGES_PER_FRAME) yield flush(before + at);
      const last = runs.length - 2;
      if (last >= 0 && runs[last] !== ABSENT && runs[last] + runs[last + 1] === number) runs[last + 1]++;
      else runs.push(number, 1);
    }
    before += image.sizeBytes;
    if (pending() > 0) yield flush(before);
    yield { kind: FRAME_KIND.imageMap, payload: [index, image.sizeBytes, runs], doneBytes: before };
  }
  return firstPage + unique.length;
}

/** True when the log carries this image of its manifest. */
export function hasImage(log: LogReader, index: number): boolean {
  return findMap(log, index) !== null;
}

/** True when only parts of it are there. */
export function isImageInParts(log: LogReader, index: number): boolean {
  const runs = findMap(log, index)?.runs ?? [];
  return runs.some((first, i) => i % 2 === 0 && first === ABSENT);
}

/** An image of which parts are there: what is not, cannot be read. */
export function imageInParts(log: LogReader, index: number): HashedSource {
  const map = findMap(log, index);
  const { sizeBytes, sha256, role } = log.header.machine.images[index];
  if (map === null || map.sizeBytes !== sizeBytes) throw malformed('size of an image', map?.seq ?? 0, map?.offset ?? 0);
  const pages = storedPages(log);
  const place = new Map<number, Uint8Array>();
  let page = 0;
  for (let i = 0; i < map.runs.length; i += 2) {
    const [first, count] = [map.runs[i], map.runs[i + 1]];
    if (page + count > Math.ceil(sizeBytes / PAGE_BYTES)) throw malformed('pages of an image', map.seq, map.offset);
    for (let each = 0; first !== ABSENT && each < count; each++) {
      const bytes = pages.get(first + each);
      if (bytes === undefined) throw malformed('missing pages of an image', map.seq, map.offset);
      place.set(page + each, bytes);
    }
    page += count;
  }
  return {
    sizeBytes,
    sha256,
    holds: (wanted) => place.has(wanted),
    read: (offset, target) => {
      for (let done = 0; done < target.length; ) {
        const at = offset + done;
        const within = at % PAGE_BYTES;
        const part = target.subarray(done, done + PAGE_BYTES - within);
        const bytes = at < sizeBytes ? place.get((at - within) / PAGE_BYTES) : ZEROS;
        if (bytes === undefined) {
          throw new LogError(
            'image',
            `The log holds the ${role} image in parts, and not what is at ${at}: give the file.`,
          );
        }
        part.set(bytes.subarray(within, within + part.length));
        done += part.length;
      }
    },
  };
}

const ZEROS = new Uint8Array(PAGE_BYTES);

/** By number. */
function storedPages(log: LogReader): Map<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (const frame of log.frames) {
    if (frame.kind !== FRAME_KIND.imagePages) continue;
    const payload = readPayload(log.file, frame);
    const [firstPage, bytes] = isList(payload) ? payload : [];
    if (!isSafe(firstPage) || !isBytes(bytes) || bytes.length % PAGE_BYTES !== 0) {
      throw malformed('image pages', frame.seq, frame.offset);
    }
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      pages.set(firstPage + at / PAGE_BYTES, bytes.subarray(at, at + PAGE_BYTES));
    }
  }
  return pages;
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
