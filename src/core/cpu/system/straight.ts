// The common case of exceptions, INT n and IRET, and of far calls and returns inside ring 0: 32-bit code in flat
// segments, through a 32-bit interrupt or trap gate to ring 0 and back, with descriptors that have been accessed and
// tables, frames and TSS that the TLB lets be read and written directly. No allocation, nothing raised: what is not
// straight answers false with nothing changed, and the general way does it from the start (exceptions.ts, iret.ts,
// far.ts, whose checks these are). SDM 2 INT n, IRET, CALL, RET; SDM 3 §6.12, §5.8.
// A descriptor is known by its eight bytes, so that no cache of descriptors has to be kept true.

import * as layout from '../../state/layout.ts';
import * as cpuState from '../../state/cpu.ts';
import * as flagState from '../../state/flags.ts';
import * as descriptors from './descriptors.ts';
import * as tlbBits from '../../memory/tlb.ts';
import type { Cpu } from '../../state/cpu.ts';
import { EFLAGS_WRITABLE } from './eflags.ts';
import { dropInnerSegments } from './segmentation.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { CS, DS, EFLAGS, EIP, ES, ESP, SS, TR, EXIT_REQUEST, HALTED, INTERRUPT_SHADOW } = layout;
const { SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT, SEG_SELECTOR, GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } = layout;
const { MODE_CPL3, MODE_CS32, MODE_FLAT_CODE, MODE_FLAT_DATA, MODE_KEY, MODE_SS32 } = layout;
const { IF, NT, RF, TF, VIF, VIP, VM, ATTR_DPL_SHIFT, ATTR_PRESENT } = layout;
const { EXIT_MODE, EXIT_WINDOW } = cpuState;
const { getFlags, setFlags } = flagState;
const { TYPE_32 } = descriptors;
const { TLB_NO_SUPER_READ, TLB_NO_SUPER_WRITE } = tlbBits;
const WRITABLE_FLAGS = EFLAGS_WRITABLE & ~VM;

/** Flat 32-bit code and data, and the ring: the key of the modes between which ways are straight. */
const RING0 = MODE_CS32 | MODE_SS32 | MODE_FLAT_DATA | MODE_FLAT_CODE;
const RING3 = RING0 | MODE_CPL3;

// Descriptors of base 0 and limit 4 GiB, 32 bits, present, accessed: readable code, not conforming, and writable data.
const FLAT_LOW = 0x0000ffff;
const CODE0_HIGH = 0x00cf9b00;
const CODE3_HIGH = 0x00cffb00;
const DATA0_HIGH = 0x00cf9300;
const DATA3_HIGH = 0x00cff300;
/** The segAttributes words of these. */
const CODE0 = (CODE0_HIGH >>> 8) & 0xf0ff;
const CODE3 = (CODE3_HIGH >>> 8) & 0xf0ff;
const DATA0 = (DATA0_HIGH >>> 8) & 0xf0ff;
const DATA3 = (DATA3_HIGH >>> 8) & 0xf0ff;

/** Bits 8 to 12 of a gate's second word that are the same for interrupt and trap gates of 32 bits, and present. */
const GATE_MASK = 0x9e00;
const GATE = 0x8e00;
const GATE_IS_TRAP = 0x100;
/** ESP0 and SS0 in a 32-bit TSS, and the limit that covers them. */
const TSS_ESP0 = 4;
const TSS_LIMIT_MIN = 9;

/** Flat 32-bit code in ring 0. The key tells ring 3 from the others alone. */
function isRing0(m32: Int32Array): boolean {
  return m32[MODE_KEY] === RING0 && (m32[SEG_ATTRIBUTES + SS] & (3 << ATTR_DPL_SHIFT)) === 0;
}

/**
 * What updateMode would do after SS and CS have become flat 32-bit ones of ring `ring`, where all was flat before.
 * False, and nothing done, where the data segments have to be looked at.
 */
export function swapFlatRing({ m32 }: Cpu, ring: 0 | 3): boolean {
  if ((m32[MODE_KEY] & ~MODE_CPL3) !== RING0) return false;
  m32[MODE_KEY] = ring === 0 ? RING0 : RING3;
  return true;
}

/** Index of the doubleword at a linear address that ring 0 may read directly, or −1. */
function readable(cpu: Cpu, linear: number): number {
  const entry = cpu.tlb[linear >>> 12];
  return ((entry & TLB_NO_SUPER_READ) | (linear & 3)) === 0 ? ((entry & -4096) + linear) >>> 2 : -1;
}

