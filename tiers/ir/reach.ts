// What a function takes for granted about EIP. Places in it are relative to its entry, and jumps to them check nothing:
// in code whose segment has a limit, or whose offsets wrap at 64 KiB, that is right where all of them lie inside. So
// such a function asks once, when it is entered, and declines by doing nothing: the interpreter knows what to do there.
// Flat 32-bit code has neither and asks nothing. The base and limit of CS do not change while a function runs.

import { MODE_CS32, MODE_FLAT_CODE } from '../../src/core/state/layout.ts';
import { type IrFunction, successors } from './ir.ts';

export interface Reach {
  /** The lowest and the highest place, relative to the entry: of its bytes, and of what it jumps to. */
  readonly lowest: number;
  readonly highest: number;
  /** Greatest EIP that the lowest place may have, unsigned: beyond it the highest one wraps. */
  readonly latest: number;
}

/** Null: there is nothing to ask. */
export function reachOf({ mode, blocks }: IrFunction): Reach | null {
  const isWide = (mode & MODE_CS32) !== 0;
  if (isWide && (mode & MODE_FLAT_CODE) !== 0) return null;
  let lowest = 0;
  let highest = 0;
  for (const { delta, ops, exit } of blocks) {
    let end = delta;
    for (const op of ops) if (op.op === 'insn') end = op.delta + op.length;
    for (const place of [delta, end - 1, ...successors(exit)]) {
      lowest = Math.min(lowest, place);
      highest = Math.max(highest, place);
    }
  }
  return { lowest, highest, latest: (isWide ? 0xffff_ffff : 0xffff) - (highest - lowest) };
}

/** Whether the function may be entered at an EIP, both unsigned. */
export function isWithin({ lowest, highest, latest }: Reach, eip: number, limit: number): boolean {
  return (eip + lowest) >>> 0 <= latest && (eip + highest) >>> 0 <= limit;
}
