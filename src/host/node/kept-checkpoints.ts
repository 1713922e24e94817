// Checkpoints of a run on disk, so that the next session need not make them again: what one session leaves, and how the
// next takes it up. A file (kept-format.ts) has chunks of 16 pages or of 64 groups of pages, each page once however
// many checkpoints have it and none that is as it was at the boot, the rest of each checkpoint, what the guest sent,
// and which pages each interval wrote and executed. Every piece is hashed. What is asked for is read, nothing else.
// What is damaged or of another run is passed over with one remark, and the replay that goes on from a checkpoint
// asserts every check of the log behind it. A file is never changed: what is added goes with a copy of it under
// another name (kept-writer.ts).

import { closeSync, copyFileSync, openSync, renameSync, rmSync } from 'node:fs';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { isBytes, isList, isSafe } from '../../core/log/event-codec.ts';
import { type Packed, unpackPayload } from '../../core/log/payload.ts';
import { GROUP_PAGES, type PageGroup, type Snapshot, snapshotPages } from '../../core/machine/snapshot.ts';
import {
  type CheckpointSource,
  decodeCheckpoint,
  type FoundCheckpoint,
  type KnownText,
} from '../../core/timeline/checkpoint-source.ts';
import type { Checkpoint } from '../../core/timeline/checkpoints.ts';
import type { PageRecord } from '../../core/timeline/page-records.ts';
import type { SerialPart } from '../../core/timeline/serial-history.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import { keptPath, makeCacheFolder, touchKept } from './cache-folder.ts';
import {
  type Chunks,
  emptyIndex,
  expect,
  GROUP_BYTES,
  GROUPS_PER_CHUNK,
  type Index,
  PAGES_PER_CHUNK,
  type Piece,
  readIndex,
  readPiece,
  readRaw,
  STATE_BYTES_MAX,
  wordsOf,
} from './kept-format.ts';
import { KeptWriter, strideOf } from './kept-writer.ts';
import { whyUnwritable } from './new-file.ts';

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

  /** What each interval did to pages is known too. */
  get knowsPages(): boolean {
    return this.index.records !== null;
  }

  get intervalTicks(): number {
    return this.timeline.intervalTicks;
  }

  private open(): void {
    let file = -1;
    try {
      file = openSync(this.path, 'r');
      this.index = readIndex(file, this.key);
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
    this.readChunks(this.index.pages, missing, PAGE_BYTES, (at, page) => {
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
    take: (number: number, bytes: Uint8Array) => void,
  ): void {
    const sorted = [...new Set(wanted)].sort((a, b) => a - b);
    for (let i = 0, chunk = 0; i < sorted.length; ) {
      expect(sorted[i] < chunks.count);
      while ((chunks.firsts[chunk + 1] ?? chunks.count) <= sorted[i]) chunk++;
      const first = chunks.firsts[chunk];
      const end = chunks.firsts[chunk + 1] ?? chunks.count;
      expect(end - first <= Math.max(PAGES_PER_CHUNK, GROUPS_PER_CHUNK));
      const piece = chunks.pieces[chunk];
      expect(piece.bytes === (end - first) * size);
      const { buffer, byteOffset } = readRaw(this.file, piece);
      let behind = i;
      while (behind < sorted.length && sorted[behind] < end) behind++;
      // What is mostly wanted stays as it was read, at a fraction of the cost; of the rest there are copies.
      const isKept = (behind - i) * 2 >= end - first;
      for (; i < behind; i++) {
        const part = new Uint8Array(buffer, byteOffset + (sorted[i] - first) * size, size);
        take(sorted[i], isKept ? part : part.slice());
      }
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

  pageRecords(): readonly PageRecord[] {
    const { records } = this.index;
    if (records === null || records.intervalTicks !== this.timeline.intervalTicks) return [];
    return this.guarded(() => this.readRecords(records.piece)) ?? [];
  }

  private readRecords(piece: Piece): PageRecord[] {
    const value = unpackPayload(readPiece(this.file, piece, STATE_BYTES_MAX * 4));
    expect(isList(value));
    let written: Uint32Array = new Uint32Array(0);
    let executed = written;
    let touched = written;
    return value.map((each): PageRecord => {
      const [interval, writtenBytes, executedBytes, touchedBytes] = isList(each) ? each : [];
      expect(isSafe(interval) && interval >= 0 && interval * this.timeline.intervalTicks <= this.timeline.endTick);
      if (writtenBytes !== null) written = ascending(writtenBytes);
      if (executedBytes !== null) executed = ascending(executedBytes);
      if (touchedBytes !== null) touched = ascending(touchedBytes);
      return { interval, written, executed, touched };
    });
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  /** Checkpoints at the usual distance that the file has not; of the timeline's if not told. */
  unkept(of: readonly Checkpoint[] = this.timeline.checkpoints.all()): Checkpoint[] {
    const { intervalTicks } = this.timeline;
    const kept = new Set(this.index.checkpoints.map(({ tick }) => tick));
    return of.filter(({ snapshot: { tick } }) => tick > 0 && tick % intervalTicks === 0 && !kept.has(tick));
  }

  /**
   * Adds them to the file, as many as it has room for at equal distances. `turn` hears between two pieces how many of
   * the checkpoints are done, and says whether to go on; given up, nothing has changed. Gives the size of the file, or
   * null when it could not be written (which is a warning) or was given up. The last thing that is asked of this.
   */
  async keep(
    bytesMax: number,
    turn: (done: number) => Promise<boolean>,
    added: readonly Checkpoint[] = this.unkept(),
  ): Promise<number | null> {
    const temporary = `${this.path}.${process.pid}`;
    let file = -1;
    let isMade = false;
    try {
      makeCacheFolder();
      isMade = true;
      if (this.file >= 0) copyFileSync(this.path, temporary);
      file = openSync(temporary, this.file >= 0 ? 'r+' : 'w', 0o600);
      const writer = new KeptWriter(file, this.index, {
        bootPages: this.bootPages.length,
        pageNumbers: this.pageNumbers,
        groupNumbers: this.groupNumbers,
      });
      const stride = strideOf(added, this.pageNumbers, bytesMax - this.index.endBytes);
      for (const [i, checkpoint] of added.entries()) {
        if (i % stride !== 0) continue;
        if (writer.endBytes > bytesMax || !(await turn(i))) break;
        writer.add(checkpoint);
      }
      if (!(await turn(added.length))) return null;
      const bytes = writer.finish(this.key, this.timeline);
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

function ascending(value: Packed | undefined): Uint32Array {
  expect(isBytes(value) && value.length % 4 === 0);
  const list = wordsOf(value);
  expect(list.every((page, i) => i === 0 || page > list[i - 1]));
  return list;
}