/** Index of the first of the doublewords in [from, to), to be written by ring 0 directly, or −1. */
function writableSpan(cpu: Cpu, from: number, to: number): number {
  const entry = cpu.tlb[from >>> 12];
  const isPlain = ((entry & TLB_NO_SUPER_WRITE) | (from & 3) | ((from ^ (to - 1)) & -4096)) === 0;
  return isPlain ? ((entry & -4096) + from) >>> 2 : -1;
}

/** As writableSpan, to be read. */
function readableSpan(cpu: Cpu, from: number, to: number): number {
  return ((from ^ (to - 1)) & -4096) === 0 ? readable(cpu, from) : -1;
}

/** Whether a selector names a flat segment in the GDT with this second word. */
function isFlatDescriptor(cpu: Cpu, selector: number, high: number): boolean {
  const { m32 } = cpu;
  if ((selector & 0xfff8) === 0 || (selector & 4) !== 0 || (selector | 7) > m32[GDTR_LIMIT] >>> 0) return false;
  const address = (m32[GDTR_BASE] + (selector & 0xfff8)) | 0;
  const at = readableSpan(cpu, address, (address + 8) | 0);
  return at >= 0 && m32[at] === FLAT_LOW && m32[at + 1] === high;
}

function setFlat(m32: Int32Array, segment: number, selector: number, a: number): void {
  m32[SEG_SELECTOR + segment] = selector;
  m32[SEG_BASE + segment] = 0;
  m32[SEG_LIMIT + segment] = -1;
  m32[SEG_ATTRIBUTES + segment] = a;
}

/**
 * Deliver `vector` with the given frame. `errorCode` counts when `hasError`; `flagBits` are ORed into the pushed flags;
 * `checkDpl`: the gate's DPL must admit the CPL.
 */
export function enterStraight(
  cpu: Cpu,
  vector: number,
  hasError: boolean,
  errorCode: number,
  returnEip: number,
  flagBits: number,
  checkDpl: boolean,
): boolean {
  const { m32 } = cpu;
  const isUser = m32[MODE_KEY] === RING3;
  if (!isUser && !isRing0(m32)) return false;
  if (vector * 8 + 7 > m32[IDTR_LIMIT] >>> 0) return false;
  const gate = (m32[IDTR_BASE] + vector * 8) | 0;
  const gateAt = readableSpan(cpu, gate, (gate + 8) | 0);
  if (gateAt < 0) return false;
  const low = m32[gateAt];
  const high = m32[gateAt + 1];
  if ((high & GATE_MASK) !== GATE || (checkDpl && isUser && (high & 0x6000) !== 0x6000)) return false;
  const cs = low >>> 16;
  if (!isFlatDescriptor(cpu, cs, CODE0_HIGH)) return false;
  let top = m32[ESP];
  let ss = 0;
  if (isUser) {
    if ((m32[SEG_ATTRIBUTES + TR] & TYPE_32) === 0 || m32[SEG_LIMIT + TR] >>> 0 < TSS_LIMIT_MIN) return false;
    const tss = (m32[SEG_BASE + TR] + TSS_ESP0) | 0;
    const tssAt = readableSpan(cpu, tss, (tss + 8) | 0);
    if (tssAt < 0) return false;
    top = m32[tssAt];
    ss = m32[tssAt + 1] & 0xffff;
    if ((ss & 3) !== 0 || !isFlatDescriptor(cpu, ss, DATA0_HIGH)) return false;
  }
  const bottom = (top - (isUser ? 20 : 12) - (hasError ? 4 : 0)) | 0;
  let at = writableSpan(cpu, bottom, top);
  if (at < 0) return false;
  const flags = getFlags(cpu) | flagBits;
  if (hasError) m32[at++] = errorCode;
  m32[at] = returnEip;
  m32[at + 1] = m32[SEG_SELECTOR + CS];
  m32[at + 2] = flags;
  if (isUser) {
    m32[at + 3] = m32[ESP];
    m32[at + 4] = m32[SEG_SELECTOR + SS];
    setFlat(m32, SS, ss, DATA0);
    m32[MODE_KEY] = RING0;
  }
  const clears = (high & GATE_IS_TRAP) !== 0 ? 0 : IF;
  m32[EFLAGS] &= ~(clears | TF | NT | VM | RF);
  setFlat(m32, CS, cs & 0xfffc, CODE0);
  m32[ESP] = bottom;
  const eip = (high & 0xffff0000) | (low & 0xffff);
  m32[EIP] = eip;
  cpu.nextEip = eip;
  m32[HALTED] = 0;
  m32[INTERRUPT_SHADOW] = 0;
  m32[EXIT_REQUEST] |= EXIT_MODE | EXIT_WINDOW;
  return true;
}

