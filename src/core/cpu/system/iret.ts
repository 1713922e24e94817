// IRET: real mode, virtual-8086 mode (with VME), protected mode to the same and to outer privilege, to virtual-8086
// mode, and back from a nested task. SDM 2, IRET/IRETD, whose section names the functions carry; SDM 3 §20.2.5.
// All reads and checks come before the first change; cpu.nextEip is the result.

import { VECTOR_GP, VECTOR_TS } from '../../base/vectors.ts';
import {
  CR4,
  CR4_VME,
  CS,
  DS,
  EFLAGS,
  ES,
  ESP,
  FS,
  GS,
  IF,
  IOPL,
  NMI_BLOCKED,
  NT,
  SEG_BASE,
  SS,
  TF,
  TR,
  VIF,
  VIP,
  VM,
} from '../../state/layout.ts';
import { EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import { getFlags } from '../../state/flags.ts';
import { systemLoad16 } from '../../memory/access.ts';
import { attributes, limit, markAccessed } from './descriptors.ts';
import {
  cpl,
  fetchStackDescriptor,
  isProtected,
  isVm86,
  outsideLimit,
  setCodeSegment,
  setVm86Segment,
  updateMode,
} from './segmentation.ts';
import { checkRealTarget, fetchReturnCode, returnOuter, setRealCode } from './far.ts';
import { commitStack, currentStack, pop, type Stack } from './stack.ts';
import { EFLAGS_WRITABLE, mergeFlags } from './eflags.ts';
import { returnStraight } from './straight.ts';
import { checkTaskEntry, fetchTss, switchTask } from './task-switch.ts';

function returnFromReal(cpu: Cpu, size: number): void {
  const stack = currentStack(cpu);
  const eip = pop(cpu, stack, size);
  const cs = pop(cpu, stack, size) & 0xffff;
  const flags = pop(cpu, stack, size);
  checkRealTarget(cpu, eip);
  commitStack(cpu, stack);
  mergeFlags(cpu, flags, size === 2 ? 0xffff : EFLAGS_WRITABLE & ~(VM | VIF | VIP));
  setRealCode(cpu, cs);
  cpu.nextEip = eip;
}

/** With IOPL 3 an ordinary 8086 IRET; else VME's, where VIF stands for IF; else #GP(0). */
function returnFromVm86(cpu: Cpu, size: number): void {
  const virtual = (cpu.m32[EFLAGS] & IOPL) !== IOPL;
  if (virtual && (size !== 2 || (cpu.m32[CR4] & CR4_VME) === 0)) raise(cpu, VECTOR_GP, 0);
  const stack = currentStack(cpu);
  const eip = pop(cpu, stack, size);
  const cs = pop(cpu, stack, size) & 0xffff;
  const flags = pop(cpu, stack, size);
  if (virtual && ((flags & TF) !== 0 || ((flags & IF) !== 0 && (cpu.m32[EFLAGS] & VIP) !== 0)))
    raise(cpu, VECTOR_GP, 0);
  checkRealTarget(cpu, eip);
  commitStack(cpu, stack);
  if (virtual) {
    const image = (flags & 0xffff) | ((flags & IF) !== 0 ? VIF : 0);
    mergeFlags(cpu, image, (0xffff & ~(IF | IOPL)) | VIF);
  } else mergeFlags(cpu, flags, (size === 2 ? 0xffff : EFLAGS_WRITABLE) & ~(VM | IOPL | VIF | VIP));
  setRealCode(cpu, cs);
  cpu.nextEip = eip;
}

function taskReturn(cpu: Cpu): void {
  const selector = systemLoad16(cpu, cpu.m32[SEG_BASE + TR]);
  const d = fetchTss(cpu, selector, 'return', VECTOR_TS, 0);
  switchTask(cpu, d, 'return', cpu.nextEip, getFlags(cpu), 0);
  checkTaskEntry(cpu, 0);
}

function returnToVm86(cpu: Cpu, stack: Stack, eip: number, cs: number, flags: number): void {
  const esp = pop(cpu, stack, 4);
  const ss = pop(cpu, stack, 4);
  const es = pop(cpu, stack, 4);
  const ds = pop(cpu, stack, 4);
  const fs = pop(cpu, stack, 4);
  const gs = pop(cpu, stack, 4);
  if (eip >>> 0 > 0xffff) raise(cpu, VECTOR_GP, 0);
  mergeFlags(cpu, flags, EFLAGS_WRITABLE);
  setVm86Segment(cpu, CS, cs);
  setVm86Segment(cpu, SS, ss & 0xffff);
  setVm86Segment(cpu, ES, es & 0xffff);
  setVm86Segment(cpu, DS, ds & 0xffff);
  setVm86Segment(cpu, FS, fs & 0xffff);
  setVm86Segment(cpu, GS, gs & 0xffff);
  cpu.m32[ESP] = esp;
  updateMode(cpu);
  cpu.nextEip = eip;
}

/** The bits that a return at privilege `level` may change. */
function returnMask(cpu: Cpu, level: number, size: number): number {
  let mask = size === 2 ? 0xffff : EFLAGS_WRITABLE & ~(VM | VIF | VIP);
  if (level > 0) mask &= ~IOPL;
  else if (size === 4) mask |= VIF | VIP;
  if (level > (cpu.m32[EFLAGS] & IOPL) >>> 12) mask &= ~IF;
  return mask;
}

function protectedReturn(cpu: Cpu, size: number): void {
  if ((cpu.m32[EFLAGS] & NT) !== 0) {
    taskReturn(cpu);
    return;
  }
  const stack = currentStack(cpu);
  const eip = pop(cpu, stack, size);
  const cs = pop(cpu, stack, size) & 0xffff;
  const flags = pop(cpu, stack, size);
  const level = cpl(cpu);
  if (size === 4 && (flags & VM) !== 0 && level === 0) {
    returnToVm86(cpu, stack, eip, cs, flags);
    return;
  }
  const d = fetchReturnCode(cpu, cs);
  const mask = returnMask(cpu, level, size);
  if ((cs & 3) === level) {
    if (outsideLimit(attributes(d), limit(d), eip, 1)) raise(cpu, VECTOR_GP, 0);
    markAccessed(cpu, d);
    setCodeSegment(cpu, cs, level, d);
    commitStack(cpu, stack);
    mergeFlags(cpu, flags, mask);
    updateMode(cpu);
    cpu.nextEip = eip;
    return;
  }
  const esp = pop(cpu, stack, size);
  const ss = pop(cpu, stack, size) & 0xffff;
  const ssDescriptor = fetchStackDescriptor(cpu, ss, cs & 3, VECTOR_GP, 0);
  if (outsideLimit(attributes(d), limit(d), eip, 1)) raise(cpu, VECTOR_GP, 0);
  markAccessed(cpu, ssDescriptor);
  markAccessed(cpu, d);
  mergeFlags(cpu, flags, mask);
  returnOuter(cpu, cs, d, eip, ss, ssDescriptor, esp);
}

/** IRET (size 2) and IRETD (size 4). NMIs are unblocked even if it faults (SDM 3 §6.7.1). */
export function interruptReturn(cpu: Cpu, size: number): void {
  if (cpu.m32[NMI_BLOCKED] !== 0) {
    cpu.m32[NMI_BLOCKED] = 0;
    cpu.exitRequest |= EXIT_WINDOW;
  }
  if (size === 4 && returnStraight(cpu)) return;
  if (!isProtected(cpu)) returnFromReal(cpu, size);
  else if (isVm86(cpu)) returnFromVm86(cpu, size);
  else protectedReturn(cpu, size);
}
