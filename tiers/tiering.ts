// Engines that compile: the interpreter runs everything and counts how often each block is entered; blocks that become
// hot are compiled with what surrounds them, and the interpreter calls the functions from then on. What is here (when,
// what and how much, what is linked, unlinked and thrown away) is invisible to the guest: any policy (policy.ts) and
// any backend (runtime/backend.ts), whenever its functions become ready, give the same states at the same ticks.

import { Random } from '../src/core/base/random.ts';
import type { BranchCounts, Engine, WhyDropped } from '../src/core/machine/engine.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import { Interpreter } from './interp/engine.ts';
import { B_HOST, BlockCache, type BlockListener } from './interp/blocks.ts';
import { HANDLER_TABLE } from './interp/handlers.ts';
import { B_ARMED, B_COMPILED, B_HEAT } from './interp/tier-above.ts';
import type { IrFunction } from './ir/ir.ts';
import { liftBlock } from './lift/lift.ts';
import { optimise, type Pass, passNames, PASSES } from './opt/pipeline.ts';
import type { TierPolicy } from './policy.ts';
import { formRegion } from './region.ts';
import type { Backend, BackendFactory, CompiledRegion, Region } from './runtime/backend.ts';
import { makeRuntime } from './runtime/runtime.ts';
import { type Unit, Units } from './units.ts';
import type { Observer } from './observer.ts';

/** While nothing is compiled, a block that is over its threshold asks again after so many executions at least. */
const HELD_EXECUTIONS = 64;

/** Losses are forgotten after so many compilations: pages come to hold other programs. */
const LOSSES_FORGOTTEN = 256;

/** Figures for reports and benchmarks; derived state. */
export interface TierFigures {
  /** Regions handed to the backend. */
  compiled: number;
  evicted: number;
  invalidated: number;
  /** Of the functions that were linked, in the backend's measure. */
  size: number;
}

export class CompilingEngine implements Engine {
  readonly name: string;
  policy: TierPolicy;
  readonly figures: TierFigures = { compiled: 0, evicted: 0, invalidated: 0, size: 0 };
  readonly blocks: BlockCache;
  readonly backend: Backend;
  /** What it was made by, for whoever needs an engine like it. */
  readonly makeBackend: BackendFactory;
  /** The passes that functions go through when the policy says so. */
  readonly passes: readonly Pass[];
  isHeld = false;
  onUnit: Engine['onUnit'] = null;
  onCompile: Engine['onCompile'] = null;
  onLeave: Engine['onLeave'] = null;
  /** Who counts what the engine does; null: nobody, and nothing is in the way (observer.ts). */
  private readonly watch: Observer | null;
  readonly branchCounts: BranchCounts | null;
  private readonly cpu: Cpu;
  private readonly interpreter: Interpreter;
  private readonly units: Units;
  /** Hot blocks that wait for others to be compiled with, and how often one has become as hot again meanwhile. */
  private readonly waiting = new Set<number>();
  private impatience = 0;
  /** How often code was changed under functions, by host address of their entry. */
  private readonly losses = new Map<number, number>();
  private random: Random;
  /** Executions at which a new block is looked at. */
  private hotAfter: number;

  constructor(
    cpu: Cpu,
    name: string,
    policy: TierPolicy,
    makeBackend: BackendFactory,
    passes: readonly Pass[] = PASSES,
    watch: Observer | null = null,
  ) {
    this.cpu = cpu;
    this.watch = watch;
    this.branchCounts = watch?.branchCounts ?? null;
    this.name = name;
    this.policy = policy;
    this.random = new Random(policy.seed);
    this.hotAfter = Math.max(1, policy.threshold);
    this.passes = passes;
    const listener: BlockListener = {
      onBuilt: (block) => {
        this.arm(block);
        watch?.built(block);
      },
      onDropped: (dropped, isChanged) => {
        watch?.forgotten(dropped);
        this.unlink(dropped, isChanged);
      },
    };
    this.blocks = new BlockCache(cpu, listener, policy.block);
    this.units = new Units(this.blocks.code);
    const tier = {
      functions: this.units.functions,
      handlers: HANDLER_TABLE,
      onHot: (block: number) => this.heated(block),
      rest: () => this.attend(),
    };
    this.interpreter = watch?.interpreter(this.blocks, tier) ?? new Interpreter(cpu, this.blocks, tier);
    this.makeBackend = makeBackend;
    const { code } = this.blocks;
    const cross = (): boolean => this.interpreter.cross(cpu);
    const runtime = watch?.runtime(code, cross) ?? makeRuntime(cpu, code, HANDLER_TABLE, cross);
    this.backend = makeBackend(
      runtime,
      (region) => {
        const fn = this.lift(region);
        return watch?.counting(fn) ?? fn;
      },
      () => this.recipe(),
    );
  }

