/**
 * The payload of a frame: one msgpack value (msgpack specification, without extension types), deflated (RFC 1951)
 * when that makes it smaller. Both libraries are plain JavaScript, so the same events give the same bytes on every
 * host. What is read comes from strangers: sizes are bounded before anything is allocated, and msgpack is walked
 * once before it is decoded, so that no count in it can ask for more than its own bytes.
 * `fflate/browser` is fflate without its Node worker threads.
 */
import { deflateSync, Inflate, inflateSync } from 'fflate/browser';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';

/** A payload never holds more than this, compressed or not. Writers close a frame long before. */
export const PAYLOAD_BYTES_MAX = 1 << 24;
/** Deflate cannot expand by more than about 1032; below this input size one unbounded call is bounded enough. */
const INFLATE_WHOLE_BYTES_MAX = 1 << 16;
/** On three million polls level 4 was within 6 % of level 9 in size and took a third of its time. */
const DEFLATE_LEVEL = 4;
/**
 * Size of the hash table (2^16 entries); left to itself fflate derives it from `Math.log`, which differs between hosts.
 */
const DEFLATE_MEMORY = 4;
const DEPTH_MAX = 8;
/** Values in one payload: bounds the objects that a payload of one-byte values can make. */
const VALUES_MAX = 1 << 20;

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, moreTypes: false });

/** What msgpack may carry in a log. */
export type Packed =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Packed[]
  | { readonly [key: string]: Packed };

export function packPayload(value: Packed): Uint8Array {
  return packr.pack(value) as Uint8Array;
}

/** The deflated payload, or null when deflating does not pay. */
export function deflatePayload(raw: Uint8Array): Uint8Array | null {
  if (raw.length < 48) return null;
  const deflated = deflateSync(raw, { level: DEFLATE_LEVEL, mem: DEFLATE_MEMORY });
  return deflated.length < raw.length ? deflated : null;
}

/** Exactly `rawBytes` bytes, or null when the stream is not valid deflate of that length. */
export function inflatePayload(deflated: Uint8Array, rawBytes: number): Uint8Array | null {
  if (deflated.length === 0 || rawBytes > PAYLOAD_BYTES_MAX) return null;
  try {
    if (deflated.length <= INFLATE_WHOLE_BYTES_MAX) {
      // One byte of room tells a stream that is too long from one that fits.
      const out = inflateSync(deflated, { out: new Uint8Array(rawBytes + 1) });
      return out.length === rawBytes ? out : null;
    }
    return inflateInPieces(deflated, rawBytes);
  } catch {
    return null;
  }
}

function inflateInPieces(deflated: Uint8Array, rawBytes: number): Uint8Array | null {
  const out = new Uint8Array(rawBytes);
  let filled = 0;
  let overflow = false;
  let done = false;
  const stream = new Inflate((chunk: Uint8Array, final: boolean) => {
    done = final;
    if (filled + chunk.length > rawBytes) overflow = true;
    else out.set(chunk, filled);
    filled += chunk.length;
  });
  for (let at = 0; at < deflated.length && !overflow; at += INFLATE_WHOLE_BYTES_MAX) {
    const end = Math.min(at + INFLATE_WHOLE_BYTES_MAX, deflated.length);
    stream.push(deflated.subarray(at, end), end === deflated.length);
  }
  return done && !overflow && filled === rawBytes ? out : null;
}

/** The value in `bytes`, or undefined when the bytes are not exactly one plain msgpack value. */
export function unpackPayload(bytes: Uint8Array): Packed | undefined {
  valuesSeen = 0;
  if (skipValue(bytes, 0, 0) !== bytes.length) return undefined;
  try {
    return unpackr.unpack(bytes) as Packed;
  } catch {
    return undefined;
  }
}

let valuesSeen = 0;

/** Offset after the value at `at`, or -1: not msgpack, an extension type, too deep, or longer than the bytes. */
function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  if (at >= bytes.length || depth > DEPTH_MAX || ++valuesSeen > VALUES_MAX) return -1;
  const tag = bytes[at++];
  if (tag <= 0x7f || tag >= 0xe0) return at;
  if (tag <= 0x8f) return skipValues(bytes, at, (tag & 15) * 2, depth, true);
  if (tag <= 0x9f) return skipValues(bytes, at, tag & 15, depth, false);
  if (tag <= 0xbf) return skipBytes(bytes, at, tag & 31);
  switch (tag) {
    case 0xc0: // nil, false, true
    case 0xc2:
    case 0xc3:
      return at;
    case 0xc4: // bin 8, str 8
    case 0xd9:
      return skipBytes(bytes, at + 1, unsigned(bytes, at, 1));
    case 0xc5: // bin 16, str 16
    case 0xda:
      return skipBytes(bytes, at + 2, unsigned(bytes, at, 2));
    case 0xc6: // bin 32, str 32
    case 0xdb:
      return skipBytes(bytes, at + 4, unsigned(bytes, at, 4));
    case 0xcc: // 8-bit integers
    case 0xd0:
      return skipBytes(bytes, at, 1);
    case 0xcd: // 16-bit integers
    case 0xd1:
      return skipBytes(bytes, at, 2);
    case 0xca: // 32-bit float and integers
    case 0xce:
    case 0xd2:
      return skipBytes(bytes, at, 4);
    case 0xcb: // 64-bit float; 64-bit integers would come back as bigint, and no writer of ours makes them
      return skipBytes(bytes, at, 8);
    case 0xdc:
      return skipValues(bytes, at + 2, unsigned(bytes, at, 2), depth, false);
    case 0xdd:
      return skipValues(bytes, at + 4, unsigned(bytes, at, 4), depth, false);
    case 0xde:
      return skipValues(bytes, at + 2, unsigned(bytes, at, 2) * 2, depth, true);
    case 0xdf:
      return skipValues(bytes, at + 4, unsigned(bytes, at, 4) * 2, depth, true);
    default:
      return -1;
  }
}

/** Big-endian, as msgpack has it; -1 when it runs past the end. */
function unsigned(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) return -1;
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i];
  return value;
}

function skipBytes(bytes: Uint8Array, at: number, count: number): number {
  return count < 0 || count > bytes.length - at ? -1 : at + count;
}

function skipValues(bytes: Uint8Array, at: number, count: number, depth: number, isMap: boolean): number {
  // Each value takes at least one byte, so a count beyond the remaining bytes is a lie.
  if (count < 0 || count > bytes.length - at) return -1;
  for (let i = 0; i < count && at >= 0; i++) {
    if (isMap && (i & 1) === 0) {
      const tag = bytes[at];
      if (!((tag >= 0xa0 && tag <= 0xbf) || tag === 0xd9)) return -1; // keys are short strings
    }
    at = skipValue(bytes, at, depth + 1);
  }
  return at;
}
