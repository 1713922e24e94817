// Known bits: which bits of each value are certainly 0. Masks that take nothing away vanish, and so do parts of an OR
// that a mask takes away; sign extensions of values already masked to the same width are done without the mask.

import { type Block, type Op, type Temp, withExitUse, withUses } from '../ir/ir.ts';

/** Mask of the bits that may be 1 in what an operation gives. */
function possible(op: Op, of: (temp: Temp) => number, constantOf: (temp: Temp) => number | null): number {
  switch (op.op) {
    case 'const':
      return op.value;
    case 'load':
      return op.size === 2 || op.signed ? -1 : op.size === 1 ? 0xffff : 0xff;
    case 'mask':
      return (1 << (128 / op.bits)) - 1;
    case 'condition':
    case 'carry':
      return 1;
    case 'flags':
      return 0x8d5;
    case 'unary':
      return op.how === 'clz' ? 0x3f : op.how === 'parity' ? 4 : -1;
    case 'select':
      return of(op.a) | of(op.b);
    case 'binary': {
      const by = constantOf(op.b);
      switch (op.how) {
        case 'and':
          return of(op.a) & of(op.b);
        case 'or':
        case 'xor':
          return of(op.a) | of(op.b);
        case 'shl':
          return by === null ? -1 : of(op.a) << by;
        case 'shr':
          return by === null ? -1 : (of(op.a) >>> by) | 0;
        case 'eq':
        case 'ne':
        case 'lt':
        case 'le':
        case 'ltu':
        case 'leu':
          return 1;
        case 'mul':
          // Something that is 0 or 1 times a constant.
          return by !== null && (of(op.a) & ~1) === 0 ? by : -1;
        default:
          return -1;
      }
    }
    default:
      return -1;
  }
}

export function knownBits(block: Block): Block {
  const ops: Op[] = [];
  const masks = new Map<Temp, number>();
  const defs = new Map<Temp, Op>();
  const same = new Map<Temp, Temp>();
  const map = (temp: Temp): Temp => same.get(temp) ?? temp;
  const of = (temp: Temp): number => masks.get(temp) ?? -1;
  const constantOf = (temp: Temp): number | null => {
    const op = defs.get(temp);
    return op?.op === 'const' ? op.value : null;
  };
  for (const original of block.ops) {
    let op = same.size === 0 ? original : withUses(original, map);
    if (op.op === 'binary' && op.how === 'and') {
      const mask = constantOf(op.b);
      if (mask !== null) {
        if ((of(op.a) & ~mask) === 0) {
          same.set(op.to, op.a);
          continue;
        }
        const inner = defs.get(op.a);
        if (inner?.op === 'binary' && inner.how === 'or') {
          if ((of(inner.a) & mask) === 0) op = { ...op, a: inner.b };
          else if ((of(inner.b) & mask) === 0) op = { ...op, a: inner.a };
        }
        if (op.op === 'binary' && (of(op.a) & ~mask) === 0) {
          same.set(op.to, op.a);
          continue;
        }
      }
    } else if (op.op === 'unary' && (op.how === 'sext8' || op.how === 'sext16')) {
      const inner = defs.get(op.a);
      const width = op.how === 'sext8' ? 0xff : 0xffff;
      const positive = op.how === 'sext8' ? 0x7f : 0x7fff;
      if ((of(op.a) & ~positive) === 0) {
        same.set(op.to, op.a);
        continue;
      }
      if (inner?.op === 'binary' && inner.how === 'and' && constantOf(inner.b) === width) op = { ...op, a: inner.a };
    }
    if ('to' in op) {
      defs.set(op.to, op);
      masks.set(op.to, possible(op, of, constantOf));
    }
    ops.push(op);
  }
  return { ...block, ops, exit: withExitUse(block.exit, map) };
}
