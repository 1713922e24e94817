// Checkpoints of a run on disk, so that the next session need not make them again: reader and writer side by side. A
// file is deflated chunks of 16 pages or of 64 groups of pages, each page once however many checkpoints have it and
// none that is as it was at the boot, the rest of each checkpoint, what the guest sent, an index, and a trailer that
// says where that is. Every piece is hashed. What is asked for is read, nothing else. Nothing here is trusted: what is
// damaged or of another run is passed over with one remark, and the replay that goes on from a checkpoint asserts
// every check of the log behind it. A file is never changed: what is added goes with a copy of it under another name.

import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { deflateRaw, inflateRawSync } from 'node:zlib';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { isBytes, isList, isSafe } from '../../core/log/event-codec.ts';
import { type Packed, packPayload, unpackPayload } from '../../core/log/payload.ts';
import { GROUP_PAGES, type PageGroup, type Snapshot, snapshotPages } from '../../core/machine/snapshot.ts';
import {
  type CheckpointSource,
  decodeCheckpoint,
  encodeCheckpoint,
  type FoundCheckpoint,
  type KnownText,
} from '../../core/timeline/checkpoint-source.ts';
import type { Checkpoint } from '../../core/timeline/checkpoints.ts';
import type { SerialPart } from '../../core/timeline/serial-history.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import { keptPath, makeCacheFolder, touchKept } from './cache-folder.ts';
import { whyUnwritable } from './new-file.ts';

const MAGIC = Buffer.from('reprise checkpoints 1\n');
/** Where the index is and how long, its digest, the magic again. */
const DIGEST_BYTES = 32;
const TRAILER_BYTES = 16 + DIGEST_BYTES + MAGIC.length;
/** Small enough that little is read in vain, large enough to deflate well. */
const PAGES_PER_CHUNK = 16;
const GROUPS_PER_CHUNK = 64;
const GROUP_BYTES = GROUP_PAGES * 4;
const INDEX_BYTES_MAX = 1 << 26;
const STATE_BYTES_MAX = 1 << 24;
/** Of what a guest sent, so much of each line is kept. */
const TEXT_BYTES_MAX = 1 << 20;
/** Chunks that are deflated at the same time. */
const WORKERS = 4;
/** A page of a kernel deflates to a third or so: what is expected of pages before it is known. */
const EXPECTED_PAGE_BYTES = PAGE_BYTES / 2;
/** Deflating is most of the work: level 1 takes a third of the time of level 6 for a tenth more. */
const DEFLATE_LEVEL = 1;

const deflate = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);
const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** A piece of the file. */
interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** Things of one size, numbered from 0, in chunks; each chunk with the number of its first. */
interface Chunks {
  readonly firsts: number[];
  readonly pieces: Piece[];
  count: number;
}

interface Index {
  readonly pages: Chunks;
  readonly groups: Chunks;
  readonly checkpoints: { readonly tick: number; readonly piece: Piece }[];
  text: { readonly knownTick: number; readonly piece: Piece } | null;
  /** Bytes before the index. */
  endBytes: number;
}

const emptyIndex = (): Index => ({
  pages: { firsts: [], pieces: [], count: 0 },
  groups: { firsts: [], pieces: [], count: 0 },
  checkpoints: [],
  text: null,
  endBytes: MAGIC.length,
});

class DamagedError extends Error {}

