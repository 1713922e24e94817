/**
 * What each interval of a timeline did to pages: the RAM pages that were written in it, those that instructions looked
 * at, and the linear pages from which instructions were fetched. A search backwards asks here which intervals it need
 * not run. An interval without a record is one where the run has not been from its beginning to its end.
 */
import type { Breakpoint, Position, Watchpoint } from './lookout.ts';
import { PackedLists } from './packed-lists.ts';

/**
 * Half an interval is what a seek into it runs on average: 0.2 s by an interpreter that has just been started. Half as
 * long ones save 0.04 s of that, and cost a run that is gone through for the first time more than they may.
 */
export const INTERVAL_TICKS = 1 << 23;
/** Very long runs are cut into fewer pieces: an interval of these is run again in some 0.2 s. */
const INTERVAL_TICKS_MAX = 1 << 24;
const INTERVAL_COUNT_MAX = 4096;
const INTERVAL_TICKS_MIN = 1 << 13;
/** Short runs are cut into so many. */
const INTERVAL_COUNT = 64;

/** Ascending page numbers. */
export interface IntervalPages {
  /** Linear pages from which instructions were fetched. */
  readonly executed: Uint32Array;
  /** Pages of RAM that were written, by whomever. */
  readonly written: Uint32Array;
  /** Pages of RAM to which instructions had a translation: none has read another. */
  readonly touched: Uint32Array;
}

/** What somebody asks about: an interval is of interest if it has one of them. */
export type AskedPages = { readonly [list in keyof IntervalPages]: readonly number[] };

/** What somebody looks for. */
export interface Wanted {
  readonly breakpoints: readonly Breakpoint[];
  readonly watchpoints: readonly Watchpoint[];
}

/** Of one interval. */
export interface PageRecord extends IntervalPages {
  readonly interval: number;
}

/** What a host takes for an interval besides its lists. */
const INTERVAL_BYTES = 32;

export class PageRecords {
  private readonly lists = new PackedLists();
  /** By interval, the places of its lists. */
  private readonly written: (number | undefined)[] = [];
  private readonly executed: (number | undefined)[] = [];
  private readonly touched: (number | undefined)[] = [];

  note(interval: number, { executed, touched, written }: IntervalPages): void {
    // A guest that idles does the same in every interval: one list is enough.
    this.written[interval] = this.lists.add(written, this.written[interval - 1]);
    this.executed[interval] = this.lists.add(executed, this.executed[interval - 1]);
    this.touched[interval] = this.lists.add(touched, this.touched[interval - 1]);
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
      const [written, executed, touched] = [this.written[interval], this.executed[interval], this.touched[interval]];
      if (written === undefined || executed === undefined || touched === undefined) continue;
      const record: PageRecord = {
        interval,
        written: last?.places[0] === written ? last.record.written : this.lists.at(written),
        executed: last?.places[1] === executed ? last.record.executed : this.lists.at(executed),
        touched: last?.places[2] === touched ? last.record.touched : this.lists.at(touched),
      };
      last = { places: [written, executed, touched], record };
      found.push(record);
    }
    return found;
  }

  /** Takes over what is not known of another session's. */
  learn(records: readonly PageRecord[]): void {
    for (const { interval, ...pages } of records) {
      if (this.written[interval] === undefined) this.note(interval, pages);
    }
  }

  /** The lists of an interval; null: it has not been run from its beginning to its end. */
  of(interval: number): IntervalPages | null {
    const [executed, written, touched] = [this.executed[interval], this.written[interval], this.touched[interval]];
    if (executed === undefined || written === undefined || touched === undefined) return null;
    return { executed: this.lists.at(executed), written: this.lists.at(written), touched: this.lists.at(touched) };
  }

  /**
   * False: the interval executed none of these linear pages, and wrote and looked at none of these pages of memory.
   * Beyond RAM lies what devices show there, at one time or another.
   */
  mayTouch(interval: number, { executed, touched, written }: AskedPages, ramPages: number): boolean {
    const pages = this.of(interval);
    if (pages === null) return true;
    const isIn = (list: Uint32Array, page: number): boolean => page >= ramPages || includesSorted(list, page);
    return (
      executed.some((page) => includesSorted(pages.executed, page)) ||
      written.some((page) => isIn(pages.written, page)) ||
      touched.some((page) => isIn(pages.touched, page))
    );
  }

  /**
   * Nothing that is wanted is in the interval: it wrote or looked at no page that is watched and executed none with a
   * breakpoint.
   */
  canSkip(interval: number, { breakpoints, watchpoints }: Wanted, ramPages: number): boolean {
    const pagesOf = ({ physical, sizeBytes }: Watchpoint): number[] => {
      const first = physical >>> 12;
      return Array.from({ length: ((physical + sizeBytes - 1) >>> 12) - first + 1 }, (_, i) => first + i);
    };
    const asked: AskedPages = {
      executed: breakpoints.map(({ address }) => address >>> 12),
      written: watchpoints.flatMap(pagesOf),
      touched: watchpoints.filter(({ kind }) => kind !== 'write').flatMap(pagesOf),
    };
    return !this.mayTouch(interval, asked, ramPages);
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
export function chooseInterval(runTicks: number, ticksMax = longestInterval(runTicks)): number {
  let ticks = INTERVAL_TICKS_MIN;
  while (ticks < ticksMax && ticks * INTERVAL_COUNT < runTicks) ticks *= 2;
  return ticks;
}

function longestInterval(runTicks: number): number {
  let ticks = INTERVAL_TICKS;
  while (ticks < INTERVAL_TICKS_MAX && ticks * INTERVAL_COUNT_MAX < runTicks) ticks *= 2;
  return ticks;
}

/** The records of intervals that are `times` as long: those of which every part is known. */
export function joinRecords(records: readonly PageRecord[], times: number): PageRecord[] {
  const byInterval = new Map<number, PageRecord[]>();
  for (const record of records) {
    const interval = Math.floor(record.interval / times);
    const parts = byInterval.get(interval);
    if (parts === undefined) byInterval.set(interval, [record]);
    else parts.push(record);
  }
  return [...byInterval]
    .filter(([, parts]) => parts.length === times)
    .map(([interval, parts]) => ({
      interval,
      executed: union(parts.map(({ executed }) => executed)),
      written: union(parts.map(({ written }) => written)),
      touched: union(parts.map(({ touched }) => touched)),
    }));
}

function union(lists: readonly Uint32Array[]): Uint32Array {
  const [first, ...others] = new Set(lists);
  return others.length === 0
    ? first
    : Uint32Array.from(new Set([first, ...others].flatMap((list) => [...list]))).sort();
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
