/**
 * The images that a log names, found again for a replay. A log is untrusted: nothing that it names is opened. An image
 * comes from the log itself (`--embed`) or from the bytes that the caller gives, and counts only when its SHA-256 is
 * the one in the manifest; under which name it is given does not matter.
 */
import type { Sha256 } from '../base/sha256.ts';
import type { LogReader } from './log.ts';
import { LogError } from './log-error.ts';
import { hasImage, readImage } from './log-images.ts';
import type { ImageRecord } from './manifest.ts';

/** Larger ones are no image that fits the memory of any machine here. */
export const IMAGE_BYTES_MAX = 2 ** 31;

/** Where to look for what the log does not hold. */
export interface ImageSource {
  readonly sha256: Sha256;
  /** Bytes that were given; asked once, when the first one is wanted. Those of other sizes may be left out. */
  given(sizesBytes: ReadonlySet<number>): Iterable<Uint8Array>;
  /** How the error ends: what was tried and the next step, as in "none was given: name the file with --image". */
  readonly tried: string;
}

/**
 * The bytes of every image in the manifest of the log, by role. Throws a `LogError` of kind `image` for a missing one.
 */
export function findImages(log: LogReader, source: ImageSource): Map<string, Uint8Array> {
  const records = log.header.machine.images;
  const sizesBytes = new Set(records.map(({ sizeBytes }) => sizeBytes));
  const found = new Map<string, Uint8Array>();
  let given: ReadonlyMap<string, Uint8Array> | null = null;
  records.forEach((record, index) => {
    const isInLog = hasImage(log, index);
    if (isInLog) {
      const bytes = readImage(log, index, IMAGE_BYTES_MAX);
      if (source.sha256(bytes) === record.sha256) {
        found.set(record.role, bytes);
        return;
      }
    }
    given ??= bySha256(source, sizesBytes);
    const bytes = given.get(record.sha256);
    if (bytes === undefined) throw missing(record, isInLog, source.tried);
    found.set(record.role, bytes);
  });
  return found;
}

function bySha256(source: ImageSource, sizesBytes: ReadonlySet<number>): Map<string, Uint8Array> {
  const images = new Map<string, Uint8Array>();
  for (const bytes of source.given(sizesBytes)) {
    if (sizesBytes.has(bytes.length)) images.set(source.sha256(bytes), bytes);
  }
  return images;
}

function missing({ role, name, sizeBytes, sha256 }: ImageRecord, isInLog: boolean, tried: string): LogError {
  const inLog = isInLog ? ', the one inside the log is another' : '';
  return new LogError(
    'image',
    `The log needs the ${role} image ${JSON.stringify(name)} (${sizeBytes} bytes, SHA-256 ${sha256})${inLog} and ` +
      `${tried}.`,
  );
}
