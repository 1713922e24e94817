// Control registers: which values MOV CRn, LMSW and CLTS accept and what a change sets off (TLB, PDPTEs, modeKey).
// SDM 3 §2.5 (control registers), §4.1.1–4.1.3 and §4.4.1 (paging modes, PDPTE loads), SDM 2 MOV—Move to/from
// Control Registers. Callers have checked CPL. Unwritable and reserved bits: the P6 ignores them in CR0, CR4's raise
// #GP(0).

import { VECTOR_GP } from '../../base/vectors.ts';
import {
  CR0,
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR2,
  CR3,
  CR4,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  UNPROTECTED,
} from '../../state/layout.ts';
import { EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import { switchSpace } from '../../memory/spaces.ts';
import { flushTlb, protectReadOnly } from '../../memory/tlb.ts';
import { loadPdptes, readPdptes } from './paging.ts';
import { updateMode } from './segmentation.ts';
import { updateWatch } from './debug.ts';

const CR0_WRITABLE = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
/** VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT: what CPUID announces. */
const CR4_WRITABLE = 0x7ff;

export const isPaging = (cpu: Cpu): boolean => (cpu.m32[CR0] & CR0_PG) !== 0;
const isPae = (cpu: Cpu): boolean => (cpu.m32[CR4] & CR4_PAE) !== 0;

/** MOV CR0. #GP(0) for PG without PE and for NW without CD. */
export function writeCr0(cpu: Cpu, value: number): void {
  if ((value & CR0_PG) !== 0 && (value & CR0_PE) === 0) raise(cpu, VECTOR_GP, 0);
  if ((value & CR0_NW) !== 0 && (value & CR0_CD) === 0) raise(cpu, VECTOR_GP, 0);
  const old = cpu.m32[CR0];
  const next = (value & CR0_WRITABLE) | CR0_ET;
  const changed = old ^ next;
  const pagingModeBits = CR0_PG | CR0_CD | CR0_NW;
  const loadsPointers = (next & CR0_PG) !== 0 && isPae(cpu) && (changed & pagingModeBits) !== 0;
  if (loadsPointers) loadPdptes(cpu, cpu.m32[CR3]);
  cpu.m32[CR0] = next;
  if (loadsPointers || (changed & (CR0_PG | CR0_PE)) !== 0) flushTlb(cpu);
  else if ((changed & next & CR0_WP) !== 0 && cpu.m32[UNPROTECTED] !== 0) protectReadOnly(cpu);
  updateMode(cpu);
  cpu.exitRequest |= EXIT_WINDOW;
}

export function writeCr2(cpu: Cpu, value: number): void {
  cpu.m32[CR2] = value;
}

/** MOV CR3 and task switches. #GP(0) for a bad PDPTE. The low bits without a meaning are kept as written. */
export function writeCr3(cpu: Cpu, value: number): void {
  if (!isPaging(cpu)) cpu.m32[CR3] = value;
  else switchSpace(cpu, value, isPae(cpu) ? readPdptes(cpu, value) : null);
  cpu.systemWatcher?.spaceChanged(value);
}

/** MOV CR4. #GP(0) for reserved bits. */
export function writeCr4(cpu: Cpu, value: number): void {
  if ((value & ~CR4_WRITABLE) !== 0) raise(cpu, VECTOR_GP, 0);
  const changed = cpu.m32[CR4] ^ value;
  const pagingBits = CR4_PAE | CR4_PGE | CR4_PSE;
  if (isPaging(cpu) && (value & CR4_PAE) !== 0 && (changed & pagingBits) !== 0) loadPdptes(cpu, cpu.m32[CR3]);
  cpu.m32[CR4] = value;
  // With PGE alone translations stay true, unless there are pointer entries to load again.
  const isPgeAlone = (changed & pagingBits) === CR4_PGE && (value & CR4_PAE) === 0;
  if ((changed & pagingBits) !== 0 && !isPgeAlone) flushTlb(cpu);
  updateWatch(cpu);
}

export function clearTaskSwitched(cpu: Cpu): void {
  cpu.m32[CR0] &= ~CR0_TS;
}

/** LMSW: PE (can be set, never cleared), MP, EM and TS only. SDM 2, LMSW. */
export function loadMachineStatusWord(cpu: Cpu, value: number): void {
  const kept = cpu.m32[CR0] & ~(CR0_MP | CR0_EM | CR0_TS);
  writeCr0(cpu, kept | (value & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
}
