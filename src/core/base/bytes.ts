/**
 * Pieces of bytes put together: frames into a log, parts into an image. No views of shared memory, no growing buffers;
 * what is returned is a copy.
 */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
