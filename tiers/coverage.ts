// Which branches a guest took, and how often: what guides a fuzzer. Every branch instruction has a word, by its place
// in memory: times that it retired without a jump in the lower half, jumps in the upper. It is counted where it
// retires, by its handler or at the end of its block of compiled code, so that a run gives the same words on every
// engine, whatever is compiled. The words lie in the memory that compiled code has for itself: no state of the guest.

import { ROWS } from '../src/core/isa/ops.ts';
import { HOT_PROBED, META_OP_MASK, R_HOT, R_META, R_POSITION, RECORD_WORDS } from '../src/core/isa/record.ts';
import { PAGE_BYTES } from '../src/core/base/pages.ts';
import type { BranchCounts, Engine } from '../src/core/machine/engine.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import { CS, EIP, SEG_BASE } from '../src/core/state/layout.ts';
import { COMPILED_BYTES } from '../src/core/memory/memory.ts';
import { B_COUNT, B_HOST, BLOCK_HEADER_WORDS, BlockCache } from './interp/blocks.ts';
import { Interpreter } from './interp/engine.ts';
import type { Handler } from './interp/handler.ts';
import { HANDLER_TABLE } from './interp/handlers.ts';
import { HOT_COLD } from './interp/specialise.ts';
import { NOBODY_ABOVE, type TierAbove } from './interp/tier-above.ts';
import { BASE, type Block, type Exit, type IrFunction, type Op, type Temp } from './ir/ir.ts';
import type { Observer } from './observer.ts';
import { makeRuntime, type Runtime } from './runtime/runtime.ts';
import { SHARED_BYTES } from './wasm/convention.ts';

/** Where the words begin in a processor's compiled code's memory: behind what modules share. */
const COUNTS_AT = Math.ceil(SHARED_BYTES / PAGE_BYTES) * PAGE_BYTES;
/** Words; several branches may share one, which costs a search a little and changes no run. */
export const BRANCH_SLOTS = (COMPILED_BYTES - COUNTS_AT) >>> 2;

/** What is added for a jump, and for a branch that is not taken or cannot be anything but taken. */
const TAKEN = 0x10000;
const NOT_TAKEN = 1;

const IS_BRANCH: readonly boolean[] = ROWS.map(({ kind }) => kind === 'branch');
const CONDITIONAL: ReadonlySet<string> = new Set(['JCC', 'LOOP', 'LOOPE', 'LOOPNE', 'JCXZ']);
const IS_CONDITIONAL: readonly boolean[] = ROWS.map(({ name }) => CONDITIONAL.has(name));

/** Of a place behind the begin of RAM, in bytes. */
const slotOf = (place: number): number => (Math.imul(place, 0x9e3779b1) >>> 1) % BRANCH_SLOTS;