function expect(condition: boolean): asserts condition {
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

const encodeChunks = ({ firsts, pieces, count }: Chunks): Packed => [firsts, pieces.map(encodePiece), count];

function decodeChunks(value: Packed | undefined, endBytes: number): Chunks {
  const [firsts, pieces, count] = isList(value) ? value : [];
  expect(isList(firsts) && isList(pieces) && firsts.length === pieces.length && isSafe(count) && count >= 0);
  expect(
    firsts.every(
      (first, i) => isSafe(first) && first < count && (i === 0 ? first === 0 : first > Number(firsts[i - 1])),
    ),
  );
  return {
    firsts: firsts as number[],
    pieces: pieces.map((piece) => decodePiece(piece, endBytes)),
    count,
  };
}

function encodeIndex(key: string, { pages, groups, checkpoints, text }: Index): Uint8Array {
  return packPayload([
    key,
    encodeChunks(pages),
    encodeChunks(groups),
    checkpoints.map(({ tick, piece }) => [tick, encodePiece(piece)]),
    text === null ? null : [text.knownTick, encodePiece(text.piece)],
  ]);
}

function decodeIndex(raw: Uint8Array, key: string, endBytes: number): Index {
  const value = unpackPayload(raw);
  expect(isList(value) && value.length === 5 && value[0] === key && isList(value[3]));
  const checkpoints = value[3].map((each) => {
    const [tick, piece] = isList(each) ? each : [];
    expect(isSafe(tick) && tick > 0);
    return { tick, piece: decodePiece(piece, endBytes) };
  });
  expect(checkpoints.every(({ tick }, i) => i === 0 || tick > checkpoints[i - 1].tick));
  let text: Index['text'] = null;
  if (value[4] !== null) {
    const [knownTick, piece] = isList(value[4]) ? value[4] : [];
    expect(isSafe(knownTick));
    text = { knownTick, piece: decodePiece(piece, endBytes) };
  }
  return {
    pages: decodeChunks(value[1], endBytes),
    groups: decodeChunks(value[2], endBytes),
    checkpoints,
    text,
    endBytes,
  };
}

// --- Reading ---------------------------------------------------------------------------------------------------------

export interface KeepOptions {
  readonly timeline: Timeline;
  readonly key: string;
  readonly warn: (text: string) => void;
}

/** The kept checkpoints of a run, in a session that uses them and may add to them. */
export class KeptCheckpoints implements CheckpointSource {
  readonly path: string;
  private readonly timeline: Timeline;
  private readonly key: string;
  private readonly warn: (text: string) => void;
  private file = -1;
  private index: Index = emptyIndex();
  private isTextTold = false;
  /** What the machine held at the boot: its pages are never written. */
  private readonly bootPages: readonly (Uint8Array | null)[];
  private readonly loadedPages = new Map<number, WeakRef<Uint8Array>>();
  private readonly loadedGroups = new Map<number, WeakRef<PageGroup>>();
  /** Numbers of what is on disk, as it lies in memory. */
  private readonly pageNumbers = new WeakMap<Uint8Array, number>();
  private readonly groupNumbers = new WeakMap<PageGroup, number>();

  constructor({ timeline, key, warn }: KeepOptions) {
    this.timeline = timeline;
    this.key = key;
    this.warn = warn;
    this.path = keptPath(key);
    const boot: Snapshot = timeline.checkpoints.before(0).snapshot;
    this.bootPages = snapshotPages(boot);
    // 0 is a page of zeros, then come the pages of the boot, then those of the file.
    this.bootPages.forEach((page, i) => {
      if (page !== null) this.pageNumbers.set(page, i + 1);
    });
    this.open();
    timeline.addSource(this);
  }

  get count(): number {
    return this.index.checkpoints.length;
  }

  /** Up to there the run was walked through. */
  get knownTick(): number {
    return this.index.text?.knownTick ?? 0;
  }

  get intervalTicks(): number {
    return this.timeline.intervalTicks;
  }

  private open(): void {
    let file = -1;
    try {
      file = openSync(this.path, 'r');
      this.index = this.readIndex(file);
      this.file = file;
      touchKept(this.path);
    } catch (error) {
      if (file >= 0) closeSync(file);
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.giveUp();
    }
  }

  private giveUp(): void {
    this.warn(`the kept checkpoints ${this.path} are damaged and passed over; they are made anew`);
    this.close();
    this.index = emptyIndex();
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
  }

  private readIndex(file: number): Index {
    const { size } = fstatSync(file);
    expect(size >= MAGIC.length + TRAILER_BYTES);
    expect(readBytes(file, 0, MAGIC.length).equals(MAGIC));
    const trailer = readBytes(file, size - TRAILER_BYTES, TRAILER_BYTES);
    expect(trailer.subarray(16 + DIGEST_BYTES).equals(MAGIC));
    const [offset, bytes] = [trailer.readDoubleLE(0), trailer.readDoubleLE(8)];
    const digest = trailer.subarray(16, 16 + DIGEST_BYTES);
    expect(isSafe(offset) && isSafe(bytes) && offset >= MAGIC.length && bytes >= 0);
    expect(offset + bytes + TRAILER_BYTES === size);
    return decodeIndex(readPiece(file, { offset, bytes, digest }, INDEX_BYTES_MAX), this.key, offset);
  }

  before(tick: number, afterTick: number): FoundCheckpoint | null {
    const { checkpoints } = this.index;
    let low = 0;
    let high = checkpoints.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (checkpoints[middle].tick <= tick) low = middle + 1;
      else high = middle;
    }
    const found = checkpoints[low - 1];
    if (found === undefined || found.tick <= afterTick) return null;
    return this.guarded(() => {
      const checkpoint = this.read(found.piece);
      expect(checkpoint.snapshot.tick === found.tick);
      const text = this.isTextTold ? null : this.readText();
      this.isTextTold = true;
      return { checkpoint, text };
    });
  }

  textAfter(tick: number): KnownText | null {
    const { text } = this.index;
    if (text === null || text.knownTick <= tick) return null;
    return this.guarded(() => this.readText());
  }

  /** Whatever is wrong with the file: from then on there is none. */
  private guarded<T>(work: () => T): T | null {
    try {
      return work();
    } catch {
      this.giveUp();
      return null;
    }
  }

  private read(piece: Piece): Checkpoint {
    const value = unpackPayload(readPiece(this.file, piece, STATE_BYTES_MAX));
    expect(isList(value) && value.length === 2);
    const [state, numbers] = value;
    expect(isBytes(numbers) && numbers.length % 4 === 0);
    const groupCount = Math.ceil(this.bootPages.length / GROUP_PAGES);
    const wanted = wordsOf(numbers);
    expect(wanted.length === groupCount);
    const { machine, log } = this.timeline;
    const checkpoint = decodeCheckpoint(state, machine, log, this.readGroups(wanted));
    expect(checkpoint !== null);
    return checkpoint;
  }

  private readGroups(wanted: Uint32Array): PageGroup[] {
    const lists = new Map<number, Uint32Array>();
    const missing = [...wanted].filter((number) => this.loadedGroups.get(number)?.deref() === undefined);
    this.readChunks(this.index.groups, missing, GROUP_BYTES, (number, bytes) => {
      lists.set(number, wordsOf(bytes));
    });
    const pages = this.readPages(lists.values());
    return Array.from(wanted, (number, at) => {
      const known = this.loadedGroups.get(number)?.deref();
      if (known !== undefined) return known;
      const length = Math.min(GROUP_PAGES, this.bootPages.length - at * GROUP_PAGES);
      const group = Array.from((lists.get(number) ?? new Uint32Array(0)).subarray(0, length), (id) => pages(id));
      expect(group.length === length);
      this.loadedGroups.set(number, new WeakRef<PageGroup>(group));
      this.groupNumbers.set(group, number);
      return group;
    });
  }

  /** The pages of these numbers, read where they are not in memory yet. */
  private readPages(lists: Iterable<Uint32Array>): (number: number) => Uint8Array | null {
    const held = new Map<number, Uint8Array>();
    const missing: number[] = [];
    const first = this.bootPages.length + 1;
    for (const list of lists) {
      for (const number of list) {
        if (number < first || held.has(number)) continue;
        const known = this.loadedPages.get(number)?.deref();
        if (known !== undefined) held.set(number, known);
        else missing.push(number - first);
      }
    }
    this.readChunks(this.index.pages, missing, PAGE_BYTES, (at, bytes) => {
      const page = Uint8Array.from(bytes);
      const number = at + first;
      held.set(number, page);
      this.loadedPages.set(number, new WeakRef(page));
      this.pageNumbers.set(page, number);
    });
    return (number) => {
      if (number === 0) return null;
      const page = number < first ? this.bootPages[number - 1] : held.get(number);
      expect(page !== undefined);
      return page;
    };
  }

  /** Each of the wanted once, chunk by chunk. */
  private readChunks(
    chunks: Chunks,
    wanted: number[],
    size: number,
    take: (number: number, bytes: Buffer) => void,
  ): void {
    const sorted = [...new Set(wanted)].sort((a, b) => a - b);
    let chunk = 0;
    let content: Buffer | null = null;
    for (const number of sorted) {
      expect(number < chunks.count);
      while ((chunks.firsts[chunk + 1] ?? chunks.count) <= number) {
        chunk++;
        content = null;
      }
      const first = chunks.firsts[chunk];
      const count = (chunks.firsts[chunk + 1] ?? chunks.count) - first;
      expect(count <= Math.max(PAGES_PER_CHUNK, GROUPS_PER_CHUNK));
      content ??= readPiece(this.file, chunks.pieces[chunk], count * size);
      expect(content.length === count * size);
      const at = (number - first) * size;
      take(number, content.subarray(at, at + size));
    }
  }

  private readText(): KnownText | null {
    const { text } = this.index;
    if (text === null) return null;
    const value = unpackPayload(readPiece(this.file, text.piece, STATE_BYTES_MAX));
    expect(isList(value));
    const serial = value.map((part): SerialPart => {
      const [start, bytes, packed] = isList(part) ? part : [];
      expect(isSafe(start) && start >= 0 && isBytes(bytes) && isBytes(packed) && packed.length === bytes.length * 8);
      const ticks = [...new Float64Array(Uint8Array.from(packed).buffer)];
      expect(ticks.every((tick, i) => isSafe(tick) && tick >= (i === 0 ? 0 : ticks[i - 1])));
      return { start, bytes: Uint8Array.from(bytes), ticks };
    });
    return { serial, knownTick: text.knownTick };
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  /** Checkpoints at the usual distance that the timeline has and the file has not. */
  unkept(): Checkpoint[] {
    const { intervalTicks, checkpoints } = this.timeline;
    const kept = new Set(this.index.checkpoints.map(({ tick }) => tick));
    return checkpoints
      .all()
      .filter(({ snapshot: { tick } }) => tick > 0 && tick % intervalTicks === 0 && !kept.has(tick));
  }

  /**
   * Adds them to the file, as many as it has room for at equal distances. `turn` hears between two pieces how many of
   * the checkpoints are done, and says whether to go on; given up, nothing has changed. Gives the size of the file, or
   * null when it could not be written (which is a warning) or was given up. The last thing that is asked of this.
   */
  async keep(bytesMax: number, turn: (done: number) => Promise<boolean>): Promise<number | null> {
    const added = this.unkept();
    const temporary = `${this.path}.${process.pid}`;
    let file = -1;
    let isMade = false;
    try {
      makeCacheFolder();
      isMade = true;
      if (this.file >= 0) copyFileSync(this.path, temporary);
      file = openSync(temporary, this.file >= 0 ? 'r+' : 'w', 0o600);
      const writer = new Writer(file, this.index, {
        bootPages: this.bootPages.length,
        pageNumbers: this.pageNumbers,
        groupNumbers: this.groupNumbers,
      });
      const stride = strideOf(added, this.pageNumbers, bytesMax - this.index.endBytes);
      for (const [i, checkpoint] of added.entries()) {
        if (i % stride !== 0) continue;
        if (writer.endBytes > bytesMax || !(await turn(i))) break;
        await writer.add(checkpoint);
      }
      if (!(await turn(added.length))) return null;
      const bytes = await writer.finish(this.key, this.timeline);
      closeSync(file);
      file = -1;
      renameSync(temporary, this.path);
      return bytes;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.warn(`checkpoints cannot be kept in ${this.path}, ${whyUnwritable(error)}`);
      return null;
    } finally {
      if (file >= 0) closeSync(file);
      if (isMade) rmSync(temporary, { force: true });
      this.close();
    }
  }
}

/** Every n-th fits, as far as can be told before. */
function strideOf(added: readonly Checkpoint[], known: WeakMap<Uint8Array, number>, roomBytes: number): number {
  const seen = new Set<Uint8Array>();
  const groups = new Set<PageGroup>();
  for (const { snapshot } of added) {
    for (const group of snapshot.groups) {
      if (groups.has(group)) continue;
      groups.add(group);
      for (const page of group) if (page !== null && !known.has(page)) seen.add(page);
    }
  }
  return Math.max(1, Math.ceil((seen.size * EXPECTED_PAGE_BYTES) / Math.max(roomBytes, 1)));
}

interface Numbers {
  readonly bootPages: number;
  readonly pageNumbers: WeakMap<Uint8Array, number>;
  readonly groupNumbers: WeakMap<PageGroup, number>;
}

class Writer {
  private readonly file: number;
  private readonly index: Index;
  private readonly numbers: Numbers;
  /** Equal pages are one, also when they are copies: by digest. */
  private readonly byContent = new Map<string, number>();
  private pages: Uint8Array[] = [];
  private groups: Uint8Array[] = [];
  private readonly underway = new Set<Promise<void>>();
  /** What went wrong beside the work of others. */
  private problem: unknown = null;

  constructor(file: number, base: Index, numbers: Numbers) {
    this.file = file;
    this.numbers = numbers;
    const copy = ({ firsts, pieces, count }: Chunks): Chunks => ({ firsts: [...firsts], pieces: [...pieces], count });
    this.index = {
      pages: copy(base.pages),
      groups: copy(base.groups),
      checkpoints: [...base.checkpoints],
      text: base.text,
      endBytes: base.endBytes,
    };
    if (base.endBytes === MAGIC.length) writeAt(file, MAGIC, 0);
  }

  get endBytes(): number {
    return this.index.endBytes;
  }

  async add(checkpoint: Checkpoint): Promise<void> {
    const { groups, tick } = checkpoint.snapshot;
    const numbers = new Uint32Array(groups.length);
    for (const [i, group] of groups.entries()) {
      numbers[i] = this.numbers.groupNumbers.get(group) ?? (await this.addGroup(group));
    }
    const state = packPayload([encodeCheckpoint(checkpoint), bytesOf(numbers)]);
    const piece = this.write(await deflate(state, { level: DEFLATE_LEVEL }));
    this.index.checkpoints.push({ tick, piece });
  }

  private async addGroup(group: PageGroup): Promise<number> {
    const ids = new Uint32Array(GROUP_PAGES);
    for (const [i, page] of group.entries()) {
      if (page !== null) ids[i] = this.numbers.pageNumbers.get(page) ?? (await this.addPage(page));
    }
    const number = this.index.groups.count + this.groups.length;
    this.groups.push(bytesOf(ids));
    this.numbers.groupNumbers.set(group, number);
    if (this.groups.length === GROUPS_PER_CHUNK) await this.flushGroups();
    return number;
  }

  private async addPage(page: Uint8Array): Promise<number> {
    const content = digestOf(page).toString('latin1');
    const known = this.byContent.get(content);
    const number = known ?? this.numbers.bootPages + 1 + this.index.pages.count + this.pages.length;
    this.numbers.pageNumbers.set(page, number);
    if (known !== undefined) return known;
    this.byContent.set(content, number);
    this.pages.push(page);
    if (this.pages.length === PAGES_PER_CHUNK) await this.flushPages();
    return number;
  }

  private async flushPages(): Promise<void> {
    const { pages } = this;
    this.pages = [];
    await this.writeChunk(this.index.pages, pages);
  }

  private async flushGroups(): Promise<void> {
    const { groups } = this;
    this.groups = [];
    await this.writeChunk(this.index.groups, groups);
  }

  /** Deflated beside the work of others; its place in the index is taken now. */
  private async writeChunk(chunks: Chunks, things: readonly Uint8Array[]): Promise<void> {
    if (things.length === 0) return;
    const at = chunks.pieces.length;
    chunks.firsts.push(chunks.count);
    chunks.pieces.push({ offset: 0, bytes: 0, digest: Buffer.alloc(DIGEST_BYTES) });
    chunks.count += things.length;
    const work = this.deflateTo(chunks.pieces, at, Buffer.concat(things));
    const settled: Promise<void> = work.finally(() => this.underway.delete(settled));
    this.underway.add(settled);
    if (this.underway.size >= WORKERS) await Promise.race(this.underway);
    if (this.problem !== null) throw this.problem;
  }

  /** Never rejects: nobody may be waiting. */
  private async deflateTo(pieces: Piece[], at: number, raw: Uint8Array): Promise<void> {
    try {
      pieces[at] = this.write(await deflate(raw, { level: DEFLATE_LEVEL }));
    } catch (error) {
      this.problem ??= error;
    }
  }

  private write(bytes: Uint8Array): Piece {
    const offset = this.index.endBytes;
    writeAt(this.file, bytes, offset);
    this.index.endBytes += bytes.length;
    return { offset, bytes: bytes.length, digest: digestOf(bytes) };
  }

  async finish(key: string, timeline: Timeline): Promise<number> {
    await this.flushPages();
    await this.flushGroups();
    await Promise.all(this.underway);
    if (this.problem !== null) throw this.problem;
    if (timeline.knownTick > (this.index.text?.knownTick ?? -1)) {
      const text = packPayload(timeline.serial.partsSince(0).map(encodeText));
      this.index.text = {
        knownTick: timeline.knownTick,
        piece: this.write(await deflate(text, { level: DEFLATE_LEVEL })),
      };
    }
    this.index.checkpoints.sort((a, b) => a.tick - b.tick);
    const { offset, bytes, digest } = this.write(await deflate(encodeIndex(key, this.index), { level: DEFLATE_LEVEL }));
    const trailer = Buffer.alloc(16);
    trailer.writeDoubleLE(offset, 0);
    trailer.writeDoubleLE(bytes, 8);
    this.write(Buffer.concat([trailer, digest, MAGIC]));
    // Of a copy the old index may reach further.
    ftruncateSync(this.file, this.index.endBytes);
    return this.index.endBytes;
  }
}

/** The last of a long line. */
function encodeText({ start, bytes, ticks }: SerialPart): Packed {
  const skipped = Math.max(0, bytes.length - TEXT_BYTES_MAX);
  return [start + skipped, bytes.subarray(skipped), bytesOf(Float64Array.from(ticks.slice(skipped)))];
}

// --- Bytes -----------------------------------------------------------------------------------------------------------

function bytesOf(array: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}

function readBytes(file: number, offset: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const read = readSync(file, bytes, at, count - at, offset + at);
    expect(read > 0);
    at += read;
  }
  return bytes;
}

/** The inflated content of a piece, after its digest has agreed. */
function readPiece(file: number, { offset, bytes, digest }: Piece, bytesMax: number): Buffer {
  const deflated = readBytes(file, offset, bytes);
  expect(digestOf(deflated).equals(digest));
  return inflateRawSync(deflated, { maxOutputLength: bytesMax });
}

function writeAt(file: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, offset + at);
}
