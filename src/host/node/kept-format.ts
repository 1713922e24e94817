// The file of kept checkpoints as bytes (kept-checkpoints.ts): pieces, each hashed, an index that
// says where each is, and a trailer that says where the index is. Chunks are pieces of several pages or of several
// groups of pages. Whatever is not as it must be throws DamagedError.

import { createHash } from 'node:crypto';
import { fstatSync, readSync, writeSync } from 'node:fs';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { isBytes, isList, isSafe } from '../../core/log/event-codec.ts';
import { type Packed, packPayload, unpackPayload } from '../../core/log/payload.ts';
import { GROUP_PAGES } from '../../core/machine/snapshot.ts';

export const MAGIC = Buffer.from('reprise checkpoints 3\n');
/** Where the index is and how long, its digest, the magic again. */
export const DIGEST_BYTES = 32;
const TRAILER_BYTES = 16 + DIGEST_BYTES + MAGIC.length;
/** Small enough that little is read in vain. */
export const PAGES_PER_CHUNK = 16;
export const GROUPS_PER_CHUNK = 64;
export const GROUP_BYTES = GROUP_PAGES * 4;
const INDEX_BYTES_MAX = 1 << 26;
/** Of a piece that is neither chunk nor index. */
export const STATE_BYTES_MAX = 1 << 24;
/** Of what is packed: 240 MB/s, where deflate's fastest level makes 50. */
const PACKING = { params: { [constants.BROTLI_PARAM_QUALITY]: 0, [constants.BROTLI_PARAM_LGWIN]: 16 } };

export const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Pages and groups of pages lie as they are: unpacking those of one checkpoint would be half of the way to it. */
export const packPiece = (raw: Uint8Array): Buffer => brotliCompressSync(raw, PACKING);

/** A piece of the file. */
export interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** Things of one size, numbered from 0, in chunks; each chunk with the number of its first. */
export interface Chunks {
  readonly firsts: number[];
  readonly pieces: Piece[];
  count: number;
}

export interface Index {
  readonly pages: Chunks;
  readonly groups: Chunks;
  readonly checkpoints: { readonly tick: number; readonly piece: Piece }[];
  text: { readonly knownTick: number; readonly piece: Piece } | null;
  /** What intervals of so many ticks did to pages. */
  records: { readonly intervalTicks: number; readonly count: number; readonly piece: Piece } | null;
  /** Bytes before the index. */
  endBytes: number;
}

export const emptyIndex = (): Index => ({
  pages: { firsts: [], pieces: [], count: 0 },
  groups: { firsts: [], pieces: [], count: 0 },
  checkpoints: [],
  text: null,
  records: null,
  endBytes: MAGIC.length,
});

export class DamagedError extends Error {}

export function expect(condition: boolean): asserts condition {
  if (!condition) throw new DamagedError();
}

// --- The index as bytes ----------------------------------------------------------------------------------------------

const encodePiece = ({ offset, bytes, digest }: Piece): Packed => [offset, bytes, digest];

function decodePiece(value: Packed | undefined, endBytes: number): Piece {
  const [offset, bytes, digest] = isList(value) ? value : [];
  expect(isSafe(offset) && isSafe(bytes) && isBytes(digest) && digest.length === DIGEST_BYTES);
  expect(offset >= MAGIC.length && bytes >= 0 && offset + bytes <= endBytes);
  return { offset, bytes, digest };
}

/** Many pieces are two columns: unpacking each by itself would take as long as reading what a seek needs. */
function encodePieces(pieces: readonly Piece[]): Packed {
  const places = Float64Array.from(pieces.flatMap(({ offset, bytes }) => [offset, bytes]));
  return [bytesOf(places), Buffer.concat(pieces.map(({ digest }) => digest))];
}

function decodePieces(value: Packed | undefined, endBytes: number): Piece[] {
  const [places, digests] = isList(value) ? value : [];
  expect(isBytes(places) && isBytes(digests) && places.length % 16 === 0);
  const count = places.length / 16;
  expect(digests.length === count * DIGEST_BYTES);
  const numbers = new Float64Array(Uint8Array.from(places).buffer);
  return Array.from({ length: count }, (_, i) => {
    const [offset, bytes] = [numbers[i * 2], numbers[i * 2 + 1]];
    return decodePiece([offset, bytes, digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES)], endBytes);
  });
}

const encodeChunks = ({ firsts, pieces, count }: Chunks): Packed => [
  bytesOf(Uint32Array.from(firsts)),
  encodePieces(pieces),
  count,
];

function decodeChunks(value: Packed | undefined, endBytes: number): Chunks {
  const [packed, packedPieces, count] = isList(value) ? value : [];
  expect(isBytes(packed) && packed.length % 4 === 0 && isSafe(count));
  const firsts = [...wordsOf(packed)];
  const pieces = decodePieces(packedPieces, endBytes);
  expect(firsts.length === pieces.length);
  expect(firsts.every((first, i) => first < count && (i === 0 ? first === 0 : first > firsts[i - 1])));
  return { firsts, pieces, count };
}

