// Far transfers: JMP and CALL to code segments, through call gates, task gates and TSSs; RET far; SYSENTER and
// SYSEXIT. SDM 2 (operation sections of JMP, CALL, RET, SYSENTER, SYSEXIT), SDM 3 §5.8 (privilege), §7.3 (tasks).
// All reads and checks come before the first change; cpu.nextEip is the result. IRET is in iret.ts.

import { VECTOR_GP, VECTOR_NP, VECTOR_TS } from '../../base/vectors.ts';
import {
  CS,
  ECX,
  EDX,
  EFLAGS,
  ESP,
  IF,
  RF,
  SEG_ATTRIBUTES,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  VM,
} from '../../state/layout.ts';
import { EXIT_MODE, EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import { getFlags } from '../../state/flags.ts';
import {
  attributes,
  type Descriptor,
  dplOf,
  fetchDescriptor,
  isCode,
  isConforming,
  isPresent,
  limit,
  markAccessed,
  TYPE_32,
  TYPE_BUSY,
  TYPE_CALL_GATE16,
  TYPE_CALL_GATE32,
  TYPE_TASK_GATE,
  TYPE_TSS16,
  TYPE_TSS32,
  typeOf,
} from './descriptors.ts';
import {
  cpl,
  dropInnerSegments,
  fetchStackDescriptor,
  isProtected,
  isRealAddressing,
  isVm86,
  outsideLimit,
  setCodeSegment,
  setFlatSegment,
  setFromDescriptor,
  setRealSegment,
  setVm86Segment,
  updateMode,
} from './segmentation.ts';
import { checkRoom, commitStack, currentStack, innerStack, pop, push, skip } from './stack.ts';
import { innerStackPointer } from './tss.ts';
import { farReturnStraight, swapFlatRing, transferStraight } from './straight.ts';
import { checkTaskEntry, fetchTss, switchTask } from './task-switch.ts';

// Attribute words that SYSENTER and SYSEXIT load: code execute/read and data read/write, accessed, 32-bit, 4 GiB.
const FLAT_CODE_DPL0 = 0xc09b;
const FLAT_CODE_DPL3 = 0xc0fb;
const FLAT_DATA_DPL0 = 0xc093;
const FLAT_DATA_DPL3 = 0xc0f3;

function checkCodeLimit(cpu: Cpu, d: Descriptor, eip: number): void {
  if (outsideLimit(attributes(d), limit(d), eip, 1)) raise(cpu, VECTOR_GP, 0);
}

/** CS for real and virtual-8086 mode. */
export function setRealCode(cpu: Cpu, selector: number): void {
  if (isVm86(cpu)) setVm86Segment(cpu, CS, selector);
  else setRealSegment(cpu, CS, selector);
  updateMode(cpu);
}

/** #GP(0) when a real-mode or virtual-8086 target lies beyond the CS limit, which a CS load leaves alone. */
export function checkRealTarget(cpu: Cpu, eip: number): void {
  if (outsideLimit(cpu.m32[SEG_ATTRIBUTES + CS], isVm86(cpu) ? 0xffff : cpu.m32[SEG_LIMIT + CS], eip, 1)) {
    raise(cpu, VECTOR_GP, 0);
  }
}

function realTransfer(cpu: Cpu, selector: number, offset: number, size: number, isCall: boolean): void {
  if (isCall) {
    const stack = currentStack(cpu);
    checkRoom(cpu, stack, 2, size);
    checkRealTarget(cpu, offset);
    push(cpu, stack, cpu.m32[SEG_SELECTOR + CS], size);
    push(cpu, stack, cpu.nextEip, size);
    commitStack(cpu, stack);
  } else checkRealTarget(cpu, offset);
  setRealCode(cpu, selector);
  cpu.nextEip = offset;
}

/** To code at the same privilege; CS keeps the CPL. The privilege checks are done. */
function enterCode(cpu: Cpu, d: Descriptor, offset: number, size: number, isCall: boolean): void {
  if (!isPresent(d)) raise(cpu, VECTOR_NP, d.selector & 0xfffc);
  const stack = isCall ? currentStack(cpu) : null;
  if (stack !== null) checkRoom(cpu, stack, 2, size);
  checkCodeLimit(cpu, d, offset);
  markAccessed(cpu, d);
  if (stack !== null) {
    push(cpu, stack, cpu.m32[SEG_SELECTOR + CS], size);
    push(cpu, stack, cpu.nextEip, size);
    commitStack(cpu, stack);
  }
  setCodeSegment(cpu, d.selector, cpl(cpu), d);
  updateMode(cpu);
  cpu.nextEip = offset;
}

/** SDM 2, CALL: call-gate, more-privilege. */
function callInner(cpu: Cpu, d: Descriptor, offset: number, size: number, parameterCount: number): void {
  const level = dplOf(d);
  const { ss, esp } = innerStackPointer(cpu, level, 0);
  const ssDescriptor = fetchStackDescriptor(cpu, ss, level, VECTOR_TS, 0);
  const stack = innerStack(ssDescriptor, esp, ss & 0xfffc);
  checkRoom(cpu, stack, 4 + parameterCount, size);
  checkCodeLimit(cpu, d, offset);
  const outer = currentStack(cpu);
  const parameters: number[] = [];
  for (let k = 0; k < parameterCount; k++) parameters.push(pop(cpu, outer, size));
  markAccessed(cpu, ssDescriptor);
  markAccessed(cpu, d);
  push(cpu, stack, cpu.m32[SEG_SELECTOR + SS], size);
  push(cpu, stack, cpu.m32[ESP], size);
  for (let k = parameterCount - 1; k >= 0; k--) push(cpu, stack, parameters[k], size);
  push(cpu, stack, cpu.m32[SEG_SELECTOR + CS], size);
  push(cpu, stack, cpu.nextEip, size);
  setFromDescriptor(cpu, SS, ss, ssDescriptor);
  setCodeSegment(cpu, d.selector, level, d);
  commitStack(cpu, stack);
  updateMode(cpu);
  cpu.nextEip = offset;
}

function throughCallGate(cpu: Cpu, gate: Descriptor, isCall: boolean): void {
  const wide = (typeOf(gate) & TYPE_32) !== 0;
  const selector = gate.low >>> 16;
  const offset = wide ? (gate.high & 0xffff0000) | (gate.low & 0xffff) : gate.low & 0xffff;
  const size = wide ? 4 : 2;
  const d = fetchDescriptor(cpu, selector, VECTOR_GP, 0);
  const a = attributes(d);
  const level = cpl(cpu);
  const conforming = isConforming(a);
  const wrongLevel = isCall || conforming ? dplOf(d) > level : dplOf(d) !== level;
  if (!isCode(a) || wrongLevel) raise(cpu, VECTOR_GP, selector & 0xfffc);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, selector & 0xfffc);
  if (isCall && !conforming && dplOf(d) < level) callInner(cpu, d, offset, size, gate.high & 0x1f);
  else enterCode(cpu, d, offset, size, isCall);
}

