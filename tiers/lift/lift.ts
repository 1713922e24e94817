// Decoded records → IR, one block at a time. An instruction without a lifter, or in a form its lifter leaves alone,
// becomes a call of its handler: right on every engine the day the handler exists. Imports no interpreter: the two
// do the same rows independently.

import { registersWritten } from '../../src/core/isa/effects.ts';
import { ENDS_BLOCK, type OpLiftedBy, type OpName, ROWS } from '../../src/core/isa/ops.ts';
import { HOT_PROBED, META_OP_MASK, R_HOT, R_META, R_POSITION, RECORD_WORDS } from '../../src/core/isa/record.ts';
import type { LiftedBy } from '../../src/core/isa/row.ts';
import { Builder } from '../ir/builder.ts';
import type { Probes } from '../../src/core/state/cpu.ts';
import type { Block } from '../ir/ir.ts';
import { aluLifters } from './alu.ts';
import { assisted } from './assist.ts';
import { bitLifters } from './bits.ts';
import { flagLifters } from './flags.ts';
import { flowLifters } from './flow.ts';
import { moveLifters } from './move.ts';
import { multiplyLifters } from './multiply.ts';
import { type Lifter, NOT_LIFTED } from './operands.ts';
import { selectorLifters } from './selectors.ts';
import { shiftLifters } from './shift.ts';
import { simdLifters } from './simd.ts';
import { stackLifters } from './stack.ts';
import { stringLifters } from './string.ts';
import { systemLifters } from './system.ts';
import { guardTerm, termAsked } from './term.ts';
import { x87Lifters } from './x87.ts';

/** Exactly the rows whose facts name a file here (isa/row.ts, `lifted`). */
export const LIFTERS = {
  ...aluLifters,
  ...bitLifters,
  ...flagLifters,
  ...flowLifters,
  ...moveLifters,
  ...multiplyLifters,
  ...selectorLifters,
  ...shiftLifters,
  ...simdLifters,
  ...stackLifters,
  ...stringLifters,
  ...systemLifters,
  ...x87Lifters,
} satisfies Record<OpLiftedBy<LiftedBy>, Lifter>;

const LIFTER_TABLE: readonly (Lifter | undefined)[] = ROWS.map((row) => {
  const lifters: Partial<Record<OpName, Lifter>> = LIFTERS;
  return lifters[row.name] ?? (row.assists === '' ? undefined : assisted);
});

/**
 * Lift `count` records from arena position `first`, the first at `delta` from the function's entry. R_POSITION of the
 * records is relative to the block. `probes`: by whom instructions are asked for, where any are.
 */
export function liftBlock(
  code: Int32Array,
  first: number,
  count: number,
  delta: number,
  mode: number,
  probes: Probes | null = null,
): Block {
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
    const isProbed = code[pc + R_HOT] === HOT_PROBED;
    const term = isProbed ? termAsked(code, pc, probes) : null;
    const lifter = isProbed && term === null ? undefined : LIFTER_TABLE[op];
    const mark = b.ops.length;
    if (lifter !== undefined) {
      try {
        lifter({ b, code, pc, mode, at, following });
        if (term !== null && probes !== null) guardTerm(b, mark, term, probes);
        continue;
      } catch (error) {
        if (error !== NOT_LIFTED) throw error;
        b.ops.length = mark;
        b.exit = null;
      }
    }
    b.handler(registersWritten(code, pc));
    if (ENDS_BLOCK[op]) b.exit = { exit: 'leave' };
  }
  return { delta, count, ops: b.ops, exit: b.exit ?? { exit: 'jump', delta: following }, temps: b.temps };
}
