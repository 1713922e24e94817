// Single flags as values, by the operation that sets them: SDM 1 appendix A and §3.4.3.1; state/flags.ts has the
// encoding. Results and operands are sign-extended, so that bit 31 is their sign at every size.

import { CC_ADD, CC_DEC, CC_INC, CC_LOGIC, CC_SUB } from '../../src/core/state/flags.ts';
import { AF, CF, OF, PF, SF, ZF } from '../../src/core/state/layout.ts';
import { groupOf } from './arithmetic.ts';
import type { Builder } from './builder.ts';
import type { Op, Temp } from './ir.ts';

/** An operation that sets the arithmetic flags. */
export type FlagState = Extract<Op, { op: 'cc' | 'bits' }>;

/** CF as 0 or 1, or −1 when it is left to the general way. */
export function carryOf(b: Builder, state: FlagState): Temp {
  if (state.op === 'bits') return b.with('and', state.value, 1);
  const group = groupOf(state.kind);
  if (group === CC_LOGIC) return b.constant(0);
  if (group >= CC_INC) return b.with('and', state.source, 1);
  if (group === CC_ADD) {
    const wrapped = b.binary('ltu', state.result, state.source);
    if (state.carryIn < 0) return wrapped;
    return b.binary('or', wrapped, b.binary('and', state.carryIn, b.binary('eq', state.result, state.source)));
  }
  if (group !== CC_SUB || state.left < 0) return -1;
  const below = b.binary('ltu', state.left, state.source);
  if (state.carryIn < 0) return below;
  return b.binary('or', below, b.binary('and', state.carryIn, b.binary('eq', state.left, state.source)));
}

/** Any arithmetic flag, by its bit of EFLAGS, as 0 or 1; or −1. */
export function flagOf(b: Builder, state: FlagState, bit: number): Temp {
  const isSet = (value: Temp): Temp => b.with('ne', b.with('and', value, bit), 0);
  if (state.op === 'bits') return isSet(state.value);
  const { result, source, left } = state;
  if (bit === ZF) return b.with('eq', result, 0);
  if (bit === SF) return b.with('lt', result, 0);
  if (bit === PF) return b.with('ne', b.unary('parity', result), 0);
  if (bit === CF) return carryOf(b, state);
  const group = groupOf(state.kind);
  if (group === CC_LOGIC) return b.constant(0);
  if (group !== CC_ADD && group !== CC_SUB && group !== CC_INC && group !== CC_DEC) return isSet(source);
  if (bit === AF && group === CC_INC) return b.with('eq', b.with('and', result, 15), 0);
  if (bit === AF && group === CC_DEC) return b.with('eq', b.with('and', result, 15), 15);
  if (left < 0) return -1;
  if (bit === AF) return isSet(b.binary('xor', b.binary('xor', left, source), result));
  if (bit !== OF) return -1;
  // The result has another sign than the first operand, and what was added or taken away does not explain it.
  const turned = b.binary('xor', left, result);
  if (group === CC_INC) return b.with('lt', b.binary('and', turned, result), 0);
  if (group === CC_DEC) return b.with('lt', b.binary('and', turned, left), 0);
  const explained = b.binary('xor', source, group === CC_ADD ? result : left);
  return b.with('lt', b.binary('and', turned, explained), 0);
}