function toTask(cpu: Cpu, selector: number, isCall: boolean): void {
  const kind = isCall ? 'call' : 'jump';
  const d = fetchTss(cpu, selector, kind, VECTOR_GP, 0);
  switchTask(cpu, d, kind, cpu.nextEip, getFlags(cpu), 0);
  checkTaskEntry(cpu, 0);
}

/** JMP far or CALL far to selector:offset; size = operand size in bytes. cpu.nextEip is the return address. */
export function farTransfer(cpu: Cpu, selector: number, offset: number, size: number, isCall: boolean): void {
  if (size === 4 && transferStraight(cpu, selector, offset, isCall)) return;
  if (size === 2) offset &= 0xffff;
  if (isRealAddressing(cpu)) {
    realTransfer(cpu, selector, offset, size, isCall);
    return;
  }
  const d = fetchDescriptor(cpu, selector, VECTOR_GP, 0);
  const code = selector & 0xfffc;
  const level = cpl(cpu);
  const rpl = selector & 3;
  const a = attributes(d);
  if (isCode(a)) {
    const wrong = isConforming(a) ? dplOf(d) > level : rpl > level || dplOf(d) !== level;
    if (wrong) raise(cpu, VECTOR_GP, code);
    enterCode(cpu, d, offset, size, isCall);
    return;
  }
  const type = typeOf(d);
  const isGate = type === TYPE_CALL_GATE16 || type === TYPE_CALL_GATE32 || type === TYPE_TASK_GATE;
  const isTss = (type & ~TYPE_BUSY) === TYPE_TSS16 || (type & ~TYPE_BUSY) === TYPE_TSS32;
  if ((!isGate && !isTss) || dplOf(d) < Math.max(level, rpl)) raise(cpu, VECTOR_GP, code);
  if (isTss) {
    toTask(cpu, selector, isCall);
    return;
  }
  if (!isPresent(d)) raise(cpu, VECTOR_NP, code);
  if (type === TYPE_TASK_GATE) toTask(cpu, d.low >>> 16, isCall);
  else throughCallGate(cpu, d, isCall);
}

