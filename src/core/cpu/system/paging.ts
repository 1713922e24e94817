// The page walk: linear address to physical page, access rights, accessed and dirty bits. 32-bit paging with
// 4 MiB pages (PSE, PSE-36) and PAE paging with 2 MiB pages and execute-disable. SDM 3 §4.3 (32-bit), §4.4 (PAE),
// §4.6 (rights), §4.7 (page-fault error code), §4.8 (A and D). Physical addresses have 36 bits, as on the P6.
// It reads the tables every time: the TLB (memory/tlb.ts) is what remembers, and memory/page-tables.ts keeps
// it coherent. Throws nothing; imports no memory access functions, since those call it.

import { VECTOR_GP, VECTOR_PF } from '../../base/vectors.ts';
import { CR0, CR0_WP, CR2, CR3, CR4, CR4_PAE, CR4_PGE, CR4_PSE, EFER, EFER_NXE, PDPTE } from '../../state/layout.ts';
import { raise, setFault, type Cpu } from '../../state/cpu.ts';
import { beginNotes, noteTable } from '../../memory/page-tables.ts';
import {
  TLB_NO_SUPER_FETCH,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_FETCH,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
  TLB_UNPROTECTED,
} from '../../memory/tlb.ts';

// Bits of paging-structure entries.
export const PTE_P = 1;
export const PTE_RW = 2;
export const PTE_US = 4;
export const PTE_A = 0x20;
export const PTE_D = 0x40;
export const PTE_PS = 0x80;
export const PTE_G = 0x100;

// Page-fault error code, SDM 3 §4.7.
export const PF_PRESENT = 1;
export const PF_WRITE = 2;
export const PF_USER = 4;
export const PF_RESERVED = 8;
export const PF_FETCH = 16;

/** PSE-36: bits 20–13 of a 4 MiB entry are address bits 39–32; those above bit 35, and bit 21, are reserved. */
const PSE36_RESERVED = 0x3e0000;
/** High word of a PAE entry: bits 62–36 are reserved; bit 63 is XD, reserved while EFER.NXE is clear. */
const PAE_HIGH_RESERVED = 0x7ffffff0;
const XD = 0x80000000 | 0;
/** PAE directory entry of a 2 MiB page: bits 20–13. */
const PAE_LARGE_RESERVED = 0x1fe000;
/** Page-directory-pointer entry: bits 1, 2 and 5–8 of the low word, 63–36 of the pair. */
const PDPTE_LOW_RESERVED = 0x1e6;
const PDPTE_HIGH_RESERVED = 0xfffffff0 | 0;

function fault(cpu: Cpu, linear: number, write: boolean, user: boolean, fetch: boolean, bits: number): boolean {
  let error = bits;
  if (write) error |= PF_WRITE;
  if (user) error |= PF_USER;
  if (fetch && (cpu.m32[CR4] & CR4_PAE) !== 0 && (cpu.m32[EFER] & EFER_NXE) !== 0) error |= PF_FETCH;
  cpu.m32[CR2] = linear;
  cpu.faultAddress = linear;
  setFault(cpu, VECTOR_PF, error);
  return false;
}

/** Whether the rights gathered over all levels (RW and US set = allowed everywhere) permit the access. */
function permitted(
  cpu: Cpu,
  rights: number,
  noExecute: boolean,
  write: boolean,
  user: boolean,
  fetch: boolean,
): boolean {
  if (fetch && noExecute) return false;
  if (user && (rights & PTE_US) === 0) return false;
  if (write && (rights & PTE_RW) === 0 && (user || (cpu.m32[CR0] & CR0_WP) !== 0)) return false;
  return true;
}

/**
 * Deny bits for the TLB, and TLB_UNPROTECTED. `leaf` is the entry that maps the page as memory now holds it: without D,
 * writes walk again.
 */
