// Counts what an engine does, block by block: an interpreter whose ears are open, a runtime whose handlers are counted,
// and a call at the beginning of each block of compiled code. Only an engine that was made with a Watch has any of it;
// of any other nothing is different but some tests for null where code is compiled or dropped. What is compiled and
// when is the same with it. Numbers are of two kinds that must agree: ticks by tier are differences of the clock, ticks
// of blocks are entries times instructions, less what was not come to (watch-blocks.ts).

import { ROWS } from '../src/core/isa/ops.ts';
import { META_OP_MASK, R_HOT, R_META } from '../src/core/isa/record.ts';
import type { WhyDropped } from '../src/core/machine/engine.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import { CS, EIP, EXIT_REQUEST, LEFT, MODE_KEY, SEG_BASE } from '../src/core/state/layout.ts';
import { BlockCache } from './interp/blocks.ts';
import { Interpreter } from './interp/engine.ts';
import type { Handler } from './interp/handler.ts';
import { HANDLER_TABLE } from './interp/handlers.ts';
import { LEFT_AT_LIMIT, type WhyLeft } from './interp/hot.ts';
import { NOBODY_ABOVE, type TierAbove } from './interp/tier-above.ts';
import type { IrFunction } from './ir/ir.ts';
import type { Observer } from './observer.ts';
import type { CompiledRegion, Region } from './runtime/backend.ts';
import { makeRuntime, type Runtime } from './runtime/runtime.ts';
import { lookBefore, reasonAfter, SLOW_REASONS, type SlowReason } from './slow-why.ts';
import { type BlockCount, WatchedBlocks } from './watch-blocks.ts';
import { SHARED_ASKED, SHARED_IN_VAIN } from './wasm/convention.ts';

/** Row number of what is no instruction: a block of compiled code begins. */
const ENTER_ROW = HANDLER_TABLE.length;

/** Why the inner loop was left, by its number (interp/hot.ts), in words. */
export const LOOP_EXITS = [
  'slice used up',
  'request of the machine',
  'next block longer than the slice',
  'rest',
  'next page not in the TLB',
  'next block not decoded',
  'limit of the code segment',
  'other mode or segment',
] as const;

export type FunctionExit = 'request' | 'budget' | 'outside';
export type Reasons = Record<SlowReason, number>;

const noReasons = (): Reasons =>
  Object.fromEntries(Object.keys(SLOW_REASONS).map((name) => [name, 0])) as unknown as Reasons;

/** What was counted of a function that was linked. */
export interface FunctionCount {
  readonly physical: number;
  readonly linear: number;
  readonly mode: number;
  readonly blocks: number;
  readonly instructions: number;
  readonly size: number;
  /** Its blocks, by which its ticks are found. */
  readonly members: readonly BlockCount[];
}

/** An instruction outside every block. */
const NO_ARENA = new Int32Array(0);

export class Watch implements Observer {
  readonly branchCounts = null;
  readonly cpu: Cpu;
  readonly blocks: WatchedBlocks;
  /** Ticks by difference of the clock. */
  engineTicks = 0;
  functionTicks = 0;
  singleTicks = 0;
  /** Of these, by handlers: out of the inner loop, out of compiled code, in the middle of it. */
  loopHandlerTicks = 0;
  functionHandlerTicks = 0;
  assistTicks = 0;
  /** Times that the bookkeeping of a block's end did not come out: none, or the Watch is wrong. */
  unexplained = 0;
  /** By reason, out of the inner loop and out of compiled code. */
  readonly loopSlow = noReasons();
  readonly functionSlow = noReasons();
  /** Handler calls by row: loop and functions together, assists, single instructions. */
  readonly handled = new Float64Array(HANDLER_TABLE.length);
  readonly loopExits = new Float64Array(LOOP_EXITS.length);
  readonly functionExits: Record<FunctionExit, number> = { request: 0, budget: 0, outside: 0 };
  /** Calls of functions by the inner loop. */
  calls = 0;
  /** Entries of blocks found and not found in the block cache are those of blocks and loopExits. */
  readonly functions: FunctionCount[] = [];
  readonly dropped: Record<WhyDropped, number> = { full: 0, evicted: 0, code: 0, relied: 0, all: 0 };
  readonly refusals: Record<'losses', number> = { losses: 0 };
  /** Guest accesses to ports, and slow accesses to device memory, by port or physical page. */
  readonly ports = new Map<number, { reads: number; writes: number }>();
  readonly devicePages = new Map<number, number>();
  private code: Int32Array = NO_ARENA;
  private readonly loopTable: readonly Handler[];
  private readonly stepTable: readonly Handler[];
  private readonly assistTable: readonly Handler[];

