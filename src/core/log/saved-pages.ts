/**
 * Pages of a machine's memory in frames of a log: what stored checkpoints and snapshot files have in common. A frame
 * holds numbers that ascend, which of these pages are empty, and the bytes of the others. What is read may be anything:
 * pages that the machine does not have make a frame useless, never more.
 */
import { PAGE_BYTES } from '../base/pages.ts';
import { GROUP_PAGES, type PageGroup, type Snapshot, snapshotPages } from '../machine/snapshot.ts';
import { isBytes, isList, isSafe } from './event-codec.ts';
import type { Packed } from './payload.ts';

/** Pages of one frame: 4 MiB, a quarter of what a payload may hold. */
const FRAME_PAGES_MAX = 1024;
const TAG = 'pages';

/** Steps between numbers that ascend: they pack into a byte or two. */
export function stepsOf(numbers: readonly number[]): number[] {
  return numbers.map((number, i) => (i === 0 ? number : number - numbers[i - 1]));
}

/** Payloads with the pages in which a snapshot differs from another, or from empty memory. */
export function* pagePayloads(snapshot: Snapshot, before: Snapshot | null): Generator<Packed> {
  const pages = snapshotPages(snapshot);
  const old = before === null ? [] : snapshotPages(before);
  const changed = pages.flatMap((page, number) => (page === (old[number] ?? null) ? [] : [number]));
  for (let at = 0; at < changed.length; at += FRAME_PAGES_MAX) {
    const numbers = changed.slice(at, at + FRAME_PAGES_MAX);
    const empty = numbers.map((number) => pages[number] === null);
    const filled = numbers.filter((_, i) => !empty[i]);
    const bytes = new Uint8Array(filled.length * PAGE_BYTES);
    filled.forEach((number, i) => bytes.set(pages[number] ?? [], i * PAGE_BYTES));
    yield [TAG, stepsOf(numbers), empty, bytes];
  }
}

/** Memory that is put together from frames. */
export class GatheredPages {
  private readonly pages: (Uint8Array | null)[];
  private readonly base: Snapshot | null;
  private readonly touched = new Set<number>();

  /** `base`: what the frames are the difference from; null: empty memory of so many pages. */
  constructor(pageCount: number, base: Snapshot | null) {
    this.base = base;
    this.pages = base === null ? new Array<Uint8Array | null>(pageCount).fill(null) : snapshotPages(base);
  }

  /** False when this is no payload with pages of this memory. */
  add(payload: Packed): boolean {
    const { pages } = this;
    if (!isList(payload) || payload[0] !== TAG) return false;
    const [, steps, empty, bytes] = payload;
    if (!isList(steps) || !isList(empty) || !isBytes(bytes) || steps.length !== empty.length) return false;
    const own = Uint8Array.from(bytes);
    let page = 0;
    let at = 0;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (!isSafe(step) || page + step >= pages.length) return false;
      page += step;
      this.touched.add(Math.floor(page / GROUP_PAGES));
      if (empty[i] === true) pages[page] = null;
      else {
        if (at + PAGE_BYTES > own.length) return false;
        pages[page] = own.subarray(at, at + PAGE_BYTES);
        at += PAGE_BYTES;
      }
    }
    return true;
  }

  /** Groups without a page that was added are those of the base. */
  groups(): PageGroup[] {
    const groups: PageGroup[] = [];
    for (let page = 0; page < this.pages.length; page += GROUP_PAGES) {
      const group = page / GROUP_PAGES;
      const same = this.base?.groups[group];
      const isSame = same !== undefined && !this.touched.has(group);
      groups.push(isSame ? same : this.pages.slice(page, page + GROUP_PAGES));
    }
    return groups;
  }
}

/** Names and states as they are packed; null when they are none. */
export function readStates(value: Packed | undefined): (readonly [name: string, state: Packed])[] | null {
  if (!isList(value)) return null;
  const states: (readonly [string, Packed])[] = [];
  for (const pair of value) {
    const [name, state] = isList(pair) ? pair : [];
    if (typeof name !== 'string' || state === undefined) return null;
    states.push([name, state]);
  }
  return states;
}
