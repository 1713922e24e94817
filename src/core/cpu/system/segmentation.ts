// Segment registers: checks at every access, loading in all three modes, and the modeKey that decoded code
// depends on. SDM 3 §3.4 (logical addresses), chapter 5 (protection: §5.3 limits, §5.4 types and null,
// §5.5–5.7 privilege), §20.1–20.2 (real mode and virtual-8086 mode). Far transfers are in far.ts.
// An unusable segment has ATTR_PRESENT clear. CPL is the DPL of SS: real mode keeps it 0, virtual-8086 mode 3.

import { VECTOR_GP, VECTOR_NP, VECTOR_SS } from '../../base/vectors.ts';
import {
  ATTR_BIG,
  ATTR_CODE,
  ATTR_DPL_SHIFT,
  ATTR_EXPAND_DOWN,
  ATTR_PRESENT,
  ATTR_S,
  ATTR_WRITABLE,
  CR0,
  CR0_PE,
  CS,
  DS,
  EFLAGS,
  ES,
  MODE_CPL3,
  MODE_CS32,
  MODE_FLAT_CODE,
  MODE_FLAT_DATA,
  MODE_KEY,
  MODE_REAL,
  MODE_SS32,
  MODE_VM86,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SS,
  VIF,
  VIP,
  VM,
} from '../../state/layout.ts';
import { EXIT_MODE, EXIT_WINDOW, raise, type Cpu } from '../../state/cpu.ts';
import {
  attributes,
  base,
  type Descriptor,
  dplOf,
  fetchDescriptor,
  isConforming,
  isData,
  isNull,
  isPresent,
  isReadable,
  isWritableData,
  limit,
  markAccessed,
} from './descriptors.ts';

/** Present, code or data, DPL 0, read/write data, accessed: what real mode gives a segment. */
const REAL_MODE_ACCESS = 0x93;
/** The same with DPL 3: virtual-8086 mode. */
const VM86_ACCESS = 0xf3;

export const cpl = (cpu: Cpu): number => (cpu.m32[SEG_ATTRIBUTES + SS] >>> ATTR_DPL_SHIFT) & 3;
export const isProtected = (cpu: Cpu): boolean => (cpu.m32[CR0] & CR0_PE) !== 0;
export const isVm86 = (cpu: Cpu): boolean => (cpu.m32[CR0] & CR0_PE) !== 0 && (cpu.m32[EFLAGS] & VM) !== 0;
/** Real mode or virtual-8086 mode: segment loads take no descriptor. */
export const isRealAddressing = (cpu: Cpu): boolean => !isProtected(cpu) || (cpu.m32[EFLAGS] & VM) !== 0;

/**
 * Whether [offset, offset + size) leaves the segment. SDM 3 §5.3. Beyond 4 GiB the manual leaves a segment with limit
 * FFFFFFFFh to the implementation; here, as on the host's silicon, such an access wraps.
 */
export function outsideLimit(segAttributes: number, segLimit: number, offset: number, size: number): boolean {
  const first = offset >>> 0;
  const last = first + size - 1;
  if ((segAttributes & (ATTR_S | ATTR_CODE | ATTR_EXPAND_DOWN)) === (ATTR_S | ATTR_EXPAND_DOWN)) {
    return first <= segLimit >>> 0 || last > ((segAttributes & ATTR_BIG) !== 0 ? 0xffffffff : 0xffff);
  }
  return last > segLimit >>> 0 && segLimit !== -1;
}

/** #SS(0) or #GP(0) for an offset beyond the limit, whatever else may be wrong with the segment. */
export function checkLimit(cpu: Cpu, seg: number, offset: number, size: number): void {
  if (outsideLimit(cpu.m32[SEG_ATTRIBUTES + seg], cpu.m32[SEG_LIMIT + seg], offset, size))
    raise(cpu, seg === SS ? VECTOR_SS : VECTOR_GP, 0);
}

