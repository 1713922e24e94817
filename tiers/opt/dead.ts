// Dead code: values nobody reads, flags that are replaced and register writes that are overwritten before anybody can
// look. Everybody looks at exits, handlers and every operation that can go the slow way. Such an operation stays though
// nobody reads what it gives: its handler faults, or sets MXCSR.

import { type Block, canGoSlow, exitUse, type Op, resultOf, usesOf } from '../ir/ir.ts';

export function removeDead(block: Block): Block {
  const read = new Array<boolean>(block.temps).fill(false);
  const use = exitUse(block.exit);
  if (use >= 0) read[use] = true;
  let flagsSeen = true;
  let registersSeen = 0xff;
  const kept: Op[] = [];
  for (let at = block.ops.length - 1; at >= 0; at--) {
    const op = block.ops[at];
    const to = resultOf(op);
    if (op.op === 'cc' || op.op === 'bits') {
      if (!flagsSeen) continue;
      flagsSeen = false;
    } else if (op.op === 'set') {
      const bit = 1 << op.register;
      if ((registersSeen & bit) === 0) continue;
      registersSeen &= ~bit;
    } else if (to >= 0 && !read[to] && !canGoSlow(op)) continue;
    if (op.op === 'handler' || canGoSlow(op)) {
      flagsSeen = true;
      registersSeen = 0xff;
    }
    if (op.op === 'condition' || op.op === 'carry' || op.op === 'flags') flagsSeen = true;
    if (op.op === 'get') registersSeen |= 1 << op.register;
    for (const temp of usesOf(op)) read[temp] = true;
    kept.push(op);
  }
  return { ...block, ops: kept.reverse() };
}
