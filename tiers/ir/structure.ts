// Which blocks of a function follow which, and how to nest them: a reducible control-flow graph becomes nested loops
// and labelled blocks without a dispatch variable, from dominators and reverse postorder (Ramsey, "Beyond Relooper",
// ICFP 2022, describes the method). Edges into the middle of a loop are left out: they become exits of the function.

import { BASE, type IrFunction, successors } from './ir.ts';

export interface Structure {
  /** Index of the block at a delta, −1: not in the function (an exit). */
  readonly indexOf: (delta: number) => number;
  /** Whether the edge stays inside the function. */
  readonly isInside: (from: number, to: number) => boolean;
  /** Blocks that the block immediately dominates, in reverse postorder. */
  readonly children: readonly (readonly number[])[];
  /** Reached by two or more forward edges: needs a label to break to. */
  readonly isMerge: readonly boolean[];
  readonly isLoop: readonly boolean[];
  /** Position in reverse postorder, −1: not reachable. */
  readonly order: readonly number[];
}

/** `extra`: further successors of a block (places that an indirect jump is expected to go to). */
export function structure(fn: IrFunction, extra: (block: number) => readonly number[] = () => []): Structure {
  const count = fn.blocks.length;
  const byDelta = new Map(fn.blocks.map((block, index) => [block.delta, index]));
  const indexOf = (delta: number): number => byDelta.get(delta) ?? -1;
  const next = fn.blocks.map((block, index) => [
    ...new Set([...successors(block.exit), ...extra(index)].map(indexOf).filter((found) => found >= 0)),
  ]);

  const post: number[] = [];
  const seen = new Array<boolean>(count).fill(false);
  const visit = (index: number): void => {
    seen[index] = true;
    for (const to of next[index]) if (!seen[to]) visit(to);
    post.push(index);
  };
  visit(0);
  const rpo = post.reverse();
  const order = new Array<number>(count).fill(-1);
  for (let i = 0; i < rpo.length; i++) order[rpo[i]] = i;

  const before: number[][] = fn.blocks.map(() => []);
  for (const from of rpo) for (const to of next[from]) before[to].push(from);
  const dominator = new Array<number>(count).fill(-1);
  dominator[0] = 0;
  const meet = (a: number, b: number): number => {
    let x = a;
    let y = b;
    while (x !== y) {
      while (order[x] > order[y]) x = dominator[x];
      while (order[y] > order[x]) y = dominator[y];
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const index of rpo) {
      if (index === 0) continue;
      let best = -1;
      for (const from of before[index]) {
        if (dominator[from] >= 0) best = best < 0 ? from : meet(best, from);
      }
      if (best !== dominator[index]) {
        dominator[index] = best;
        changed = true;
      }
    }
  }
  const dominates = (a: number, b: number): boolean => {
    let at = b;
    while (order[at] > order[a]) at = dominator[at];
    return at === a;
  };
  // A backward edge whose target does not dominate its source would enter a loop in the middle.
  const isInside = (from: number, to: number): boolean =>
    order[to] >= 0 && (order[to] > order[from] || dominates(to, from));

  const isMerge = new Array<boolean>(count).fill(false);
  const isLoop = new Array<boolean>(count).fill(false);
  const children: number[][] = fn.blocks.map(() => []);
  for (const index of rpo) {
    let forward = 0;
    for (const from of before[index]) {
      if (order[from] < order[index]) forward++;
      else if (isInside(from, index)) isLoop[index] = true;
    }
    isMerge[index] = forward > 1;
    if (index !== 0) children[dominator[index]].push(index);
  }
  return { indexOf, isInside, children, isMerge, isLoop, order };
}

/** At most so many returns are foreseen: each is a comparison on the way out. */
const RETURN_POINTS_MAX = 4;

/** Places after calls inside the function: where its RETs are expected to go. */
export function returnPoints(fn: IrFunction): number[] {
  const deltas = new Set(fn.blocks.map((block) => block.delta));
  const points: number[] = [];
  for (const block of fn.blocks) {
    const last = block.ops.filter((op) => op.op === 'insn').at(-1);
    if (block.exit.exit !== 'jump' || last?.op !== 'insn') continue;
    const following = last.delta + last.length;
    const pushes = block.ops.some((op) => op.op === 'get' && op.register === BASE);
    if (pushes && block.exit.delta !== following && deltas.has(following)) points.push(following);
  }
  return [...new Set(points)].slice(0, RETURN_POINTS_MAX);
}