  // Of the function that runs: the tick of the last moment at which it was exact, the instructions of the blocks
  // entered since, and the block that a handler may have left before its end.
  private exactTick = 0;
  private promised = 0;
  private pending: BlockCount | null = null;
  private pendingIndex = 0;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.blocks = new WatchedBlocks(cpu);
    this.loopTable = HANDLER_TABLE.map((handler, row): Handler => {
      return (processor, code, pc) => this.fromLoop(handler, row, processor, code, pc);
    });
    this.stepTable = HANDLER_TABLE.map((handler, row): Handler => {
      return (processor, code, pc) => this.fromFunction(handler, row, processor, code, pc);
    });
    const assists = HANDLER_TABLE.map((handler, row): Handler => {
      return (processor, code, pc) => {
        this.assistTicks++;
        this.handled[row]++;
        handler(processor, code, pc);
      };
    });
    this.assistTable = [...assists, (_processor, _code, pc) => this.entered(pc)];
    this.listenToPorts();
  }

  private listenToPorts(): void {
    const { cpu, ports } = this;
    const bus = cpu.ports;
    const of = (port: number): { reads: number; writes: number } => {
      const found = ports.get(port) ?? { reads: 0, writes: 0 };
      ports.set(port, found);
      return found;
    };
    cpu.ports = {
      read: (port, size) => {
        of(port).reads++;
        return bus.read(port, size);
      },
      write: (port, size, value) => {
        of(port).writes++;
        bus.write(port, size, value);
      },
    };
  }

  // What an engine is made of.

  interpreter(blocks: BlockCache, tier: TierAbove): Interpreter {
    this.code = blocks.code;
    return new WatchedInterpreter(this, blocks, { ...tier, handlers: this.loopTable });
  }

  runtime(code: Int32Array, cross: () => boolean): Runtime {
    this.code = code;
    const faulted = (pc: number): void => this.faulted(pc);
    const made = makeRuntime(this.cpu, code, this.stepTable, () => this.crossed(cross));
    return { ...made, handlers: this.assistTable, isCounted: true, faulted };
  }

  /** The function, with a call at the beginning of each block. */
  counting(fn: IrFunction): IrFunction {
    const blocks = fn.blocks.map((block) => {
      const first = block.ops.findIndex(({ op }) => op === 'insn') + 1;
      const ops = [...block.ops.slice(0, first), { op: 'assist', row: ENTER_ROW } as const, ...block.ops.slice(first)];
      return { ...block, ops };
    });
    return { ...fn, blocks };
  }

  function(run: (cpu: Cpu) => void): (cpu: Cpu) => void {
    return (cpu) => {
      const start = cpu.now();
      this.calls++;
      this.exactTick = start;
      this.promised = 0;
      this.pending = null;
      try {
        run(cpu);
        this.settleBlock(cpu.now(), 0);
        this.functionTicks += cpu.now() - start;
      } catch (error) {
        this.functionTicks += cpu.now() + cpu.extraTicks - start;
        throw error;
      }
      this.functionExits[cpu.exitRequest !== 0 ? 'request' : cpu.left <= 0 ? 'budget' : 'outside']++;
    };
  }

  // What the engine says.

  built(block: number): void {
    const { cpu } = this;
    const { m32 } = cpu;
    this.blocks.built(this.code, block, (m32[EIP] + m32[SEG_BASE + CS]) | 0, cpu.now());
  }

  forgotten(blocks: readonly number[] | null): void {
    this.blocks.dropped(this.code, blocks);
  }

  /** The heat of a block is about to be set anew. */
  settled(block: number): void {
    this.blocks.settle(this.code, block);
  }

  armed(block: number): void {
    this.blocks.armed(this.code, block);
  }

  /** The block has not been run: the inner loop asks first, and tries it again. */
  heated(block: number): void {
    this.blocks.settle(this.code, block);
    this.notRun(block);
  }

  /** The last entry that was counted was none. */
  notRun(block: number): void {
    const found = this.blocks.of(block);
    if (found !== null) found.interpreted--;
  }

  refused(why: 'losses'): void {
    this.refusals[why]++;
  }

  linked({ host, mode, blocks }: Region, { size }: CompiledRegion): void {
    const members = blocks.flatMap(({ block }) => this.blocks.of(block) ?? []);
    const instructions = blocks.reduce((sum, { count }) => sum + count, 0);
    const linear = members[0]?.linear ?? 0;
    const physical = host - this.cpu.ramBase;
    this.functions.push({ physical, linear, mode, blocks: blocks.length, instructions, size, members });
  }

  unlinked(_region: Region, why: WhyDropped): void {
    this.dropped[why]++;
  }

  /** What the interpreter still has in its heads of blocks. Before reading the counts. */
  finish(): void {
    this.blocks.settleAll(this.code);
  }

  /** Count from here on, when everything derived has been dropped. */
  reset(): void {
    this.engineTicks = 0;
    this.functionTicks = 0;
    this.singleTicks = 0;
    this.loopHandlerTicks = 0;
    this.functionHandlerTicks = 0;
    this.assistTicks = 0;
    this.unexplained = 0;
    this.calls = 0;
    for (const counts of [this.handled, this.loopExits]) counts.fill(0);
    for (const counts of [this.loopSlow, this.functionSlow, this.functionExits, this.dropped, this.refusals]) {
      for (const name of Object.keys(counts)) (counts as Record<string, number>)[name] = 0;
    }
    this.functions.length = 0;
    this.ports.clear();
    this.devicePages.clear();
    this.blocks.reset();
    const { m32, compiledBase } = this.cpu;
    m32[(compiledBase + SHARED_ASKED) >>> 2] = 0;
    m32[(compiledBase + SHARED_IN_VAIN) >>> 2] = 0;
  }

  /** How often compiled code asked the jump cache, and how often in vain. */
  get jumps(): { asked: number; inVain: number } {
    const { m32, compiledBase } = this.cpu;
    const word = (offset: number): number => m32[(compiledBase + offset) >>> 2] >>> 0;
    return { asked: word(SHARED_ASKED), inVain: word(SHARED_IN_VAIN) };
  }

  // Handlers.

  private fromLoop(handler: Handler, row: number, cpu: Cpu, code: Int32Array, pc: number): void {
    const { m32 } = cpu;
    const following = cpu.nextEip;
    const mode = m32[MODE_KEY];
    const look = lookBefore(cpu, code, pc, code[pc + R_HOT] === 0 ? 'row' : 'form');
    const block = this.blocks.at(pc);
    const index = this.blocks.indexOf(block, pc);
    this.handled[row]++;
    try {
      handler(cpu, code, pc);
    } catch (error) {
      this.loopSlow.fault++;
      this.loopHandlerTicks += cpu.extraTicks;
      block.extraInterpreted += cpu.extraTicks;
      block.lostAt(index, false);
      throw error;
    }
    this.countSlow(this.loopSlow, reasonAfter(cpu, look));
    const { extraTicks } = cpu;
    this.loopHandlerTicks += 1 + extraTicks;
    block.extraInterpreted += extraTicks;
    const goesOn = cpu.nextEip === following && (m32[EXIT_REQUEST] | extraTicks) === 0 && m32[MODE_KEY] === mode;
    if (!goesOn) block.lostAt(index + 1, false);
  }

  private fromFunction(handler: Handler, row: number, cpu: Cpu, code: Int32Array, pc: number): void {
    const block = this.blocks.at(pc);
    const index = this.blocks.indexOf(block, pc);
    const tick = cpu.now();
    this.settleBlock(tick, block.count - index);
    const look = lookBefore(cpu, code, pc, ROWS[row].lifted === '' ? 'row' : 'form');
    this.handled[row]++;
    try {
      handler(cpu, code, pc);
    } catch (error) {
      this.functionSlow.fault++;
      this.functionHandlerTicks += cpu.extraTicks;
      block.extraCompiled += cpu.extraTicks;
      block.lostAt(index, true);
      this.pending = null;
      this.exactTick = tick + cpu.extraTicks;
      throw error;
    }
    this.countSlow(this.functionSlow, reasonAfter(cpu, look));
    const { extraTicks } = cpu;
    this.functionHandlerTicks += 1 + extraTicks;
    block.extraCompiled += extraTicks;
    this.pending = block;
    this.pendingIndex = index + 1;
    this.exactTick = tick + 1 + extraTicks;
  }

  /** Instead of a handler of compiled code: the instruction took no tick, and the rest of its block is not run. */
  private faulted(pc: number): void {
    const block = this.blocks.at(pc);
    const index = this.blocks.indexOf(block, pc);
    const tick = this.cpu.now();
    this.settleBlock(tick, block.count - index);
    this.functionSlow.fault++;
    block.lostAt(index, true);
    this.exactTick = tick;
  }

  /** Between two functions a single instruction, which the interpreter counts. */
  private crossed(cross: () => boolean): boolean {
    const { cpu } = this;
    const start = cpu.now();
    this.settleBlock(start, 0);
    const isDone = cross();
    this.exactTick = cpu.now();
    this.functionTicks -= this.exactTick - start;
    return isDone;
  }

  private countSlow(reasons: Reasons, reason: SlowReason): void {
    reasons[reason]++;
    if (reason !== 'device') return;
    const page = this.cpu.walkPhysical >>> 12;
    this.devicePages.set(page, (this.devicePages.get(page) ?? 0) + 1);
  }

  private entered(pc: number): void {
    const block = this.blocks.at(pc);
    block.compiled++;
    this.promised += block.count;
  }

  /**
   * At `tick` the run is exact, and `remaining` instructions of the block in hand are to come: whether the block of the
   * last handler was gone on with follows from the ticks that have passed.
   */
  private settleBlock(tick: number, remaining: number): void {
    const passed = tick - this.exactTick + remaining;
    const { pending, promised } = this;
    const rest = pending === null ? 0 : pending.count - this.pendingIndex;
    if (passed === promised && rest !== 0) pending?.lostAt(this.pendingIndex, true);
    else if (passed !== promised + rest) this.unexplained++;
    this.promised = 0;
    this.pending = null;
  }

  /** A slice of the engine. */
  slice(cpu: Cpu, run: () => void): void {
    const start = cpu.now();
    run();
    this.engineTicks += cpu.now() - start;
  }
}

