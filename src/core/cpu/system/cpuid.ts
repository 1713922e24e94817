// CPUID: what this processor says it is. SDM 2 CPUID. A single-core P6 of the last generation: family 6 model 14
// (the first with SSE3 and execute-disable and the last without 64-bit mode), because guests key errata and
// timestamp behaviour on the model. Leaf 7 is younger than that model: it announces the one MSR by which a guest
// learns that nothing here executes speculatively, so that it need not defend itself.

import { EAX, EBX, ECX, EDX, MISC_ENABLE } from '../../state/layout.ts';
import type { Cpu } from '../../state/cpu.ts';

/** Type 0, family 6, model 14, stepping 8; also EDX after reset. */
export const SIGNATURE = 0x6e8;
/** EBX, EDX, ECX hold it in this order. */
const VENDOR = 'GenuineIntel';
const BRAND = 'Reprise virtual CPU';

const FEATURE_BITS = {
  FPU: 0,
  VME: 1,
  DE: 2,
  PSE: 3,
  TSC: 4,
  MSR: 5,
  PAE: 6,
  MCE: 7,
  CX8: 8,
  SEP: 11,
  MTRR: 12,
  PGE: 13,
  MCA: 14,
  CMOV: 15,
  PAT: 16,
  PSE36: 17,
  CLFSH: 19,
  MMX: 23,
  FXSR: 24,
  SSE: 25,
  SSE2: 26,
} as const;
const FEATURES_EDX = Object.values(FEATURE_BITS).reduce<number>((bits, bit) => bits | (1 << bit), 0);
const FEATURE_APIC = 1 << 9;
const FEATURES_ECX = 1; // SSE3
/** CLFLUSH line: 8 × 8 bytes. */
const CLFLUSH_SIZE = 8 << 8;
const EXTENDED_NX = 1 << 20;
const LEAF7_ARCH_CAPABILITIES = 1 << 29;

const BASIC_MAX = 7;
/** IA32_MISC_ENABLE bit 22: old systems that cannot bear more leaves. */
const BASIC_MAX_LIMITED = 3;
const EXTENDED_MAX = 0x80000008 | 0;
const LIMIT_CPUID = 1 << 22;
/** Bit 34, in the high word. */
const XD_DISABLE = 1 << 2;

/** Deterministic cache parameters: EAX, EBX, ECX of leaf 4 for L1D (32 KiB), L1I (32 KiB), L2 (2 MiB), all 8-way. */
const CACHES = [
  [0x121, (7 << 22) | 63, 63],
  [0x122, (7 << 22) | 63, 63],
  [0x143, (7 << 22) | 63, 4095],
] as const;

/** Four characters at `at`, first in the low byte; NUL beyond the end. */
function letters(text: string, at: number): number {
  let word = 0;
  for (let k = 3; k >= 0; k--) word = (word << 8) | (at + k < text.length ? text.charCodeAt(at + k) : 0);
  return word;
}

/** The three words of leaf 0 in the order EBX, ECX, EDX, and those of the leaves of the brand. */
const VENDOR_WORDS = [letters(VENDOR, 0), letters(VENDOR, 8), letters(VENDOR, 4)] as const;
const BRAND_WORDS = Array.from({ length: 12 }, (_, k) => letters(BRAND, 4 * k));

function set(cpu: Cpu, eax: number, ebx: number, ecx: number, edx: number): void {
  cpu.m32[EAX] = eax;
  cpu.m32[EBX] = ebx;
  cpu.m32[ECX] = ecx;
  cpu.m32[EDX] = edx;
}

function extendedLeaf(cpu: Cpu, leaf: number): void {
  const index = leaf & 0xff;
  if (index === 0) set(cpu, EXTENDED_MAX, 0, 0, 0);
  else if (index === 1) {
    const executeDisable = (cpu.m32[MISC_ENABLE + 1] & XD_DISABLE) === 0;
    set(cpu, 0, 0, 0, executeDisable ? EXTENDED_NX : 0);
  } else if (index <= 4) {
    const at = (index - 2) * 4;
    set(cpu, BRAND_WORDS[at], BRAND_WORDS[at + 1], BRAND_WORDS[at + 2], BRAND_WORDS[at + 3]);
  } else if (index === 6) {
    set(cpu, 0, 0, (2048 << 16) | (6 << 12) | 64, 0); // L2: 2048 KiB, 8-way, 64-byte lines
  } else if (index === 8) {
    set(cpu, 36 | (32 << 8), 0, 0, 0); // physical and linear address bits
  } else set(cpu, 0, 0, 0, 0);
}

function basicLeaf(cpu: Cpu, leaf: number, subleaf: number, max: number): void {
  if (leaf === 0) {
    set(cpu, max, VENDOR_WORDS[0], VENDOR_WORDS[1], VENDOR_WORDS[2]);
  } else if (leaf === 1) {
    set(cpu, SIGNATURE, CLFLUSH_SIZE, FEATURES_ECX, FEATURES_EDX | (cpu.apic !== null ? FEATURE_APIC : 0));
  } else if (leaf === 2) {
    // One row; TLBs and caches of the model: 4K and 4M page TLBs, 32 KiB L1s, 2 MiB L2, 64-byte prefetch.
    set(cpu, 0x02b3b001, 0xf0, 0, 0x2c04307d);
  } else if (leaf === 4 && subleaf < CACHES.length) {
    const [eax, ebx, ecx] = CACHES[subleaf];
    set(cpu, eax, ebx, ecx, 0);
  } else if (leaf === 7 && subleaf === 0) {
    set(cpu, 0, 0, 0, LEAF7_ARCH_CAPABILITIES);
  } else set(cpu, 0, 0, 0, 0);
}

/** CPUID with EAX = leaf, ECX = subleaf. Leaves beyond the maximum answer as the highest basic one, as on Intel's. */
export function cpuid(cpu: Cpu): void {
  const leaf = cpu.m32[EAX];
  const max = (cpu.m32[MISC_ENABLE] & LIMIT_CPUID) !== 0 ? BASIC_MAX_LIMITED : BASIC_MAX;
  if (leaf < 0 && leaf <= EXTENDED_MAX) extendedLeaf(cpu, leaf);
  else basicLeaf(cpu, leaf >>> 0 <= max ? leaf : max, cpu.m32[ECX] >>> 0, max);
}