function setResult(cpu: Cpu, physical: number, leaf: number, rights: number, noExecute: boolean): void {
  let deny = 0;
  if ((rights & PTE_US) === 0) deny |= TLB_NO_USER_READ | TLB_NO_USER_WRITE | TLB_NO_USER_FETCH;
  if ((rights & PTE_RW) === 0) {
    deny |= TLB_NO_USER_WRITE | ((cpu.m32[CR0] & CR0_WP) !== 0 ? TLB_NO_SUPER_WRITE : TLB_UNPROTECTED);
  }
  if ((leaf & PTE_D) === 0) deny |= TLB_NO_USER_WRITE | TLB_NO_SUPER_WRITE;
  if (noExecute) deny |= TLB_NO_USER_FETCH | TLB_NO_SUPER_FETCH;
  cpu.walkPhysical = physical;
  cpu.walkDeny = deny;
  cpu.walkGlobal = (leaf & PTE_G) !== 0 && (cpu.m32[CR4] & CR4_PGE) !== 0;
}

/** Set `bits` (A, D) in the entry at `address` if they are not all set; returns the entry as memory now holds it. */
function mark(cpu: Cpu, address: number, entry: number, bits: number): number {
  if ((entry & bits) !== bits) {
    cpu.space.markEntry(address, entry | bits);
    if (cpu.probes?.readsMemory === true) cpu.probes.marked?.();
  }
  return entry | bits;
}

/** SDM 3 §4.3. */
function walk32(cpu: Cpu, linear: number, write: boolean, user: boolean, fetch: boolean): boolean {
  const directory = (cpu.m32[CR3] & -4096) >>> 0;
  const pdeAddress = directory + (linear >>> 22) * 4;
  const pde = cpu.space.read32(pdeAddress);
  if ((pde & PTE_P) === 0) return fault(cpu, linear, write, user, fetch, 0);
  if ((pde & PTE_PS) !== 0 && (cpu.m32[CR4] & CR4_PSE) !== 0) {
    if ((pde & PSE36_RESERVED) !== 0) return fault(cpu, linear, write, user, fetch, PF_PRESENT | PF_RESERVED);
    if (!permitted(cpu, pde, false, write, user, fetch)) return fault(cpu, linear, write, user, fetch, PF_PRESENT);
    const leaf = mark(cpu, pdeAddress, pde, write ? PTE_A | PTE_D : PTE_A);
    noteTable(cpu, directory, 0, 2, 10);
    const base = ((pde >>> 13) & 0xff) * 0x1_0000_0000 + ((pde & 0xffc00000) >>> 0);
    setResult(cpu, base + (linear & 0x3ff000), leaf, pde, false);
    return true;
  }
  // The directory entry has been used, so its A bit is set even if the page then faults (SDM 3 §4.8).
  mark(cpu, pdeAddress, pde, PTE_A);
  const table = (pde & -4096) >>> 0;
  const pteAddress = table + ((linear >>> 12) & 0x3ff) * 4;
  const pte = cpu.space.read32(pteAddress);
  if ((pte & PTE_P) === 0) return fault(cpu, linear, write, user, fetch, 0);
  const rights = pde & pte;
  if (!permitted(cpu, rights, false, write, user, fetch)) return fault(cpu, linear, write, user, fetch, PF_PRESENT);
  const leaf = mark(cpu, pteAddress, pte, write ? PTE_A | PTE_D : PTE_A);
  noteTable(cpu, directory, 0, 2, 10);
  noteTable(cpu, table, (linear >>> 22) << 10, 2, 0);
  setResult(cpu, (pte & -4096) >>> 0, leaf, rights, false);
  return true;
}

