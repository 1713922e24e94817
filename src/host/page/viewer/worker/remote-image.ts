// An image that lies with the server of the page and is read in parts, when the guest wants them: a worker may wait for
// an answer where a page may not. What has been read is kept, up to a bound.

import type { HashedSource } from '../../../../core/board/image.ts';

export interface RemoteImage {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Absolute: a worker from a blob has no place of its own. */
  readonly address: string;
}

const PART_BYTES = 1 << 18;
/** 64 MiB. */
const PARTS_MAX = 256;

export function remoteImage({ sizeBytes, sha256, address }: RemoteImage): HashedSource {
  const parts = new Map<number, Uint8Array>();
  const part = (index: number): Uint8Array => {
    const known = parts.get(index);
    if (known !== undefined) {
      // The one read longest ago goes first.
      parts.delete(index);
      parts.set(index, known);
      return known;
    }
    const request = new XMLHttpRequest();
    request.open('GET', `${address}?from=${index * PART_BYTES}&bytes=${PART_BYTES}`, false);
    request.responseType = 'arraybuffer';
    request.send();
    if (request.status !== 200) throw new Error('the server of the page does not answer: start reprise view again');
    const bytes = new Uint8Array(request.response as ArrayBuffer);
    parts.set(index, bytes);
    for (const oldest of parts.keys()) {
      if (parts.size <= PARTS_MAX) break;
      parts.delete(oldest);
    }
    return bytes;
  };
  return {
    sizeBytes,
    sha256,
    read: (offset, target) => {
      for (let at = 0; at < target.length; ) {
        const from = offset + at;
        const piece = part(Math.floor(from / PART_BYTES)).subarray(from % PART_BYTES);
        const size = Math.min(piece.length, target.length - at);
        if (size === 0) return;
        target.set(piece.subarray(0, size), at);
        at += size;
      }
    },
  };
}
