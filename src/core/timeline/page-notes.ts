/**
 * How it is noted what an interval does to pages (page-records.ts): who fetches from a page or looks at one has to ask
 * for a translation first, and where an interval begins there are none.
 */
import type { Cpu } from '../state/cpu.ts';
import type { IntervalPages } from './page-records.ts';

/** An interval begins, or nothing is to be noted. Translations go behind it. */
export function beginNotes(cpu: Cpu, isNoting: boolean): void {
  cpu.fetchedPages = isNoting ? new Set() : null;
  if (!isNoting) cpu.touchedPages = null;
  else if (cpu.touchedPages === null) cpu.touchedPages = new Uint8Array(cpu.memory.pageCount);
  else cpu.touchedPages.fill(0);
}

/** What has been noted since; `written` ascends. */
export function notedPages({ fetchedPages, touchedPages }: Cpu, written: readonly number[]): IntervalPages {
  const touched: number[] = [];
  for (let page = touchedPages?.indexOf(1) ?? -1; page >= 0; page = touchedPages?.indexOf(1, page + 1) ?? -1) {
    touched.push(page);
  }
  return {
    executed: Uint32Array.from(fetchedPages ?? []).sort(),
    written: Uint32Array.from(written),
    touched: Uint32Array.from(touched),
  };
}
