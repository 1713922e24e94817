// Looking without touching: linear addresses as the page tables translate them now, for debuggers. Sets no A or D
// bit, fills no TLB entry, reads no device and never faults. SDM 3 §4.3 (32-bit paging), §4.4 (PAE).
// Rights are not looked at: what is mapped can be seen.

import { PTE_P, PTE_PS, PTE_US } from '../cpu/system/paging.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import type { Cpu } from '../state/cpu.ts';
import { TLB_NO_SUPER_READ } from './tlb.ts';
import { CR0, CR0_PG, CR3, CR4, CR4_PAE, CR4_PSE, PDPTE } from '../state/layout.ts';

/** Told of the physical address of each table entry that a walk looks at. */
type Noting = (physical: number) => void;

/** A table entry; 0 (not present) where there is no memory. */
function entryAt(cpu: Cpu, physical: number, note?: Noting): number {
  note?.(physical);
  const host = cpu.space.peekPage(physical);
  return host < 0 ? 0 : cpu.memory.view.getInt32(host + (physical & 0xffc), true);
}

/** Without PAE. */
const directoryEntry = (cpu: Cpu, linear: number, note?: Noting): number =>
  entryAt(cpu, ((cpu.m32[CR3] & -4096) >>> 0) + (linear >>> 22) * 4, note);

/** Physical address of a linear one, or −1 when it is not mapped. */
export function peekPhysical(cpu: Cpu, linear: number, note?: Noting): number {
  const { m32 } = cpu;
  if ((m32[CR0] & CR0_PG) === 0) return linear >>> 0;
  if ((m32[CR4] & CR4_PAE) !== 0) return peekPae(cpu, linear, note);
  const pde = directoryEntry(cpu, linear, note);
  if ((pde & PTE_P) === 0) return -1;
  if ((pde & PTE_PS) !== 0 && (m32[CR4] & CR4_PSE) !== 0) {
    // PSE-36: bits 20–13 of the entry are address bits 39–32; the P6 has four of them.
    return ((pde >>> 13) & 15) * 0x1_0000_0000 + ((pde & 0xffc00000) >>> 0) + (linear & 0x3fffff);
  }
  const pte = entryAt(cpu, ((pde & -4096) >>> 0) + ((linear >>> 12) & 0x3ff) * 4, note);
  return (pte & PTE_P) === 0 ? -1 : ((pte & -4096) >>> 0) + (linear & 0xfff);
}

function peekPae(cpu: Cpu, linear: number, note?: Noting): number {
  const word = PDPTE + (linear >>> 30) * 2;
  if ((cpu.m32[word] & PTE_P) === 0) return -1;
  const join = (low: number, high: number, mask: number): number => (high & 0xf) * 0x1_0000_0000 + ((low & mask) >>> 0);
  const pdeAt = join(cpu.m32[word], cpu.m32[word + 1], -4096) + ((linear >>> 21) & 0x1ff) * 8;
  const pde = entryAt(cpu, pdeAt, note);
  if ((pde & PTE_P) === 0) return -1;
  const pdeHigh = entryAt(cpu, pdeAt + 4, note);
  if ((pde & PTE_PS) !== 0) return join(pde, pdeHigh, 0xffe00000 | 0) + (linear & 0x1fffff);
  const pteAt = join(pde, pdeHigh, -4096) + ((linear >>> 12) & 0x1ff) * 8;
  const pte = entryAt(cpu, pteAt, note);
  return (pte & PTE_P) === 0 ? -1 : join(pte, entryAt(cpu, pteAt + 4, note), -4096) + (linear & 0xfff);
}

/** Present, and for programs. */
const USER_PAGE = PTE_P | PTE_US;
/** Bytes of linear memory that one entry of a page directory stands for, with PAE and without. */
const DIRECTORY_BYTES = { pae: 1 << 21, plain: 1 << 22 } as const;

