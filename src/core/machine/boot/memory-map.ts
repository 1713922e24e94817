// Which physical memory is free for a guest that is booted without a BIOS: the E820 map, the multiboot
// memory map and the BIOS data area (hand-over.ts) all come from here, and the CMOS device derives its memory bytes
// from the same two numbers, so that no two of them can disagree. Layout of an i440FX-class PC.

import type { AddressSpace } from '../../memory/address-space.ts';

/** End of conventional memory: the last KiB below 640 KiB is the extended BIOS data area. */
export const LOW_MEMORY_END = 0x9fc00;
export const HIGH_MEMORY_START = 0x100000;

export const E820_RAM = 1;
export const E820_RESERVED = 2;

export interface MemoryRange {
  readonly address: number;
  readonly size: number;
  /** E820_RAM or E820_RESERVED (ACPI 6.4 table 15.3; multiboot uses the same numbers). */
  readonly type: number;
}

/** The map in ascending order, without gaps below 1 MiB and without empty ranges. */
export function memoryMap(ramSize: number): MemoryRange[] {
  const map: MemoryRange[] = [
    { address: 0, size: LOW_MEMORY_END, type: E820_RAM },
    { address: LOW_MEMORY_END, size: HIGH_MEMORY_START - LOW_MEMORY_END, type: E820_RESERVED },
  ];
  if (ramSize > HIGH_MEMORY_START) {
    map.push({ address: HIGH_MEMORY_START, size: ramSize - HIGH_MEMORY_START, type: E820_RAM });
  }
  return map;
}

/** Clear guest memory [from, to): images are loaded again after a reset, over what the guest left there. */
export function clearMemory(space: AddressSpace, from: number, to: number): void {
  const zeros = new Uint8Array(Math.min(0x10000, Math.max(0, to - from)));
  for (let at = from; at < to; at += zeros.length)
    space.writeBytes(at, zeros.subarray(0, Math.min(zeros.length, to - at)));
}
