// Model-specific registers: RDMSR and WRMSR after the CPL check, the time-stamp counter, RDPMC. SDM 4 (the P6 family
// and architectural tables), SDM 3 §11.11 (MTRRs), §11.12 (PAT), §15.3 (machine check), §17.17 (TSC). Anything not
// listed here raises #GP(0), as do reserved bits. MTRRs and PAT are kept and checked but change nothing: there are
// no caches. Performance counters stand still. A TSC write sets bits 31–0 and clears 63–32, as on the P6.

import { VECTOR_GP } from '../../base/vectors.ts';
import {
  APIC_BASE,
  CR0,
  CR0_PE,
  CR0_PG,
  CR4,
  CR4_PAE,
  CR4_PCE,
  CR4_TSD,
  EAX,
  ECX,
  EDX,
  EFER,
  EFER_NXE,
  MCG,
  MISC_ENABLE,
  MTRR,
  PAT,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  TSC_OFFSET_F64,
} from '../../state/layout.ts';
import { EXIT_DEADLINE, EXIT_MODE, raise, type Cpu } from '../../state/cpu.ts';
import { flushTlb } from '../../memory/tlb.ts';
import { cpl } from './segmentation.ts';

// Register numbers.
const P5_MC_ADDR = 0x0;
const P5_MC_TYPE = 0x1;
const TSC = 0x10;
const PLATFORM_ID = 0x17;
const APIC_BASE_MSR = 0x1b;
const EBL_CR_POWERON = 0x2a;
const BIOS_UPDATE_TRIGGER = 0x79;
const BIOS_SIGN_ID = 0x8b;
const PERFCTR0 = 0xc1;
const PERFCTR1 = 0xc2;
const MTRRCAP = 0xfe;
const ARCH_CAPABILITIES = 0x10a;
const SYSENTER_CS_MSR = 0x174;
const SYSENTER_ESP_MSR = 0x175;
const SYSENTER_EIP_MSR = 0x176;
const MCG_CAP = 0x179;
const MCG_STATUS = 0x17a;
const PERFEVTSEL0 = 0x186;
const PERFEVTSEL1 = 0x187;
const MISC_ENABLE_MSR = 0x1a0;
const DEBUGCTL = 0x1d9;
const MTRR_PHYSBASE0 = 0x200;
const MTRR_PHYSMASK_LAST = 0x20f;
const PAT_MSR = 0x277;
const MTRR_DEF_TYPE = 0x2ff;
const MC0_CTL = 0x400;
const MC0_STATUS = 0x401;
const MC0_MISC = 0x403;
const EFER_MSR = 0xc0000080 | 0;

/** Fixed-range MTRRs in the order in which they lie in the mtrr field, after the variable ones. */
const FIXED_MTRRS = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];

// Words of the mtrr field: 16 variable registers, 11 fixed ones, the default type; two words each.
const MTRR_FIXED_WORD = 32;
const MTRR_DEF_TYPE_WORD = MTRR_FIXED_WORD + 22;
// Words of the mcg field: MCG_STATUS, then CTL, STATUS, ADDR and MISC of bank 0.
const MC0_WORD = 2;

/** 8 variable registers, fixed ones, write-combining. */
const MTRRCAP_VALUE = 0x508;
/** One bank, no MCG_CTL. */
const MCG_CAP_VALUE = 1;
/**
 * RDCL_NO, SKIP_L1DFL, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR/FBSDP/PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO.
 */
const ARCH_CAPABILITIES_VALUE = 0x0d10e179;
/** Bits 35–32: the physical address bits above 31. */
const HIGH_ADDRESS = 0xf;
/** Fast strings, TM1, BTS and PEBS unavailable. */
export const MISC_ENABLE_RESET = 0x1809;
const MISC_ENABLE_FIXED = 0x1800;
/** LIMIT_CPUID, FERR multiplexing, TM1, fast strings; XD_DISABLE in the high word. */
const MISC_ENABLE_WRITABLE = (1 << 22) | (1 << 10) | (1 << 3) | 1;
const MISC_ENABLE_HIGH_WRITABLE = 1 << 2;
/** MTRR types UC WC WT WP WB. */
const isMtrrType = (type: number): boolean => type === 0 || type === 1 || (type >= 4 && type <= 6);
/** PAT also has UC− (7). */
const isPatType = (type: number): boolean => isMtrrType(type) || type === 7;
/** DEBUGCTL: LBR, BTF, PB0–PB3, TR. */
const DEBUGCTL_WRITABLE = 0x7f;

const fail = (cpu: Cpu): never => raise(cpu, VECTOR_GP, 0);

