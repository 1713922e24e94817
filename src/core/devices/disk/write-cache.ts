/**
 * The write cache of a disk (ATA/ATAPI-6, 6.11 and FLUSH CACHE, 8.12): what has been written since it was flushed, in
 * order, and what was there before each write. The guest reads what it wrote; the medium may have any of it, since a
 * drive writes its cache out when and in which order it likes. A cut of the power chooses, by a seed, what has come to
 * the medium; the rest is undone. Lies in bulk memory, so that it is hashed and snapshotted as RAM is: a header, an
 * entry a sector that was written (number, flags), the bytes before. Where there is no room, the oldest entries are
 * taken for written, as a drive with a full cache does. Imports base and types.
 */
import { PAGE_BYTES } from '../../base/pages.ts';
import type { Random } from '../../base/random.ts';
import type { Bulk } from '../../board/context.ts';
import { type DiskContents, SECTOR_BYTES } from './disk-contents.ts';

/** Number of the oldest entry; how many there are; how many of them are of the command in hand. */
const OLDEST = 0;
const COUNT = 4;
const OF_COMMAND = 8;
const HEADER_BYTES = 16;
const ENTRY_BYTES = 8;
/** It is on the medium, whatever happens. */
const DURABLE = 1;

/** How likely it is that a write has come to the medium, in eighths. */
const WRITTEN_EIGHTHS = [0, 1, 4, 7, 8] as const;

/** Bulk memory for so many sectors: whole pages. */
export function cacheBytes(sectors: number): number {
  return entriesBytes(sectors) + Math.ceil((sectors * SECTOR_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

function entriesBytes(sectors: number): number {
  return Math.ceil((HEADER_BYTES + sectors * ENTRY_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

export class WriteCache {
  readonly #bulk: Bulk;
  readonly #sectors: number;
  readonly #data: number;
  /** For those who look: sectors are about to be written. */
  onWrite: () => void = () => {};

  /** For so many sectors, in bulk memory of `cacheBytes`. */
  constructor(bulk: Bulk, sectors: number) {
    this.#bulk = bulk;
    this.#sectors = sectors;
    this.#data = entriesBytes(sectors);
  }

  /** Writes that may not be on the medium yet. */
  get count(): number {
    return Math.min(this.#bulk.read32(COUNT), this.#sectors);
  }

  /** A command that writes begins. */
  begin(): void {
    this.#bulk.write32(OF_COMMAND, 0);
  }

  /** It is over. `isDurable`: it was said that its data is on the medium. */
  end(isDurable: boolean): void {
    if (isDurable) {
      const mine = Math.min(this.#bulk.read32(OF_COMMAND), this.count);
      for (let index = this.count - mine; index < this.count; index++) {
        this.#bulk.write32(HEADER_BYTES + this.#slot(index) * ENTRY_BYTES + 4, DURABLE);
      }
    }
    this.begin();
  }

  /** Everything is on the medium. */
  flush(): void {
    this.#bulk.write32(COUNT, 0);
    this.begin();
  }

  /**
   * Bytes will be written there. A run that begins inside a sector goes on with one that the command has begun, which
   * is noted already.
   */
  note(contents: DiskContents, offset: number, count: number): void {
    this.onWrite();
    const first = Math.ceil(offset / SECTOR_BYTES);
    const end = Math.min(contents.sectors, Math.ceil((offset + count) / SECTOR_BYTES));
    const before = new Uint8Array(SECTOR_BYTES);
    for (let sector = first; sector < end; sector++) {
      contents.read(sector * SECTOR_BYTES, before);
      this.#push(sector, before);
    }
  }

  #push(sector: number, before: Uint8Array): void {
    const bulk = this.#bulk;
    const { count } = this;
    if (count === this.#sectors) bulk.write32(OLDEST, (bulk.read32(OLDEST) + 1) % this.#sectors);
    else bulk.write32(COUNT, count + 1);
    const slot = this.#slot(this.count - 1);
    const entry = HEADER_BYTES + slot * ENTRY_BYTES;
    bulk.write32(entry, sector);
    bulk.write32(entry + 4, 0);
    bulk.write(this.#data + slot * SECTOR_BYTES, before);
    bulk.write32(OF_COMMAND, bulk.read32(OF_COMMAND) + 1);
  }

  /** Of the entry with this number, the oldest one being 0. */
  #slot(index: number): number {
    return (this.#bulk.read32(OLDEST) + index) % this.#sectors;
  }

  /**
   * The power is gone: of each sector the last write that has come to the medium stays, or what was there before all of
   * them. Some drives write in order, up to somewhere; others here and there.
   */
  cut(contents: DiskContents, random: Random): void {
    const { count } = this;
    const isInOrder = random.oneIn(4);
    const written = random.below(count + 1);
    const eighths = random.pick(WRITTEN_EIGHTHS);
    /** What sectors hold again, by number. */
    const undone = new Map<number, Uint8Array>();
    /** Sectors whose newest write on the medium has been found. */
    const settled = new Set<number>();
    for (let index = count - 1; index >= 0; index--) {
      const slot = this.#slot(index);
      const sector = this.#bulk.read32(HEADER_BYTES + slot * ENTRY_BYTES);
      const isDurable = (this.#bulk.read32(HEADER_BYTES + slot * ENTRY_BYTES + 4) & DURABLE) !== 0;
      const comes = isInOrder ? index < written : random.below(8) < eighths;
      if (settled.has(sector)) continue;
      if (isDurable || comes) {
        settled.add(sector);
        continue;
      }
      const at = this.#data + slot * SECTOR_BYTES;
      undone.set(sector, this.#bulk.bytes.slice(at, at + SECTOR_BYTES));
    }
    for (const [sector, bytes] of undone) contents.write(sector * SECTOR_BYTES, bytes);
    this.flush();
  }
}
