// The memory of a guest for those who look for structures in it: linear addresses as the page tables have them now
// and, where those hide a kernel (user mode with page-table isolation, paging not yet on), the place in RAM that a
// Linux of 32 bits has below its direct mapping. Changes nothing.

import { peekBytes, peekPhysical, peekPhysicalBytes } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { RAM_BASE } from '../../core/state/layout.ts';

/** Where the direct mapping begins (CONFIG_VMSPLIT_3G). */
export const PAGE_OFFSET = 0xc000_0000;
/** No kernel of any split lies below. */
export const KERNEL_MIN = 0x4000_0000;
const TEXT_BYTES_MAX = 512;

/** Physical address; −1 where there is none. */
export function guestPhysical(cpu: Cpu, linear: number): number {
  const address = linear >>> 0;
  const physical = peekPhysical(cpu, address);
  return physical >= 0 || address < PAGE_OFFSET ? physical : address - PAGE_OFFSET;
}

/** Copies bytes; how many from the first on could be read. */
export function guestBytes(cpu: Cpu, linear: number, target: Uint8Array): number {
  const address = linear >>> 0;
  if (peekPhysical(cpu, address) >= 0 || address < PAGE_OFFSET) return peekBytes(cpu, address, target);
  return peekPhysicalBytes(cpu, address - PAGE_OFFSET, target);
}

export function guestWord(cpu: Cpu, linear: number): number | null {
  const bytes = new Uint8Array(4);
  return guestBytes(cpu, linear, bytes) < 4 ? null : new DataView(bytes.buffer).getUint32(0, true);
}

/** `length` bytes or fewer as Latin-1. */
export function guestText(cpu: Cpu, linear: number, length: number): string {
  const bytes = new Uint8Array(Math.min(length, TEXT_BYTES_MAX));
  return Buffer.from(bytes.subarray(0, guestBytes(cpu, linear, bytes))).toString('latin1');
}

/** All of RAM, to search in; a view that is not to be kept. */
export function guestRam(cpu: Cpu): Buffer {
  return Buffer.from(cpu.memory.m8.buffer, RAM_BASE, cpu.memory.ramBytes);
}
