// Which blocks are compiled together: from a hot block along direct jumps, calls and fall-throughs inside its page,
// breadth first, as long as they are warm and the function stays small (V8 does not optimise big ones).
// Only decoded blocks take part, unless the policy decodes ahead.

import { canLiftMode, liftBlock } from './lift/lift.ts';
import { type Block, type IrFunction, successors } from './ir/ir.ts';
import { B_ARMED, B_COUNT, B_HEAT, B_HOST, B_MODE, BLOCK_HEADER_WORDS, type BlockCache } from './interp/blocks.ts';
import { OP } from '../src/core/isa/ops.ts';
import { META_OP_MASK, R_META, R_POSITION, RECORD_WORDS } from '../src/core/isa/record.ts';

export interface RegionLimits {
  readonly blocks: number;
  readonly instructions: number;
  /** Decode blocks that have not run yet. */
  readonly ahead: boolean;
  /** How often the entry ran. */
  readonly threshold: number;
  /** A block joins when it ran at least 1/coldest as often as the threshold. */
  readonly coldest: number;
}

export interface Region {
  readonly fn: IrFunction;
  /** Arena positions of the blocks, the entry first. */
  readonly members: readonly number[];
}

/** Place after a CALL that ends the block, or −1: its RET comes back there. */
function returnPoint(code: Int32Array, block: number): number {
  const last = block + BLOCK_HEADER_WORDS + (code[block + B_COUNT] - 1) * RECORD_WORDS;
  const op = code[last + R_META] & META_OP_MASK;
  if (op !== OP.CALL && op !== OP.CALL_IND) return -1;
  return (code[last + R_POSITION] & 0xffff) + (code[last + R_POSITION] >>> 16);
}

/** The region entered at `entry`; null when its code is of a mode that is not compiled. */
export function formRegion(blocks: BlockCache, entry: number, limits: RegionLimits): Region | null {
  const code = blocks.code;
  const mode = code[entry + B_MODE];
  if (!canLiftMode(mode)) return null;
  const entryHost = code[entry + B_HOST];
  const drops = blocks.drops;
  const members: number[] = [];
  const lifted: Block[] = [];
  const seen = new Set<number>([0]);
  const queue = [0];
  let instructions = 0;
  while (queue.length > 0 && lifted.length < limits.blocks) {
    const delta = queue.shift() ?? 0;
    const host = entryHost + delta;
    if (host >>> 12 !== entryHost >>> 12) continue;
    let block = delta === 0 ? entry : blocks.tableOf(mode, host >>> 12)[host & 0xfff];
    if (block === 0 && limits.ahead) {
      block = blocks.build(host, mode);
      // The arena was full and everything is gone.
      if (blocks.drops !== drops) return null;
    }
    if (block === 0) continue;
    const count = code[block + B_COUNT];
    if (delta !== 0) {
      if (instructions + count > limits.instructions) continue;
      const runs = code[block + B_ARMED] - code[block + B_HEAT];
      if (!limits.ahead && runs * limits.coldest < limits.threshold) continue;
    }
    instructions += count;
    const one = liftBlock(code, block + BLOCK_HEADER_WORDS, count, delta, mode);
    members.push(block);
    lifted.push(one);
    const next = successors(one.exit);
    const back = returnPoint(code, block);
    if (back >= 0 && one.exit.exit !== 'leave') next.push(delta + back);
    for (const to of next) {
      if (seen.has(to)) continue;
      seen.add(to);
      queue.push(to);
    }
  }
  return { fn: { mode, blocks: lifted }, members };
}
