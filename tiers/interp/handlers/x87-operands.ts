// What the x87 handlers share: the last instruction and data pointers (SDM 1 §8.1.8 and §8.1.9: every instruction but
// the control ones leaves them, once its operand can no longer fault), operands in memory of 32 to 80 bits, and the
// masked results of stack faults. Scratch records belong to the instruction in hand.

import { type F80, makeF80, setIndefinite, type Words } from '../../../src/core/cpu/float/x87/f80.ts';
import * as record from '../../../src/core/isa/record.ts';
import { checkAlignment, checkWrite, load16, load32, store16, store32 } from '../../../src/core/memory/access.ts';
import type { Cpu } from '../../../src/core/state/cpu.ts';
import * as layout from '../../../src/core/state/layout.ts';
import { addressPast, effectiveOffset, linearOf, segmentOf } from '../operands.ts';

// Constants of this module rather than imported ones: see tiers/interp/hot.ts.
const { R_IMM } = record;
const { CS, EIP, FP_CS, FP_DP, FP_DS, FP_IP, FP_OPCODE, SEG_SELECTOR } = layout;

/** Operands and results. */
export const first: F80 = makeF80();
export const second: F80 = makeF80();
export const outcome: F80 = makeF80();
export const beside: F80 = makeF80();
/** Two words from or for memory. */
export const pair: Words = { hi: 0, lo: 0 };

export const INDEFINITE: F80 = makeF80();
setIndefinite(INDEFINITE);

/** Offset of the memory operand in hand. */
let operandOffset = 0;

/** Remember this instruction as the last one. */
export function note(cpu: Cpu, code: Int32Array, pc: number): void {
  const m32 = cpu.m32;
  m32[FP_IP] = m32[EIP];
  m32[FP_CS] = m32[SEG_SELECTOR + CS];
  m32[FP_OPCODE] = code[pc + R_IMM];
}

/** As `note`, with the operand that `operandAddress` found. */
export function noteOperand(cpu: Cpu, code: Int32Array, pc: number): void {
  note(cpu, code, pc);
  cpu.m32[FP_DP] = operandOffset;
  cpu.m32[FP_DS] = cpu.m32[SEG_SELECTOR + segmentOf(code, pc)];
}

/** Linear address of the memory operand of `bytes`. */
export function operandAddress(cpu: Cpu, code: Int32Array, pc: number, bytes: number, write: boolean): number {
  operandOffset = effectiveOffset(cpu, code, pc);
  return linearOf(cpu, segmentOf(code, pc), operandOffset, bytes, write);
}

/** Read 64 bits into `pair`. */
export function load64(cpu: Cpu, at: number): void {
  if ((at & 7) !== 0) checkAlignment(cpu, at, 8);
  pair.lo = load32(cpu, at);
  pair.hi = load32(cpu, (at + 4) | 0);
}

/** Write 64 bits, or nothing when a part faults. */
export function store64(cpu: Cpu, at: number, lo: number, hi: number): void {
  if ((at & 7) !== 0) {
    checkAlignment(cpu, at, 8);
    checkWrite(cpu, at, 8);
  }
  store32(cpu, at, lo);
  store32(cpu, (at + 4) | 0, hi);
}

/** Offset of the last two bytes of a ten-byte operand: silicon checks the first eight, paging and all, before them. */
const TAIL = 8;

/** Linear address of the last two bytes of what address80 found: 64 KiB below the rest where a 16-bit address wraps. */
let tailAt = 0;

function tailAddress(cpu: Cpu, code: Int32Array, pc: number, write: boolean): number {
  return addressPast(cpu, code, pc, TAIL, 2, write);
}

/** Read a ten-byte operand. */
export function load80(cpu: Cpu, code: Int32Array, pc: number, out: F80): void {
  load64(cpu, operandAddress(cpu, code, pc, TAIL, false));
  out.lo = pair.lo;
  out.hi = pair.hi;
  out.se = load16(cpu, tailAddress(cpu, code, pc, false));
}

/** Linear address of a ten-byte operand that can be written, or a fault. */
export function address80(cpu: Cpu, code: Int32Array, pc: number): number {
  const at = operandAddress(cpu, code, pc, TAIL, true);
  if ((at & 7) !== 0) checkAlignment(cpu, at, 8);
  checkWrite(cpu, at, TAIL);
  tailAt = tailAddress(cpu, code, pc, true);
  checkWrite(cpu, tailAt, 2);
  return at;
}

/** Write ten bytes at what address80 gave. */
export function store80(cpu: Cpu, at: number, lo: number, hi: number, se: number): void {
  store32(cpu, at, lo);
  store32(cpu, (at + 4) | 0, hi);
  store16(cpu, tailAt, se);
}
