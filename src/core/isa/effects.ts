// What one decoded instruction may write: of the general registers by the row's facts (row.ts, `writes`) and the
// operands of the record put together; of flags, segments and control registers by its row alone. Compiled code, probes
// and tests ask; nothing here executes.

import { ARITHMETIC_FLAGS, ECX, EDX } from '../state/layout.ts';
import { flagMask, type OpName, ROWS, rowOf } from './ops.ts';
import {
  KIND_MEMORY,
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

/** By row number: 1 for rows that `isIn`, and for those that may switch tasks, which change everything. */
function rowsThat(isIn: (row: (typeof ROWS)[number]) => boolean): Uint8Array {
  return Uint8Array.from(ROWS, (row) => (row.writes.task || isIn(row) ? 1 : 0));
}

const SEGMENT_ROWS: ReadonlySet<string> = new Set<OpName>([
  ...(['MOV_TO_SREG', 'POP_SREG', 'LES', 'LDS', 'LSS', 'LFS', 'LGS'] as const),
  ...(['LLDT', 'LTR', 'SYSENTER', 'SYSEXIT'] as const),
]);
const CONTROL_ROWS: ReadonlySet<string> = new Set<OpName>(['MOV_TO_CR', 'LMSW', 'CLTS', 'WRMSR']);

/** By row number: whether the instruction may change CF PF AF ZF SF OF. */
export const WRITES_FLAGS = rowsThat(
  ({ flags }) => (flagMask(flags.written + flags.undefined) & ARITHMETIC_FLAGS) !== 0,
);
/** Any other bit of EFLAGS; RF goes behind every instruction that has it, of which the machine tells. */
export const WRITES_SYSTEM_FLAGS = rowsThat(({ flags }) => (flagMask(flags.written) & ~ARITHMETIC_FLAGS) !== 0);
/** A segment register, LDTR or TR, and with CS the privilege level. */
export const WRITES_SEGMENTS = rowsThat(({ name }) => SEGMENT_ROWS.has(name));
/** What a port does at once may be DMA. */
const TALKS_TO_DEVICES = rowsThat(({ name }) => /^(IN|OUT|INS|OUTS)$/.test(name));
/** CR0 to CR4 or EFER. */
export const WRITES_CONTROL = rowsThat(({ name }) => CONTROL_ROWS.has(name));

const isMemory = (meta: number, kindShift: number): boolean => ((meta >> kindShift) & 15) === KIND_MEMORY;

/** Whether the instruction whose record is at `pc` may write memory, or have a device do so at once. */
export function mayWriteMemory(code: Int32Array, pc: number): boolean {
  const meta = code[pc + R_META];
  const row = meta & META_OP_MASK;
  const { writes } = rowOf(row);
  // A descriptor that is loaded is marked as used.
  if (writes.memory || WRITES_SEGMENTS[row] !== 0 || TALKS_TO_DEVICES[row] !== 0) return true;
  return (writes.a && isMemory(meta, META_KIND_A_SHIFT)) || (writes.b && isMemory(meta, META_KIND_B_SHIFT));
}

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