/** Linear address of a data access through `seg`, all checks done: #SS(0) for SS, else #GP(0). */
export function linear(cpu: Cpu, seg: number, offset: number, size: number, write: boolean): number {
  const a = cpu.m32[SEG_ATTRIBUTES + seg];
  const wrongType = write
    ? (a & (ATTR_CODE | ATTR_WRITABLE)) !== ATTR_WRITABLE
    : (a & (ATTR_CODE | ATTR_WRITABLE)) === ATTR_CODE;
  if ((a & ATTR_PRESENT) === 0 || wrongType || outsideLimit(a, cpu.m32[SEG_LIMIT + seg], offset, size)) {
    raise(cpu, seg === SS ? VECTOR_SS : VECTOR_GP, 0);
  }
  return (cpu.m32[SEG_BASE + seg] + offset) | 0;
}

/** Linear address of `size` code bytes at CS:offset; #GP(0) beyond the limit. */
export function linearFetch(cpu: Cpu, offset: number, size: number): number {
  if (outsideLimit(cpu.m32[SEG_ATTRIBUTES + CS], cpu.m32[SEG_LIMIT + CS], offset, size)) raise(cpu, VECTOR_GP, 0);
  return (cpu.m32[SEG_BASE + CS] + offset) | 0;
}

const isFlat = (cpu: Cpu, seg: number): boolean => cpu.m32[SEG_BASE + seg] === 0 && cpu.m32[SEG_LIMIT + seg] === -1;

function isFlatData(cpu: Cpu, seg: number): boolean {
  const type = ATTR_PRESENT | ATTR_S | ATTR_CODE | ATTR_EXPAND_DOWN | ATTR_WRITABLE;
  return isFlat(cpu, seg) && (cpu.m32[SEG_ATTRIBUTES + seg] & type) === (ATTR_PRESENT | ATTR_S | ATTR_WRITABLE);
}

/** Recompute modeKey after any change of CS, SS, DS, ES, CR0.PE or EFLAGS.VM; asks for EXIT_MODE if it changed. */
export function updateMode(cpu: Cpu): void {
  let key = 0;
  if ((cpu.m32[SEG_ATTRIBUTES + CS] & ATTR_BIG) !== 0) key |= MODE_CS32;
  if ((cpu.m32[SEG_ATTRIBUTES + SS] & ATTR_BIG) !== 0) key |= MODE_SS32;
  if (cpl(cpu) === 3) key |= MODE_CPL3;
  if (!isProtected(cpu)) key |= MODE_REAL;
  else if ((cpu.m32[EFLAGS] & VM) !== 0) key |= MODE_VM86;
  if (isFlatData(cpu, DS) && isFlatData(cpu, ES) && isFlatData(cpu, SS)) key |= MODE_FLAT_DATA;
  if (isFlat(cpu, CS)) key |= MODE_FLAT_CODE;
  if (key !== cpu.m32[MODE_KEY]) {
    cpu.m32[MODE_KEY] = key;
    cpu.exitRequest |= EXIT_MODE;
  }
  if ((cpu.m32[EFLAGS] & (VIF | VIP)) === (VIF | VIP)) cpu.exitRequest |= EXIT_WINDOW; // isVirtualInterruptDue
}

function setSegment(cpu: Cpu, seg: number, selector: number, segBase: number, segLimit: number, a: number): void {
  if (seg === CS && (cpu.m32[SEG_BASE + CS] !== segBase || cpu.m32[SEG_LIMIT + CS] !== segLimit)) {
    cpu.exitRequest |= EXIT_MODE;
  }
  cpu.m32[SEG_SELECTOR + seg] = selector;
  cpu.m32[SEG_BASE + seg] = segBase;
  cpu.m32[SEG_LIMIT + seg] = segLimit;
  cpu.m32[SEG_ATTRIBUTES + seg] = a;
}

/** Put a checked descriptor into a segment register; the caller calls updateMode. */
export function setFromDescriptor(cpu: Cpu, seg: number, selector: number, d: Descriptor): void {
  setSegment(cpu, seg, selector, base(d), limit(d), attributes(d));
}

/** CS after a transfer to privilege `newCpl`: the RPL of the visible selector is the CPL. */
export function setCodeSegment(cpu: Cpu, selector: number, newCpl: number, d: Descriptor): void {
  setFromDescriptor(cpu, CS, (selector & 0xfffc) | newCpl, d);
}

/** Base 0, limit 4 GiB, with the given attribute word: SYSENTER and SYSEXIT read no descriptor. */
export function setFlatSegment(cpu: Cpu, seg: number, selector: number, a: number): void {
  setSegment(cpu, seg, selector, 0, -1, a);
}

