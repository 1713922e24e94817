// Where a linear address lies, for those who only look (reports, debuggers): the page tables are walked without setting
// A and D bits, without a fault and without the TLB. 32-bit paging with 4 MiB pages and PAE with 2 MiB pages (SDM 3
// §4.3, §4.4); rights are not asked. Reads of devices are not done: they may change the device.

import { CR0, CR0_PG, CR3, CR4, CR4_PAE, CR4_PSE, PDPTE } from '../../state/layout.ts';
import type { Cpu } from '../../state/cpu.ts';

const P = 1;
const PS = 0x80;

/** Physical address, or −1 when nothing is mapped there. */
export function probePhysical(cpu: Cpu, linear: number): number {
  const { m32 } = cpu;
  if ((m32[CR0] & CR0_PG) === 0) return linear >>> 0;
  return (m32[CR4] & CR4_PAE) !== 0 ? probePae(cpu, linear) : probe32(cpu, linear);
}

function probe32(cpu: Cpu, linear: number): number {
  const { m32 } = cpu;
  const directory = peek32(cpu, (m32[CR3] & -4096) + (linear >>> 22) * 4);
  if ((directory & P) === 0) return -1;
  if ((directory & PS) !== 0 && (m32[CR4] & CR4_PSE) !== 0) {
    // PSE-36: bits 20–13 of the entry are address bits 39–32; the P6 has four of them.
    return ((directory & 0xffc00000) >>> 0) + (linear & 0x3fffff) + ((directory >>> 13) & 15) * 0x1_0000_0000;
  }
  const table = peek32(cpu, (directory & -4096) + ((linear >>> 12) & 1023) * 4);
  return (table & P) === 0 ? -1 : ((table & -4096) >>> 0) + (linear & 0xfff);
}

function probePae(cpu: Cpu, linear: number): number {
  const pointer = cpu.m32[PDPTE + (linear >>> 30) * 2];
  if ((pointer & P) === 0) return -1;
  const entry = (table: number, index: number): readonly [low: number, high: number] => [
    peek32(cpu, table + index * 8),
    peek32(cpu, table + index * 8 + 4),
  ];
  const high = (word: number): number => (word & 15) * 0x1_0000_0000;
  const [directory, above] = entry(pointer & -4096, (linear >>> 21) & 511);
  if ((directory & P) === 0) return -1;
  if ((directory & PS) !== 0) return ((directory & -0x200000) >>> 0) + (linear & 0x1fffff) + high(above);
  const [table, top] = entry(directory & -4096, (linear >>> 12) & 511);
  return (table & P) === 0 ? -1 : ((table & -4096) >>> 0) + (linear & 0xfff) + high(top);
}

function peek32(cpu: Cpu, physical: number): number {
  let value = 0;
  for (let k = 0; k < 4; k++) value |= Math.max(0, peekPhysical8(cpu, (physical >>> 0) + k)) << (8 * k);
  return value;
}

/** A byte of RAM or ROM, or −1: a device, or nothing. */
export function peekPhysical8(cpu: Cpu, physical: number): number {
  const host = physical < 0x1_0000_0000 ? cpu.space.hostPage(physical) : -1;
  return host < 0 ? -1 : cpu.m8[host + (physical & 0xfff)];
}

/** The byte at a linear address, or −1: not mapped, a device, or nothing. */
export function peekLinear8(cpu: Cpu, linear: number): number {
  const physical = probePhysical(cpu, linear);
  return physical < 0 ? -1 : peekPhysical8(cpu, physical);
}
