// Stack accesses of far transfers, exceptions and task switches: the width of SP comes from SS.B, and ESP is
// committed last, so that a fault in the middle leaves it alone. SDM 1 §6.2 (stacks), SDM 3 §5.8.5 (inner
// stacks). A Stack may be one that is not loaded into SS yet; pushValue, peekValue and topAfter work on
// SS:ESP itself and allocate nothing.

import { VECTOR_SS } from '../../base/vectors.ts';
import {
  ATTR_BIG,
  ATTR_PRESENT,
  ATTR_WRITABLE,
  ESP,
  MODE_KEY,
  MODE_SS32,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SS,
} from '../../state/layout.ts';
import { raise, type Cpu } from '../../state/cpu.ts';
import { load16, load32, store16, store32, systemStore16, systemStore32 } from '../../memory/access.ts';
import { cpl, linear, outsideLimit } from './segmentation.ts';
import { attributes, base, type Descriptor, limit } from './descriptors.ts';

export interface Stack {
  readonly base: number;
  readonly limit: number;
  readonly attributes: number;
  /** Mask of the stack pointer: 0xffff or −1. */
  readonly mask: number;
  /** Whole ESP as it will be after the pushes and pops so far. */
  esp: number;
  /** Error code of #SS when an access leaves the segment. */
  error: number;
  /** Pushes are user-mode accesses (CPL 3 after the transfer). */
  readonly user: boolean;
}

function makeStack(a: number, segBase: number, segLimit: number, esp: number, user: boolean, error: number): Stack {
  const mask = (a & ATTR_BIG) !== 0 ? -1 : 0xffff;
  return { base: segBase, limit: segLimit, attributes: a, mask, esp, user, error };
}

/** The stack in SS:ESP. `error`: the error code of #SS, 0 or EXT. */
export function currentStack(cpu: Cpu, error = 0): Stack {
  const a = cpu.m32[SEG_ATTRIBUTES + SS];
  return makeStack(a, cpu.m32[SEG_BASE + SS], cpu.m32[SEG_LIMIT + SS], cpu.m32[ESP], cpl(cpu) === 3, error);
}

/** A stack of a lower privilege level number, from its checked descriptor. */
export function innerStack(d: Descriptor, esp: number, error: number): Stack {
  return makeStack(attributes(d), base(d), limit(d), esp, false, error);
}

function address(cpu: Cpu, stack: Stack, offset: number, size: number): number {
  const usable = (stack.attributes & (ATTR_PRESENT | ATTR_WRITABLE)) === (ATTR_PRESENT | ATTR_WRITABLE);
  if (!usable || outsideLimit(stack.attributes, stack.limit, offset, size)) raise(cpu, VECTOR_SS, stack.error);
  return (stack.base + offset) | 0;
}

/** Raise #SS unless `count` items of `size` bytes can be pushed (each within the limit; SP may wrap between items). */
export function checkRoom(cpu: Cpu, stack: Stack, count: number, size: number): void {
  for (let item = 1; item <= count; item++) address(cpu, stack, (stack.esp - item * size) & stack.mask, size);
}

/** Push a word (size 2) or doubleword (size 4) on `stack`; cpu.m32[ESP] is untouched. */
export function push(cpu: Cpu, stack: Stack, value: number, size: number): void {
  const offset = (stack.esp - size) & stack.mask;
  const at = address(cpu, stack, offset, size);
  if (size === 4) (stack.user ? store32 : systemStore32)(cpu, at, value);
  else (stack.user ? store16 : systemStore16)(cpu, at, value & 0xffff);
  stack.esp = (stack.esp & ~stack.mask) | offset;
}

/** Pop a word (zero-extended) or doubleword; cpu.m32[ESP] is untouched. Only for the current stack. */
export function pop(cpu: Cpu, stack: Stack, size: number): number {
  const offset = stack.esp & stack.mask;
  const at = address(cpu, stack, offset, size);
  const value = size === 4 ? load32(cpu, at) : load16(cpu, at);
  skip(stack, size);
  return value;
}

/** Move the stack pointer up by `bytes` (wrapping within SP when SS.B = 0). */
export function skip(stack: Stack, bytes: number): void {
  stack.esp = (stack.esp & ~stack.mask) | ((stack.esp + bytes) & stack.mask);
}

/** ESP := the stack's pointer; with SS.B = 0 only SP, also when the stack is an inner one: the upper half stays. */
export function commitStack(cpu: Cpu, stack: Stack): void {
  cpu.m32[ESP] = (cpu.m32[ESP] & ~stack.mask) | (stack.esp & stack.mask);
}

const stackMask = (cpu: Cpu): number => ((cpu.m32[MODE_KEY] & MODE_SS32) !== 0 ? -1 : 0xffff);

/** PUSH of 2 or 4 bytes on SS:ESP, committed at once. */
export function pushValue(cpu: Cpu, value: number, size: number): void {
  const mask = stackMask(cpu);
  const offset = (cpu.m32[ESP] - size) & mask;
  const at = linear(cpu, SS, offset, size, true);
  if (size === 4) store32(cpu, at, value);
  else store16(cpu, at, value & 0xffff);
  cpu.m32[ESP] = (cpu.m32[ESP] & ~mask) | offset;
}

/** The item on top of SS:ESP (a word zero-extended); ESP stays. */
export function peekValue(cpu: Cpu, size: number): number {
  const at = linear(cpu, SS, cpu.m32[ESP] & stackMask(cpu), size, false);
  return size === 4 ? load32(cpu, at) : load16(cpu, at);
}

/** ESP after `bytes` more have been popped, within the width that SS.B gives; ESP itself stays. */
export function topAfter(cpu: Cpu, bytes: number): number {
  const mask = stackMask(cpu);
  return (cpu.m32[ESP] & ~mask) | ((cpu.m32[ESP] + bytes) & mask);
}
