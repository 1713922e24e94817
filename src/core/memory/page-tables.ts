// How each processor's TLB stays coherent with the page tables: pages of RAM that its walks read are noted with the
// linear range that they translate, and a write to one drops what came from it (memory/tlb.ts says why). The notes are
// one processor's, since another may read the same page as another table or not at all; the mark on the page, which
// makes writes to it slow, stays until no processor has a note of it. SDM 3 §4.3, §4.4, §4.10.

import type { Cpu } from '../state/cpu.ts';
import { PAGE_TABLE, TABLE_MANY, TABLE_NONE } from '../state/table-notes.ts';
import { denyWrites, dropPages, flushTlb } from './tlb.ts';

/**
 * A page walk read an entry of the table at `physical`: remember it so that a write drops what was
 * translated. firstLinearPage: linear page of entry 0 when the entries map single pages, else −1
 * (a directory: a write drops everything). entryShift: log2 of the entry size.
 */
export function noteTable(cpu: Cpu, physical: number, firstLinearPage: number, entryShift: number): void {
  const { memory, tables } = cpu;
  if (firstLinearPage < 0) tables.noted.length = 0; // the directory is noted first
  const page = cpu.space.writablePage(physical);
  if (page < 0) return; // nobody writes it, or a device answers for it
  if (tables.linear[page] === TABLE_NONE) {
    tables.pages.push(page);
    tables.linear[page] = firstLinearPage < 0 ? TABLE_MANY : firstLinearPage;
    tables.shift[page] = entryShift;
    if ((memory.pageFlags[page] & PAGE_TABLE) === 0) {
      memory.pageFlags[page] |= PAGE_TABLE;
      for (const each of memory.processors) denyWrites(each, page);
    }
  } else if (tables.linear[page] !== firstLinearPage || tables.shift[page] !== entryShift) {
    tables.linear[page] = TABLE_MANY;
  }
  tables.noted.push(page);
}

/** The walk that noted the last tables found a global page: they must outlive a flush that keeps global entries. */
export function noteGlobal(cpu: Cpu): void {
  const { noted, global } = cpu.tables;
  for (const page of noted) global[page] = 1;
}

/** Bytes of a page with PAGE_TABLE are about to change: what this processor translated by them goes. */
export function touchTable(cpu: Cpu, page: number, offset: number, size: number): void {
  const linear = cpu.tables.linear[page];
  if (linear === TABLE_NONE) return;
  if (linear === TABLE_MANY) {
    flushTlb(cpu, false);
    return;
  }
  const shift = cpu.tables.shift[page];
  const first = offset >>> shift;
  const last = (offset + size - 1) >>> shift;
  dropPages(cpu, linear + first, last - first + 1);
}