  run(cpu: Cpu): void {
    if (this.policy.evict !== 0) this.maybeEvict();
    this.attend();
    this.interpreter.run(cpu);
  }

  drop(): void {
    this.interpreter.drop();
    // From here on as an engine that has just been made: a run from a snapshot comes out the same each time.
    this.losses.clear();
    this.random = new Random(this.policy.seed);
  }

  /** Go on under another policy. Blocks count down from the threshold they were made under: a lower one starts anew. */
  setPolicy(policy: TierPolicy): void {
    const isLower = policy.threshold < this.policy.threshold;
    this.policy = policy;
    this.blocks.longest = policy.block;
    this.hotAfter = Math.max(1, policy.threshold);
    if (isLower) this.drop();
  }

  private maybeEvict(): void {
    if (this.units.linked.size === 0 || this.random.below(1000) >= this.policy.evict) return;
    let at = this.random.below(this.units.linked.size);
    for (const unit of this.units.linked.values()) {
      if (at-- === 0) {
        this.remove(unit, 'evicted');
        this.figures.evicted++;
        return;
      }
    }
  }

  /** Executions that a block needs now. */
  private threshold(): number {
    const { threshold, ramp, steepest } = this.policy;
    if (ramp === 0) return threshold;
    const doublings = Math.min(20, Math.floor(this.figures.compiled / ramp));
    return Math.max(threshold, Math.min(steepest, threshold * (1 << doublings)));
  }

  /** Count from the start. */
  private arm(block: number): void {
    const { code } = this.blocks;
    this.watch?.settled(block);
    code[block + B_HEAT] = this.hotAfter;
    code[block + B_ARMED] = this.hotAfter;
    this.watch?.armed(block);
  }

  /** Ask again after so many more executions. */
  private count(block: number, executions: number): void {
    const { code } = this.blocks;
    this.watch?.settled(block);
    code[block + B_HEAT] = executions;
    code[block + B_ARMED] += executions;
    this.watch?.armed(block);
  }

  /** A block has been entered as often as it was armed for. */
  private heated(block: number): void {
    const { blocks, policy } = this;
    this.watch?.heated(block);
    // It has a function already, which declines: its code does not lie inside the segment.
    if (blocks.code[block + B_COMPILED] !== 0) return;
    // Its function is being made.
    if (this.isHeld || this.units.isUnderway(block)) {
      this.count(block, Math.max(HELD_EXECUTIONS, this.hotAfter));
      return;
    }
    if (policy.delay !== 0 && this.cpu.now() < policy.delay) {
      this.count(block, Math.max(1, policy.threshold));
      return;
    }
    const threshold = this.threshold();
    const runs = blocks.code[block + B_ARMED];
    if (runs < threshold) {
      this.count(block, threshold - runs);
      return;
    }
    if ((this.losses.get(blocks.code[block + B_HOST]) ?? 0) >= policy.losses) {
      this.watch?.refused('losses');
      return;
    }
    if (policy.evict !== 0) this.maybeEvict();
    if (this.waiting.has(block)) this.impatience++;
    this.waiting.add(block);
    if (this.waiting.size >= this.backend.limits.batch || this.impatience >= policy.wait) this.compile();
    // It counts on while it waits; this entry, which the inner loop tries again now, counts once more.
    else this.count(block, Math.max(1, threshold) + 1);
  }

  /** Where a slice begins or rests: what is ready is linked. */
  private attend(): void {
    if (this.units.isAnyUnderway) this.takeReady();
  }

  private lift(region: Region): IrFunction {
    const { code } = this.blocks;
    const { mode } = region;
    const { probes } = this.cpu;
    const blocks = region.blocks.map(({ first, count, delta }) => liftBlock(code, first, count, delta, mode, probes));
    const fn = { mode, blocks };
    return this.policy.optimise !== 0 ? optimise(fn, this.passes) : fn;
  }

  /** What lift() does, for others: they have the records alone, which do not say who probes, and count nothing. */
  private recipe(): readonly string[] | null {
    if (this.watch !== null || this.cpu.probes !== null) return null;
    return this.policy.optimise !== 0 ? passNames(this.passes) : [];
  }