export class Coverage implements Observer, BranchCounts {
  readonly words: Int32Array;
  readonly branchCounts = this;
  private readonly cpu: Cpu;
  /** Index in m32 of the first word. */
  private readonly base: number;
  private code: Int32Array = NO_ARENA;
  /** By record of the arena: the slot of the branch there. */
  private slots: Uint16Array = NO_SLOTS;
  /** By slot: places of branches that were decoded. */
  private readonly known = new Map<number, Set<number>>();
  private readonly table: readonly Handler[];

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.base = (cpu.compiledBase + COUNTS_AT) >>> 2;
    this.words = cpu.m32.subarray(this.base, this.base + BRANCH_SLOTS);
    this.table = HANDLER_TABLE.map((handler, row): Handler => {
      if (!IS_BRANCH[row]) return handler;
      return (processor, code, pc) => {
        const slot = this.slotAt(processor, code, pc);
        const following = processor.nextEip;
        handler(processor, code, pc);
        this.count(slot, row, processor.nextEip !== following);
      };
    });
  }

  placesOf(slot: number): readonly number[] {
    return [...(this.known.get(slot) ?? [])];
  }

  /** The slot of the branch whose record is at `pc`, at EIP. */
  slotAt(cpu: Cpu, code: Int32Array, pc: number): number {
    if (code === this.code) return this.slots[(pc / RECORD_WORDS) | 0];
    // Outside of blocks: across two pages, or at the limit of CS. What is no memory of the machine has no place.
    const linear = (cpu.m32[EIP] + cpu.m32[SEG_BASE + CS]) | 0;
    const place = ((cpu.tlb[linear >>> 12] & -PAGE_BYTES) + linear - cpu.ramBase) | 0;
    return slotOf(place);
  }

  count(slot: number, row: number, isTaken: boolean): void {
    this.words[slot] += isTaken && IS_CONDITIONAL[row] ? TAKEN : NOT_TAKEN;
  }

  interpreter(blocks: BlockCache, tier: TierAbove): Interpreter {
    this.follow(blocks.code);
    return new CoveringInterpreter(this, this.cpu, blocks, { ...tier, handlers: this.table });
  }

  runtime(code: Int32Array, cross: () => boolean): Runtime {
    this.follow(code);
    return makeRuntime(this.cpu, code, this.table, cross);
  }

  private follow(code: Int32Array): void {
    if (this.code === code) return;
    this.code = code;
    this.slots = new Uint16Array(Math.ceil(code.length / RECORD_WORDS));
  }

  /** The inner loop leaves the branch of a block to its handler from here on, which counts. */
  built(block: number): void {
    const { code } = this;
    const first = block + BLOCK_HEADER_WORDS;
    for (let pc = first, end = first + code[block + B_COUNT] * RECORD_WORDS; pc < end; pc += RECORD_WORDS) {
      if (!IS_BRANCH[code[pc + R_META] & META_OP_MASK]) continue;
      if (code[pc + R_HOT] !== HOT_PROBED) code[pc + R_HOT] = HOT_COLD;
      const place = code[block + B_HOST] + (code[pc + R_POSITION] & 0xffff) - this.cpu.ramBase;
      const slot = slotOf(place);
      this.slots[(pc / RECORD_WORDS) | 0] = slot;
      const places = this.known.get(slot);
      if (places === undefined) this.known.set(slot, new Set([place]));
      else places.add(place);
    }
  }

  counting(fn: IrFunction): IrFunction {
    return { ...fn, blocks: fn.blocks.map((block) => this.countingBlock(block)) };
  }

  private countingBlock(block: Block): Block {
    const last = lastInstruction(block);
    if (last === null || !IS_BRANCH[last.row] || block.exit.exit === 'leave') return block;
    const index = this.base + this.slots[(last.pc / RECORD_WORDS) | 0];
    const ops: Op[] = [...block.ops];
    let { temps } = block;
    const constant = (value: number): Temp => {
      ops.push({ op: 'const', to: temps, type: 'i32', value });
      return temps++;
    };
    const isTaken = IS_CONDITIONAL[last.row] ? takenBy(block.exit, last.delta + last.length) : false;
    let test = -1;
    if (isTaken === 'when') test = block.exit.exit === 'branch' ? block.exit.test : -1;
    if (isTaken === 'elsewhere' && block.exit.exit === 'indirect') {
      const distance = constant(last.delta + last.length);
      ops.push({ op: 'get', to: temps, type: 'i32', register: BASE });
      ops.push({ op: 'binary', to: temps + 1, type: 'i32', how: 'add', a: temps, b: distance });
      ops.push({ op: 'binary', to: temps + 2, type: 'i32', how: 'ne', a: block.exit.target, b: temps + 1 });
      test = temps + 2;
      temps += 3;
    }
    let added = constant(isTaken === true ? TAKEN : NOT_TAKEN);
    if (test >= 0) {
      const jump = constant(TAKEN);
      ops.push({ op: 'select', to: temps, type: 'i32', test, a: jump, b: added });
      added = temps++;
    }
    ops.push({ op: 'peek', to: temps, type: 'i32', index });
    ops.push({ op: 'binary', to: temps + 1, type: 'i32', how: 'add', a: temps, b: added });
    ops.push({ op: 'poke', type: 'i32', index, value: temps + 1 });
    return { ...block, ops, temps: temps + 2 };
  }

  function(run: (cpu: Cpu) => void): (cpu: Cpu) => void {
    return run;
  }

  // What blocks and functions do otherwise says nothing of branches.
  forgotten(): void {}
  settled(): void {}
  armed(): void {}
  heated(): void {}
  refused(): void {}
  linked(): void {}
  unlinked(): void {}
}

const NO_ARENA = new Int32Array(0);
const NO_SLOTS = new Uint16Array(0);

function lastInstruction({ ops }: Block): Extract<Op, { op: 'insn' }> | null {
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i];
    if (op.op === 'insn') return op;
  }
  return null;
}

/** Whether a conditional branch is taken: known, when the test of the exit says so, or when it goes elsewhere. */
function takenBy(exit: Exit, following: number): boolean | 'when' | 'elsewhere' {
  if (exit.exit === 'jump') return exit.delta !== following;
  if (exit.exit === 'branch') return exit.taken === following ? false : 'when';
  return 'elsewhere';
}

class CoveringInterpreter extends Interpreter implements Engine {
  readonly branchCounts: Coverage;

  constructor(coverage: Coverage, cpu: Cpu, blocks: BlockCache, tier: TierAbove) {
    super(cpu, blocks, tier);
    this.branchCounts = coverage;
  }

  protected override execute(cpu: Cpu, code: Int32Array, pc: number, following: number): void {
    const row = code[pc + R_META] & META_OP_MASK;
    if (!IS_BRANCH[row]) {
      super.execute(cpu, code, pc, following);
      return;
    }
    const { branchCounts } = this;
    const slot = branchCounts.slotAt(cpu, code, pc);
    super.execute(cpu, code, pc, following);
    branchCounts.count(slot, row, cpu.m32[EIP] !== following);
  }
}

/** The interpreter alone, with its branches counted. */
export function makeCoveringInterpreter(cpu: Cpu): Engine {
  const coverage = new Coverage(cpu);
  const blocks = new BlockCache(cpu, { onBuilt: (block) => coverage.built(block), onDropped: () => {} });
  return coverage.interpreter(blocks, NOBODY_ABOVE);
}
