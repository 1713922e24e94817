// Lowers reads of the lazy flags to plain comparisons where the operation that set them stands in the same block:
// CMP and JL become one `lt`. SDM 1 appendix B names the conditions; state/flags.ts the encoding.

import { CC_DEC, CC_INC, CC_LOGIC, CC_SUB } from '../../src/core/state/flags.ts';
import { groupOf } from '../ir/arithmetic.ts';
import { Builder } from '../ir/builder.ts';
import { carryOf, type FlagState as State } from '../ir/flag-values.ts';
import { type Block, type Temp, withExitUse, withUses } from '../ir/ir.ts';

/** SF ≠ OF as 0 or 1, or −1. `orEqual`: or the result is 0. */
function lessOf(b: Builder, state: Extract<State, { op: 'cc' }>, orEqual: boolean): Temp {
  const how = orEqual ? 'le' : 'lt';
  const group = groupOf(state.kind);
  if (group === CC_LOGIC) return b.binary(how, state.result, b.constant(0));
  if (state.left < 0 || state.carryIn >= 0) return -1;
  if (group === CC_SUB) return b.binary(how, state.left, state.source);
  // What the sum would be without wrapping decides.
  if (group === CC_INC) return b.binary(how, state.left, b.constant(-1));
  return group === CC_DEC ? b.binary(how, state.left, b.constant(1)) : -1;
}

/** The condition without its negation, 0 or 1, or −1. */
function positive(b: Builder, state: State, pair: number): Temp {
  if (state.op === 'bits') {
    const flag = (shift: number): Temp => b.with('and', b.with('shr', state.value, shift), 1);
    if (pair === 0) return flag(11);
    if (pair === 1) return flag(0);
    if (pair === 2) return flag(6);
    if (pair === 3) return b.binary('or', flag(6), flag(0));
    if (pair === 4) return flag(7);
    if (pair === 5) return flag(2);
    const less = b.binary('xor', flag(7), flag(11));
    return pair === 6 ? less : b.binary('or', flag(6), less);
  }
  const isZero = (): Temp => b.with('eq', state.result, 0);
  switch (pair) {
    case 0:
      return groupOf(state.kind) === CC_LOGIC ? b.constant(0) : -1;
    case 1:
      return carryOf(b, state);
    case 2:
      return isZero();
    case 3: {
      if (groupOf(state.kind) === CC_SUB && state.left >= 0 && state.carryIn < 0) {
        return b.binary('leu', state.left, state.source);
      }
      const carry = carryOf(b, state);
      return carry < 0 ? -1 : b.binary('or', isZero(), carry);
    }
    case 4:
      return b.with('lt', state.result, 0);
    case 5:
      return b.with('shr', b.unary('parity', state.result), 2);
    case 6:
      return lessOf(b, state, false);
    default:
      return lessOf(b, state, true);
  }
}

export function lowerFlags(block: Block): Block {
  const out = new Builder(block.temps);
  const same = new Map<Temp, Temp>();
  const map = (temp: Temp): Temp => same.get(temp) ?? temp;
  let state: State | null = null;
  for (const original of block.ops) {
    const op = same.size === 0 ? original : withUses(original, map);
    if (op.op === 'handler') state = null;
    else if (op.op === 'cc' || op.op === 'bits') state = op;
    if (state !== null) {
      let value = -1;
      if (op.op === 'condition') {
        value = positive(out, state, op.code >> 1);
        if (value >= 0 && (op.code & 1) !== 0) value = out.with('xor', value, 1);
      } else if (op.op === 'carry') value = carryOf(out, state);
      else if (op.op === 'flags' && state.op === 'bits') value = state.value;
      if (value >= 0 && 'to' in op) {
        same.set(op.to, value);
        continue;
      }
    }
    out.ops.push(op);
  }
  return { ...block, ops: out.ops, temps: out.temps, exit: withExitUse(block.exit, map) };
}