class WatchedInterpreter extends Interpreter {
  private readonly watch: Watch;

  constructor(watch: Watch, blocks: BlockCache, tier: TierAbove) {
    super(watch.cpu, blocks, tier);
    this.watch = watch;
  }

  override run(cpu: Cpu): void {
    this.watch.slice(cpu, () => super.run(cpu));
  }

  protected override runInner(cpu: Cpu): WhyLeft {
    const why = super.runInner(cpu);
    const { watch, blocks } = this;
    watch.loopExits[why]++;
    if (why !== LEFT_AT_LIMIT) return why;
    // Its heat was counted, and it was not run.
    const { m32, tlb } = cpu;
    const linear = (m32[EIP] + m32[SEG_BASE + CS]) | 0;
    const host = ((tlb[linear >>> 12] & -4096) + linear) | 0;
    const block = blocks.find(host, m32[MODE_KEY]);
    watch.settled(block);
    watch.notRun(block);
    return why;
  }

  protected override execute(cpu: Cpu, code: Int32Array, pc: number, following: number): void {
    const { watch } = this;
    const before = cpu.m32[LEFT];
    const block = code === this.blocks.code ? watch.blocks.at(pc) : null;
    watch.handled[code[pc + R_META] & META_OP_MASK]++;
    let ticks = 0;
    try {
      super.execute(cpu, code, pc, following);
      ticks = before - cpu.m32[LEFT];
    } catch (error) {
      ticks = cpu.extraTicks;
      throw error;
    } finally {
      watch.singleTicks += ticks;
      if (block === null) watch.blocks.countAlone(cpu, code[pc + R_META] & META_OP_MASK, ticks);
      else block.single += ticks;
    }
  }
}

/** The interpreter alone, counted. */
export function makeWatchedInterpreter(cpu: Cpu): { readonly engine: Interpreter; readonly watch: Watch } {
  const watch = new Watch(cpu);
  const blocks = new BlockCache(cpu, {
    onBuilt: (block) => watch.built(block),
    onDropped: (dropped) => watch.forgotten(dropped),
  });
  return { watch, engine: watch.interpreter(blocks, NOBODY_ABOVE) };
}
