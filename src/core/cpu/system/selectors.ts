// Instructions that look at descriptors or load the system segment registers: LAR, LSL, VERR, VERW, ARPL, LLDT, LTR.
// SDM 2 under their names; SDM 3 §5.10 (pointer validation), §2.4 (LDTR and TR). In real and virtual-8086 mode all of
// them are #UD: checkProtected. The queries raise nothing but what reading the table raises.

import { VECTOR_GP, VECTOR_NP, VECTOR_UD } from '../../base/vectors.ts';
import { LDTR, TR } from '../../state/layout.ts';
import { raise, type Cpu } from '../../state/cpu.ts';
import {
  attributes,
  type Descriptor,
  dplOf,
  fetchDescriptor,
  findDescriptor,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isReadable,
  isWritableData,
  limit,
  setBusy,
  TYPE_CALL_GATE16,
  TYPE_CALL_GATE32,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  TYPE_TSS32,
  TYPE_TSS32_BUSY,
  typeOf,
} from './descriptors.ts';
import { cpl, isRealAddressing, setFromDescriptor, setNull } from './segmentation.ts';

const CODE_OR_DATA = 0x10;
const LSL_TYPES = new Set([TYPE_TSS16, TYPE_LDT, TYPE_TSS16_BUSY, TYPE_TSS32, TYPE_TSS32_BUSY]);
const LAR_TYPES = new Set([...LSL_TYPES, TYPE_CALL_GATE16, TYPE_TASK_GATE, TYPE_CALL_GATE32]);

/** #UD outside protected mode. */
export function checkProtected(cpu: Cpu): void {
  if (isRealAddressing(cpu)) raise(cpu, VECTOR_UD);
}

/** The descriptor if the selector names one that CPL and RPL may look at (conforming code: always), else null. */
function visible(cpu: Cpu, selector: number): Descriptor | null {
  if (isNull(selector)) return null;
  const d = findDescriptor(cpu, selector);
  if (d === null) return null;
  const a = attributes(d);
  if (isCode(a) && isConforming(a)) return d;
  return dplOf(d) < Math.max(cpl(cpu), selector & 3) ? null : d;
}

/** LAR: the access rights (mask 00FFFF00h), or null for ZF = 0. */
export function accessRights(cpu: Cpu, selector: number): number | null {
  const d = visible(cpu, selector);
  if (d === null || ((typeOf(d) & CODE_OR_DATA) === 0 && !LAR_TYPES.has(typeOf(d)))) return null;
  return d.high & 0xffff00;
}

/** LSL: the byte-granular limit, or null for ZF = 0. */
export function segmentLimit(cpu: Cpu, selector: number): number | null {
  const d = visible(cpu, selector);
  if (d === null || ((typeOf(d) & CODE_OR_DATA) === 0 && !LSL_TYPES.has(typeOf(d)))) return null;
  return limit(d);
}

/** VERR: ZF. */
export function isVerifiedReadable(cpu: Cpu, selector: number): boolean {
  const d = visible(cpu, selector);
  return d !== null && (typeOf(d) & CODE_OR_DATA) !== 0 && isReadable(attributes(d));
}

/** VERW: ZF. */
export function isVerifiedWritable(cpu: Cpu, selector: number): boolean {
  const d = visible(cpu, selector);
  return d !== null && isWritableData(attributes(d));
}

/** LLDT after the CPL check. */
export function loadLdt(cpu: Cpu, selector: number): void {
  if (isNull(selector)) {
    setNull(cpu, LDTR, selector);
    return;
  }
  const code = selector & 0xfffc;
  if ((selector & 4) !== 0) raise(cpu, VECTOR_GP, code);
  const d = fetchDescriptor(cpu, selector, VECTOR_GP, 0);
  if (typeOf(d) !== TYPE_LDT) raise(cpu, VECTOR_GP, code);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, code);
  setFromDescriptor(cpu, LDTR, selector, d);
}

/** LTR after the CPL check: the TSS must be available and becomes busy. */
export function loadTaskRegister(cpu: Cpu, selector: number): void {
  const code = selector & 0xfffc;
  if (!isNull(selector) && (selector & 4) !== 0) raise(cpu, VECTOR_GP, code);
  const d = fetchDescriptor(cpu, selector, VECTOR_GP, 0);
  if (typeOf(d) !== TYPE_TSS16 && typeOf(d) !== TYPE_TSS32) raise(cpu, VECTOR_GP, code);
  if (!isPresent(d)) raise(cpu, VECTOR_NP, code);
  setBusy(cpu, d, true);
  setFromDescriptor(cpu, TR, selector, d);
}
