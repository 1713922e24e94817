// Constant folding and the identities that lifting produces: x + 0, (x + a) + b, x & −1, shifts by 0, selects on
// constants, comparisons turned around under a negation.

import { Builder } from '../ir/builder.ts';
import { binary, unary } from '../ir/arithmetic.ts';
import { type Binary, type Block, type Op, type Temp, withExitUse, withUses } from '../ir/ir.ts';

const COMMUTES: ReadonlySet<Binary> = new Set<Binary>(['add', 'mul', 'and', 'or', 'xor', 'eq', 'ne']);
/** The comparison that holds when this one does not, and whether its operands change places. */
const INVERSE: Partial<Record<Binary, readonly [Binary, boolean]>> = {
  eq: ['ne', false],
  ne: ['eq', false],
  lt: ['le', true],
  le: ['lt', true],
  ltu: ['leu', true],
  leu: ['ltu', true],
};

export function foldConstants(block: Block): Block {
  const out = new Builder(block.temps);
  const defs = new Map<Temp, Op>();
  const same = new Map<Temp, Temp>();
  const map = (temp: Temp): Temp => same.get(temp) ?? temp;
  const constantOf = (temp: Temp): number | null => {
    const op = defs.get(temp);
    return op?.op === 'const' ? op.value : null;
  };
  const emit = (op: Op): void => {
    if ('to' in op) defs.set(op.to, op);
    out.ops.push(op);
  };
  const constant = (value: number): Temp => {
    const to = out.temps++;
    emit({ op: 'const', to, type: 'i32', value });
    return to;
  };

  /** What to put in the place of a binary operation: a temp, a constant, or a changed operation. */
  const simplify = (op: Extract<Op, { op: 'binary' }>): Temp | Op => {
    let { how, a, b } = op;
    const { to } = op;
    if (COMMUTES.has(how) && constantOf(a) !== null) [a, b] = [b, a];
    const x = constantOf(a);
    const y = constantOf(b);
    if (x !== null && y !== null) return { op: 'const', to, type: 'i32', value: binary(how, x, y) };
    if (how === 'sub' && y !== null) {
      how = 'add';
      b = constant(-y | 0);
      return simplify({ op: 'binary', to, type: 'i32', how, a, b });
    }
    if (y !== null) {
      if (y === 0 && ['add', 'or', 'xor', 'shl', 'shr', 'sar'].includes(how)) return a;
      if (y === -1 && how === 'and') return a;
      if (y === 0 && (how === 'and' || how === 'mul')) return { op: 'const', to, type: 'i32', value: 0 };
      if (y === 1 && how === 'mul') return a;
      const inner = defs.get(a);
      if (inner?.op === 'binary' && inner.how === how && (how === 'add' || how === 'and' || how === 'or')) {
        const z = constantOf(inner.b);
        if (z !== null)
          return simplify({ op: 'binary', to, type: 'i32', how, a: inner.a, b: constant(binary(how, z, y)) });
      }
      if (how === 'xor' && y === 1 && inner?.op === 'binary') {
        const inverse = INVERSE[inner.how];
        if (inverse !== undefined) {
          const [other, turned] = inverse;
          return {
            op: 'binary',
            to,
            type: 'i32',
            how: other,
            a: turned ? inner.b : inner.a,
            b: turned ? inner.a : inner.b,
          };
        }
      }
      // A comparison with 0 of something that is 0 or 1 already.
      if (how === 'ne' && y === 0 && inner?.op === 'binary' && inner.how in INVERSE) return a;
    }
    if (a === b) {
      if (how === 'xor' || how === 'sub') return { op: 'const', to, type: 'i32', value: 0 };
      if (how === 'and' || how === 'or') return a;
    }
    return { op: 'binary', to, type: 'i32', how, a, b };
  };

  for (const original of block.ops) {
    const op = same.size === 0 ? original : withUses(original, map);
    if (op.op === 'binary') {
      const made = simplify(op);
      if (typeof made === 'number') same.set(op.to, made);
      else emit(made);
    } else if (op.op === 'unary') {
      const value = constantOf(op.a);
      emit(value === null ? op : { op: 'const', to: op.to, type: 'i32', value: unary(op.how, value) });
    } else if (op.op === 'select') {
      const value = constantOf(op.test);
      if (value !== null) same.set(op.to, value !== 0 ? op.a : op.b);
      else if (op.a === op.b) same.set(op.to, op.a);
      else emit(op);
    } else if (op.op === 'quotient' && constantOf(op.high) === 0) {
      const made = simplify({ op: 'binary', to: op.to, type: 'i32', how: 'divu', a: op.low, b: op.divisor });
      if (typeof made === 'number') same.set(op.to, made);
      else emit(made);
    } else emit(op);
  }
  return { ...block, ops: out.ops, temps: out.temps, exit: withExitUse(block.exit, map) };
}
