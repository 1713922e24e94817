// The processor state in which boot loaders hand over to 32-bit kernels: protected mode, paging off,
// interrupts off, A20 on, all segments 0–4 GiB, and a GDT in memory that says the same (so that a kernel
// that reloads a segment before it has its own GDT gets what it has). Multiboot 0.6.96 §3.2,
// Linux Documentation/x86/boot.rst "32-bit boot protocol". Memory types are set as firmware leaves them, because
// kernels take blank ones for a defect.

import type { Cpu } from '../../state/cpu.ts';
import type { AddressSpace } from '../../memory/address-space.ts';
import {
  CR0,
  CR0_ET,
  CR0_PE,
  CS,
  DS,
  EIP,
  ES,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  MTRR,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
} from '../../state/layout.ts';
import { mtrrWord } from '../../cpu/system/msr.ts';
import { updateMode } from '../../cpu/system/segmentation.ts';
import { write32 } from './bytes.ts';

/** 4 GiB, 32-bit, present, DPL 0, accessed: execute/read and read/write. */
const FLAT_CODE = 0xc09b;
const FLAT_DATA = 0xc093;

function writeDescriptor(table: Uint8Array, selector: number, attributes: number): void {
  write32(table, selector, 0x0000ffff);
  write32(table, selector + 4, (0x000f0000 | (attributes << 8)) >>> 0);
}

function setSegment(cpu: Cpu, segment: number, selector: number, attributes: number): void {
  cpu.m32[SEG_SELECTOR + segment] = selector;
  cpu.m32[SEG_BASE + segment] = 0;
  cpu.m32[SEG_LIMIT + segment] = -1;
  cpu.m32[SEG_ATTRIBUTES + segment] = attributes;
}

/**
 * Memory type range registers (SDM 3 §11.11): RAM write-back, the VGA range uncacheable, the firmware area
 * write-protected, devices above 2 GiB uncacheable. They change nothing here but what a kernel reads.
 */
function setMemoryTypes(cpu: Cpu): void {
  const set = (msr: number, low: number, high: number): void => {
    cpu.m32[MTRR + mtrrWord(msr)] = low;
    cpu.m32[MTRR + mtrrWord(msr) + 1] = high;
  };
  const writeBack = 0x06060606;
  const writeProtected = 0x05050505;
  set(0x250, writeBack, writeBack); // 00000h–7FFFFh
  set(0x258, writeBack, writeBack); // 80000h–9FFFFh
  set(0x259, 0, 0); // A0000h–BFFFFh
  for (let msr = 0x268; msr <= 0x26f; msr++) set(msr, writeProtected, writeProtected);
  set(0x200, 0x80000000, 0); // base 2 GiB, uncacheable
  set(0x201, 0x80000800, 0xf); // 2 GiB long, valid
  set(0x2ff, 0xc06, 0); // enabled with fixed ranges, default write-back
}

/** Enter flat protected mode at `entry` from the reset state. The GDT (up to 32 bytes) goes to `gdtAddress`. */
export function enterFlatMode(
  cpu: Cpu,
  space: AddressSpace,
  entry: number,
  gdtAddress: number,
  codeSelector: number,
  dataSelector: number,
): void {
  const table = new Uint8Array(Math.max(codeSelector, dataSelector) + 8);
  writeDescriptor(table, codeSelector, FLAT_CODE);
  writeDescriptor(table, dataSelector, FLAT_DATA);
  space.writeBytes(gdtAddress, table);
  cpu.m32[GDTR_BASE] = gdtAddress;
  cpu.m32[GDTR_LIMIT] = table.length - 1;
  cpu.m32[CR0] = CR0_PE | CR0_ET;
  setSegment(cpu, CS, codeSelector, FLAT_CODE);
  for (const segment of [DS, ES, SS, FS, GS]) setSegment(cpu, segment, dataSelector, FLAT_DATA);
  cpu.m32[EIP] = entry;
  setMemoryTypes(cpu);
  updateMode(cpu);
}
