// How each processor's TLB stays coherent with the page tables: pages of RAM that its walks read are noted with the
// linear range that they translate and the address spaces that need them, and a write to one drops what came from it
// (memory/tlb.ts says why). The notes are one processor's, since another may read the same page as another table or not
// at all; the mark on the page, which makes writes to it slow, stays until no processor has a note of it. SDM 3 §4.3,
// §4.4, §4.10.

import type { Cpu } from '../state/cpu.ts';
import { PAGE_TABLE, TABLE_MANY, TABLE_NONE, USED_BY_GLOBAL } from '../state/table-notes.ts';
import { denyWrites, dropPages, flushTlb, forgetSpace, forgetTable } from './tlb.ts';

/** After so many writes a page is taken for one that is no table any more, until a walk reads it again. */
const WRITES_MAX = 64;

/** Lists of tables are looked through when they are as long. */
const LISTED_MAX = 1 << 12;

/** More translations are rather found again one by one. */
const DROPPED_PAGES_MAX = 1 << 14;

/** A walk begins. */
export function beginNotes(cpu: Cpu): void {
  cpu.tables.noted.length = 0;
  cpu.walkFleeting = false;
}

/**
 * A page walk read an entry of the table or directory at `physical`: remember it so that a write drops what was
 * translated. firstLinearPage: linear page that entry 0 translates; entryShift: log2 of the entry size; spanShift: log2
 * of the linear pages that an entry translates. A device that answers for the table may say something else the next
 * time: the walk is fleeting.
 */
export function noteTable(
  cpu: Cpu,
  physical: number,
  firstLinearPage: number,
  entryShift: number,
  spanShift: number,
): void {
  const { memory, tables, spaces } = cpu;
  const page = cpu.space.writablePage(physical);
  if (page < 0) {
    if (cpu.space.isDevice(physical)) cpu.walkFleeting = true;
    return; // else nobody writes it
  }
  const user = 1 << spaces.current;
  if (tables.linear[page] === TABLE_NONE) {
    enter(tables.pages, page, (each) => tables.linear[each] !== TABLE_NONE);
    tables.marked++;
    tables.linear[page] = firstLinearPage;
    tables.shift[page] = entryShift;
    tables.span[page] = spanShift;
    if ((memory.pageFlags[page] & PAGE_TABLE) === 0) {
      memory.pageFlags[page] |= PAGE_TABLE;
      for (const each of memory.processors) denyWrites(each, page);
    }
  } else if (
    tables.linear[page] !== firstLinearPage ||
    tables.shift[page] !== entryShift ||
    tables.span[page] !== spanShift
  ) {
    tables.linear[page] = TABLE_MANY;
  }
  if ((tables.users[page] & user) === 0) {
    tables.users[page] |= user;
    enter(spaces.all[spaces.current].tables, page, (each) => (tables.users[each] & user) !== 0);
  }
  tables.noted.push(page);
}

/** One more of a list in which some are not what they were, and some stand twice. */
function enter(list: number[], page: number, isStill: (page: number) => boolean): void {
  if (list.length >= LISTED_MAX) {
    const still = [...new Set(list)].filter(isStill);
    list.length = 0;
    for (const each of still) list.push(each);
  }
  list.push(page);
}

/** The walk that noted the last tables found a global page: they must outlive MOV CR3. */
export function noteGlobal(cpu: Cpu): void {
  const { noted, users } = cpu.tables;
  for (const page of noted) users[page] |= USED_BY_GLOBAL;
}

/** Bytes of a page with PAGE_TABLE are about to change: what this processor translated by them goes. */
export function touchTable(cpu: Cpu, page: number, offset: number, size: number): void {
  const { tables, spaces } = cpu;
  const linear = tables.linear[page];
  if (linear === TABLE_NONE) return;
  const shift = tables.shift[page];
  const span = tables.span[page];
  const isWorn = ++tables.writes[page] === WRITES_MAX;
  const first = isWorn ? 0 : offset >>> shift;
  const last = isWorn ? (4096 >>> shift) - 1 : (offset + size - 1) >>> shift;
  const from = linear + (first << span);
  const count = (last - first + 1) << span;
  const users = tables.users[page];
  const here = (1 << spaces.current) | USED_BY_GLOBAL;
  if ((users & here) !== 0) {
    if (linear === TABLE_MANY || count > DROPPED_PAGES_MAX) {
      flushTlb(cpu);
      return;
    }
    dropPages(cpu, from, count);
  }
  const away = users & ~here;
  if (away !== 0) {
    for (const [number, space] of spaces.all.entries()) {
      if ((away & (1 << number)) === 0) continue;
      // A table that nobody else needs is probably another page by now.
      if ((users & here) === 0 || isWorn || (from <= space.high && from + count > space.low)) forgetSpace(cpu, number);
    }
  }
  if (isWorn && tables.linear[page] !== TABLE_NONE) forgetTable(cpu, page);
}
