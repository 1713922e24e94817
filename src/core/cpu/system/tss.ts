// What the processor reads from the task-state segment besides task switches: inner stacks, the I/O permission
// bit map and the software-interrupt redirection bit map. SDM 3 §7.2.1 and §7.6 (TSS formats), SDM 1 §18.5.2
// (I/O permission bit map), SDM 3 §20.3.2 (redirection).

import { VECTOR_GP, VECTOR_TS } from '../../base/vectors.ts';
import { ATTR_TYPE, EFLAGS, IOPL, SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT, SEG_SELECTOR, TR } from '../../state/layout.ts';
import { raise, type Cpu } from '../../state/cpu.ts';
import { systemLoad16, systemLoad32, systemLoad8 } from '../../memory/access.ts';
import { cpl, isProtected, isVm86 } from './segmentation.ts';
import { TYPE_32 } from './descriptors.ts';

/** Offset of the I/O map base in a 32-bit TSS, and the smallest limit such a TSS may have. */
const IO_MAP_BASE = 0x66;
const TSS32_MIN_LIMIT = 0x67;

const is32 = (cpu: Cpu): boolean => (cpu.m32[SEG_ATTRIBUTES + TR] & ATTR_TYPE & TYPE_32) !== 0;

/**
 * SSn and ESPn for privilege `level` (0–2); #TS(TR) when they lie beyond the TSS limit. Read in the order of SDM 2,
 * INT n: it shows in CR2 where they lie in a page that is not there.
 */
export function innerStackPointer(cpu: Cpu, level: number, ext: number): { ss: number; esp: number } {
  const tss = cpu.m32[SEG_BASE + TR];
  const wide = is32(cpu);
  const offset = wide ? 4 + level * 8 : 2 + level * 4;
  if (offset + (wide ? 5 : 3) > cpu.m32[SEG_LIMIT + TR] >>> 0) {
    raise(cpu, VECTOR_TS, (cpu.m32[SEG_SELECTOR + TR] & 0xfffc) | ext);
  }
  const at = (tss + offset) | 0;
  if (wide) return { ss: systemLoad16(cpu, (at + 4) | 0), esp: systemLoad32(cpu, at) };
  return { esp: systemLoad16(cpu, at), ss: systemLoad16(cpu, (at + 2) | 0) };
}

/** #GP(0) unless ports [port, port + size) may be used here. SDM 1 §18.5. Before any bus access. */
export function checkIo(cpu: Cpu, port: number, size: number): void {
  if (!isProtected(cpu)) return;
  if (!isVm86(cpu) && cpl(cpu) <= (cpu.m32[EFLAGS] & IOPL) >>> 12) return;
  const tssLimit = cpu.m32[SEG_LIMIT + TR] >>> 0;
  if (!is32(cpu) || tssLimit < TSS32_MIN_LIMIT) raise(cpu, VECTOR_GP, 0);
  const tss = cpu.m32[SEG_BASE + TR];
  const offset = systemLoad16(cpu, (tss + IO_MAP_BASE) | 0) + ((port & 0xffff) >>> 3);
  // Two bytes are always read, so the map must have one byte beyond the last port's.
  if (offset + 1 > tssLimit) raise(cpu, VECTOR_GP, 0);
  const bits = systemLoad16(cpu, (tss + offset) | 0) >>> (port & 7);
  if ((bits & ((1 << size) - 1)) !== 0) raise(cpu, VECTOR_GP, 0);
}

/** VME: whether INT `vector` goes to the protected-mode handler (bit set) rather than to the 8086 one. */
export function isRedirectionBitSet(cpu: Cpu, vector: number): boolean {
  const tssLimit = cpu.m32[SEG_LIMIT + TR] >>> 0;
  if (!is32(cpu) || tssLimit < TSS32_MIN_LIMIT) raise(cpu, VECTOR_GP, 0);
  const tss = cpu.m32[SEG_BASE + TR];
  const offset = systemLoad16(cpu, (tss + IO_MAP_BASE) | 0) - 32 + (vector >>> 3);
  if (offset > tssLimit || offset < 0) raise(cpu, VECTOR_GP, 0);
  return (systemLoad8(cpu, (tss + offset) | 0) & (1 << (vector & 7))) !== 0;
}
