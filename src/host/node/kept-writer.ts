// What writes kept checkpoints (kept-checkpoints.ts): pages and groups of pages, each once however many checkpoints
// have it, the rest of each checkpoint, what the guest sent, and what its intervals did to pages. It adds to an index
// behind what the file has already; the file is a copy that nobody reads yet.

import { ftruncateSync } from 'node:fs';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import { type Packed, packPayload } from '../../core/log/payload.ts';
import { GROUP_PAGES, type PageGroup } from '../../core/machine/snapshot.ts';
import { encodeCheckpoint } from '../../core/timeline/checkpoint-source.ts';
import type { Checkpoint } from '../../core/timeline/checkpoints.ts';
import type { PageRecord } from '../../core/timeline/page-records.ts';
import type { SerialPart } from '../../core/timeline/serial-history.ts';
import type { Timeline } from '../../core/timeline/timeline.ts';
import {
  bytesOf,
  type Chunks,
  digestOf,
  GROUPS_PER_CHUNK,
  type Index,
  MAGIC,
  packPiece,
  PAGES_PER_CHUNK,
  type Piece,
  writeAt,
  writeIndex,
} from './kept-format.ts';

/** Of what a guest sent, so much of each line is kept. */
const TEXT_BYTES_MAX = 1 << 20;

/** Every n-th fits, as far as can be told before. */
export function strideOf(added: readonly Checkpoint[], known: WeakMap<Uint8Array, number>, roomBytes: number): number {
  const seen = new Set<Uint8Array>();
  const groups = new Set<PageGroup>();
  for (const { snapshot } of added) {
    for (const group of snapshot.groups) {
      if (groups.has(group)) continue;
      groups.add(group);
      for (const page of group) if (page !== null && !known.has(page)) seen.add(page);
    }
  }
  return Math.max(1, Math.ceil((seen.size * PAGE_BYTES) / Math.max(roomBytes, 1)));
}

/** What the file has already, as it lies in memory. */
export interface Numbers {
  readonly bootPages: number;
  readonly pageNumbers: WeakMap<Uint8Array, number>;
  readonly groupNumbers: WeakMap<PageGroup, number>;
}

export class KeptWriter {
  private readonly file: number;
  private readonly index: Index;
  private readonly numbers: Numbers;
  /** Equal pages are one, also when they are copies: by digest. */
  private readonly byContent = new Map<string, number>();
  private pages: Uint8Array[] = [];
  private groups: Uint8Array[] = [];

  constructor(file: number, base: Index, numbers: Numbers) {
    this.file = file;
    this.numbers = numbers;
    const copy = ({ firsts, pieces, count }: Chunks): Chunks => ({ firsts: [...firsts], pieces: [...pieces], count });
    this.index = {
      pages: copy(base.pages),
      groups: copy(base.groups),
      checkpoints: [...base.checkpoints],
      text: base.text,
      records: base.records,
      endBytes: base.endBytes,
    };
    if (base.endBytes === MAGIC.length) writeAt(file, MAGIC, 0);
  }

  get endBytes(): number {
    return this.index.endBytes;
  }

  add(checkpoint: Checkpoint): void {
    const { groups, tick } = checkpoint.snapshot;
    const numbers = new Uint32Array(groups.length);
    for (const [i, group] of groups.entries()) {
      numbers[i] = this.numbers.groupNumbers.get(group) ?? this.addGroup(group);
    }
    const state = packPayload([encodeCheckpoint(checkpoint), bytesOf(numbers)]);
    const piece = this.write(packPiece(state));
    this.index.checkpoints.push({ tick, piece });
  }

  private addGroup(group: PageGroup): number {
    const ids = new Uint32Array(GROUP_PAGES);
    for (const [i, page] of group.entries()) {
      if (page !== null) ids[i] = this.numbers.pageNumbers.get(page) ?? this.addPage(page);
    }
    const number = this.index.groups.count + this.groups.length;
    this.groups.push(bytesOf(ids));
    this.numbers.groupNumbers.set(group, number);
    if (this.groups.length === GROUPS_PER_CHUNK) this.flushGroups();
    return number;
  }

  private addPage(page: Uint8Array): number {
    const content = digestOf(page).toString('latin1');
    const known = this.byContent.get(content);
    const number = known ?? this.numbers.bootPages + 1 + this.index.pages.count + this.pages.length;
    this.numbers.pageNumbers.set(page, number);
    if (known !== undefined) return known;
    this.byContent.set(content, number);
    this.pages.push(page);
    if (this.pages.length === PAGES_PER_CHUNK) this.flushPages();
    return number;
  }

  private flushPages(): void {
    const { pages } = this;
    this.pages = [];
    this.writeChunk(this.index.pages, pages);
  }

  private flushGroups(): void {
    const { groups } = this;
    this.groups = [];
    this.writeChunk(this.index.groups, groups);
  }

  private writeChunk(chunks: Chunks, things: readonly Uint8Array[]): void {
    if (things.length === 0) return;
    chunks.firsts.push(chunks.count);
    chunks.pieces.push(this.write(Buffer.concat(things)));
    chunks.count += things.length;
  }

  private write(bytes: Uint8Array): Piece {
    const offset = this.index.endBytes;
    writeAt(this.file, bytes, offset);
    this.index.endBytes += bytes.length;
    return { offset, bytes: bytes.length, digest: digestOf(bytes) };
  }

  /** The size of the file. */
  finish(key: string, { knownTick, serial, intervalTicks, records }: Timeline): number {
    this.flushPages();
    this.flushGroups();
    const { index } = this;
    if (knownTick > (index.text?.knownTick ?? -1)) {
      index.text = { knownTick, piece: this.write(packPiece(packPayload(serial.partsSince(0).map(encodeText)))) };
    }
    const intervals = records.all();
    if (intervals.length > (index.records?.count ?? 0)) {
      const piece = this.write(packPiece(packPayload(intervals.map(encodeRecord))));
      index.records = { intervalTicks, count: intervals.length, piece };
    }
    index.checkpoints.sort((a, b) => a.tick - b.tick);
    writeIndex(key, index, (bytes) => this.write(bytes));
    // Of a copy the old index may reach further.
    ftruncateSync(this.file, index.endBytes);
    return index.endBytes;
  }
}

/** Lists that are the same as the one before are not written again. */
function encodeRecord(
  { interval, written, executed, touched }: PageRecord,
  i: number,
  all: readonly PageRecord[],
): Packed {
  const before = all[i - 1];
  return [
    interval,
    written === before?.written ? null : bytesOf(written),
    executed === before?.executed ? null : bytesOf(executed),
    touched === before?.touched ? null : bytesOf(touched),
  ];
}

/** The last of a long line. */
function encodeText({ start, bytes, ticks }: SerialPart): Packed {
  const skipped = Math.max(0, bytes.length - TEXT_BYTES_MAX);
  return [start + skipped, bytes.subarray(skipped), bytesOf(Float64Array.from(ticks.slice(skipped)))];
}
