// Global pages across MOV CR3. SDM 3 §4.10.2.4 lets translations of global pages survive; whether a processor still
// has one is chance, and a guest whose address spaces disagree about a global page would see that chance. Here such
// an entry survives only if the new directory maps its region by the very same entry, so that walking again would
// give the same answer: the TLB stays droppable at any moment. Called by writeCr3 before the TLB is flushed.

import { CR3, CR4, CR4_PAE, PDPTE } from '../../state/layout.ts';
import type { Cpu } from '../../state/cpu.ts';
import { noteGlobal, noteTable } from '../../memory/page-tables.ts';
import { TLB_GLOBAL, TLB_INVALID } from '../../memory/tlb.ts';

/** What is known about a directory entry: not compared yet, the same in both, different. */
const NOT_COMPARED = 0;
const SAME = 1;
const DIFFERENT = 2;

/**
 * Physical address of the directory for linear page `page` with PAE, from the words of the pointer entries at `words`.
 */
function paeDirectory(words: Int32Array, at: number): number {
  if ((words[at] & 1) === 0) return -1;
  return words[at + 1] * 0x1_0000_0000 + ((words[at] & -4096) >>> 0);
}

/** Whether `bytes` bytes at both places are equal; only RAM and ROM are looked at. */
function sameEntry(cpu: Cpu, one: number, other: number, bytes: number): boolean {
  if (one === other) return true;
  if (cpu.space.hostPage(one) < 0 || cpu.space.hostPage(other) < 0) return false;
  for (let at = 0; at < bytes; at += 4) if (cpu.space.read32(one + at) !== cpu.space.read32(other + at)) return false;
  return true;
}

/**
 * Drop the TLB entries of global pages that the tables of `newCr3` do not map exactly as the present ones do, and have
 * the new directories watched. `newPdptes`: the pointer entries about to be loaded (PAE).
 */
export function dropDisagreeingGlobals(cpu: Cpu, newCr3: number, newPdptes: Int32Array): void {
  const pae = (cpu.m32[CR4] & CR4_PAE) !== 0;
  const shift = pae ? 9 : 10;
  const verdicts = new Uint8Array(0x100000 >>> shift);
  const { pages, count } = cpu.tlbList;
  const oldDirectory = (cpu.m32[CR3] & -4096) >>> 0;
  const newDirectory = (newCr3 & -4096) >>> 0;

  /** A write to this directory must drop the entries that survive because of it. */
  const watch = (directory: number, entryShift: number): number => {
    noteTable(cpu, directory, -1, entryShift);
    noteGlobal(cpu);
    return SAME;
  };
  const compare = (index: number): number => {
    if (!pae) {
      if (!sameEntry(cpu, oldDirectory + index * 4, newDirectory + index * 4, 4)) return DIFFERENT;
      return watch(newDirectory, 2);
    }
    const pointer = (index >>> 9) * 2;
    const before = paeDirectory(cpu.m32, PDPTE + pointer);
    const after = paeDirectory(newPdptes, pointer);
    const at = (index & 0x1ff) * 8;
    if (before < 0 || after < 0 || !sameEntry(cpu, before + at, after + at, 8)) return DIFFERENT;
    return watch(after, 3);
  };

  for (let i = 0; i < count; i++) {
    const page = pages[i];
    const entry = cpu.tlb[page];
    if (entry === TLB_INVALID || (entry & TLB_GLOBAL) === 0) continue;
    const index = page >>> shift;
    if (verdicts[index] === NOT_COMPARED) verdicts[index] = compare(index);
    if (verdicts[index] === DIFFERENT) cpu.tlb[page] = TLB_INVALID;
  }
}
