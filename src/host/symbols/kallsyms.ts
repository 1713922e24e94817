// The table of symbols that a Linux kernel carries for itself (scripts/kallsyms.c of its sources, 4.x to 6.x), found in
// guest memory by its shape alone. Names are compressed with 256 tokens. One for each digit is always among them, in
// order: that text is searched for. Around it lie the index of the tokens, the offset of every 256th name, the names
// and their number, and the addresses: plain, or as offsets from a base; before the names until 6.4, behind the tokens
// since. Everything is checked against everything else before it is believed. Only looks at bytes it is given.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { CR0, CR0_PG } from '../../core/state/layout.ts';
import { guestText, KERNEL_MIN } from './guest-memory.ts';
import { kindOfLetter } from './read-symbols.ts';
import { type GuestSymbol, SYMBOL_COUNT_MAX } from './symbol-table.ts';

export interface Kallsyms {
  readonly symbols: readonly GuestSymbol[];
  /** Offset of the token table, to look whether it is still there. */
  readonly tokensAt: number;
  /** Where in it the tokens of the digits stand: whoever looks again can begin there. */
  readonly digitsAt: number;
  /** The bytes by which it is known again: those of the tokens, and the first addresses. */
  readonly proof: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

const TOKEN_COUNT = 256;
const DIGIT = 0x30;
/** The tokens of the ten digits. */
const DIGITS = Buffer.from(Array.from({ length: 10 }, (_, i) => [DIGIT + i, 0]).flat());
/** Of words at such distances one is whole in that text, wherever it lies. */
const STRIDE_BYTES = 16;
const PAGE_WORDS = PAGE_BYTES / 4;
const TOKENS_BYTES_MAX = 8192;
const NAMES_A_MARKER = 256;
const MARKERS_MIN = 2;
/** Between two markers lie 256 names. */
const MARKER_STEP_MIN = NAMES_A_MARKER * 2;
const MARKER_STEP_MAX = NAMES_A_MARKER * 130;
/** Between the markers and the tokens may lie three bytes a name: their order by name (6.2 to 6.4). */
const MARKERS_DISTANCE_MAX = 1 << 22;
const NAME_BYTES_MAX = 1024;
const KERNEL_BYTES_MAX = 0x1000_0000;
/** No more copies of the ten digits are looked at. */
const CANDIDATES_MAX = 4096;

/**
 * Null: there is none. `likelyAt`: where an earlier search of this run found the digits; looked at first.
 * `isEmpty`: nothing is in this page of 4 KiB.
 */
export function findKallsyms(
  ram: Uint8Array,
  likelyAt: number | null = null,
  isEmpty: (page: number) => boolean = () => false,
): Kallsyms | null {
  const bytes = Buffer.from(ram.buffer, ram.byteOffset, ram.byteLength);
  if (likelyAt !== null && isDigits(bytes, likelyAt)) {
    const found = readAround(bytes, likelyAt);
    if (found !== null) return found;
  }
  let candidates = 0;
  for (const at of digitsIn(bytes, isEmpty)) {
    const found = readAround(bytes, at);
    if (found !== null || ++candidates === CANDIDATES_MAX) return found;
  }
  return null;
}

function isDigits(bytes: Buffer, at: number): boolean {
  if (at < 0 || at + DIGITS.length > bytes.length) return false;
  return bytes.compare(DIGITS, 0, DIGITS.length, at, at + DIGITS.length) === 0;
}

/**
 * Where the tokens of the digits stand, ascending. By words, since a search for bytes takes ten times as long where
 * memory is empty: two digits that follow each other are in one, at its even bytes or at its odd ones.
 */
function* digitsIn(bytes: Buffer, isEmpty: (page: number) => boolean): Iterable<number> {
  const isAligned = bytes.byteOffset % 4 === 0;
  const { buffer, byteOffset } = isAligned ? bytes : Uint8Array.from(bytes);
  const words = new Int32Array(buffer, byteOffset, bytes.length >>> 2);
  let before = -1;
  for (let i = 0; i < words.length; i += STRIDE_BYTES / 4) {
    if (i % PAGE_WORDS === 0 && isEmpty(i / PAGE_WORDS)) {
      i += PAGE_WORDS - STRIDE_BYTES / 4;
      continue;
    }
    const word = words[i];
    if (word === 0) continue;
    const odd = (word & 0x00ff00ff) === 0 ? 1 : 0;
    if (odd === 0 && (word & 0xff00ff00) !== 0) continue;
    const pair = odd === 0 ? word : word >>> 8;
    const digit = (pair & 0xff) - DIGIT;
    if (digit < 0 || digit > 8 || pair >>> 16 !== digit + DIGIT + 1) continue;
    const at = i * 4 + odd - 2 * digit;
    if (at === before || !isDigits(bytes, at)) continue;
    before = at;
    yield at;
  }
}

/** Whether what was found there still is. */
export function isStillThere({ proof }: Kallsyms, ram: Uint8Array): boolean {
  return proof.every(({ at, bytes }) => Buffer.compare(ram.subarray(at, at + bytes.length), bytes) === 0);
}

const BANNER = 'Linux version ';

/**
 * Whether a kernel is where its table says. What has been unpacked waits long until the decompressor, which knows no
 * paging, is done, and only then are its addresses moved. Where the table has variables its banner tells too.
 */
export function isSettled(cpu: Cpu, { symbols }: Kallsyms): boolean {
  if ((cpu.m32[CR0] & CR0_PG) === 0) return false;
  const banner = symbols.find(({ name }) => name === 'linux_banner');
  return banner === undefined || guestText(cpu, banner.address, BANNER.length) === BANNER;
}

function readAround(bytes: Buffer, digitsAt: number): Kallsyms | null {
  const tokens = readTokens(bytes, digitsAt);
  if (tokens === null) return null;
  for (const markers of markersBefore(bytes, tokens.at)) {
    const names = namesBefore(bytes, markers, tokens.texts);
    if (names === null) continue;
    const addresses = addressesOf(bytes, names.countAt, names.texts.length, tokens.endAt);
    if (addresses === null) continue;
    const symbols = names.texts.map((text, i): GuestSymbol => {
      const letter = text[0];
      const isGlobal = letter === letter.toUpperCase();
      return { name: text.slice(1), address: addresses.values[i], kind: kindOfLetter(letter), isGlobal, module: '' };
    });
    const proof = [
      { at: tokens.at, bytes: Uint8Array.from(bytes.subarray(tokens.at, tokens.at + 64)) },
      { at: addresses.proofAt, bytes: Uint8Array.from(bytes.subarray(addresses.proofAt, addresses.proofAt + 4)) },
    ];
    return { symbols, tokensAt: tokens.at, digitsAt, proof };
  }
  return null;
}

const align4 = (at: number): number => (at + 3) & ~3;

/** The tokens around those of the digits, by the index that stands behind them. */
function readTokens(bytes: Buffer, digitsAt: number): { at: number; endAt: number; texts: string[] } | null {
  const starts: number[] = [];
  let at = digitsAt;
  for (let token = DIGIT; token < TOKEN_COUNT; token++) {
    starts.push(at);
    const end = bytes.indexOf(0, at);
    if (end < 0 || end - digitsAt > TOKENS_BYTES_MAX) return null;
    at = end + 1;
  }
  // The index is aligned like a word of the kernel's machine: to four bytes, with eight for good measure.
  for (const indexAt of new Set([align4(at), (align4(at) + 7) & ~7])) {
    if (indexAt + TOKEN_COUNT * 2 > bytes.length) return null;
    const index = Array.from({ length: TOKEN_COUNT }, (_, i) => bytes.readUInt16LE(indexAt + i * 2));
    const tableAt = digitsAt - index[DIGIT];
    if (index[0] !== 0 || tableAt < 0 || index[DIGIT] > TOKENS_BYTES_MAX) continue;
    if (!starts.every((start, i) => start === tableAt + index[DIGIT + i])) continue;
    if (!index.every((offset, i) => i === 0 || (offset > index[i - 1] && bytes[tableAt + offset - 1] === 0))) continue;
    const texts = index.map((offset) => {
      const end = bytes.indexOf(0, tableAt + offset);
      return bytes.toString('latin1', tableAt + offset, end);
    });
    return { at: tableAt, endAt: indexAt + TOKEN_COUNT * 2, texts };
  }
  return null;
}

interface Markers {
  readonly at: number;
  readonly offsets: readonly number[];
}

/** Rows of ascending offsets that begin with 0, nearest first. */
function* markersBefore(bytes: Buffer, tokensAt: number): Iterable<Markers> {
  const first = Math.max(0, tokensAt - MARKERS_DISTANCE_MAX);
  const isStep = (at: number): boolean => {
    const step = bytes.readUInt32LE(at + 4) - bytes.readUInt32LE(at);
    return step >= MARKER_STEP_MIN && step <= MARKER_STEP_MAX;
  };
  for (let at = (tokensAt - 4 * MARKERS_MIN) & ~3; at >= first; at -= 4) {
    if (bytes.readUInt32LE(at) !== 0 || !isStep(at)) continue;
    const offsets = [0];
    for (let next = at; next + 8 <= tokensAt && isStep(next); next += 4) offsets.push(bytes.readUInt32LE(next + 4));
    if (offsets.length >= MARKERS_MIN && offsets[offsets.length - 1] < at) yield { at, offsets };
  }
}

/** The names that end where the markers begin, with their number before them. */
function namesBefore(bytes: Buffer, markers: Markers, tokens: readonly string[]) {
  const { at: markersAt, offsets } = markers;
  const last = offsets[offsets.length - 1];
  const [countMax, countMin] = [offsets.length * NAMES_A_MARKER, (offsets.length - 1) * NAMES_A_MARKER + 1];
  const lowest = Math.max(0, markersAt - last - MARKER_STEP_MAX - 16);
  for (let countAt = (markersAt - last - 4) & ~3; countAt >= lowest; countAt -= 4) {
    const count = bytes.readUInt32LE(countAt);
    if (count < countMin || count > countMax || count > SYMBOL_COUNT_MAX) continue;
    for (const namesAt of [countAt + 4, countAt + 8]) {
      for (const isLong of [true, false]) {
        const texts = readNames(bytes, namesAt, count, offsets, markersAt, tokens, isLong);
        if (texts !== null) return { countAt, texts };
      }
    }
  }
  return null;
}

/** `isLong`: a length of 128 and more has two bytes (since 6.1). */
function readNames(
  bytes: Buffer,
  namesAt: number,
  count: number,
  offsets: readonly number[],
  limit: number,
  tokens: readonly string[],
  isLong: boolean,
): string[] | null {
  const texts: string[] = [];
  let at = namesAt;
  for (let i = 0; i < count; i++) {
    if (i % NAMES_A_MARKER === 0 && at - namesAt !== offsets[i / NAMES_A_MARKER]) return null;
    let length = bytes[at++];
    if (isLong && (length & 0x80) !== 0) length = (length & 0x7f) | (bytes[at++] << 7);
    if (length === 0 || length > NAME_BYTES_MAX || at + length > limit) return null;
    let text = '';
    for (let k = 0; k < length; k++) text += tokens[bytes[at + k]];
    if (text.length < 2) return null;
    texts.push(text);
    at += length;
  }
  // Nothing but alignment between the last name and the markers.
  return limit - at < 8 ? texts : null;
}

interface Addresses {
  readonly values: readonly number[];
  /** Where an address stands that tells this boot from another. */
  readonly proofAt: number;
}

function addressesOf(bytes: Buffer, countAt: number, count: number, tokensEndAt: number): Addresses | null {
  for (const read of addressLayouts(bytes, countAt, count, tokensEndAt)) {
    const found = read();
    if (found !== null) return found;
  }
  return null;
}

/** Each reads all addresses: those behind it are only tried when it finds none. */
function* addressLayouts(
  bytes: Buffer,
  countAt: number,
  count: number,
  tokensEndAt: number,
): Generator<() => Addresses | null, void> {
  const size = count * 4;
  // Offsets and their base: just before the number of names, or behind the tokens.
  for (const baseAt of [countAt - 4, countAt - 8]) {
    yield () => fromOffsets(bytes, align4(baseAt - size - 3), baseAt, count);
  }
  for (const at of new Set([align4(tokensEndAt), (align4(tokensEndAt) + 7) & ~7])) {
    yield () => fromOffsets(bytes, at, at + size, count);
    yield () => fromOffsets(bytes, at, (at + size + 7) & ~7, count);
    yield () => fromAddresses(bytes, at, count);
  }
  yield () => fromAddresses(bytes, countAt - size, count);
  yield () => fromAddresses(bytes, countAt - 4 - size, count);
}

/** CONFIG_KALLSYMS_BASE_RELATIVE; with negative numbers its form for absolute variables of each processor. */
function fromOffsets(bytes: Buffer, at: number, baseAt: number, count: number): Addresses | null {
  if (at < 0 || at + count * 4 > bytes.length || baseAt + 4 > bytes.length) return null;
  const base = bytes.readUInt32LE(baseAt);
  if (base < KERNEL_MIN) return null;
  let isPerCpu = false;
  for (let i = 0; i < count && !isPerCpu; i++) isPerCpu = bytes.readInt32LE(at + i * 4) < 0;
  const values = Array.from({ length: count }, (_, i) => {
    const offset = bytes.readInt32LE(at + i * 4);
    if (!isPerCpu) return (base + offset) >>> 0;
    return offset < 0 ? (base - 1 - offset) >>> 0 : offset;
  });
  return isKernel(values) ? { values, proofAt: baseAt } : null;
}

function fromAddresses(bytes: Buffer, at: number, count: number): Addresses | null {
  if (at < 0 || at + count * 4 > bytes.length) return null;
  const values = Array.from({ length: count }, (_, i) => bytes.readUInt32LE(at + i * 4));
  return isKernel(values) ? { values, proofAt: at + (count >>> 1) * 4 } : null;
}

/** Ascending, most of them different, and nearly all of them in one image. */
function isKernel(values: readonly number[]): boolean {
  const middle = values[values.length >>> 1];
  if (middle < KERNEL_MIN) return false;
  let distinct = 1;
  for (let i = 1; i < values.length; i++) {
    if (values[i] < values[i - 1]) return false;
    if (values[i] > values[i - 1]) distinct++;
  }
  const inside = values.filter((value) => Math.abs(value - middle) < KERNEL_BYTES_MAX).length;
  return inside > values.length * 0.9 && distinct > values.length / 2;
}
