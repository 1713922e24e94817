// Segment descriptors: where a selector points, the fields of the eight bytes, and the accessed and busy bits.
// SDM 3 §3.4.5 (segment descriptors), §3.5 (system descriptors and tables), §6.13 (selector error codes).
// Reading raises only what the table access raises; whether a type is right is the caller's business.

import {
  ATTR_ACCESSED,
  ATTR_CODE,
  ATTR_DPL_SHIFT,
  ATTR_EXPAND_DOWN,
  ATTR_PRESENT,
  ATTR_S,
  ATTR_WRITABLE,
  GDTR_BASE,
  GDTR_LIMIT,
  LDTR,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
} from '../../state/layout.ts';
import { raise, type Cpu } from '../../state/cpu.ts';
import { systemLoad32, systemStore8 } from '../../memory/access.ts';

/** The eight bytes and where they are; address is linear. */
export interface Descriptor {
  readonly selector: number;
  readonly address: number;
  low: number;
  high: number;
}

// System descriptor types, SDM 3 table 3-2.
export const TYPE_TSS16 = 1;
export const TYPE_LDT = 2;
export const TYPE_TSS16_BUSY = 3;
export const TYPE_CALL_GATE16 = 4;
export const TYPE_TASK_GATE = 5;
export const TYPE_INTERRUPT_GATE16 = 6;
export const TYPE_TRAP_GATE16 = 7;
export const TYPE_TSS32 = 9;
export const TYPE_TSS32_BUSY = 11;
export const TYPE_CALL_GATE32 = 12;
export const TYPE_INTERRUPT_GATE32 = 14;
export const TYPE_TRAP_GATE32 = 15;
/** The bit that makes a 16-bit system type a 32-bit one, and an available TSS a busy one. */
export const TYPE_32 = 8;
export const TYPE_BUSY = 2;

export const base = (d: Descriptor): number => (d.low >>> 16) | ((d.high & 0xff) << 16) | (d.high & 0xff000000);

/** Effective limit in bytes (granularity applied), as int32; compare it unsigned. */
export function limit(d: Descriptor): number {
  const raw = (d.low & 0xffff) | (d.high & 0xf0000);
  return (d.high & 0x800000) !== 0 ? (raw << 12) | 0xfff : raw;
}

/** The segAttributes word: descriptor bits 40–55 without the limit bits among them. */
export const attributes = (d: Descriptor): number => (d.high >>> 8) & 0xf0ff;
/** S and type: bits 0–4. */
export const typeOf = (d: Descriptor): number => (d.high >>> 8) & 0x1f;
export const dplOf = (d: Descriptor): number => (d.high >>> 13) & 3;
export const isPresent = (d: Descriptor): boolean => (d.high & 0x8000) !== 0;

export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;

/** Predicates over an attribute word. */
export const isCode = (a: number): boolean => (a & (ATTR_S | ATTR_CODE)) === (ATTR_S | ATTR_CODE);
export const isData = (a: number): boolean => (a & (ATTR_S | ATTR_CODE)) === ATTR_S;
export const isConforming = (a: number): boolean => (a & ATTR_EXPAND_DOWN) !== 0;
export const isWritableData = (a: number): boolean =>
  (a & (ATTR_S | ATTR_CODE | ATTR_WRITABLE)) === (ATTR_S | ATTR_WRITABLE);
export const isReadable = (a: number): boolean => (a & ATTR_CODE) === 0 || (a & ATTR_WRITABLE) !== 0;
export const dplOfAttributes = (a: number): number => (a >>> ATTR_DPL_SHIFT) & 3;

/** The descriptor that `selector` (not null) names, or null when it lies outside its table. */
export function findDescriptor(cpu: Cpu, selector: number): Descriptor | null {
  let table = cpu.m32[GDTR_BASE];
  let tableLimit = cpu.m32[GDTR_LIMIT];
  if ((selector & 4) !== 0) {
    if ((cpu.m32[SEG_ATTRIBUTES + LDTR] & ATTR_PRESENT) === 0) return null;
    table = cpu.m32[SEG_BASE + LDTR];
    tableLimit = cpu.m32[SEG_LIMIT + LDTR];
  }
  if ((selector | 7) > tableLimit >>> 0) return null;
  const address = (table + (selector & 0xfff8)) | 0;
  const low = systemLoad32(cpu, address);
  return { selector, address, low, high: systemLoad32(cpu, (address + 4) | 0) };
}

/**
 * As findDescriptor, but null and out-of-table selectors raise `vector` with the selector (and `ext`) as error code.
 */
export function fetchDescriptor(cpu: Cpu, selector: number, vector: number, ext: number): Descriptor {
  if (isNull(selector)) raise(cpu, vector, ext);
  const found = findDescriptor(cpu, selector);
  if (found === null) raise(cpu, vector, (selector & 0xfffc) | ext);
  return found;
}

/** Set the accessed bit of a code or data descriptor in memory and in `d`. SDM 3 §3.4.5.1. */
export function markAccessed(cpu: Cpu, d: Descriptor): void {
  if ((d.high & (ATTR_ACCESSED << 8)) !== 0) return;
  d.high |= ATTR_ACCESSED << 8;
  systemStore8(cpu, (d.address + 5) | 0, (d.high >>> 8) & 0xff);
}

/** Set or clear the busy bit of a TSS descriptor in memory. SDM 3 §7.2.2. */
export function setBusy(cpu: Cpu, d: Descriptor, busy: boolean): void {
  d.high = busy ? d.high | (TYPE_BUSY << 8) : d.high & ~(TYPE_BUSY << 8);
  systemStore8(cpu, (d.address + 5) | 0, (d.high >>> 8) & 0xff);
}