/** SDM 3 §4.4. The four page-directory-pointer entries are registers (cpu.m32[PDPTE…]), loaded by loadPdptes. */
function walkPae(cpu: Cpu, linear: number, write: boolean, user: boolean, fetch: boolean): boolean {
  const pdpteWord = PDPTE + (linear >>> 30) * 2;
  const pdpte = cpu.m32[pdpteWord];
  if ((pdpte & PTE_P) === 0) return fault(cpu, linear, write, user, fetch, 0);
  const executeDisable = (cpu.m32[EFER] & EFER_NXE) !== 0;
  const highReserved = executeDisable ? PAE_HIGH_RESERVED : PAE_HIGH_RESERVED | XD;
  const directory = cpu.m32[pdpteWord + 1] * 0x1_0000_0000 + ((pdpte & -4096) >>> 0);
  const pdeAddress = directory + ((linear >>> 21) & 0x1ff) * 8;
  const pde = cpu.space.read32(pdeAddress);
  if ((pde & PTE_P) === 0) return fault(cpu, linear, write, user, fetch, 0);
  const pdeHigh = cpu.space.read32(pdeAddress + 4);
  const large = (pde & PTE_PS) !== 0;
  if ((pdeHigh & highReserved) !== 0 || (large && (pde & PAE_LARGE_RESERVED) !== 0)) {
    return fault(cpu, linear, write, user, fetch, PF_PRESENT | PF_RESERVED);
  }
  if (large) {
    const noExecute = pdeHigh < 0;
    if (!permitted(cpu, pde, noExecute, write, user, fetch)) return fault(cpu, linear, write, user, fetch, PF_PRESENT);
    const leaf = mark(cpu, pdeAddress, pde, write ? PTE_A | PTE_D : PTE_A);
    noteTable(cpu, directory, (linear >>> 30) << 18, 3, 9);
    const base = (pdeHigh & 0xf) * 0x1_0000_0000 + ((pde & 0xffe00000) >>> 0);
    setResult(cpu, base + (linear & 0x1ff000), leaf, pde, noExecute);
    return true;
  }
  mark(cpu, pdeAddress, pde, PTE_A);
  const table = (pdeHigh & 0xf) * 0x1_0000_0000 + ((pde & -4096) >>> 0);
  const pteAddress = table + ((linear >>> 12) & 0x1ff) * 8;
  const pte = cpu.space.read32(pteAddress);
  if ((pte & PTE_P) === 0) return fault(cpu, linear, write, user, fetch, 0);
  const pteHigh = cpu.space.read32(pteAddress + 4);
  if ((pteHigh & highReserved) !== 0) return fault(cpu, linear, write, user, fetch, PF_PRESENT | PF_RESERVED);
  const rights = pde & pte;
  const noExecute = (pdeHigh | pteHigh) < 0;
  if (!permitted(cpu, rights, noExecute, write, user, fetch)) return fault(cpu, linear, write, user, fetch, PF_PRESENT);
  const leaf = mark(cpu, pteAddress, pte, write ? PTE_A | PTE_D : PTE_A);
  noteTable(cpu, directory, (linear >>> 30) << 18, 3, 9);
  noteTable(cpu, table, (linear >>> 21) << 9, 3, 0);
  setResult(cpu, (pteHigh & 0xf) * 0x1_0000_0000 + ((pte & -4096) >>> 0), leaf, rights, noExecute);
  return true;
}

/**
 * Translate the page of `linear` (CR0.PG is set). True: cpu.walkPhysical, walkDeny and walkGlobal are filled and the
 * A bits (and D for a write) are set in memory. False: #PF is in the fault fields and CR2 holds `linear`.
 */
export function walk(cpu: Cpu, linear: number, write: boolean, user: boolean, fetch: boolean): boolean {
  beginNotes(cpu);
  return (cpu.m32[CR4] & CR4_PAE) !== 0
    ? walkPae(cpu, linear, write, user, fetch)
    : walk32(cpu, linear, write, user, fetch);
}

/** Load the four page-directory-pointer entries from physical `cr3`, as MOV to CR0 and CR4 do. */
export function loadPdptes(cpu: Cpu, cr3: number): void {
  cpu.m32.set(readPdptes(cpu, cr3), PDPTE);
}

/** Read and check the pointer entries: a present one with a reserved bit raises #GP(0). SDM 3 §4.4.1. */
export function readPdptes(cpu: Cpu, cr3: number): Int32Array {
  const base = (cr3 & 0xffffffe0) >>> 0;
  const words = new Int32Array(8);
  for (let word = 0; word < 8; word++) words[word] = cpu.space.read32(base + word * 4);
  for (let entry = 0; entry < 8; entry += 2) {
    if ((words[entry] & PTE_P) === 0) continue;
    if ((words[entry] & PDPTE_LOW_RESERVED) !== 0 || (words[entry + 1] & PDPTE_HIGH_RESERVED) !== 0)
      raise(cpu, VECTOR_GP, 0);
  }
  return words;
}
