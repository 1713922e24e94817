// What one decoded instruction may write of the general registers: the row's facts (row.ts, `writes`) and the operands
// of the record put together. Compiled code and tests ask; nothing here executes.

import { ECX, EDX } from '../state/layout.ts';
import { rowOf } from './ops.ts';
import {
  KIND_REGISTER,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  META_REP,
  META_REPNE,
  META_SIZE_A_SHIFT,
  META_SIZE_B_SHIFT,
  R_A,
  R_B,
  R_META,
  SIZE_8,
} from './record.ts';

/** Mask of the register that an operand is, of AH for EAX too; 0 when it is none. */
function operandMask(meta: number, kindShift: number, sizeShift: number, word: number): number {
  if (((meta >> kindShift) & 15) !== KIND_REGISTER) return 0;
  return 1 << (((meta >> sizeShift) & 7) === SIZE_8 ? word & 3 : word);
}

/**
 * Mask of the general registers that the instruction whose record is at `pc` may change (bit = number), by what its
 * row or another says.
 */
export function registersWritten(
  code: Int32Array,
  pc: number,
  writes = rowOf(code[pc + R_META] & META_OP_MASK).writes,
): number {
  const meta = code[pc + R_META];
  let mask = writes.registers;
  if (writes.a) mask |= operandMask(meta, META_KIND_A_SHIFT, META_SIZE_A_SHIFT, code[pc + R_A]);
  if (writes.b) mask |= operandMask(meta, META_KIND_B_SHIFT, META_SIZE_B_SHIFT, code[pc + R_B]);
  if (writes.high && ((meta >> META_SIZE_A_SHIFT) & 7) !== SIZE_8) mask |= 1 << EDX;
  if (writes.count && (meta & (META_REP | META_REPNE)) !== 0) mask |= 1 << ECX;
  return mask;
}
