/**
 * Frames: what a log file is made of, one after another, nothing between them, nothing ever rewritten.
 *
 *   offset size            all little-endian
 *     0     4  magic       89h 'R' 'P' 'L' (the high bit shows transfers that were not binary)
 *     4     1  kind        FRAME_KIND
 *     5     1  flags       FRAME_FLAG
 *     6     2  format      LOG_FORMAT of the frame
 *     8     4  seq         0, 1, 2 … in file order
 *    12     8  first tick  of what the frame holds
 *    20     4  length      of the payload in the file
 *    24     4  raw length  of the payload after inflating
 *    28     4  CRC-32C     of the 28 bytes above: a wrong length is told apart from a file that was cut off
 *    32     4  CRC-32C     of the 32 bytes above and the payload
 *    36        payload
 *
 * A reader first sees whether the frame is whole, then whether it is newer than itself, so the layout up to here
 * stays for ever.
 */
import { crc32c } from './crc32c.ts';
import { LogError, malformed } from './log-error.ts';
import { deflatePayload, inflatePayload, PAYLOAD_BYTES_MAX, packPayload, unpackPayload } from './payload.ts';
import type { Packed } from './payload.ts';

export const LOG_FORMAT = 2;
export const FRAME_HEADER_BYTES = 36;
const MAGIC = [0x89, 0x52, 0x50, 0x4c] as const;

export const FRAME_KIND = {
  header: 1,
  inputs: 2,
  checks: 3,
  /** Unique pages of embedded images, and the list of pages of one image. */
  imagePages: 4,
  imageMap: 5,
  /** A whole machine state to seek to. */
  checkpoint: 6,
  /** A named position. */
  bookmark: 7,
  /** This log continues another one from a tick: a reader that cannot follow must refuse. */
  branchParent: 8,
  index: 9,
  end: 10,
  /** The machine that a file holds instead of a run (session/snapshot-file.ts). */
  snapshot: 11,
} as const;
export type FrameKindName = keyof typeof FRAME_KIND;

export const FRAME_FLAG = {
  /** The payload is deflated (RFC 1951, no wrapper). */
  deflated: 1,
  /** A reader that does not know the kind may go on without it. */
  maySkip: 2,
} as const;

export interface FrameInfo {
  readonly seq: number;
  readonly offset: number;
  readonly kind: number;
  readonly flags: number;
  readonly firstTick: number;
  /** Format of the writer, 1 to LOG_FORMAT. */
  readonly format: number;
  readonly payloadBytes: number;
  readonly rawBytes: number;
  /** A checkpoint whose checksum does not agree: nothing needs it. */
  readonly isDamaged?: true;
}

const NAME_BY_KIND = new Map<number, FrameKindName>(
  (Object.keys(FRAME_KIND) as FrameKindName[]).map((name) => [FRAME_KIND[name], name]),
);

export function frameKindName(kind: number): FrameKindName | null {
  return NAME_BY_KIND.get(kind) ?? null;
}

/** The bytes of one frame. Throws a `LogError` when the payload is beyond what any reader accepts. */
export function encodeFrame(kind: number, flags: number, seq: number, firstTick: number, payload: Packed): Uint8Array {
  const raw = packPayload(payload);
  if (raw.length > PAYLOAD_BYTES_MAX) {
    throw new LogError(
      'too-large',
      `A frame of ${raw.length} bytes does not fit into a log (at most ${PAYLOAD_BYTES_MAX}): write it in pieces.`,
      seq,
    );
  }
  const deflated = deflatePayload(raw);
  const body = deflated ?? raw;
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  bytes[4] = kind;
  bytes[5] = deflated === null ? flags : flags | FRAME_FLAG.deflated;
  view.setUint16(6, LOG_FORMAT, true);
  view.setUint32(8, seq, true);
  view.setUint32(12, firstTick >>> 0, true);
  view.setUint32(16, Math.floor(firstTick / 0x100000000), true);
  view.setUint32(20, body.length, true);
  view.setUint32(24, raw.length, true);
  view.setUint32(28, crc32c(bytes, 0, 28), true);
  bytes.set(body, FRAME_HEADER_BYTES);
  const crc = crc32c(bytes, FRAME_HEADER_BYTES, bytes.length, crc32c(bytes, 0, 32));
  view.setUint32(32, crc, true);
  return bytes;
}

/** A frame that `readFrame` accepted, in another place of a log: all as it was but its number. Damage stays damage. */
export function renumberFrame(file: Uint8Array, frame: FrameInfo, seq: number): Uint8Array {
  // Not slice(): of a buffer of Node that is no copy.
  const bytes = new Uint8Array(file.subarray(frame.offset, frame.offset + FRAME_HEADER_BYTES + frame.payloadBytes));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, seq, true);
  view.setUint32(28, crc32c(bytes, 0, 28), true);
  const crc = crc32c(bytes, FRAME_HEADER_BYTES, bytes.length, crc32c(bytes, 0, 32));
  view.setUint32(32, frame.isDamaged === true ? ~crc : crc, true);
  return bytes;
}