/** Time-stamp counter before the instruction in hand, as an exact number (possibly negative: modulo 2^64). */
const timeStamp = (cpu: Cpu): number => cpu.now() + cpu.f64[TSC_OFFSET_F64];

function setResult(cpu: Cpu, low: number, high: number): void {
  cpu.m32[EAX] = low;
  cpu.m32[EDX] = high;
}

function setTimeStamp(cpu: Cpu): void {
  const value = timeStamp(cpu);
  const high = Math.floor(value / 0x1_0000_0000);
  setResult(cpu, (value - high * 0x1_0000_0000) | 0, high | 0);
}

/** RDTSC: #GP(0) with CR4.TSD above CPL 0. */
export function readTimeStamp(cpu: Cpu): void {
  if ((cpu.m32[CR4] & CR4_TSD) !== 0 && cpl(cpu) !== 0) fail(cpu);
  setTimeStamp(cpu);
}

/** RDPMC: two counters, both standing still. #GP(0) above CPL 0 without CR4.PCE. */
export function readPerformanceCounter(cpu: Cpu): void {
  if ((cpu.m32[CR4] & CR4_PCE) === 0 && (cpu.m32[CR0] & CR0_PE) !== 0 && cpl(cpu) !== 0) fail(cpu);
  if (cpu.m32[ECX] >>> 0 > 1) fail(cpu);
  setResult(cpu, 0, 0);
}

/** Word of the two-word storage of an MTRR in the mtrr field, or −1. */
export function mtrrWord(msr: number): number {
  if (msr >= MTRR_PHYSBASE0 && msr <= MTRR_PHYSMASK_LAST) return (msr - MTRR_PHYSBASE0) * 2;
  if (msr === MTRR_DEF_TYPE) return MTRR_DEF_TYPE_WORD;
  const fixed = FIXED_MTRRS.indexOf(msr);
  return fixed < 0 ? -1 : MTRR_FIXED_WORD + fixed * 2;
}

/** Word of an MSR that is plain storage, in cpu.m32, or −1. One-word registers have 0 in the high half. */
function storageWord(msr: number): number {
  const mtrr = mtrrWord(msr);
  if (mtrr >= 0) return MTRR + mtrr;
  if (msr >= MC0_CTL && msr <= MC0_MISC) return MCG + MC0_WORD + (msr - MC0_CTL) * 2;
  if (msr === MCG_STATUS) return MCG;
  if (msr === PAT_MSR) return PAT;
  return msr === MISC_ENABLE_MSR ? MISC_ENABLE : -1;
}

/** RDMSR of register ECX into EDX:EAX. */
export function readMsr(cpu: Cpu): void {
  const msr = cpu.m32[ECX];
  const word = storageWord(msr);
  if (word >= 0) {
    setResult(cpu, cpu.m32[word], cpu.m32[word + 1]);
    return;
  }
  switch (msr) {
    case TSC:
      setTimeStamp(cpu);
      return;
    case APIC_BASE_MSR:
      if (cpu.apic === null) fail(cpu);
      setResult(cpu, cpu.m32[APIC_BASE], cpu.m32[APIC_BASE + 1]);
      return;
    case SYSENTER_CS_MSR:
      setResult(cpu, cpu.m32[SYSENTER_CS], 0);
      return;
    case SYSENTER_ESP_MSR:
      setResult(cpu, cpu.m32[SYSENTER_ESP], 0);
      return;
    case SYSENTER_EIP_MSR:
      setResult(cpu, cpu.m32[SYSENTER_EIP], 0);
      return;
    case EFER_MSR:
      setResult(cpu, cpu.m32[EFER], 0);
      return;
    case MTRRCAP:
      setResult(cpu, MTRRCAP_VALUE, 0);
      return;
    case MCG_CAP:
      setResult(cpu, MCG_CAP_VALUE, 0);
      return;
    case ARCH_CAPABILITIES:
      setResult(cpu, ARCH_CAPABILITIES_VALUE, 0);
      return;
    case P5_MC_ADDR:
    case P5_MC_TYPE:
    case PLATFORM_ID:
    case EBL_CR_POWERON:
    case BIOS_SIGN_ID:
    case PERFCTR0:
    case PERFCTR1:
    case PERFEVTSEL0:
    case PERFEVTSEL1:
    case DEBUGCTL:
      setResult(cpu, 0, 0);
      return;
    default:
      fail(cpu);
  }
}

function checkTypes(cpu: Cpu, low: number, high: number, allowed: (type: number) => boolean): void {
  for (let shift = 0; shift < 32; shift += 8) {
    if (!allowed((low >>> shift) & 0xff) || !allowed((high >>> shift) & 0xff)) fail(cpu);
  }
}

