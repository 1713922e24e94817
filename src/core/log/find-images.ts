/**
 * The images that a log names, found again for a replay. A log is untrusted: nothing that it names is opened. An image
 * comes from the log itself (`--embed`) or from the bytes that the caller gives, and counts only when its SHA-256 is
 * the one in the manifest; under which name it is given does not matter.
 */
import { digestOf, type ImageContent, sizeOfContent } from '../board/image.ts';
import type { Sha256 } from '../base/sha256.ts';
import { type LogReader, openLog } from './log.ts';
import { LogError } from './log-error.ts';
import { hasImage, imageInParts, isImageInParts, readImage } from './log-images.ts';
import { type ImageRecord, SNAPSHOT_ROLE } from './manifest.ts';

/** Larger ones are no image that fits the memory of any machine here. */
export const IMAGE_BYTES_MAX = 2 ** 31;

/** Where to look for what the log does not hold. */
export interface ImageSource {
  readonly sha256: Sha256;
  /** Bytes that may be this image, the likeliest first; asked for one after the other until one has its SHA-256. */
  candidates(record: ImageRecord): Iterable<ImageContent>;
  /** How the error ends: what was tried and the next step, as in "none was given: name the file with --image". */
  tried(missing: readonly ImageRecord[]): string;
}

/**
 * The bytes of every image in the manifest of the log, by role. Throws a `LogError` of kind `image` for a missing one.
 */
export function findImages(log: LogReader, source: ImageSource): Map<string, ImageContent> {
  const records = log.header.machine.images;
  const found = new Map<string, ImageContent>();
  const missing: ImageRecord[] = [];
  const descriptions: string[] = [];
  /** Digests of candidates, which several images may share. */
  const digests = new Map<ImageContent, string>();
  const isImage = (bytes: ImageContent, record: ImageRecord): boolean => {
    if (sizeOfContent(bytes) !== record.sizeBytes) return false;
    const digest = digests.get(bytes) ?? digestOf(bytes, source.sha256);
    digests.set(bytes, digest);
    return digest === record.sha256;
  };
  const places = [...records.keys()];
  // A snapshot may have the others in it.
  places.sort((a, b) => Number(records[b].role === SNAPSHOT_ROLE) - Number(records[a].role === SNAPSHOT_ROLE));
  for (const index of places) {
    const record = records[index];
    const isInLog = hasImage(log, index);
    const isInParts = isInLog && isImageInParts(log, index);
    const inside = isInLog && !isInParts ? readImage(log, index, IMAGE_BYTES_MAX) : null;
    const whole =
      inside !== null && isImage(inside, record)
        ? inside
        : (firstOf(source, record, isImage) ?? ofSnapshot(found.get(SNAPSHOT_ROLE), record, isImage));
    // The parts do for a replay; whoever leaves the recorded run wants the whole, where that is to be had.
    const bytes = whole ?? (isInParts ? imageInParts(log, index) : null);
    if (bytes !== null) {
      found.set(record.role, bytes);
      continue;
    }
    missing.push(record);
    descriptions.push(describe(record, isInLog));
  }
  if (missing.length === 0) return found;
  throw new LogError('image', `The log needs ${descriptions.join(' and ')}; ${source.tried(missing)}.`);
}

/** The same image inside a snapshot (session/snapshot-file.ts) that the run begins at. */
function ofSnapshot(
  content: ImageContent | undefined,
  record: ImageRecord,
  isImage: (bytes: ImageContent, record: ImageRecord) => boolean,
): ImageContent | null {
  if (!(content instanceof Uint8Array)) return null;
  try {
    const snapshot = openLog(content);
    const index = snapshot.header.machine.images.findIndex(({ sha256 }) => sha256 === record.sha256);
    if (index < 0 || !hasImage(snapshot, index) || isImageInParts(snapshot, index)) return null;
    const bytes = readImage(snapshot, index, IMAGE_BYTES_MAX);
    return isImage(bytes, record) ? bytes : null;
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}

function firstOf(
  source: ImageSource,
  record: ImageRecord,
  isImage: (bytes: ImageContent, record: ImageRecord) => boolean,
): ImageContent | null {
  for (const bytes of source.candidates(record)) if (isImage(bytes, record)) return bytes;
  return null;
}

function describe({ role, name, sizeBytes, sha256 }: ImageRecord, isInLog: boolean): string {
  const inLog = isInLog ? ', not the one inside the log' : '';
  return `the ${role} image ${JSON.stringify(name)} (${sizeBytes} bytes, SHA-256 ${sha256}${inLog})`;
}
