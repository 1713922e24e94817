// Who may change which EFLAGS bit: PUSHF, POPF, CLI, STI, and the images that IRET and task switches load.
// SDM 1 §3.4.3, SDM 2 (PUSHF, POPF, CLI, STI), SDM 3 §20.3–20.4 (VME and PVI: VIF stands for IF).
// The arithmetic bits are lazy: state/flags.ts.

import { VECTOR_GP } from '../../base/vectors.ts';
import {
  CR4,
  CR4_PVI,
  CR4_VME,
  EFLAGS,
  IF,
  INTERRUPT_SHADOW,
  IOPL,
  RF,
  SHADOW_STI,
  TF,
  VIF,
  VIP,
  VM,
} from '../../state/layout.ts';
import { EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import { getFlags, setFlags } from '../../state/flags.ts';
import { cpl, isProtected, isVm86 } from './segmentation.ts';

/** Every bit that exists; bit 1 is always 1. */
export const EFLAGS_WRITABLE = 0x3f7fd5;
export const EFLAGS_ALWAYS_ONE = 2;

const ioplOf = (cpu: Cpu): number => (cpu.m32[EFLAGS] & IOPL) >>> 12;

/** What the loop must look at when it changes. */
const WATCHED = IF | TF | RF | VIF | VIP;

/** Replace the bits in `mask` (and always clear RF unless it is in the mask); EXIT_WINDOW if the loop must look. */
export function mergeFlags(cpu: Cpu, value: number, mask: number): void {
  const old = getFlags(cpu);
  const next = (old & ~mask & ~RF) | (value & mask & EFLAGS_WRITABLE) | EFLAGS_ALWAYS_ONE;
  setFlags(cpu, next);
  if (((old ^ next) & WATCHED) !== 0) cpu.exitRequest |= EXIT_WINDOW;
}

/** In virtual-8086 mode with IOPL < 3 an IOPL-sensitive instruction needs VME (and a 16-bit operand), else #GP(0). */
function usesVirtualFlag(cpu: Cpu, size: number): boolean {
  if (!isVm86(cpu) || ioplOf(cpu) === 3) return false;
  if ((cpu.m32[CR4] & CR4_VME) === 0 || size !== 2) raise(cpu, VECTOR_GP, 0);
  return true;
}

/** FLAGS with IOPL = 3 and IF = VIF: what an 8086 program under VME sees. */
export function virtualFlags(flags: number): number {
  return (flags & ~IF) | IOPL | ((flags & VIF) !== 0 ? IF : 0);
}

/**
 * VIF and VIP both set where they count (VME in virtual-8086 mode, PVI at CPL 3): #GP(0) is due before the next
 * instruction. SDM 3 §20.3.2. The loop asks only when both bits are set.
 */
export function isVirtualInterruptDue(cpu: Cpu): boolean {
  if (!isProtected(cpu) || (cpu.m32[EFLAGS] & (VIF | VIP)) !== (VIF | VIP)) return false;
  if (isVm86(cpu)) return (cpu.m32[CR4] & CR4_VME) !== 0;
  return cpl(cpu) === 3 && (cpu.m32[CR4] & CR4_PVI) !== 0;
}

/** The image PUSHF/PUSHFD pushes. size in bytes. */
export function flagsToPush(cpu: Cpu, size: number): number {
  const flags = getFlags(cpu);
  if (usesVirtualFlag(cpu, size)) return virtualFlags(flags) & 0xffff;
  return size === 2 ? flags & 0xffff : flags & ~(VM | RF);
}

/** #GP(0) where PUSHF and POPF are not allowed: before the stack is touched. */
export function checkFlagsInstruction(cpu: Cpu, size: number): void {
  usesVirtualFlag(cpu, size);
}

/** POPF/POPFD of an image already popped. May raise #GP(0) (VME); the caller commits ESP afterwards. */
export function popFlags(cpu: Cpu, value: number, size: number): void {
  const width = size === 2 ? 0xffff : -1;
  if (usesVirtualFlag(cpu, size)) {
    if ((value & TF) !== 0 || ((value & IF) !== 0 && (cpu.m32[EFLAGS] & VIP) !== 0)) raise(cpu, VECTOR_GP, 0);
    const virtualIf = (value & IF) !== 0 ? VIF : 0;
    mergeFlags(cpu, (value & 0xffff) | virtualIf, (0xffff & ~(IF | IOPL)) | VIF);
    return;
  }
  let mask = width & ~(VM | RF | VIF | VIP);
  if (isProtected(cpu)) {
    if (cpl(cpu) > 0) mask &= ~IOPL;
    if (cpl(cpu) > ioplOf(cpu)) mask &= ~IF;
  }
  mergeFlags(cpu, value, mask);
}

/** How CLI and STI act here: on IF, on VIF, or not at all (#GP(0)). */
function interruptFlag(cpu: Cpu): number {
  if (!isProtected(cpu)) return IF;
  if (ioplOf(cpu) >= cpl(cpu)) return IF;
  const extension = isVm86(cpu) ? CR4_VME : CR4_PVI;
  if (cpl(cpu) === 3 && (cpu.m32[CR4] & extension) !== 0) return VIF;
  raise(cpu, VECTOR_GP, 0);
}

export function clearInterruptFlag(cpu: Cpu): void {
  cpu.m32[EFLAGS] &= ~interruptFlag(cpu); // closes the window: nothing to look at
}

/** STI: when IF goes from 0 to 1, interrupts stay blocked until the end of the next instruction. */
export function setInterruptFlag(cpu: Cpu): void {
  const flag = interruptFlag(cpu);
  if (flag === VIF && (cpu.m32[EFLAGS] & VIP) !== 0) raise(cpu, VECTOR_GP, 0);
  if (flag === IF && (cpu.m32[EFLAGS] & IF) === 0) cpu.m32[INTERRUPT_SHADOW] |= SHADOW_STI;
  cpu.m32[EFLAGS] |= flag;
  cpu.exitRequest |= EXIT_WINDOW;
}