function encodeIndex(key: string, { pages, groups, checkpoints, text, records }: Index): Uint8Array {
  return packPayload([
    key,
    encodeChunks(pages),
    encodeChunks(groups),
    [bytesOf(Float64Array.from(checkpoints, ({ tick }) => tick)), encodePieces(checkpoints.map(({ piece }) => piece))],
    text === null ? null : [text.knownTick, encodePiece(text.piece)],
    records === null ? null : [records.intervalTicks, records.count, encodePiece(records.piece)],
  ]);
}

function decodeIndex(raw: Uint8Array, key: string, endBytes: number): Index {
  const value = unpackPayload(raw);
  expect(isList(value) && value.length === 6 && value[0] === key && isList(value[3]));
  const [packedTicks, packedPieces] = value[3];
  expect(isBytes(packedTicks) && packedTicks.length % 8 === 0);
  const pieces = decodePieces(packedPieces, endBytes);
  const ticks = new Float64Array(Uint8Array.from(packedTicks).buffer);
  expect(ticks.length === pieces.length && ticks.every((tick) => isSafe(tick) && tick > 0));
  const checkpoints = pieces.map((piece, i) => ({ tick: ticks[i], piece }));
  expect(checkpoints.every(({ tick }, i) => i === 0 || tick > checkpoints[i - 1].tick));
  let text: Index['text'] = null;
  if (value[4] !== null) {
    const [knownTick, piece] = isList(value[4]) ? value[4] : [];
    expect(isSafe(knownTick));
    text = { knownTick, piece: decodePiece(piece, endBytes) };
  }
  let records: Index['records'] = null;
  if (value[5] !== null) {
    const [intervalTicks, count, piece] = isList(value[5]) ? value[5] : [];
    expect(isSafe(intervalTicks) && intervalTicks > 0 && isSafe(count));
    records = { intervalTicks, count, piece: decodePiece(piece, endBytes) };
  }
  return {
    pages: decodeChunks(value[1], endBytes),
    groups: decodeChunks(value[2], endBytes),
    checkpoints,
    text,
    records,
    endBytes,
  };
}

/** Throws when the file is no such file, or of another run. */
export function readIndex(file: number, key: string): Index {
  const { size } = fstatSync(file);
  expect(size >= MAGIC.length + TRAILER_BYTES);
  expect(readBytes(file, 0, MAGIC.length).equals(MAGIC));
  const trailer = readBytes(file, size - TRAILER_BYTES, TRAILER_BYTES);
  expect(trailer.subarray(16 + DIGEST_BYTES).equals(MAGIC));
  const [offset, bytes] = [trailer.readDoubleLE(0), trailer.readDoubleLE(8)];
  const digest = trailer.subarray(16, 16 + DIGEST_BYTES);
  expect(isSafe(offset) && isSafe(bytes) && offset >= MAGIC.length && bytes >= 0);
  expect(offset + bytes + TRAILER_BYTES === size);
  return decodeIndex(readPiece(file, { offset, bytes, digest }, INDEX_BYTES_MAX), key, offset);
}

/** The last bytes of a file whose index is this piece. */
function encodeTrailer({ offset, bytes, digest }: Piece): Uint8Array {
  const place = Buffer.alloc(16);
  place.writeDoubleLE(offset, 0);
  place.writeDoubleLE(bytes, 8);
  return Buffer.concat([place, digest, MAGIC]);
}

/** Ends a file: `write` puts bytes behind the others. */
export function writeIndex(key: string, index: Index, write: (bytes: Uint8Array) => Piece): void {
  write(encodeTrailer(write(packPiece(encodeIndex(key, index)))));
}

export function bytesOf(array: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}

function readBytes(file: number, offset: number, count: number): Buffer {
  // Memory of its own, that nobody has cleared: all of it is read.
  const bytes = Buffer.allocUnsafeSlow(count);
  for (let at = 0; at < count; ) {
    const read = readSync(file, bytes, at, count - at, offset + at);
    expect(read > 0);
    at += read;
  }
  return bytes;
}

/** The bytes of a piece, after its digest has agreed. */
export function readRaw(file: number, { offset, bytes, digest }: Piece): Buffer {
  const raw = readBytes(file, offset, bytes);
  expect(digestOf(raw).equals(digest));
  return raw;
}

/** What packPiece has packed. */
export function readPiece(file: number, piece: Piece, bytesMax: number): Buffer {
  return brotliDecompressSync(readRaw(file, piece), { maxOutputLength: bytesMax });
}

export function writeAt(file: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, offset + at);
}
