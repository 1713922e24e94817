// Debug registers: breakpoint matching, DR6 and DR7. SDM 3 §17.2 (registers), §17.3 (debug exceptions).
// What the loop does with it: before an instruction, if cpu.breakActive and EFLAGS.RF = 0, it asks
// matchInstructionBreakpoint; data and I/O accesses add their hits to PENDING_DEBUG; after an instruction that
// began with TF = 1 the loop adds DR6_BS; PENDING_DEBUG ≠ 0 is then delivered by exceptions.ts deliverDebugTrap.
// A faulting instruction drops its pending hits (it did not retire). Imports no memory access functions.

import { VECTOR_DB, VECTOR_UD } from '../../base/vectors.ts';
import { CR4, CR4_DE, DR, PENDING_DEBUG } from '../../state/layout.ts';
import { EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import { flushTlb } from '../../memory/tlb.ts';

export const DR6 = DR + 6;
export const DR7 = DR + 7;

export const DR6_BD = 0x2000; // general detect
export const DR6_BS = 0x4000; // single step
export const DR6_BT = 0x8000; // T bit of the new TSS
const DR6_BREAKPOINTS = 0xf;
const DR6_FIXED_ONES = 0xffff0ff0 | 0;
const DR6_WRITABLE = 0xe00f;

const DR7_GD = 0x2000;
const DR7_LOCAL_ENABLES = 0x55;
const DR7_FIXED_ONES = 0x400;
const DR7_FIXED_ZEROS = 0xd800; // bits 11, 12, 14 and 15

// R/W field of DR7.
const ON_EXECUTE = 0;
const ON_WRITE = 1;
const ON_IO = 2;
const ON_ACCESS = 3;

const enabled = (dr7: number, index: number): boolean => ((dr7 >>> (index * 2)) & 3) !== 0;
const condition = (dr7: number, index: number): number => (dr7 >>> (16 + index * 4)) & 3;
/** LEN 00 = 1 byte, 01 = 2, 11 = 4; 10 is undefined on the P6 and taken as 1. */
const lengthMask = (dr7: number, index: number): number => [0, 1, 0, 3][(dr7 >>> (18 + index * 4)) & 3];

/** Recompute cpu.watchActive and cpu.breakActive after DR7 or CR4.DE changed or a snapshot was loaded. */
export function updateWatch(cpu: Cpu): void {
  const dr7 = cpu.m32[DR7];
  let watch = false;
  let instruction = false;
  for (let index = 0; index < 4; index++) {
    if (!enabled(dr7, index)) continue;
    const when = condition(dr7, index);
    if (when === ON_EXECUTE) instruction = true;
    else if (when !== ON_IO) watch = true;
  }
  if (watch !== cpu.watchActive) {
    cpu.watchActive = watch;
    flushTlb(cpu);
  }
  cpu.breakActive = instruction;
  cpu.exitRequest |= EXIT_WINDOW;
}

function matchRange(cpu: Cpu, address: number, size: number, wanted: (when: number) => boolean): number {
  const dr7 = cpu.m32[DR7];
  let hits = 0;
  for (let index = 0; index < 4; index++) {
    if (!enabled(dr7, index) || !wanted(condition(dr7, index))) continue;
    const mask = lengthMask(dr7, index);
    const first = (cpu.m32[DR + index] & ~mask) >>> 0;
    if (first <= (address >>> 0) + size - 1 && first + mask >= address >>> 0) hits |= 1 << index;
  }
  return hits;
}

/** A data access of `size` bytes: hits go to PENDING_DEBUG, a trap after the instruction. SDM 3 §17.2.5. */
export function matchDataBreakpoint(cpu: Cpu, linear: number, size: number, write: boolean): void {
  const hits = matchRange(cpu, linear, size, (when) => when === ON_ACCESS || (write && when === ON_WRITE));
  if (hits === 0) return;
  cpu.m32[PENDING_DEBUG] |= hits;
  cpu.exitRequest |= EXIT_WINDOW;
}

/** A port access of `size` bytes (CR4.DE makes R/W = 10 mean I/O); hits go to PENDING_DEBUG. */
export function matchIoBreakpoint(cpu: Cpu, port: number, size: number): void {
  if ((cpu.m32[DR7] & 0xff) === 0 || (cpu.m32[CR4] & CR4_DE) === 0) return;
  const hits = matchRange(cpu, port, size, (when) => when === ON_IO);
  if (hits === 0) return;
  cpu.m32[PENDING_DEBUG] |= hits;
  cpu.exitRequest |= EXIT_WINDOW;
}

/** DR6 bits of the instruction breakpoints at `linear` (0 = none). The caller has looked at EFLAGS.RF. */
export function matchInstructionBreakpoint(cpu: Cpu, linear: number): number {
  const dr7 = cpu.m32[DR7];
  let hits = 0;
  for (let index = 0; index < 4; index++) {
    if (enabled(dr7, index) && condition(dr7, index) === ON_EXECUTE && cpu.m32[DR + index] === (linear | 0)) {
      hits |= 1 << index;
    }
  }
  return hits;
}

/** Why a debug exception is raised: B0–B3 are those of this exception, the other bits stick. SDM 3 §17.2.3. */
export function recordDebugReason(cpu: Cpu, bits: number): void {
  cpu.m32[DR6] = (cpu.m32[DR6] & ~DR6_BREAKPOINTS) | bits | DR6_FIXED_ONES;
}

/** On entry to a #DB handler DR7.GD is cleared so that the handler may use the registers. SDM 3 §17.2.4. */
export function clearGeneralDetect(cpu: Cpu): void {
  cpu.m32[DR7] &= ~DR7_GD;
}

/** A task switch clears L0–L3 (and LE). SDM 3 §17.2.4. */
export function clearLocalBreakpoints(cpu: Cpu): void {
  const dr7 = cpu.m32[DR7];
  cpu.m32[DR7] = dr7 & ~(DR7_LOCAL_ENABLES | 0x100);
  if (cpu.m32[DR7] !== dr7) updateWatch(cpu);
}

/** The register that an access to DR`number` means: DR4/DR5 are DR6/DR7 unless CR4.DE (#UD); DR7.GD raises #DB. */
function resolve(cpu: Cpu, number: number): number {
  if ((number === 4 || number === 5) && (cpu.m32[CR4] & CR4_DE) !== 0) raise(cpu, VECTOR_UD);
  if ((cpu.m32[DR7] & DR7_GD) !== 0) {
    recordDebugReason(cpu, DR6_BD | (cpu.m32[DR6] & DR6_BREAKPOINTS));
    raise(cpu, VECTOR_DB);
  }
  return number === 4 || number === 5 ? number + 2 : number;
}

/** MOV r32, DRn after the CPL check. SDM 2 MOV—Move to/from Debug Registers. */
export function readDebugRegister(cpu: Cpu, number: number): number {
  return cpu.m32[DR + resolve(cpu, number)];
}

/** MOV DRn, r32 after the CPL check. Reserved bits keep their fixed values. */
export function writeDebugRegister(cpu: Cpu, number: number, value: number): void {
  const register = resolve(cpu, number);
  if (register === 6) cpu.m32[DR6] = (value & DR6_WRITABLE) | DR6_FIXED_ONES;
  else if (register === 7) {
    cpu.m32[DR7] = (value & ~DR7_FIXED_ZEROS) | DR7_FIXED_ONES;
    updateWatch(cpu);
  } else cpu.m32[DR + register] = value;
}
