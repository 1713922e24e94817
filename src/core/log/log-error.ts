/**
 * What can be wrong with a log, as data. Every message is one sentence that says what was expected and what to do
 * next; a person reads it on stderr, so it never holds a host stack or the words of a library.
 */

export type LogErrorKind =
  /** The file holds no bytes. */
  | 'empty'
  /** The path is a directory or cannot be read (raised by the host). */
  | 'unreadable'
  /** The file does not begin as a log begins. */
  | 'foreign'
  /** Written by a newer version, or holds something that this version must understand and does not. */
  | 'newer'
  /** Cut off before the header frame was whole: there is nothing to replay. */
  | 'headerless'
  /** A checksum is wrong: bytes changed after they were written. */
  | 'damaged'
  /** Frames are whole but repeated, missing or in another order. */
  | 'order'
  /** Checksums agree, but the content breaks the format: not written by this program. */
  | 'malformed'
  /** The content asks for more memory than the format allows. */
  | 'too-large'
  /** An image is needed and is not in the log. */
  | 'image';

export class LogError extends Error {
  override readonly name = 'LogError';
  readonly kind: LogErrorKind;
  /** Number of the frame, or -1 when no frame is meant. */
  readonly frame: number;
  /** Offset of that frame in the file, or -1. */
  readonly offset: number;

  constructor(kind: LogErrorKind, message: string, frame = -1, offset = -1) {
    super(message);
    this.kind = kind;
    this.frame = frame;
    this.offset = offset;
  }
}

/** A frame whose checksums agree but whose content is not what the format says. */
export function malformed(what: string, frame: number, offset: number): LogError {
  return new LogError(
    'malformed',
    `Frame ${frame} at offset ${offset} is not a valid frame of a Reprise log (${what}), though its checksum agrees; ` +
      'it was not written by this program: record the run again.',
    frame,
    offset,
  );
}
