// The TLB: one Int32 entry for each of the 2^20 linear pages. An entry is (host address − linear
// address), page aligned, with bits in the low 12 that DENY an access; the fast path is one load, one
// mask test, one add. Misses and everything special (MMIO, first write to a clean page, code, page
// tables, watchpoints) go to memory/access.ts. Each processor has one; host addresses count from its block.
// It is coherent: pages that a walk read are tracked (memory/page-tables.ts), and a write to one drops
// the entries that came from it, so dropping the TLB at any moment is invisible (law 4). SDM 3 §4.10.

import { EXIT_MODE, type Cpu } from '../state/cpu.ts';
import { PAGE_TABLE, TABLE_NONE } from '../state/table-notes.ts';
import { MAPPED_BY_SEVERAL, TLB_LIST_PAGES } from '../state/tlb-list.ts';

export const TLB_NO_USER_READ = 1;
export const TLB_NO_USER_WRITE = 2;
export const TLB_NO_SUPER_READ = 4;
export const TLB_NO_SUPER_WRITE = 8;
export const TLB_NO_USER_FETCH = 16;
export const TLB_NO_SUPER_FETCH = 32;
/** What the page tables allow (D bit set) even while the deny bit makes writes slow. */
export const TLB_USER_WRITABLE = 64;
export const TLB_SUPER_WRITABLE = 128;
export const TLB_GLOBAL = 256;
export const TLB_INVALID = -1;

/** RAM page that an entry of linear page `page` maps; beyond the RAM for ROM. */
function ramPageOf(cpu: Cpu, entry: number, page: number): number {
  return (((entry & -4096) + (page << 12) - cpu.ramBase) | 0) >>> 12;
}

/** Enter a translation. `entry` as described above. */
export function fillTlb(cpu: Cpu, page: number, entry: number): void {
  const list = cpu.tlbList;
  list.fills++;
  if (cpu.tlb[page] === TLB_INVALID) {
    if (list.count === TLB_LIST_PAGES) flushTlb(cpu, false);
    list.pages[list.count++] = page;
  }
  cpu.tlb[page] = entry;
  const ramPage = ramPageOf(cpu, entry, page);
  const mapper = list.mapper;
  if (ramPage >= mapper.length) return;
  const other = mapper[ramPage];
  if (other === page || other === MAPPED_BY_SEVERAL) return;
  const stale = other < 0 || cpu.tlb[other] === TLB_INVALID || ramPageOf(cpu, cpu.tlb[other], other) !== ramPage;
  mapper[ramPage] = stale ? page : MAPPED_BY_SEVERAL;
}

/**
 * Drop every entry, and leave the running block, whose own mapping may be gone. With keepGlobal those of global pages
 * survive (MOV CR3 with CR4.PGE).
 */
export function flushTlb(cpu: Cpu, keepGlobal: boolean): void {
  const list = cpu.tlbList;
  list.flushes++;
  const tlb = cpu.tlb;
  const pages = list.pages;
  let kept = 0;
  for (let i = 0; i < list.count; i++) {
    const page = pages[i];
    const entry = tlb[page];
    if (keepGlobal && entry !== TLB_INVALID && (entry & TLB_GLOBAL) !== 0) pages[kept++] = page;
    else tlb[page] = TLB_INVALID;
  }
  list.count = kept;
  forgetTables(cpu, keepGlobal);
  cpu.exitRequest |= EXIT_MODE;
}

/** Whether the page is a table to some processor. */
function isNoted(processors: readonly Cpu[], page: number): boolean {
  for (const cpu of processors) if (cpu.tables.linear[page] !== TABLE_NONE) return true;
  return false;
}

/** Nothing depends on the tables any more, but for those of global pages if keepGlobal. */
function forgetTables(cpu: Cpu, keepGlobal: boolean): void {
  const { tables, memory } = cpu;
  let kept = 0;
  for (const page of tables.pages) {
    if (keepGlobal && tables.global[page] !== 0) tables.pages[kept++] = page;
    else {
      tables.linear[page] = TABLE_NONE;
      tables.global[page] = 0;
      if (!isNoted(memory.processors, page)) memory.pageFlags[page] &= ~PAGE_TABLE;
    }
  }
  tables.pages.length = kept;
  tables.noted.length = 0;
}

/** INVLPG: drop the entry of one linear address, global or not. */
export function flushPage(cpu: Cpu, linear: number): void {
  dropPages(cpu, linear >>> 12, 1);
}

/** Drop a run of linear pages (number of pages small or the span of one page table). */
export function dropPages(cpu: Cpu, firstPage: number, pageCount: number): void {
  // The list keeps a stale number for a dropped page; fillTlb may then list it twice, which is harmless.
  cpu.tlb.fill(TLB_INVALID, firstPage, firstPage + pageCount);
  cpu.exitRequest |= EXIT_MODE;
}

/** Make writes through every entry that maps the RAM page slow (it now holds code or a page table). */
export function denyWrites(cpu: Cpu, ramPage: number): void {
  const { pages, mapper } = cpu.tlbList;
  const tlb = cpu.tlb;
  const deny = (page: number): void => {
    const entry = tlb[page];
    if (entry !== TLB_INVALID && ramPageOf(cpu, entry, page) === ramPage) {
      tlb[page] = entry | TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE;
    }
  };
  if (mapper[ramPage] >= 0) deny(mapper[ramPage]);
  else if (mapper[ramPage] === MAPPED_BY_SEVERAL) for (let i = 0; i < cpu.tlbList.count; i++) deny(pages[i]);
}
