// The state of the processor after power-up or RESET# (SDM 3 table 10-1), which every way of booting
// starts from, and after INIT.
// Time does not restart: the tick goes on, the TSC reads 0. RAM and devices are not touched.

import type { Cpu } from '../../state/cpu.ts';
import {
  A20,
  APIC_BASE,
  CR0,
  CR0_CD,
  CR0_ET,
  CR0_NW,
  CS,
  DR,
  EDX,
  EFLAGS,
  EIP,
  FP_CONTROL,
  GDTR_LIMIT,
  IDTR_LIMIT,
  LDTR,
  MISC_ENABLE,
  MXCSR,
  PAT,
  PLACED,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  TICK_F64,
  TR,
  TSC_OFFSET_F64,
} from '../../state/layout.ts';
import { SIGNATURE } from './cpuid.ts';
import { MISC_ENABLE_RESET } from './msr.ts';
import { updateMode } from './segmentation.ts';
import { flushTlb } from '../../memory/tlb.ts';

/** Present, read/write, accessed: data in real mode, CS included. */
const REAL_SEGMENT = 0x93;
const LDT = 0x82;
const BUSY_TSS32 = 0x8b;

/** Reset values of PAT: WB WT UC- UC, twice. */
const PAT_HALF = 0x00070406;

/** What INIT leaves as it is: x87, SSE, MSRs, and pins. */
const KEPT_GROUPS = new Set(['fpu', 'sse', 'msr']);
const KEPT = new Set(['tick', 'a20']);

/** INIT (SDM 3, 10.1, table 10-1): the caches' bits of CR0, x87, SSE, MSRs and the time-stamp counter stay. */
export function initCpu(cpu: Cpu): void {
  const { m32 } = cpu;
  const caches = m32[CR0] & (CR0_CD | CR0_NW);
  for (const { name, group, offset, size } of PLACED.values()) {
    if (!KEPT.has(name) && !KEPT_GROUPS.has(group)) cpu.m8.fill(0, offset, offset + size);
  }
  startAnew(cpu);
  m32[CR0] = caches | CR0_ET;
  finish(cpu);
}

export function resetCpu(cpu: Cpu): void {
  const wasMasked = cpu.m32[A20] === 0;
  for (const field of PLACED.values()) {
    if (field.name !== 'tick') cpu.m8.fill(0, field.offset, field.offset + field.size);
  }
  const m32 = cpu.m32;
  startAnew(cpu);
  m32[CR0] = CR0_CD | CR0_NW | CR0_ET;
  m32[FP_CONTROL] = 0x40; // tag word 5555h: all registers hold +0, none is empty
  m32[MXCSR] = 0x1f80;
  m32[PAT] = PAT_HALF;
  m32[PAT + 1] = PAT_HALF;
  m32[APIC_BASE] = 0xfee00900; // enabled, bootstrap processor
  m32[MISC_ENABLE] = MISC_ENABLE_RESET;
  m32[A20] = 1;
  cpu.f64[TSC_OFFSET_F64] = -cpu.f64[TICK_F64];
  if (wasMasked) cpu.space.flatten();
  finish(cpu);
}

/** What RESET# and INIT have in common, all of it zero before. */
function startAnew({ m32 }: Cpu): void {
  m32[EIP] = 0xfff0;
  m32[EFLAGS] = 2;
  m32[EDX] = SIGNATURE;
  for (let segment = 0; segment < 6; segment++) {
    m32[SEG_LIMIT + segment] = 0xffff;
    m32[SEG_ATTRIBUTES + segment] = REAL_SEGMENT;
  }
  m32[SEG_SELECTOR + CS] = 0xf000;
  m32[SEG_BASE + CS] = 0xffff0000;
  m32[SEG_LIMIT + LDTR] = 0xffff;
  m32[SEG_ATTRIBUTES + LDTR] = LDT;
  m32[SEG_LIMIT + TR] = 0xffff;
  m32[SEG_ATTRIBUTES + TR] = BUSY_TSS32;
  m32[GDTR_LIMIT] = 0xffff;
  m32[IDTR_LIMIT] = 0xffff;
  m32[DR + 6] = 0xffff0ff0;
  m32[DR + 7] = 0x400;
}

function finish(cpu: Cpu): void {
  cpu.watchActive = false;
  cpu.breakActive = false;
  flushTlb(cpu);
  updateMode(cpu);
}
