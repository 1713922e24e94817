// Common subexpressions: an operation that computes what an earlier one of the block computed is dropped: pure ones,
// and words that handlers and `put` alone change, between two of those. What reads registers, flags or other words
// depends on its place.

import { type Block, isPure, type Op, type Temp, withExitUse, withUses } from '../ir/ir.ts';

function keyOf(op: Op): string | null {
  switch (op.op) {
    case 'const':
      return op.type === 'i32' ? `c${op.value}` : `${op.type} ${op.value}`;
    case 'unary':
      return `${op.how} ${op.a}`;
    case 'binary':
      return `${op.how} ${op.a} ${op.b}`;
    case 'select':
      return `select ${op.test} ${op.a} ${op.b}`;
    case 'quotient':
      return `quotient ${op.high} ${op.low} ${op.divisor}`;
    case 'vector':
      return `v${op.how} ${op.a} ${op.b}`;
    case 'shuffle':
      return `shuffle ${op.a} ${op.b} ${op.lanes.join()}`;
    case 'laneShift':
      return `${op.how} ${op.a} ${op.count}`;
    case 'mask':
      return `mask${op.bits} ${op.a}`;
    case 'convert':
      return `${op.how} ${op.a}`;
    case 'word':
      return `w${op.index}`;
    default:
      return null;
  }
}

export function removeRepeats(block: Block): Block {
  const ops: Op[] = [];
  const first = new Map<string, Temp>();
  const same = new Map<Temp, Temp>();
  const map = (temp: Temp): Temp => same.get(temp) ?? temp;
  for (const original of block.ops) {
    const op = same.size === 0 ? original : withUses(original, map);
    if (op.op === 'handler') for (const key of first.keys()) if (key.startsWith('w')) first.delete(key);
    if (op.op === 'put') first.delete(`w${op.index}`);
    const key = isPure(op) || op.op === 'word' ? keyOf(op) : null;
    if (key !== null && 'to' in op) {
      const earlier = first.get(key);
      if (earlier !== undefined) {
        same.set(op.to, earlier);
        continue;
      }
      first.set(key, op.to);
    }
    ops.push(op);
  }
  return { ...block, ops, exit: withExitUse(block.exit, map) };
}
