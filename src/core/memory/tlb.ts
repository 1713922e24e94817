// The TLB: one Int32 entry for each of the 2^20 linear pages. An entry is (host address − linear
// address), page aligned, with bits in the low 12 that DENY an access; the fast path is one load, one
// mask test, one add. Misses and everything special (MMIO, first write to a clean page, code, page
// tables, watchpoints) go to memory/access.ts. Each processor has one; host addresses count from its block.
// It is coherent: pages that a walk read are tracked (memory/page-tables.ts), and a write to one drops
// the entries that came from it, so dropping the TLB at any moment is invisible (law 4). SDM 3 §4.10.

import { CR0, CR0_WP, UNPROTECTED } from '../state/layout.ts';
import { EXIT_MODE, type Cpu } from '../state/cpu.ts';
import { PAGE_TABLE, TABLE_NONE } from '../state/table-notes.ts';
import { MAPPED_BY_SEVERAL, REGION_SHIFT, TLB_LIST_PAGES } from '../state/tlb-list.ts';

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
/** A supervisor may write although the tables say read-only: only while CR0.WP is 0. */
export const TLB_UNPROTECTED = 512;
export const TLB_INVALID = -1;

/** RAM page that an entry of linear page `page` maps; beyond the RAM for ROM. */
function ramPageOf(cpu: Cpu, entry: number, page: number): number {
  return (((entry & -4096) + (page << 12) - cpu.ramBase) | 0) >>> 12;
}

/** Before a walk whose translation is to be entered: the list may be full. */
export function makeRoom(cpu: Cpu): void {
  if (cpu.tlbList.count === TLB_LIST_PAGES) flushTlb(cpu);
}

/** Enter a translation, as described above. */
export function fillTlb(cpu: Cpu, page: number, entry: number): void {
  const list = cpu.tlbList;
  list.fills++;
  if (list.isListed[page] === 0) {
    list.isListed[page] = 1;
    list.pages[list.count++] = page;
  }
  cpu.tlb[page] = entry;
  if ((entry & (TLB_GLOBAL | TLB_UNPROTECTED)) !== 0) fillSpecial(cpu, page, entry);
  const ramPage = ramPageOf(cpu, entry, page);
  const mapper = list.mapper;
  if (ramPage >= mapper.length) return;
  const other = mapper[ramPage];
  if (other === page || other === MAPPED_BY_SEVERAL) return;
  const stale = other < 0 || cpu.tlb[other] === TLB_INVALID || ramPageOf(cpu, cpu.tlb[other], other) !== ramPage;
  mapper[ramPage] = stale ? page : MAPPED_BY_SEVERAL;
}

function fillSpecial(cpu: Cpu, page: number, entry: number): void {
  const list = cpu.tlbList;
  if ((entry & TLB_UNPROTECTED) !== 0) cpu.m32[UNPROTECTED] = 1;
  const region = page >>> REGION_SHIFT;
  if ((entry & TLB_GLOBAL) === 0 || list.isGlobalRegion[region] !== 0) return;
  list.isGlobalRegion[region] = 1;
  list.globalRegions.push(region);
}

/**
 * Drop every entry, those of saved spaces too, and leave the running block, whose own mapping may be gone.
 */
export function flushTlb(cpu: Cpu): void {
  const list = cpu.tlbList;
  list.flushes++;
  const { tlb } = cpu;
  const { pages, isListed } = list;
  for (let i = 0; i < list.count; i++) {
    tlb[pages[i]] = TLB_INVALID;
    isListed[pages[i]] = 0;
  }
  list.count = 0;
  for (const region of list.globalRegions) list.isGlobalRegion[region] = 0;
  list.globalRegions.length = 0;
  cpu.m32[UNPROTECTED] = 0;
  for (const space of cpu.spaces.all) {
    space.cr3 = -1;
    space.stamp = 0;
    space.count = 0;
    space.tables.length = 0;
  }
  forgetTables(cpu);
  cpu.exitRequest |= EXIT_MODE;
}

/** The space is nobody's any more, and what it alone needed is no table any more. */
export function forgetSpace(cpu: Cpu, number: number): void {
  const { spaces, tables } = cpu;
  const space = spaces.all[number];
  const bit = 1 << number;
  for (const page of space.tables) {
    if ((tables.users[page] & bit) === 0) continue;
    tables.users[page] &= ~bit;
    if (tables.users[page] === 0) forgetTable(cpu, page);
  }
  space.tables.length = 0;
  space.cr3 = -1;
  space.stamp = 0;
  space.count = 0;
  space.low = 0;
  space.high = -1;
}

/** Nothing depends on the page any more: it is no table to this processor. */
export function forgetTable(cpu: Cpu, page: number): void {
  const { tables, memory } = cpu;
  tables.linear[page] = TABLE_NONE;
  tables.users[page] = 0;
  tables.writes[page] = 0;
  for (const each of memory.processors) if (each.tables.linear[page] !== TABLE_NONE) return;
  memory.pageFlags[page] &= ~PAGE_TABLE;
}

function forgetTables(cpu: Cpu): void {
  const { tables } = cpu;
  for (const page of tables.pages) forgetTable(cpu, page);
  tables.pages.length = 0;
  tables.noted.length = 0;
}

/** An unprotected entry, once CR0.WP is 1. */
const withoutWrites = (entry: number): number => (entry & ~(TLB_UNPROTECTED | TLB_SUPER_WRITABLE)) | TLB_NO_SUPER_WRITE;

/**
 * CR0.WP has become 1: nobody writes to read-only pages any more. Entries that allow it are left for reading alone.
 */
export function protectReadOnly(cpu: Cpu): void {
  const { tlb } = cpu;
  const { pages, count } = cpu.tlbList;
  for (let i = 0; i < count; i++) {
    const entry = tlb[pages[i]];
    if (entry === TLB_INVALID || (entry & TLB_UNPROTECTED) === 0) continue;
    tlb[pages[i]] = withoutWrites(entry);
  }
  cpu.m32[UNPROTECTED] = 0;
}

/** Drop a run of linear pages (number of pages small or the span of one page table). */
export function dropPages(cpu: Cpu, firstPage: number, pageCount: number): void {
  // They stay in the list.
  if (pageCount === 1) cpu.tlb[firstPage] = TLB_INVALID;
  else cpu.tlb.fill(TLB_INVALID, firstPage, firstPage + pageCount);
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

/** The entry of a space that was away, for now: its page may hold code or a table since, or be clean. */
export function enterSaved(cpu: Cpu, page: number, entry: number): void {
  const ramPage = ramPageOf(cpu, entry, page);
  if (ramPage >= cpu.memory.pageCount || !cpu.memory.isPlain(ramPage)) entry |= TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE;
  if ((entry & TLB_UNPROTECTED) !== 0 && (cpu.m32[CR0] & CR0_WP) !== 0) entry = withoutWrites(entry);
  fillTlb(cpu, page, entry);
}
