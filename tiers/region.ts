// Which blocks are compiled together: from a hot block along direct jumps, calls and fall-throughs inside its page,
// breadth first, as long as they are warm and the function stays small (V8 does not optimise big ones).
// Only decoded blocks take part, unless the policy decodes ahead. Reads records alone: nothing is lifted for it.

import { OP, ROWS } from '../src/core/isa/ops.ts';
import { META_OP_MASK, META_OPSIZE_32, R_IMM, R_META, R_POSITION, RECORD_WORDS } from '../src/core/isa/record.ts';
import { MODE_CS32 } from '../src/core/state/layout.ts';
import { B_COUNT, B_HOST, B_MODE, BLOCK_HEADER_WORDS, type BlockCache } from './interp/blocks.ts';
import { B_ARMED, B_COMPILED, B_HEAT } from './interp/tier-above.ts';
import type { Region, RegionBlock } from './runtime/backend.ts';

export interface RegionLimits {
  readonly blocks: number;
  readonly instructions: number;
  /** Decode blocks that have not run yet. */
  readonly ahead: boolean;
  /** How often the entry ran. */
  readonly threshold: number;
  /** A block joins when it ran at least 1/coldest as often as the threshold. */
  readonly coldest: number;
  /** Go on into what is called, and where it returns to. */
  readonly calls: boolean;
  /** Take blocks that begin functions of their own. */
  readonly overlap: boolean;
  /** Whether a block begins a function that is being made. */
  readonly isUnderway: (block: number) => boolean;
}

const ENDS_BLOCK = ROWS.map((row) => row.endsBlock || row.kind === 'branch');
/** Rows that go to a place known from the record, or on behind themselves. */
const CONDITIONAL: ReadonlySet<number> = new Set([OP.JCC, OP.LOOP, OP.LOOPE, OP.LOOPNE, OP.JCXZ]);

/**
 * Where control goes behind the last record of a block, relative to the block, as far as the record says: targets of
 * direct jumps and calls, what follows, and what follows a call, where its RET comes back. None for what is not lifted.
 * `calls` false: none for calls.
 */
export function following(code: Int32Array, last: number, mode: number, calls = true): number[] {
  const meta = code[last + R_META];
  const op = meta & META_OP_MASK;
  const after = (code[last + R_POSITION] & 0xffff) + (code[last + R_POSITION] >>> 16);
  if (!ENDS_BLOCK[op]) return [after];
  if ((meta & META_OPSIZE_32) === 0 && (mode & MODE_CS32) !== 0) return [];
  const target = (after + code[last + R_IMM]) | 0;
  if (op === OP.JMP) return [target];
  if (CONDITIONAL.has(op)) return [target, after];
  if (!calls) return [];
  return op === OP.CALL ? [target, after] : op === OP.CALL_IND ? [after] : [];
}

/** The region entered at `entry`; null when decoding ahead has dropped every block. */
export function formRegion(blocks: BlockCache, entry: number, limits: RegionLimits): Region | null {
  const code = blocks.code;
  const mode = code[entry + B_MODE];
  const entryHost = code[entry + B_HOST];
  const drops = blocks.drops;
  const members: RegionBlock[] = [];
  const seen = new Set<number>([0]);
  const queue = [0];
  let instructions = 0;
  while (queue.length > 0 && members.length < limits.blocks) {
    const delta = queue.shift() ?? 0;
    const host = entryHost + delta;
    if (host >>> 12 !== entryHost >>> 12) continue;
    let block = delta === 0 ? entry : blocks.find(host, mode);
    if (block === 0 && limits.ahead && !blocks.isStop(host, mode)) {
      block = blocks.build(host, mode);
      // The arena was full and everything is gone.
      if (blocks.drops !== drops) return null;
    }
    if (block === 0) continue;
    const count = code[block + B_COUNT];
    if (delta !== 0) {
      if (instructions + count > limits.instructions) continue;
      if (!limits.overlap && (code[block + B_COMPILED] !== 0 || limits.isUnderway(block))) continue;
      const runs = code[block + B_ARMED] - code[block + B_HEAT];
      if (!limits.ahead && runs * limits.coldest < limits.threshold) continue;
    }
    instructions += count;
    const first = block + BLOCK_HEADER_WORDS;
    members.push({ block, first, count, delta });
    for (const place of following(code, first + (count - 1) * RECORD_WORDS, mode, limits.calls)) {
      const to = delta + place;
      if (seen.has(to)) continue;
      seen.add(to);
      queue.push(to);
    }
  }
  return { mode, host: entryHost, blocks: members };
}
