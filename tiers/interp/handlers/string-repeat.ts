// The REP protocol of string instructions (SDM 2, REP) and the direct access to whole spans of plain RAM that
// makes it fast. One iteration is one tick: an instruction does at most cpu.left of them, devices see the exact
// tick of theirs, a fault keeps the finished ones, and a device that asks to leave ends the run after its own.

import { NOT_PLAIN } from '../../../src/core/base/slow-way.ts';
import { PAGE_BYTES } from '../../../src/core/base/pages.ts';
import { META_ADDRSIZE_32, META_REP, META_REPNE, R_META } from '../../../src/core/isa/record.ts';
import { hostSpan } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import { condition } from '../../../src/core/state/flags.ts';
import {
  AC,
  ATTR_CODE,
  ATTR_EXPAND_DOWN,
  ATTR_PRESENT,
  ATTR_WRITABLE,
  DF,
  ECX,
  EFLAGS,
  EIP,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
} from '../../../src/core/state/layout.ts';
import type { Handler } from '../handler.ts';
import { sizeA } from '../operands.ts';

/** Do up to `limit` iterations at once, index registers included; returns how many, 0 when it must go one by one. */
export type Bulk = (cpu: Cpu, code: Int32Array, pc: number, limit: number) => number;

/** What conditions end a repetition besides the count. */
export const REPEAT_COUNT = 0;
/** REPE and REPNE look at ZF. */
export const REPEAT_COMPARE = 1;

/** Offset in an index register (ESI, EDI) at the record's address size. */
export function indexOffset(cpu: Cpu, code: Int32Array, pc: number, register: number): number {
  return (code[pc + R_META] & META_ADDRSIZE_32) !== 0 ? cpu.m32[register] : cpu.m16[register << 1];
}

/** Move an index register by `count` elements in the direction of DF. */
export function advance(cpu: Cpu, code: Int32Array, pc: number, register: number, count: number): void {
  const bytes = count << sizeA(code, pc);
  const step = (cpu.m32[EFLAGS] & DF) === 0 ? bytes : -bytes;
  if ((code[pc + R_META] & META_ADDRSIZE_32) !== 0) cpu.m32[register] += step;
  else cpu.m16[register << 1] += step;
}

/** Run `iterate` once, or as often as the prefix, the count, `cpu.left` and `until` (REPEAT_*) say. */
export function repeat(
  cpu: Cpu,
  code: Int32Array,
  pc: number,
  iterate: Handler,
  bulk: Bulk | undefined,
  until: number,
): void {
  const meta = code[pc + R_META];
  if ((meta & (META_REP | META_REPNE)) === 0) {
    iterate(cpu, code, pc);
    return;
  }
  const address32 = (meta & META_ADDRSIZE_32) !== 0;
  const whileEqual = (meta & META_REP) !== 0;
  const left = cpu.left;
  let count = address32 ? cpu.m32[ECX] >>> 0 : cpu.m16[ECX << 1];
  if (count === 0) return;
  const budget = Math.min(count, left);
  let done = 0;
  let ended = false;
  try {
    do {
      cpu.left = left - done;
      cpu.extraTicks = done;
      let n = bulk === undefined ? 0 : bulk(cpu, code, pc, Math.min(count, left + cpu.repeatTicks - done));
      if (n === 0) {
        iterate(cpu, code, pc);
        n = 1;
      }
      done += n;
      count -= n;
      if (address32) cpu.m32[ECX] = count;
      else cpu.m16[ECX << 1] = count;
      if (until === REPEAT_COMPARE) ended = condition(cpu, 4) !== whileEqual;
    } while (done < budget && !ended && cpu.exitRequest === 0);
  } finally {
    cpu.left = left;
  }
  cpu.extraTicks = done - 1;
  if (count === 0 || ended) return;
  cpu.nextEip = cpu.m32[EIP];
  cpu.isUnfinished = true;
}

/**
 * Host address of the element at segment:offset if it and its neighbours in the page may be accessed directly,
 * else NOT_PLAIN (also whenever the access would fault: the caller then does it one by one and faults properly).
 */
export function elementHost(cpu: Cpu, segment: number, offset: number, size: number, write: boolean): number {
  const m32 = cpu.m32;
  const a = m32[SEG_ATTRIBUTES + segment];
  const last = (offset >>> 0) + (1 << size) - 1;
  if ((a & ATTR_PRESENT) === 0 || (a & (ATTR_CODE | ATTR_EXPAND_DOWN)) === ATTR_EXPAND_DOWN) return NOT_PLAIN;
  if (write && (a & (ATTR_CODE | ATTR_WRITABLE)) !== ATTR_WRITABLE) return NOT_PLAIN;
  if ((a & (ATTR_CODE | ATTR_WRITABLE)) === ATTR_CODE) return NOT_PLAIN; // execute-only
  if (last > m32[SEG_LIMIT + segment] >>> 0) return NOT_PLAIN;
  const linear = (m32[SEG_BASE + segment] + offset) | 0;
  if ((linear & 0xfff) + (1 << size) > PAGE_BYTES) return NOT_PLAIN;
  if ((linear & ((1 << size) - 1)) !== 0 && (m32[EFLAGS] & AC) !== 0) return NOT_PLAIN; // may be #AC
  return hostSpan(cpu, linear, write);
}

/**
 * How many elements from the one at `host` on, in the direction of DF, lie in its page, the segment and the offset's
 * range.
 */
export function elementCount(
  cpu: Cpu,
  code: Int32Array,
  pc: number,
  segment: number,
  offset: number,
  host: number,
): number {
  const size = sizeA(code, pc);
  const inPage = host & 0xfff;
  const first = offset >>> 0;
  if ((cpu.m32[EFLAGS] & DF) !== 0) return Math.min((inPage >> size) + 1, Math.floor(first / (1 << size)) + 1);
  const limit = cpu.m32[SEG_LIMIT + segment] >>> 0;
  const top = (code[pc + R_META] & META_ADDRSIZE_32) === 0 && limit > 0xffff ? 0xffff : limit;
  return Math.min((PAGE_BYTES - inPage) >> size, Math.floor((top - first + 1) / (1 << size)));
}