/** Linear pages of the address space at hand that programs may reach, ascending; none without paging. */
export function* userPages(cpu: Cpu): Generator<number, void> {
  const { m32 } = cpu;
  if ((m32[CR0] & CR0_PG) === 0) return;
  const isPae = (m32[CR4] & CR4_PAE) !== 0;
  const stretch = isPae ? DIRECTORY_BYTES.pae : DIRECTORY_BYTES.plain;
  for (let begin = 0; begin < 2 ** 32; begin += stretch) {
    const entry = isPae ? directoryEntryPae(cpu, begin) : directoryEntry(cpu, begin);
    if ((entry & USER_PAGE) !== USER_PAGE) continue;
    const isLarge = (entry & PTE_PS) !== 0 && (isPae || (m32[CR4] & CR4_PSE) !== 0);
    const tableAt = (entry & -4096) >>> 0;
    for (let linear = begin, i = 0; linear < begin + stretch; linear += PAGE_BYTES, i++) {
      if (isLarge || (entryAt(cpu, tableAt + i * (isPae ? 8 : 4)) & USER_PAGE) === USER_PAGE) yield linear;
    }
  }
}

/** Its low half, which has what a table below 4 GB needs. */
function directoryEntryPae(cpu: Cpu, linear: number): number {
  const word = PDPTE + (linear >>> 30) * 2;
  if ((cpu.m32[word] & PTE_P) === 0) return 0;
  const directory = (cpu.m32[word + 1] & 0xf) * 0x1_0000_0000 + ((cpu.m32[word] & -4096) >>> 0);
  const at = directory + ((linear >>> 21) & 0x1ff) * 8;
  return (entryAt(cpu, at + 4) & 0xf) === 0 ? entryAt(cpu, at) : 0;
}

/** Copies bytes at a linear address; returns how many from the first on are mapped RAM or ROM. */
export function peekBytes(cpu: Cpu, linear: number, target: Uint8Array): number {
  for (let done = 0; done < target.length; ) {
    const at = (linear + done) >>> 0;
    const physical = peekPhysical(cpu, at);
    const host = physical < 0 ? -1 : cpu.space.peekPage(physical);
    if (host < 0) return done;
    const run = Math.min(target.length - done, PAGE_BYTES - (at & 0xfff));
    target.set(cpu.memory.m8.subarray(host + (at & 0xfff), host + (at & 0xfff) + run), done);
    done += run;
  }
  return target.length;
}

/** The same for physical addresses. */
export function peekPhysicalBytes(cpu: Cpu, physical: number, target: Uint8Array): number {
  for (let done = 0; done < target.length; ) {
    const at = physical + done;
    const host = cpu.space.peekPage(at);
    if (host < 0) return done;
    const run = Math.min(target.length - done, PAGE_BYTES - (at & 0xfff));
    target.set(cpu.memory.m8.subarray(host + (at & 0xfff), host + (at & 0xfff) + run), done);
    done += run;
  }
  return target.length;
}

/** A little-endian number of 1, 2 or 4 bytes, unsigned; null when not all of it is mapped. */
export function peekNumber(cpu: Cpu, linear: number, size: number): number | null {
  // What the TLB has is what the tables say: it is coherent.
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & TLB_NO_SUPER_READ) === 0 && (linear & 0xfff) + size <= PAGE_BYTES) {
    const host = ((entry & -4096) + linear) | 0;
    if (size === 4) return cpu.view.getUint32(host, true);
    return size === 2 ? cpu.view.getUint16(host, true) : cpu.m8[host];
  }
  const bytes = new Uint8Array(size);
  if (peekBytes(cpu, linear, bytes) < size) return null;
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[i];
  return value;
}

/**
 * What such a number depends on as long as registers stay as they are: the doublewords of physical memory, by their
 * address / 4, that hold it and the table entries that lead there.
 */
export function dwordsBehind(cpu: Cpu, linear: number, size: number): Set<number> {
  const dwords = new Set<number>();
  const note = (physical: number): void => {
    dwords.add(Math.floor(physical / 4));
  };
  for (const at of [linear, linear + size - 1]) {
    const physical = peekPhysical(cpu, at >>> 0, note);
    if (physical >= 0) note(physical);
  }
  return dwords;
}
