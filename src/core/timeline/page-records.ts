/**
 * What each interval of a timeline did to pages: the RAM pages that were written in it and the linear pages from which
 * instructions were fetched. A search backwards asks here which intervals it need not run. An interval without a
 * record is one where the run has not been from its beginning to its end.
 */
import type { Breakpoint, Position, Watchpoint } from './lookout.ts';
import { PackedLists } from './packed-lists.ts';

/** An interval is run again in some 0.2 s by the interpreter. */
export const INTERVAL_TICKS_MAX = 1 << 24;
const INTERVAL_TICKS_MIN = 1 << 13;
/** Short runs are cut into so many. */
const INTERVAL_COUNT = 64;

/** Ascending page numbers: linear ones of instructions, those of memory that was written. */
export interface IntervalPages {
  readonly executed: Uint32Array;
  readonly written: Uint32Array;
}

/** What somebody looks for. */
export interface Wanted {
  readonly breakpoints: readonly Breakpoint[];
  readonly watchpoints: readonly Watchpoint[];
}

/** Of one interval; both lists ascend. */
export interface PageRecord {
  readonly interval: number;
  /** Pages of RAM. */
  readonly written: Uint32Array;
  /** Linear pages. */
  readonly executed: Uint32Array;
}

/** What a host takes for an interval besides its lists. */
const INTERVAL_BYTES = 32;

export class PageRecords {
  private readonly lists = new PackedLists();
  /** By interval, the places of its lists. */
  private readonly written: (number | undefined)[] = [];
  private readonly executed: (number | undefined)[] = [];

  /** Both lists ascend. */
  note(interval: number, written: Uint32Array, executed: Uint32Array): void {
    // A guest that idles does the same in every interval: one list is enough.
    this.written[interval] = this.lists.add(written, this.written[interval - 1]);
    this.executed[interval] = this.lists.add(executed, this.executed[interval - 1]);
  }

  /** Memory of all records: there are as many as the run has intervals. */
  get bytes(): number {
    return this.lists.bytes + this.written.length * INTERVAL_BYTES;
  }

  /** Ascending; a list that is the same as the one before is the same object. */
  all(): PageRecord[] {
    const found: PageRecord[] = [];
    let last: { readonly places: readonly number[]; readonly record: PageRecord } | null = null;
    for (let interval = 0; interval < this.written.length; interval++) {
      const [written, executed] = [this.written[interval], this.executed[interval]];
      if (written === undefined || executed === undefined) continue;
      const record: PageRecord = {
        interval,
        written: last?.places[0] === written ? last.record.written : this.lists.at(written),
        executed: last?.places[1] === executed ? last.record.executed : this.lists.at(executed),
      };
      last = { places: [written, executed], record };
      found.push(record);
    }
    return found;
  }

  /** Takes over what is not known of another session's. */
  learn(records: readonly PageRecord[]): void {
    for (const { interval, written, executed } of records) {
      if (this.written[interval] === undefined) this.note(interval, written, executed);
    }
  }

  /** Both lists of an interval; null: it has not been run from its beginning to its end. */
  of(interval: number): IntervalPages | null {
    const [executed, written] = [this.executed[interval], this.written[interval]];
    if (executed === undefined || written === undefined) return null;
    return { executed: this.lists.at(executed), written: this.lists.at(written) };
  }

  /**
   * False: the interval executed none of these linear pages and wrote none of these pages of memory. Beyond RAM lies
   * what devices show there, at one time or another.
   */
  mayTouch(interval: number, executed: Iterable<number>, written: Iterable<number>, ramPages: number): boolean {
    const pages = this.of(interval);
    if (pages === null) return true;
    for (const page of executed) if (includesSorted(pages.executed, page)) return true;
    for (const page of written) if (page >= ramPages || includesSorted(pages.written, page)) return true;
    return false;
  }

  /**
   * Nothing that is wanted is in the interval: it wrote no page that is watched and executed none with a breakpoint.
   */
  canSkip(interval: number, { breakpoints, watchpoints }: Wanted, ramPages: number): boolean {
    if (watchpoints.some(({ kind }) => kind !== 'write')) return false;
    const pages = watchpoints.flatMap(({ physical, sizeBytes }) => {
      const first = physical >>> 12;
      return Array.from({ length: ((physical + sizeBytes - 1) >>> 12) - first + 1 }, (_, i) => first + i);
    });
    const breakPages = breakpoints.map(({ address }) => address >>> 12);
    return !this.mayTouch(interval, breakPages, pages, ramPages);
  }

  /** The parts of a run from one position to another that are not ruled out. */
  *stretches(
    from: Position,
    to: Position,
    wanted: Wanted,
    intervalTicks: number,
    ramPages: number,
  ): Generator<{ from: Position; to: Position }, void> {
    for (let begin = from; begin.tick < to.tick; ) {
      const interval = Math.floor(begin.tick / intervalTicks);
      const endTick = Math.min((interval + 1) * intervalTicks, to.tick);
      const end = { tick: endTick, seq: endTick === to.tick ? to.seq : 0 };
      if (!this.canSkip(interval, wanted, ramPages)) yield { from: begin, to: end };
      begin = { tick: endTick, seq: 0 };
    }
  }
}

/** Ticks of the intervals of a run: so many at most, and a power of two where that is one. */
export function chooseInterval(runTicks: number, ticksMax = INTERVAL_TICKS_MAX): number {
  let ticks = INTERVAL_TICKS_MIN;
  while (ticks < ticksMax && ticks * INTERVAL_COUNT < runTicks) ticks *= 2;
  return ticks;
}

function includesSorted(list: Uint32Array, wanted: number): boolean {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return list[low] === wanted;
}
