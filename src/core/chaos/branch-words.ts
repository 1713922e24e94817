/**
 * What a run showed of a program, as words that a search can collect: of every branch that was counted and of each of
 * its two ways, in which range of numbers its count lies. A loop that went round more often is news as a new branch is.
 */
import type { BranchCounts } from '../machine/engine.ts';

/** Range of a count above 0: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more. */
function rangeOf(count: number): number {
  if (count < 4) return count;
  if (count < 8) return 4;
  if (count < 16) return 5;
  if (count < 32) return 6;
  return count < 128 ? 7 : 8;
}

const RANGES = 16;

/** Empty without counts. */
export function branchWords(counts: BranchCounts | null): Uint32Array {
  if (counts === null) return new Uint32Array(0);
  const { words } = counts;
  const found: number[] = [];
  for (let slot = 0; slot < words.length; slot++) {
    const word = words[slot];
    if (word === 0) continue;
    const [straight, taken] = [word & 0xffff, word >>> 16];
    if (straight !== 0) found.push(slot * 2 * RANGES + rangeOf(straight));
    if (taken !== 0) found.push((slot * 2 + 1) * RANGES + rangeOf(taken));
  }
  return Uint32Array.from(found);
}

/** Slot of the branch that was counted most often; −1: none. Where a run that does not end spends its time. */
export function hottestBranch(counts: BranchCounts | null): number {
  let [best, most] = [-1, 0];
  for (const [slot, word] of (counts?.words ?? []).entries()) {
    const sum = (word & 0xffff) + (word >>> 16);
    if (sum > most) [best, most] = [slot, sum];
  }
  return best;
}
