// Decoded records → IR, one block at a time. An instruction without a lifter, or in a form its lifter leaves alone,
// becomes a call of its handler: right on every engine the day the handler exists. Imports no interpreter: the two
// are witnesses of the same rows.

import { type OpName, ROWS } from '../../src/core/isa/ops.ts';
import {
  KIND_REGISTER,
  META_KIND_A_SHIFT,
  META_OP_MASK,
  R_META,
  R_POSITION,
  RECORD_WORDS,
} from '../../src/core/isa/record.ts';
import { SIMD_ROWS } from '../../src/core/isa/rows-simd.ts';
import { X87_ROWS } from '../../src/core/isa/rows-x87.ts';
import { MODE_CS32, MODE_FLAT_CODE } from '../../src/core/state/layout.ts';
import { Builder } from '../ir/builder.ts';
import type { Block } from '../ir/ir.ts';
import { aluLifters } from './alu.ts';
import { bitLifters } from './bits.ts';
import { flagLifters } from './flags.ts';
import { flowLifters } from './flow.ts';
import { moveLifters } from './move.ts';
import { multiplyLifters } from './multiply.ts';
import { type Lifter, NOT_LIFTED } from './operands.ts';
import { shiftLifters } from './shift.ts';
import { simdLifters } from './simd.ts';
import { x87Lifters } from './x87.ts';

export const LIFTERS: Partial<Record<OpName, Lifter>> = {
  ...aluLifters,
  ...bitLifters,
  ...flagLifters,
  ...flowLifters,
  ...moveLifters,
  ...multiplyLifters,
  ...shiftLifters,
  ...simdLifters,
  ...x87Lifters,
};

const LIFTER_TABLE: readonly (Lifter | undefined)[] = ROWS.map((row) => LIFTERS[row.name]);
const ENDS_BLOCK: readonly boolean[] = ROWS.map((row) => row.endsBlock || row.kind === 'branch');

/** Rows of the x87 and of SSE: unless operand A is a general register, none of those changes. */
const FLOAT_NAMES: ReadonlySet<string> = new Set([...X87_ROWS, ...SIMD_ROWS].map(({ name }) => name));
const LEAVES_REGISTERS: readonly boolean[] = ROWS.map(
  ({ name, flags }) => FLOAT_NAMES.has(name) && name !== 'FNSTSW_AX' && flags.written === '',
);

/** Whether code of this mode is compiled at all: flat and 32 bits wide. The rest is interpreted. */
export function canLiftMode(mode: number): boolean {
  return (mode & (MODE_FLAT_CODE | MODE_CS32)) === (MODE_FLAT_CODE | MODE_CS32);
}

/**
 * Lift `count` records from arena position `first`, the first at `delta` from the function's entry. R_POSITION of the
 * records is relative to the block.
 */
export function liftBlock(code: Int32Array, first: number, count: number, delta: number, mode: number): Block {
  const b = new Builder();
  let following = delta;
  for (let index = 0; index < count; index++) {
    const pc = first + index * RECORD_WORDS;
    const position = code[pc + R_POSITION];
    const at = delta + (position & 0xffff);
    const length = position >>> 16;
    following = at + length;
    const op = code[pc + R_META] & META_OP_MASK;
    b.insn(index, op, at, length, pc);
    const lifter = LIFTER_TABLE[op];
    const mark = b.ops.length;
    if (lifter !== undefined) {
      try {
        lifter({ b, code, pc, mode, at, following });
        continue;
      } catch (error) {
        if (error !== NOT_LIFTED) throw error;
        b.ops.length = mark;
      }
    }
    const isLeft = LEAVES_REGISTERS[op] && ((code[pc + R_META] >> META_KIND_A_SHIFT) & 15) !== KIND_REGISTER;
    b.handler(isLeft ? 0 : 0xff);
    if (ENDS_BLOCK[op]) b.exit = { exit: 'leave' };
  }
  return { delta, count, ops: b.ops, exit: b.exit ?? { exit: 'jump', delta: following }, temps: b.temps };
}