function writeMtrr(cpu: Cpu, msr: number, word: number, low: number, high: number): void {
  if (msr === MTRR_DEF_TYPE) {
    if ((low & ~0xcff) !== 0 || high !== 0 || !isMtrrType(low & 0xff)) fail(cpu);
  } else if (msr <= MTRR_PHYSMASK_LAST) {
    if ((high & ~HIGH_ADDRESS) !== 0) fail(cpu);
    const isMask = (msr & 1) !== 0;
    if (isMask ? (low & 0x7ff) !== 0 : (low & 0xf00) !== 0 || !isMtrrType(low & 0xff)) fail(cpu);
  } else checkTypes(cpu, low, high, isMtrrType);
  cpu.m32[MTRR + word] = low;
  cpu.m32[MTRR + word + 1] = high;
}

function writeEfer(cpu: Cpu, low: number, high: number): void {
  if ((low & ~EFER_NXE) !== 0 || high !== 0) fail(cpu);
  if (cpu.m32[EFER] === low) return;
  cpu.m32[EFER] = low;
  if ((cpu.m32[CR0] & CR0_PG) !== 0 && (cpu.m32[CR4] & CR4_PAE) !== 0) flushTlb(cpu);
  cpu.exitRequest |= EXIT_MODE;
}

/** WRMSR of EDX:EAX to register ECX. */
/** IA32_APIC_BASE, 36 bits. */
export function apicBase({ m32 }: Cpu): number {
  return (m32[APIC_BASE] >>> 0) + m32[APIC_BASE + 1] * 0x1_0000_0000;
}

export function writeMsr(cpu: Cpu): void {
  const msr = cpu.m32[ECX];
  const low = cpu.m32[EAX];
  const high = cpu.m32[EDX];
  const mtrr = mtrrWord(msr);
  if (mtrr >= 0) {
    writeMtrr(cpu, msr, mtrr, low, high);
    return;
  }
  switch (msr) {
    case TSC:
      cpu.f64[TSC_OFFSET_F64] = (low >>> 0) - cpu.now();
      return;
    case APIC_BASE_MSR:
      // Bits 8 (BSP, read-only), 11 (enable) and the page address.
      if (cpu.apic === null || (low & 0x6ff) !== 0 || (high & ~HIGH_ADDRESS) !== 0) fail(cpu);
      cpu.m32[APIC_BASE] = (low & ~0x100) | (cpu.m32[APIC_BASE] & 0x100);
      cpu.m32[APIC_BASE + 1] = high;
      cpu.apic?.setBase(apicBase(cpu));
      cpu.exitRequest |= EXIT_DEADLINE;
      return;
    case SYSENTER_CS_MSR:
      cpu.m32[SYSENTER_CS] = low;
      return;
    case SYSENTER_ESP_MSR:
      cpu.m32[SYSENTER_ESP] = low;
      return;
    case SYSENTER_EIP_MSR:
      cpu.m32[SYSENTER_EIP] = low;
      return;
    case EFER_MSR:
      writeEfer(cpu, low, high);
      return;
    case PAT_MSR:
      checkTypes(cpu, low, high, isPatType);
      cpu.m32[PAT] = low;
      cpu.m32[PAT + 1] = high;
      return;
    case MISC_ENABLE_MSR:
      cpu.m32[MISC_ENABLE] = (low & MISC_ENABLE_WRITABLE) | MISC_ENABLE_FIXED;
      cpu.m32[MISC_ENABLE + 1] = high & MISC_ENABLE_HIGH_WRITABLE;
      return;
    case MCG_STATUS:
    case MC0_CTL:
    case MC0_STATUS:
    case MC0_STATUS + 1:
    case MC0_MISC:
      // Status and address registers can only be cleared by software.
      if (msr >= MC0_STATUS && (low !== 0 || high !== 0)) fail(cpu);
      cpu.m32[storageWord(msr)] = low;
      cpu.m32[storageWord(msr) + 1] = high;
      return;
    case DEBUGCTL:
      if ((low & ~DEBUGCTL_WRITABLE) !== 0 || high !== 0) fail(cpu);
      return;
    case P5_MC_ADDR:
    case P5_MC_TYPE:
    case EBL_CR_POWERON:
    case BIOS_UPDATE_TRIGGER:
    case BIOS_SIGN_ID:
    case PERFCTR0:
    case PERFCTR1:
    case PERFEVTSEL0:
    case PERFEVTSEL1:
      return; // accepted without effect
    default:
      fail(cpu);
  }
}
