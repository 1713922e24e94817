// Why an instruction was left to its handler by a loop or function that does only what is plain: told from the record,
// the TLB and the marks of the page before the handler runs, and from the TLB after it. A reader of state alone, for
// whoever counts (watch.ts); what really happens is decided in tiers/interp/hot.ts and tiers/runtime. SDM 3 §4.10.

import { PAGE_BYTES } from '../src/core/base/pages.ts';
import { ROWS } from '../src/core/isa/ops.ts';
import {
  KIND_MEMORY,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  META_OPSIZE_32,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_EA,
  R_META,
  SIZE_128,
} from '../src/core/isa/record.ts';
import { PAGE_CODE } from '../src/core/memory/memory.ts';
import {
  TLB_INVALID,
  TLB_NO_SUPER_READ,
  TLB_NO_SUPER_WRITE,
  TLB_NO_USER_READ,
  TLB_NO_USER_WRITE,
} from '../src/core/memory/tlb.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import { ESP, MODE_CPL3, MODE_KEY, SEG_BASE, SS } from '../src/core/state/layout.ts';
import { PAGE_TABLE } from '../src/core/state/table-notes.ts';
import { effectiveOffset } from './interp/operands.ts';

/** Each in words, as reports print it. */
export const SLOW_REASONS = {
  row: 'instruction without a plain way',
  untranslated: 'page not in the TLB',
  device: 'device or ROM',
  clean: 'first write to a page',
  code: 'write to a page with code',
  table: 'write to a page table',
  denied: 'page that may not be accessed so',
  unaligned: 'unaligned',
  across: 'across two pages',
  form: 'form or value that is not plain',
  fault: 'fault',
} as const;

export type SlowReason = keyof typeof SLOW_REASONS;

const SIZES = [1, 2, 4, 8, 16, 10, 6, 16] as const;
const PUSHES = /^(PUSH|CALL|ENTER)/;
const POPS = /^(POP|RET|LEAVE|IRET)/;
const STRINGS = /^(MOVS|CMPS|STOS|LODS|SCAS|INS|OUTS)$/;

/** What rows do with the stack: −1 push, 1 pop, 0 nothing. */
const STACK = ROWS.map(({ name }) => (PUSHES.test(name) ? -1 : POPS.test(name) ? 1 : 0));

const IS_STRING = ROWS.map(({ name }) => STRINGS.test(name));

/** Whether a record names memory, or means the stack or a string. */
export function touchesMemory(meta: number): boolean {
  return (
    ((meta >> META_KIND_A_SHIFT) & 15) === KIND_MEMORY ||
    ((meta >> META_KIND_B_SHIFT) & 15) === KIND_MEMORY ||
    IS_STRING[meta & META_OP_MASK] ||
    STACK[meta & META_OP_MASK] !== 0
  );
}

interface Access {
  readonly linear: number;
  readonly bytes: number;
  readonly isWrite: boolean;
}

/** The access that a record makes, as far as it says; null: none. */
function accessOf(cpu: Cpu, code: Int32Array, pc: number): Access | null {
  const { m32 } = cpu;
  const meta = code[pc + R_META];
  const row = meta & META_OP_MASK;
  const isA = ((meta >> META_KIND_A_SHIFT) & 15) === KIND_MEMORY;
  if (isA || ((meta >> META_KIND_B_SHIFT) & 15) === KIND_MEMORY) {
    const size = (meta >> (isA ? META_SIZE_A_SHIFT : META_SIZE_B_SHIFT)) & 7;
    const linear = (effectiveOffset(cpu, code, pc) + m32[SEG_BASE + ((code[pc + R_EA] >> 12) & 7)]) | 0;
    return { linear, bytes: SIZES[size], isWrite: isA && ROWS[row].writes.a };
  }
  const direction = STACK[row];
  if (direction === 0) return null;
  const bytes = (meta & META_OPSIZE_32) !== 0 ? 4 : 2;
  const top = (m32[ESP] + m32[SEG_BASE + SS]) | 0;
  return { linear: direction < 0 ? (top - bytes) | 0 : top, bytes, isWrite: direction < 0 };
}

/** Where the access went, for the look afterwards. */
export interface SlowLook {
  readonly reason: SlowReason;
  /** Linear page to look at again, or −1. */
  readonly page: number;
}

const denied = (user: boolean, isWrite: boolean): number =>
  isWrite ? (user ? TLB_NO_USER_WRITE : TLB_NO_SUPER_WRITE) : user ? TLB_NO_USER_READ : TLB_NO_SUPER_READ;

/** Before the handler. `otherwise`: what it is when memory has nothing to do with it. */
export function lookBefore(cpu: Cpu, code: Int32Array, pc: number, otherwise: SlowReason): SlowLook {
  const access = accessOf(cpu, code, pc);
  if (access === null) return { reason: otherwise, page: -1 };
  const { linear, bytes, isWrite } = access;
  const page = linear >>> 12;
  if ((linear & (PAGE_BYTES - 1)) + bytes > PAGE_BYTES) return { reason: 'across', page: -1 };
  const entry = cpu.tlb[page];
  if (entry === TLB_INVALID) return { reason: 'untranslated', page };
  const user = (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0;
  if ((entry & denied(user, isWrite)) !== 0) {
    const ramPage = (((entry & -PAGE_BYTES) + linear - cpu.ramBase) | 0) >>> 12;
    const { memory } = cpu;
    if (!isWrite || ramPage >= memory.pageCount) return { reason: 'denied', page: -1 };
    if ((memory.pageFlags[ramPage] & PAGE_CODE) !== 0) return { reason: 'code', page: -1 };
    if ((memory.pageFlags[ramPage] & PAGE_TABLE) !== 0) return { reason: 'table', page: -1 };
    return { reason: memory.isPlain(ramPage) ? 'denied' : 'clean', page: -1 };
  }
  const isAligned = (linear & (Math.min(bytes, SIZES[SIZE_128]) - 1)) === 0;
  return { reason: isAligned || bytes === 6 || bytes === 10 ? otherwise : 'unaligned', page: -1 };
}

/** After it, when it raised nothing: devices are in no TLB. */
export function reasonAfter(cpu: Cpu, look: SlowLook): SlowReason {
  return look.page >= 0 && cpu.tlb[look.page] === TLB_INVALID ? 'device' : look.reason;
}
