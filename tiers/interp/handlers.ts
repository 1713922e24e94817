// Every instruction's handler, by row. The interpreter calls HANDLER_TABLE[row number]; a row without a
// handler does not compile.

import { type OpName, ROWS } from '../../src/core/isa/ops.ts';
import type { Handler } from './handler.ts';
import { aluHandlers } from './handlers/alu.ts';
import { bcdHandlers } from './handlers/bcd.ts';
import { bitHandlers } from './handlers/bits.ts';
import { farFlowHandlers } from './handlers/far-flow.ts';
import { flagHandlers } from './handlers/flags-ops.ts';
import { flowHandlers } from './handlers/flow.ts';
import { moveHandlers } from './handlers/move.ts';
import { multiplyHandlers } from './handlers/multiply.ts';
import { portHandlers } from './handlers/port-io.ts';
import { segmentHandlers } from './handlers/segment.ts';
import { shiftHandlers } from './handlers/shift.ts';
import { simdControlHandlers } from './handlers/simd-control.ts';
import { simdConvertHandlers } from './handlers/simd-convert.ts';
import { simdFloatHandlers } from './handlers/simd-float.ts';
import { simdIntegerHandlers } from './handlers/simd-integer.ts';
import { simdMoveHandlers } from './handlers/simd-move.ts';
import { simdShuffleHandlers } from './handlers/simd-shuffle.ts';
import { stackHandlers } from './handlers/stack.ts';
import { stringHandlers } from './handlers/string.ts';
import { systemHandlers } from './handlers/system.ts';
import { x87ArithmeticHandlers } from './handlers/x87-arithmetic.ts';
import { x87CompareHandlers } from './handlers/x87-compare.ts';
import { x87ControlHandlers } from './handlers/x87-control.ts';
import { x87FunctionHandlers } from './handlers/x87-functions.ts';
import { x87TransferHandlers } from './handlers/x87-transfer.ts';

export const HANDLERS = {
  ...aluHandlers,
  ...bcdHandlers,
  ...bitHandlers,
  ...farFlowHandlers,
  ...flagHandlers,
  ...flowHandlers,
  ...moveHandlers,
  ...multiplyHandlers,
  ...portHandlers,
  ...segmentHandlers,
  ...shiftHandlers,
  ...stackHandlers,
  ...stringHandlers,
  ...simdControlHandlers,
  ...simdConvertHandlers,
  ...simdFloatHandlers,
  ...simdIntegerHandlers,
  ...simdMoveHandlers,
  ...simdShuffleHandlers,
  ...systemHandlers,
  ...x87ArithmeticHandlers,
  ...x87CompareHandlers,
  ...x87ControlHandlers,
  ...x87FunctionHandlers,
  ...x87TransferHandlers,
} satisfies Record<OpName, Handler>;

/**
 * Handlers by row number. Spread: what `map` returns counts as an array with holes, and V8 throws code that it compiles
 * for such a constant away when any other array with holes becomes a sparse one.
 */
export const HANDLER_TABLE: readonly Handler[] = [...ROWS.map((row) => HANDLERS[row.name])];
