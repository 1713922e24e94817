// Redundant TLB checks: an access to an address that was checked before in the block, for at least the same rights and
// alignment, is plain. Entries are taken away by handlers and on slow paths alone, which leave the function: what makes
// an access plain without leaving (runtime/miss.ts) adds rights and declines where it would take some. A value that was
// guarded before needs no second guard: it does not change.

import type { Block, Op, Temp } from '../ir/ir.ts';

interface Proven {
  read: boolean;
  write: boolean;
  size: number;
}

export function removeChecks(block: Block): Block {
  const proven = new Map<Temp, Proven>();
  const guarded = new Set<Temp>();
  const kept = block.ops.filter((op) => {
    if (op.op !== 'guard') return true;
    if (guarded.has(op.test)) return false;
    guarded.add(op.test);
    return true;
  });
  const ops: Op[] = kept.map((op) => {
    if (op.op === 'handler') proven.clear();
    if (op.op !== 'load' && op.op !== 'store') return op;
    const found = proven.get(op.address);
    const needsRead = op.op === 'load';
    const needsWrite = op.op === 'store' || op.write;
    if (found !== undefined && found.size >= op.size && (!needsRead || found.read) && (!needsWrite || found.write)) {
      return op.checked ? op : { ...op, checked: true };
    }
    if (!op.checked) {
      // Two proofs of different alignment do not add up; the newer one stands.
      proven.set(op.address, { read: needsRead, write: needsWrite, size: op.size });
    }
    return op;
  });
  return { ...block, ops };
}