/** Null selector: unusable. `privilege` goes into the DPL field, where SS keeps the CPL. */
export function setNull(cpu: Cpu, seg: number, selector: number, privilege = 0): void {
  setSegment(cpu, seg, selector, 0, 0, privilege << ATTR_DPL_SHIFT);
}

/**
 * Real mode: base = selector × 16; the limit and the D/B bit stay as they were ("unreal" mode), the access rights
 * become read/write data. SDM 3 §20.1.1 and §9.9.2 (what is left over from protected mode).
 */
export function setRealSegment(cpu: Cpu, seg: number, selector: number): void {
  const old = cpu.m32[SEG_ATTRIBUTES + seg];
  const segLimit = (old & ATTR_PRESENT) !== 0 ? cpu.m32[SEG_LIMIT + seg] : 0xffff;
  setSegment(cpu, seg, selector, selector << 4, segLimit, (old & 0xf000) | REAL_MODE_ACCESS);
}

/** Virtual-8086 mode: base = selector × 16, limit FFFFh, 16 bits, DPL 3. SDM 3 §20.2.1. */
export function setVm86Segment(cpu: Cpu, seg: number, selector: number): void {
  setSegment(cpu, seg, selector, selector << 4, 0xffff, VM86_ACCESS);
}

/**
 * The descriptor that may be loaded into SS at privilege `level`; every mismatch raises `vector` with the selector,
 * absence #SS(selector). Null raises `vector` with `ext` alone. SDM 3 §5.7, and MOV in SDM 2.
 */
export function fetchStackDescriptor(
  cpu: Cpu,
  selector: number,
  level: number,
  vector: number,
  ext: number,
): Descriptor {
  const d = fetchDescriptor(cpu, selector, vector, ext);
  const code = (selector & 0xfffc) | ext;
  if ((selector & 3) !== level || !isWritableData(attributes(d)) || dplOf(d) !== level) raise(cpu, vector, code);
  if (!isPresent(d)) raise(cpu, VECTOR_SS, code);
  return d;
}

/** The descriptor that may be loaded into DS, ES, FS or GS at privilege `level` (not null). */
export function fetchDataDescriptor(
  cpu: Cpu,
  selector: number,
  level: number,
  vector: number,
  ext: number,
): Descriptor {
  const d = fetchDescriptor(cpu, selector, vector, ext);
  const code = (selector & 0xfffc) | ext;
  const a = attributes(d);
  if ((a & ATTR_S) === 0 || !isReadable(a)) raise(cpu, vector, code);
  const checked = isData(a) || !isConforming(a);
  if (checked && Math.max(level, selector & 3) > dplOf(d)) raise(cpu, vector, code);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, code);
  return d;
}

/** MOV/POP/LxS to ES, SS, DS, FS or GS in any mode. SDM 2, MOV: Protected Mode and Real-Address Mode. */
export function loadSegment(cpu: Cpu, seg: number, selector: number): void {
  selector &= 0xffff;
  if (!isProtected(cpu)) setRealSegment(cpu, seg, selector);
  else if (isVm86(cpu)) setVm86Segment(cpu, seg, selector);
  else if (seg === SS) {
    const d = fetchStackDescriptor(cpu, selector, cpl(cpu), VECTOR_GP, 0);
    markAccessed(cpu, d);
    setFromDescriptor(cpu, SS, selector, d);
  } else if (isNull(selector)) setNull(cpu, seg, selector);
  else {
    const d = fetchDataDescriptor(cpu, selector, cpl(cpu), VECTOR_GP, 0);
    markAccessed(cpu, d);
    setFromDescriptor(cpu, seg, selector, d);
  }
  updateMode(cpu);
}

/** On a return to outer privilege: data segments that the new CPL may not use become null. SDM 2, RET and IRET. */
export function dropInnerSegments(cpu: Cpu): void {
  const level = cpl(cpu);
  for (let seg = ES; seg <= 5; seg++) {
    if (seg === CS || seg === SS) continue;
    const a = cpu.m32[SEG_ATTRIBUTES + seg];
    if ((a & ATTR_PRESENT) === 0) setNull(cpu, seg, 0);
    else if (((a >>> ATTR_DPL_SHIFT) & 3) < level && (isData(a) || !isConforming(a))) setNull(cpu, seg, 0);
  }
}