/** CS for RET and IRET: a code segment at the privilege of its RPL, which is not inner. SDM 2, RET. */
export function fetchReturnCode(cpu: Cpu, selector: number): Descriptor {
  const d = fetchDescriptor(cpu, selector, VECTOR_GP, 0);
  const rpl = selector & 3;
  const a = attributes(d);
  const wrongLevel = isConforming(a) ? dplOf(d) > rpl : dplOf(d) !== rpl;
  if (!isCode(a) || rpl < cpl(cpu) || wrongLevel) raise(cpu, VECTOR_GP, selector & 0xfffc);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, selector & 0xfffc);
  return d;
}

/**
 * SS:ESP, CS:EIP and the data segments after a return to the outer privilege of `code`. With a 16-bit stack segment
 * only SP is loaded: the upper half of ESP stays, as on silicon.
 */
export function returnOuter(
  cpu: Cpu,
  cs: number,
  code: Descriptor,
  eip: number,
  ss: number,
  stack: Descriptor,
  esp: number,
): void {
  setFromDescriptor(cpu, SS, ss, stack);
  setCodeSegment(cpu, cs, cs & 3, code);
  const wide = (attributes(stack) & 0x4000) !== 0;
  cpu.m32[ESP] = wide ? esp : (cpu.m32[ESP] & 0xffff0000) | (esp & 0xffff);
  dropInnerSegments(cpu);
  updateMode(cpu);
  cpu.nextEip = eip;
}

/** RET far, releasing `release` bytes of parameters. */
export function farReturn(cpu: Cpu, size: number, release: number): void {
  if (size === 4 && farReturnStraight(cpu, release)) return;
  const stack = currentStack(cpu);
  const eip = pop(cpu, stack, size);
  const cs = pop(cpu, stack, size) & 0xffff;
  if (isRealAddressing(cpu)) {
    checkRealTarget(cpu, eip);
    skip(stack, release);
    commitStack(cpu, stack);
    setRealCode(cpu, cs);
    cpu.nextEip = eip;
    return;
  }
  const d = fetchReturnCode(cpu, cs);
  skip(stack, release);
  if ((cs & 3) === cpl(cpu)) {
    checkCodeLimit(cpu, d, eip);
    markAccessed(cpu, d);
    setCodeSegment(cpu, cs, cs & 3, d);
    commitStack(cpu, stack);
    updateMode(cpu);
    cpu.nextEip = eip;
    return;
  }
  const esp = pop(cpu, stack, size);
  const ss = pop(cpu, stack, size) & 0xffff;
  const ssDescriptor = fetchStackDescriptor(cpu, ss, cs & 3, VECTOR_GP, 0);
  checkCodeLimit(cpu, d, eip);
  markAccessed(cpu, ssDescriptor);
  markAccessed(cpu, d);
  returnOuter(cpu, cs, d, eip, ss, ssDescriptor, (esp + release) | 0);
}

/** SDM 2, SYSENTER. */
export function sysenter(cpu: Cpu): void {
  const selector = cpu.m32[SYSENTER_CS] & 0xfffc;
  if (!isProtected(cpu) || selector === 0) raise(cpu, VECTOR_GP, 0);
  cpu.m32[EFLAGS] &= ~(VM | IF | RF);
  setFlatSegment(cpu, CS, selector, FLAT_CODE_DPL0);
  setFlatSegment(cpu, SS, (selector + 8) & 0xffff, FLAT_DATA_DPL0);
  cpu.m32[ESP] = cpu.m32[SYSENTER_ESP];
  cpu.nextEip = cpu.m32[SYSENTER_EIP];
  if (!swapFlatRing(cpu, 0)) updateMode(cpu);
  cpu.exitRequest |= EXIT_MODE | EXIT_WINDOW;
  cpu.systemWatcher?.called(-1);
}

/** SDM 2, SYSEXIT: to EDX with the stack at ECX. */
export function sysexit(cpu: Cpu): void {
  const selector = cpu.m32[SYSENTER_CS] & 0xfffc;
  if (!isProtected(cpu) || cpl(cpu) !== 0 || selector === 0) raise(cpu, VECTOR_GP, 0);
  setFlatSegment(cpu, CS, ((selector + 16) & 0xffff) | 3, FLAT_CODE_DPL3);
  setFlatSegment(cpu, SS, ((selector + 24) & 0xffff) | 3, FLAT_DATA_DPL3);
  cpu.m32[ESP] = cpu.m32[ECX];
  cpu.nextEip = cpu.m32[EDX];
  if (!swapFlatRing(cpu, 3)) updateMode(cpu);
  cpu.exitRequest |= EXIT_MODE | EXIT_WINDOW;
}