  /** All that waits. */
  private compile(): void {
    const { blocks, policy, waiting, backend } = this;
    const limits = {
      blocks: Math.min(policy.region, backend.limits.blocks),
      instructions: Math.min(policy.instructions, backend.limits.instructions),
      ahead: policy.ahead !== 0,
      threshold: this.threshold(),
      coldest: 16,
      calls: policy.calls !== 0,
      overlap: policy.overlap !== 0,
      isUnderway: (block: number): boolean => this.units.isUnderway(block),
    };
    this.impatience = 0;
    const units: Unit[] = [];
    const taken = new Set<number>();
    for (const block of [...waiting]) {
      // Decoding ahead may have filled the arena and dropped everything.
      if (!waiting.delete(block)) continue;
      if (!limits.overlap && taken.has(block)) {
        // It gets a function of its own when it is entered from elsewhere, which the inner loop sees.
        this.arm(block);
        continue;
      }
      const region = formRegion(blocks, block, limits);
      if (region === null) continue;
      units.push(this.units.add(region));
      for (const member of region.blocks) taken.add(member.block);
      this.figures.compiled++;
      if (this.figures.compiled % LOSSES_FORGOTTEN === 0) this.losses.clear();
    }
    const wanted = units.filter((unit) => !unit.isDropped);
    if (wanted.length === 0) return;
    this.onCompile?.(true);
    this.units.begun(backend.compile(wanted.map(({ region }) => region)), wanted);
    this.takeReady();
    this.onCompile?.(false);
  }

  private takeReady(): void {
    this.units.takeReady((unit, made) => {
      rehearse(made, this.cpu);
      if (this.units.linked.size >= this.policy.cache) this.makeRoom();
      this.units.link(unit, made, this.watched(made.run));
      this.figures.size += made.size;
      const { host, blocks } = unit.region;
      this.watch?.linked(unit.region, made);
      this.onUnit?.('compile', host - this.cpu.ramBase, blocks.length);
    });
  }

  /** The function itself, unless somebody wants to hear of its exits. */
  private watched(made: (cpu: Cpu) => void): (cpu: Cpu) => void {
    const run = this.watch?.function(made) ?? made;
    if (this.onLeave === null) return run;
    return (cpu) => {
      run(cpu);
      this.onLeave?.(cpu.exitRequest !== 0 ? 'request' : cpu.left <= 0 ? 'budget' : 'outside');
    };
  }

  private makeRoom(): void {
    let surplus = this.units.linked.size - (this.policy.cache >> 1);
    for (const unit of this.units.linked.values()) {
      if (surplus-- <= 0) return;
      this.remove(unit, 'full');
      this.figures.evicted++;
    }
  }

  /** A function goes; its entry block starts to count again. */
  private remove(unit: Unit, why: WhyDropped): void {
    const { host, blocks } = unit.region;
    if (unit.slot !== 0) {
      this.watch?.unlinked(unit.region, why);
      this.onUnit?.('drop', host - this.cpu.ramBase, blocks.length, why);
    }
    this.units.remove(unit);
    this.arm(blocks[0].block);
    for (const relier of unit.reliers) if (!relier.isDropped) this.remove(relier, 'relied');
  }

  private unlink(dropped: readonly number[] | null, isChanged: boolean): void {
    if (dropped === null) {
      if (this.watch !== null) for (const { region } of this.units.linked.values()) this.watch.unlinked(region, 'all');
      this.units.removeAll();
      this.waiting.clear();
      return;
    }
    for (const block of dropped) {
      this.waiting.delete(block);
      for (const unit of this.units.containing(block)) {
        // With the one before, which it relies on: a slot is given back once.
        if (unit.isDropped) continue;
        const { host } = unit.region;
        if (isChanged) this.losses.set(host, (this.losses.get(host) ?? 0) + 1);
        this.remove(unit, 'code');
        this.figures.invalidated++;
      }
    }
  }
}

/**
 * Call a function with less than no budget: it leaves at once and changes nothing, and the host has seen its way out
 * before it optimises the function, whose loop may take that first after a million rounds. EIP is written back as it
 * is.
 */
function rehearse({ run, rehearsals }: CompiledRegion, cpu: Cpu): void {
  if (rehearsals === 0) return;
  const { left } = cpu;
  cpu.left = -1;
  for (let i = 0; i < rehearsals; i++) run(cpu);
  cpu.left = left;
}
