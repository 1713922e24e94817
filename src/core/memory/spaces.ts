// Address spaces whose translations outlive MOV CR3. SDM 3 §4.10.4.1 has MOV CR3 drop what is not global; here a
// translation is never older than the tables that it came from (memory/tlb.ts), so keeping one is nothing that a guest
// could see, and an operating system that goes to and fro between programs need not walk their tables each time.
// What the space in use has translated is taken out of the TLB and put back when its CR3 is loaded again; while it is
// away its tables stay marked, and a write to what it needs of them forgets all of it. Entries of global pages stay in
// the TLB if both directories map their region by the very same entry: whether a processor still has one that differs
// is chance, which a guest would see (SDM 3 §4.10.2.4).

import { CR3, CR4, CR4_PAE, CR4_PGE, PDPTE } from '../state/layout.ts';
import { EXIT_MODE, type Cpu } from '../state/cpu.ts';
import { SAVED_PAGES, type Space } from '../state/saved-spaces.ts';
import { REGION_SHIFT } from '../state/tlb-list.ts';
import { beginNotes, noteGlobal, noteTable } from './page-tables.ts';
import { enterSaved, forgetSpace, forgetTable, TLB_GLOBAL, TLB_INVALID } from './tlb.ts';
import { USED_BY_GLOBAL } from '../state/table-notes.ts';

/** log2 of the pages that an entry of a directory translates, without and with PAE. */
const DIRECTORY_SPAN = 10;
const PAE_DIRECTORY_SPAN = 9;

function isSpaceOf(space: Space, cr3: number, pdptes: Int32Array): boolean {
  if (space.cr3 !== cr3) return false;
  for (let i = 0; i < 8; i++) if (space.pdptes[i] !== pdptes[i]) return false;
  return true;
}

/** Take the entries that are not global out of the TLB, into the space in use. `keepsGlobal`: others stay. */
function leave(cpu: Cpu, keepsGlobal: boolean): void {
  const { tlb, tlbList, spaces } = cpu;
  const { pages, isListed } = tlbList;
  const space = spaces.all[spaces.current];
  let kept = 0;
  let count = 0;
  let low = 0x100000;
  let high = -1;
  for (let i = 0; i < tlbList.count; i++) {
    const page = pages[i];
    const entry = tlb[page];
    if (entry !== TLB_INVALID && (entry & TLB_GLOBAL) !== 0 && keepsGlobal) {
      pages[kept++] = page;
      continue;
    }
    isListed[page] = 0;
    if (entry === TLB_INVALID) continue;
    tlb[page] = TLB_INVALID;
    // A global page's tables may be noted as somebody else's.
    if ((entry & TLB_GLOBAL) !== 0 || count === SAVED_PAGES) continue;
    space.pages[count] = page;
    space.entries[count++] = entry;
    if (page < low) low = page;
    if (page > high) high = page;
  }
  tlbList.count = kept;
  space.count = count;
  space.low = low;
  space.high = high;
  space.stamp = ++spaces.switches;
}

/** The number of the space, or of one that is nobody's or was left longest ago and becomes the space. */
function find(cpu: Cpu, cr3: number, pdptes: Int32Array): number {
  const { all, current } = cpu.spaces;
  let oldest = -1;
  for (let number = 0; number < all.length; number++) {
    if (number === current) continue;
    if (isSpaceOf(all[number], cr3, pdptes)) return number;
    if (oldest < 0 || all[number].stamp < all[oldest].stamp) oldest = number;
  }
  forgetSpace(cpu, oldest);
  all[oldest].cr3 = cr3;
  all[oldest].pdptes.set(pdptes);
  return oldest;
}

/** Physical address of the PAE directory for a region, from the words of the pointer entries at `words`; −1: none. */
function paeDirectory(words: Int32Array, at: number): number {
  if ((words[at] & 1) === 0) return -1;
  return words[at + 1] * 0x1_0000_0000 + ((words[at] & -4096) >>> 0);
}

/** Whether `bytes` bytes at both places are equal; only RAM and ROM are looked at. */
function isSameEntry(cpu: Cpu, one: number, other: number, bytes: number): boolean {
  if (one === other) return true;
  if (cpu.space.hostPage(one) < 0 || cpu.space.hostPage(other) < 0) return false;
  for (let at = 0; at < bytes; at += 4) if (cpu.space.read32(one + at) !== cpu.space.read32(other + at)) return false;
  return true;
}

/**
 * Drop the entries of global pages that the tables of `cr3` do not map exactly as the present ones do. Called while the
 * space left is still in use.
 */
