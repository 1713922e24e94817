/**
 * The translations that a machine holds, as data, and how to get them back: for tools that put a machine to an earlier
 * state, where its TLB is empty, and want the next instruction done as in the middle of a run. Entries are made anew
 * from the page tables; what had to be there for the old one (accessed and dirty bits) may be missing in another
 * state, so the caller compares digests.
 */
import { MODE_CPL3, MODE_KEY } from '../state/layout.ts';
import { type Cpu, GUEST_FAULT } from '../state/cpu.ts';
import { checkRead, checkWrite, translateFetch } from './access.ts';
import { TLB_INVALID, TLB_SUPER_WRITABLE, TLB_USER_WRITABLE } from './tlb.ts';

export interface HeldPage {
  /** Linear page number. */
  readonly page: number;
  readonly isWritable: boolean;
}

export function heldPages(cpu: Cpu): HeldPage[] {
  const { pages, count } = cpu.tlbList;
  const held: HeldPage[] = [];
  for (let i = 0; i < count; i++) {
    const entry = cpu.tlb[pages[i]];
    if (entry === TLB_INVALID) continue;
    held.push({ page: pages[i], isWritable: (entry & (TLB_USER_WRITABLE | TLB_SUPER_WRITABLE)) !== 0 });
  }
  return held;
}

/** With the rights of the running code. What cannot be translated is left out; nothing is delivered. */
export function refillTlb(cpu: Cpu, held: readonly HeldPage[]): void {
  const { exitRequest } = cpu;
  for (const { page, isWritable } of held) {
    try {
      checkRead(cpu, page << 12, 1);
      if (isWritable) checkWrite(cpu, page << 12, 1);
      translateFetch(cpu, page << 12, (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0);
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
    }
    cpu.exitRequest = exitRequest;
  }
}
