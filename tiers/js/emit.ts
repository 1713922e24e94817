// IR → JavaScript source of one function `(cpu) => void`. Guest registers and the lazy flags are locals, loaded at
// the entry and written back (spilled) only where the function is left: at exits, before handlers, and on slow paths.
// All ways out lead to one piece of code (label E) that writes everything back and leaves; a slow path says which
// handler has to do the instruction then. Blocks (block.ts) are nested by structure.ts. Code with a limit asks first
// whether it lies inside (ir/reach.ts).
// The names the source uses freely are those that instantiate.ts binds, of the Runtime.

import { CC_DST, CC_OP, CC_SRC, CS, EIP, LEFT, SEG_LIMIT } from '../../src/core/state/layout.ts';
import { type IrFunction, REGISTER_NAMES } from '../ir/ir.ts';
import { reachOf } from '../ir/reach.ts';
import { returnPoints, structure } from '../ir/structure.ts';
import { BlockEmitter, type FunctionFacts, spill } from './block.ts';
import { NUMBERS, type Spelling } from './spelling.ts';

function facts(fn: IrFunction, spelling: Spelling): FunctionFacts {
  const returns = returnPoints(fn);
  const used = new Set<number>();
  const dirty = new Set<number>();
  let writesFlags = false;
  for (const block of fn.blocks) {
    for (const op of block.ops) {
      if (op.op === 'get' && op.register < 8) used.add(op.register);
      if (op.op === 'set') {
        used.add(op.register);
        dirty.add(op.register);
      }
      if (op.op === 'cc' || op.op === 'bits') writesFlags = true;
    }
  }
  const ascending = (a: number, b: number): number => a - b;
  const shape = structure(fn, (index) => (fn.blocks[index].exit.exit === 'indirect' ? returns : []));
  return {
    fn,
    spelling,
    shape,
    used: [...used].sort(ascending),
    dirty: [...dirty].sort(ascending),
    writesFlags,
    returns,
  };
}

/** Nested code of the blocks that `index` dominates. */
function emitTree(all: FunctionFacts, index: number, out: string[]): void {
  const { shape } = all;
  const merges = shape.children[index].filter((child) => shape.isMerge[child]);
  if (shape.isLoop[index]) out.push(`L${index}: for (;;) {`);
  // The last in reverse postorder is outermost: code after a label is reached by breaking out of it.
  for (const merge of [...merges].reverse()) out.push(`B${merge}: {`);
  emitBlock(all, index, out);
  for (const merge of merges) {
    out.push('}');
    emitTree(all, merge, out);
  }
  if (shape.isLoop[index]) out.push('}');
}

function emitBlock(all: FunctionFacts, index: number, out: string[]): void {
  const { shape, fn } = all;
  const block = fn.blocks[index];
  const emitter = new BlockEmitter(all, block);
  out.push('{');
  emitter.body();
  out.push(...emitter.lines);
  const go = (delta: number): void => {
    const to = shape.indexOf(delta);
    if (to < 0 || !shape.isInside(index, to)) {
      out.push(emitter.leaveTo(delta));
      return;
    }
    out.push(emitter.settle());
    if (shape.order[to] <= shape.order[index]) out.push(`continue L${to};`);
    else if (shape.isMerge[to]) out.push(`break B${to};`);
    else emitTree(all, to, out);
  };
  const { exit } = block;
  if (exit.exit === 'jump') go(exit.delta);
  else if (exit.exit === 'branch') {
    out.push(`if (${emitter.test(exit.test)}) {`);
    go(exit.taken);
    out.push('} else {');
    go(exit.next);
    out.push('}');
  } else if (exit.exit === 'indirect') {
    out.push(`at = ${emitter.value(exit.target)} - base | 0;`);
    for (const delta of all.returns) {
      const to = shape.indexOf(delta);
      if (!shape.isInside(index, to)) continue;
      out.push(`if (at === ${delta}) {`);
      go(delta);
      out.push('}');
    }
    out.push(emitter.settle(), 'break E;');
  }
  out.push('}');
}

/**
 * Source of the function's body; parameter `cpu`, free names as in instantiate.ts when numbers are spelled as numbers.
 */
export function emitFunction(fn: IrFunction, spelling: Spelling = NUMBERS): string {
  const all = facts(fn, spelling);
  const word = (index: number): string => `m32[${spelling.word(index)}]`;
  const out: string[] = [`let left = ${word(LEFT)}, pc = 0, at = 0, back = 0; const base = ${word(EIP)};`];
  const reach = reachOf(fn);
  if (reach !== null) {
    const { lowest, highest, latest } = reach;
    const isBeyond = `base + ${highest} >>> 0 > ${word(SEG_LIMIT + CS)} >>> 0`;
    out.push(`if (base + ${lowest} >>> 0 > ${latest} || ${isBeyond}) return;`);
  }
  for (const register of all.used) out.push(`let ${REGISTER_NAMES[register]} = ${word(register)};`);
  out.push(`let co = ${word(CC_OP)}, cd = ${word(CC_DST)}, cs = ${word(CC_SRC)};`);
  out.push('E: {');
  emitTree(all, 0, out);
  out.push('}', spill(all), 'leave(cpu, pc, base + at | 0, left + back | 0);');
  return out.filter((line) => line !== '').join('\n');
}
