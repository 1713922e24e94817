// Where the operands of plain SSE instructions lie, as byte addresses of the machine's one memory: XMM registers in the
// CPU block, memory that may be accessed directly. NOT_PLAIN stands for all else, which is the general handlers'.
// Shared by simd-plain.ts and simd-plain-convert.ts. SDM 1 §10.4.1 (alignment), SDM 3 table 13-1 (who may execute).

import * as slowWay from '../../../src/core/base/slow-way.ts';
import * as record from '../../../src/core/isa/record.ts';
import * as tlbBits from '../../../src/core/memory/tlb.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import * as layout from '../../../src/core/state/layout.ts';
import { addressOf } from '../operands.ts';

// Constants of this module rather than imported ones: see hot.ts.
const { EA_16, KIND_MEMORY, KIND_REGISTER, KIND_XMM, META_KIND_B_SHIFT, R_B, R_DISP, R_EA, R_META } = record;
const { AC, CR0, CR0_EM, CR0_TS, CR4, CR4_OSFXSR, EFLAGS, FLAT_SEGMENTS, MODE_CPL3, MODE_FLAT_DATA, MODE_KEY, XMM } =
  layout;
const { TLB_NO_SUPER_READ, TLB_NO_SUPER_WRITE } = tlbBits;
const { NOT_PLAIN } = slowWay;

const UNAVAILABLE = CR0_EM | CR0_TS;
const DENY_READ = TLB_NO_SUPER_READ;
const DENY_WRITE = TLB_NO_SUPER_WRITE;
const KIND_B_FIELD = 15 << META_KIND_B_SHIFT;
const MEMORY_AS_B = KIND_MEMORY << META_KIND_B_SHIFT;
const REGISTER_AS_B = KIND_REGISTER << META_KIND_B_SHIFT;
const XMM_AS_B = KIND_XMM << META_KIND_B_SHIFT;
/** The XMM registers begin at this byte of the CPU block. */
const XMM_BYTE = XMM << 2;

/**
 * Byte address of an operand of 4, 8 or 16 bytes in memory that may be read (or written) directly, or NOT_PLAIN.
 * `deny` is the TLB's bit for the supervisor. Raises #GP(0) and #SS(0) as the general way does.
 */
function memoryAt(cpu: Cpu, code: Int32Array, pc: number, bytes: number, deny: number): number {
  const m32 = cpu.m32;
  const ea = code[pc + R_EA];
  const mode = m32[MODE_KEY];
  const linear = (m32[ea & 15] + (m32[(ea >> 4) & 15] << ((ea >> 8) & 3)) + code[pc + R_DISP]) | 0;
  // Not flat, a 16-bit address, or not aligned: seldom.
  const isFlat = (mode & MODE_FLAT_DATA) !== 0 && ((FLAT_SEGMENTS >> ((ea >> 12) & 7)) & 1) !== 0;
  if (!isFlat || (ea & EA_16) !== 0 || (linear & (bytes - 1)) !== 0) return memoryElsewhere(cpu, code, pc, bytes, deny);
  const entry = cpu.tlb[linear >>> 12];
  // The user's bits lie two below the supervisor's, as many as MODE_CPL3 moved down gives.
  if ((entry & (deny >> ((mode & MODE_CPL3) >> 1))) !== 0) return NOT_PLAIN;
  return ((entry & -4096) + linear) | 0;
}

/** As memoryAt, of 4 or 8 bytes, for any segment and address size, and of 8 bytes on a multiple of four. */
function memoryElsewhere(cpu: Cpu, code: Int32Array, pc: number, bytes: number, deny: number): number {
  // Of 16 bytes the alignment comes before the limit.
  if (bytes === 16) return NOT_PLAIN;
  const linear = addressOf(cpu, code, pc, bytes, deny === DENY_WRITE);
  if ((linear & (bytes - 1)) !== 0) {
    if (bytes !== 8 || (linear & 3) !== 0 || (linear & 0xfff) > 0xff8 || (cpu.m32[EFLAGS] & AC) !== 0) return NOT_PLAIN;
  }
  const entry = cpu.tlb[linear >>> 12];
  if ((entry & (deny >> ((cpu.m32[MODE_KEY] & MODE_CPL3) >> 1))) !== 0) return NOT_PLAIN;
  return ((entry & -4096) + linear) | 0;
}

/** Byte address of a source of 4, 8 or 16 bytes in XMM (in the CPU block) or memory, or NOT_PLAIN. */
export function sourceAt(cpu: Cpu, code: Int32Array, pc: number, bytes: number): number {
  const m32 = cpu.m32;
  if (((m32[CR0] & UNAVAILABLE) | (~m32[CR4] & CR4_OSFXSR)) !== 0) return NOT_PLAIN;
  const kind = code[pc + R_META] & KIND_B_FIELD;
  if (kind === XMM_AS_B) return XMM_BYTE + (code[pc + R_B] << 4);
  return kind === MEMORY_AS_B ? memoryAt(cpu, code, pc, bytes, DENY_READ) : NOT_PLAIN;
}

/** As sourceAt, of a general register or memory. */
export function generalAt(cpu: Cpu, code: Int32Array, pc: number): number {
  const m32 = cpu.m32;
  if (((m32[CR0] & UNAVAILABLE) | (~m32[CR4] & CR4_OSFXSR)) !== 0) return NOT_PLAIN;
  const kind = code[pc + R_META] & KIND_B_FIELD;
  if (kind === REGISTER_AS_B) return code[pc + R_B] << 2;
  return kind === MEMORY_AS_B ? memoryAt(cpu, code, pc, 4, DENY_READ) : NOT_PLAIN;
}

/** Whether XMM registers are available, and where a store of `bytes` goes. */
export function destinationAt(cpu: Cpu, code: Int32Array, pc: number, bytes: number): number {
  const m32 = cpu.m32;
  if (((m32[CR0] & UNAVAILABLE) | (~m32[CR4] & CR4_OSFXSR)) !== 0) return NOT_PLAIN;
  return memoryAt(cpu, code, pc, bytes, DENY_WRITE);
}
