/**
 * Images that are in memory whole, as a source that devices can read. A disk image that is larger than memory has
 * another source; devices do not know which they have. Imports types alone.
 */
import type { ImageSource } from './context.ts';

export function bytesSource(bytes: Uint8Array): ImageSource {
  return {
    sizeBytes: bytes.length,
    read: (offset, target) => {
      const part = bytes.subarray(Math.min(offset, bytes.length), offset + target.length);
      target.set(part);
      target.fill(0, part.length);
    },
  };
}

/** An image of which only the size is known. */
export function blankSource(sizeBytes: number): ImageSource {
  return { sizeBytes, read: (_offset, target) => target.fill(0) };
}
