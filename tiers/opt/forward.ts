// Copy propagation: what was read from or written to a guest register is used again instead of reading it, until a
// handler may have changed it.

import { type Block, type Op, type Temp, withExitUse, withUses } from '../ir/ir.ts';

export function forwardRegisters(block: Block): Block {
  const ops: Op[] = [];
  const known = new Map<number, Temp>();
  const same = new Map<Temp, Temp>();
  const map = (temp: Temp): Temp => same.get(temp) ?? temp;
  for (const original of block.ops) {
    const op = same.size === 0 ? original : withUses(original, map);
    if (op.op === 'get') {
      const value = known.get(op.register);
      if (value !== undefined) {
        same.set(op.to, value);
        continue;
      }
      known.set(op.register, op.to);
    } else if (op.op === 'set') known.set(op.register, op.value);
    else if (op.op === 'handler') {
      for (const register of known.keys()) if (((op.writes >> register) & 1) !== 0) known.delete(register);
    }
    ops.push(op);
  }
  return { ...block, ops, exit: withExitUse(block.exit, map) };
}
