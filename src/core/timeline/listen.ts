/**
 * For those who want to hear of every access to memory while a timeline goes on, as traces do, rather than to stop at
 * one. It takes the place that watchpoints have in the address space, so nobody may search meanwhile. What devices
 * answer for is not heard of.
 */
import { PAGE_WATCH_READ, PAGE_WATCH_WRITE } from '../memory/memory.ts';
import type { Timeline } from './timeline.ts';

/**
 * Tells of every access to RAM pages from here on, until called with none (`last` below `first`); no search
 * meanwhile.
 */
export function listenToPages(
  { machine: { space } }: Timeline,
  first: number,
  last: number,
  note: (physical: number, sizeBytes: number, isWrite: boolean) => void,
): void {
  const pages = new Map<number, number>();
  for (let page = first; page <= last; page++) pages.set(page, PAGE_WATCH_READ | PAGE_WATCH_WRITE);
  space.onWatched = note;
  space.watch(pages);
}