/** Whether `bytes` begin as a frame does, as far as there are bytes. */
export function startsWithMagic(bytes: Uint8Array, offset = 0): boolean {
  return MAGIC.every((byte, i) => offset + i >= bytes.length || bytes[offset + i] === byte);
}

/**
 * The frame at `offset`, its checksums verified; null when the file ends before the frame does. Throws a `LogError`
 * (`damaged`, `order`, `newer`, `malformed`, `too-large`) for a frame that is whole and not as it must be.
 */
export function readFrame(file: Uint8Array, offset: number, expectedSeq: number): FrameInfo | null {
  if (file.length - offset < FRAME_HEADER_BYTES) return null;
  const view = new DataView(file.buffer, file.byteOffset + offset, FRAME_HEADER_BYTES);
  if (!startsWithMagic(file, offset) || crc32c(file, offset, offset + 28) !== view.getUint32(28, true)) {
    throw damaged('header', expectedSeq, offset);
  }
  const payloadBytes = view.getUint32(20, true);
  const end = offset + FRAME_HEADER_BYTES + payloadBytes;
  if (end > file.length) return null;
  const isWhole =
    crc32c(file, offset + FRAME_HEADER_BYTES, end, crc32c(file, offset, offset + 32)) === view.getUint32(32, true);
  const isNeeded = file[offset + 4] !== FRAME_KIND.checkpoint || (file[offset + 5] & FRAME_FLAG.maySkip) === 0;
  if (!isWhole && isNeeded) {
    throw damaged('payload', expectedSeq, offset);
  }
  const format = view.getUint16(6, true);
  if (format > LOG_FORMAT) throw newerFormat(format, expectedSeq, offset);
  const seq = view.getUint32(8, true);
  if (seq !== expectedSeq) throw wrongOrder(seq, expectedSeq, offset);
  const rawBytes = view.getUint32(24, true);
  const flags = file[offset + 5];
  if (rawBytes > PAYLOAD_BYTES_MAX || payloadBytes > PAYLOAD_BYTES_MAX) {
    throw new LogError(
      'too-large',
      `Frame ${seq} at offset ${offset} asks for ${Math.max(rawBytes, payloadBytes)} bytes, a log allows ` +
        `${PAYLOAD_BYTES_MAX}: it was not written by this program; record the run again.`,
      seq,
      offset,
    );
  }
  if (format === 0) throw malformed('format number', seq, offset);
  if ((flags & FRAME_FLAG.deflated) === 0 && rawBytes !== payloadBytes) throw malformed('length', seq, offset);
  const firstTick = view.getUint32(16, true) * 0x100000000 + view.getUint32(12, true);
  if (!Number.isSafeInteger(firstTick)) throw malformed('first tick', seq, offset);
  const frame = { seq, offset, kind: file[offset + 4], flags, firstTick, format, payloadBytes, rawBytes };
  return isWhole ? frame : { ...frame, isDamaged: true };
}

/** The payload of a frame that `readFrame` accepted. Throws `malformed`. */
export function readPayload(file: Uint8Array, frame: FrameInfo): Packed {
  const start = frame.offset + FRAME_HEADER_BYTES;
  const body = file.subarray(start, start + frame.payloadBytes);
  const raw = (frame.flags & FRAME_FLAG.deflated) !== 0 ? inflatePayload(body, frame.rawBytes) : body;
  if (raw === null) throw malformed('compressed payload', frame.seq, frame.offset);
  const payload = unpackPayload(raw);
  if (payload === undefined) throw malformed('payload encoding', frame.seq, frame.offset);
  return payload;
}

function damaged(part: string, frame: number, offset: number): LogError {
  return new LogError(
    'damaged',
    `Frame ${frame} at offset ${offset} is damaged (the checksum of its ${part} does not agree): copy the log again ` +
      'from where it was recorded, or record the run again.',
    frame,
    offset,
  );
}

function wrongOrder(seq: number, expectedSeq: number, offset: number): LogError {
  const what = seq < expectedSeq ? 'a frame is repeated or out of order' : 'a frame is missing or out of order';
  return new LogError(
    'order',
    `Frame ${expectedSeq} was expected at offset ${offset}, frame ${seq} is there: ${what}; copy the log again from ` +
      'where it was recorded, or record the run again.',
    expectedSeq,
    offset,
  );
}

function newerFormat(format: number, frame: number, offset: number): LogError {
  return new LogError(
    'newer',
    `This log is of format ${format}, this version of Reprise reads formats up to ${LOG_FORMAT}: replay it with a ` +
      'newer version of Reprise.',
    frame,
    offset,
  );
}