function dropDisagreeingGlobals(cpu: Cpu, cr3: number, pdptes: Int32Array): void {
  const isPae = (cpu.m32[CR4] & CR4_PAE) !== 0;
  const { globalRegions, isGlobalRegion } = cpu.tlbList;
  const before = (cpu.m32[CR3] & -4096) >>> 0;
  const after = (cr3 & -4096) >>> 0;
  let kept = 0;
  for (const region of globalRegions) {
    let agrees: boolean;
    if (isPae) {
      const pointer = (region >>> 9) * 2;
      const from = paeDirectory(cpu.m32, PDPTE + pointer);
      const to = paeDirectory(pdptes, pointer);
      const at = (region & 0x1ff) * 8;
      agrees = from >= 0 && to >= 0 && isSameEntry(cpu, from + at, to + at, 8);
    } else {
      const at = (region >>> 1) * 4;
      agrees = isSameEntry(cpu, before + at, after + at, 4);
    }
    if (agrees) globalRegions[kept++] = region;
    else {
      isGlobalRegion[region] = 0;
      cpu.tlb.fill(TLB_INVALID, region << REGION_SHIFT, (region + 1) << REGION_SHIFT);
    }
  }
  globalRegions.length = kept;
}

/**
 * The directories of the space that is left say nothing of the global pages that stay: those of the next one map them
 * as well, and are watched. A page that is more than a directory stays watched.
 */
function unwatchGlobals(cpu: Cpu): void {
  const { linear, span, users } = cpu.tables;
  const leave = (physical: number, first: number, pagesOfEntry: number): void => {
    const page = cpu.space.writablePage(physical);
    if (page < 0 || linear[page] !== first || span[page] !== pagesOfEntry) return;
    users[page] &= ~USED_BY_GLOBAL;
    if (users[page] === 0) forgetTable(cpu, page);
  };
  if ((cpu.m32[CR4] & CR4_PAE) === 0) leave((cpu.m32[CR3] & -4096) >>> 0, 0, DIRECTORY_SPAN);
  else {
    for (const region of cpu.tlbList.globalRegions) {
      const pointer = (region >>> 9) * 2;
      const directory = paeDirectory(cpu.m32, PDPTE + pointer);
      if (directory >= 0) leave(directory, (region >>> 9) << 18, PAE_DIRECTORY_SPAN);
    }
  }
}

/** A write to a directory of the space in use must drop the entries of global pages that are there because of it. */
function watchGlobals(cpu: Cpu): void {
  const { globalRegions } = cpu.tlbList;
  if (globalRegions.length === 0) return;
  beginNotes(cpu);
  if ((cpu.m32[CR4] & CR4_PAE) === 0) noteTable(cpu, (cpu.m32[CR3] & -4096) >>> 0, 0, 2, DIRECTORY_SPAN);
  else {
    for (const region of globalRegions) {
      const directory = paeDirectory(cpu.m32, PDPTE + (region >>> 9) * 2);
      noteTable(cpu, directory, (region >>> 9) << 18, 3, PAE_DIRECTORY_SPAN);
    }
  }
  noteGlobal(cpu);
}

const NO_POINTERS = new Int32Array(8);

/** MOV CR3 while paging: `pdptes` are the pointer entries (PAE), which are good, or null. */
export function switchSpace(cpu: Cpu, cr3: number, pdptes: Int32Array | null): void {
  const { m32, spaces } = cpu;
  const pointers = pdptes ?? NO_POINTERS;
  const keepsGlobal = (m32[CR4] & CR4_PGE) !== 0;
  const left = spaces.all[spaces.current];
  left.cr3 = m32[CR3];
  if (pdptes !== null) left.pdptes.set(m32.subarray(PDPTE, PDPTE + 8));
  else left.pdptes.fill(0);
  if (isSpaceOf(left, cr3, pointers)) return;
  if (keepsGlobal) {
    dropDisagreeingGlobals(cpu, cr3, pointers);
    unwatchGlobals(cpu);
  }
  leave(cpu, keepsGlobal);
  m32[CR3] = cr3;
  if (pdptes !== null) m32.set(pdptes, PDPTE);
  spaces.current = find(cpu, cr3, pointers);
  const space = spaces.all[spaces.current];
  if (keepsGlobal) watchGlobals(cpu);
  for (let i = 0; i < space.count; i++) enterSaved(cpu, space.pages[i], space.entries[i]);
  space.count = 0;
  cpu.exitRequest |= EXIT_MODE;
}