/** IRETD in ring 0 to ring 0 or 3; NMIs are unblocked already. */
export function returnStraight(cpu: Cpu): boolean {
  const { m32 } = cpu;
  if (!isRing0(m32) || (m32[EFLAGS] & NT) !== 0) return false;
  const esp = m32[ESP];
  const at = readableSpan(cpu, esp, (esp + 12) | 0);
  if (at < 0) return false;
  const eip = m32[at];
  const cs = m32[at + 1] & 0xffff;
  const flags = m32[at + 2];
  const old = m32[EFLAGS];
  if (((flags | old) & (VM | VIF | VIP)) !== 0) return false;
  if ((cs & 3) === 0) {
    if (!isFlatDescriptor(cpu, cs, CODE0_HIGH)) return false;
    setFlat(m32, CS, cs, CODE0);
    m32[ESP] = (esp + 12) | 0;
  } else {
    if (readableSpan(cpu, esp, (esp + 20) | 0) < 0) return false;
    const ss = m32[at + 4] & 0xffff;
    if ((cs & 3) !== 3 || (ss & 3) !== 3) return false;
    // Data segments that ring 3 may not use would become null, and the mode another.
    if (!isUserSegment(m32, DS) || !isUserSegment(m32, ES)) return false;
    if (!isFlatDescriptor(cpu, cs, CODE3_HIGH) || !isFlatDescriptor(cpu, ss, DATA3_HIGH)) return false;
    const userEsp = m32[at + 3];
    setFlat(m32, SS, ss, DATA3);
    setFlat(m32, CS, cs, CODE3);
    m32[ESP] = userEsp;
    dropInnerSegments(cpu);
    m32[MODE_KEY] = RING3;
    m32[EXIT_REQUEST] |= EXIT_MODE;
  }
  const next = (flags & WRITABLE_FLAGS) | 2;
  setFlags(cpu, next);
  if (((old ^ next) & (IF | TF | RF)) !== 0) m32[EXIT_REQUEST] |= EXIT_WINDOW;
  cpu.nextEip = eip;
  return true;
}

function isUserSegment(m32: Int32Array, segment: number): boolean {
  const wanted = ATTR_PRESENT | (3 << ATTR_DPL_SHIFT);
  return (m32[SEG_ATTRIBUTES + segment] & wanted) === wanted;
}

/** The loop is to be asked at every change of CS. */
function isVirtualInterruptPending(m32: Int32Array): boolean {
  return (m32[EFLAGS] & (VIF | VIP)) === (VIF | VIP);
}

/** JMP far and CALL far, with operands of 32 bits, to flat code of ring 0. cpu.nextEip is the return address. */
export function transferStraight(cpu: Cpu, selector: number, offset: number, isCall: boolean): boolean {
  const { m32 } = cpu;
  if (!isRing0(m32) || isVirtualInterruptPending(m32)) return false;
  if ((selector & 3) !== 0 || !isFlatDescriptor(cpu, selector, CODE0_HIGH)) return false;
  if (isCall) {
    const bottom = (m32[ESP] - 8) | 0;
    const at = writableSpan(cpu, bottom, (bottom + 8) | 0);
    if (at < 0) return false;
    m32[at] = cpu.nextEip;
    m32[at + 1] = m32[SEG_SELECTOR + CS];
    m32[ESP] = bottom;
  }
  setFlat(m32, CS, selector, CODE0);
  cpu.nextEip = offset;
  return true;
}

/** RET far, with operands of 32 bits, inside ring 0. */
export function farReturnStraight(cpu: Cpu, release: number): boolean {
  const { m32 } = cpu;
  const esp = m32[ESP];
  if (!isRing0(m32) || isVirtualInterruptPending(m32)) return false;
  const at = readableSpan(cpu, esp, (esp + 8) | 0);
  if (at < 0) return false;
  const cs = m32[at + 1] & 0xffff;
  if ((cs & 3) !== 0 || !isFlatDescriptor(cpu, cs, CODE0_HIGH)) return false;
  const eip = m32[at];
  setFlat(m32, CS, cs, CODE0);
  m32[ESP] = (esp + 8 + release) | 0;
  cpu.nextEip = eip;
  return true;
}
