/**
 * Images as those have them who hand them on: bytes in memory, or a source that is asked for parts, which may be larger
 * than memory. Devices see sources alone and do not know which they have. Imports types alone.
 */
import type { ImageSource } from './context.ts';

/** A source whose digest somebody knows, or finds out when he is asked. */
export interface HashedSource extends ImageSource {
  /** SHA-256 of all its bytes. */
  readonly sha256: string;
  /** Whether the page of 4 KiB is there, or is wanted; all are unless it says so. */
  holds?(page: number): boolean;
}

export type ImageContent = Uint8Array | HashedSource;

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

export function sourceOf(content: ImageContent): ImageSource {
  return content instanceof Uint8Array ? bytesSource(content) : content;
}

export function sizeOfContent(content: ImageContent): number {
  return content instanceof Uint8Array ? content.length : content.sizeBytes;
}

export function digestOf(content: ImageContent, sha256: (bytes: Uint8Array) => string): string {
  return content instanceof Uint8Array ? sha256(content) : content.sha256;
}

/** All of it in memory: for kernels and the like. */
export function wholeImage(content: ImageContent): Uint8Array {
  if (content instanceof Uint8Array) return content;
  const bytes = new Uint8Array(content.sizeBytes);
  content.read(0, bytes);
  return bytes;
}
