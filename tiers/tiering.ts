// Engines that compile: the interpreter runs everything and counts how often each block is entered; blocks that become
// hot are compiled with what surrounds them, and the interpreter calls the functions from then on. The policy here
// (when, how much, how many, what is thrown away) is invisible to the guest, and its knobs exist so that schedules
// can be permuted: any policy gives the same states at the same ticks.

import type { Engine } from '../src/core/machine/engine.ts';
import type { Cpu } from '../src/core/state/cpu.ts';
import { RAM_BASE } from '../src/core/state/layout.ts';
import { Interpreter } from './interp/engine.ts';
import { B_ARMED, B_COMPILED, B_HEAT, B_HOST, type BlockCache } from './interp/blocks.ts';
import { HANDLER_TABLE } from './interp/handlers.ts';
import { emitFunction } from './js/emit.ts';
import { type Compiled, type Environment, instantiate, makeEnvironment, rehearse } from './js/instantiate.ts';
import { optimise, type Pass, PASSES } from './opt/pipeline.ts';
import type { IrFunction } from './ir/ir.ts';
import { formRegion } from './region.ts';

export interface TierPolicy {
  /** Entry into a block at which it is compiled, at first; 0, as 1: the first. Beyond what a run reaches: never. */
  readonly threshold: number;
  /**
   * Ticks of the guest before anything is compiled, unless a threshold is asked for: the compiler, run for the first time,
   * takes longer than a guest that is over by then.
   */
  readonly delay: number;
  /** Functions after which the threshold doubles, and again after as many: each costs what few blocks are worth. 0: never, as with a threshold that is asked for. */
  readonly ramp: number;
  /** What the threshold does not grow beyond. */
  readonly steepest: number;
  /** Blocks of a function at most. */
  readonly region: number;
  /** Guest instructions of a function at most. */
  readonly instructions: number;
  /** Functions that are kept; beyond it the oldest half goes. */
  readonly cache: number;
  /** 1: take blocks that have not run yet into functions. */
  readonly ahead: number;
  /** Functions with the same entry that may be lost to changed code before it is left to the interpreter for a while. */
  readonly losses: number;
  /** 0: emit the IR as it was lifted. */
  readonly optimise: number;
  /** Chance in 1000, at each compilation and each slice, that a function is thrown away. */
  readonly evict: number;
  /** Of the pseudo-random schedule of evictions. */
  readonly seed: number;
}

export const JS_POLICY: TierPolicy = {
  threshold: 64,
  delay: 0,
  ramp: 0,
  steepest: 64,
  region: 10,
  instructions: 120,
  cache: 4096,
  ahead: 0,
  losses: 6,
  optimise: 1,
  evict: 0,
  seed: 1,
};

/**
 * The first functions are made as early as those of js: the inner loop itself is slow until V8 has compiled it, and a
 * short guest has no time to lose. Later ones must pay for V8's compiling them too (ARCHITECTURE.md, Measured).
 */
export const TIERED_POLICY: TierPolicy = {
  ...JS_POLICY,
  threshold: 64,
  delay: 60_000,
  ramp: 25,
  steepest: 50_000,
  cache: 2048,
};

const COUNT_MAX = 999_999_999;
/** Least and greatest value of each knob. */
const RANGES: Readonly<Record<keyof TierPolicy, readonly [min: number, max: number]>> = {
  threshold: [0, COUNT_MAX],
  delay: [0, COUNT_MAX],
  ramp: [0, COUNT_MAX],
  steepest: [0, COUNT_MAX],
  region: [1, COUNT_MAX],
  instructions: [1, COUNT_MAX],
  cache: [1, COUNT_MAX],
  ahead: [0, 1],
  losses: [0, COUNT_MAX],
  optimise: [0, 1],
  evict: [0, 1000],
  seed: [0, COUNT_MAX],
};

export class TierPolicyError extends Error {}

/** Read `name=number,…` over a base policy; throws TierPolicyError. */
export function parseTierPolicy(text: string, base: TierPolicy): TierPolicy {
  const policy: Record<string, number> = { ...base };
  // A threshold that is asked for stays what it is from the start, unless a ramp or a delay is asked for too.
  if (/(^|,)\s*threshold\s*=/.test(text)) {
    policy.ramp = 0;
    policy.delay = 0;
  }
  for (const part of text.split(',').filter((piece) => piece.trim() !== '')) {
    const [name, value = ''] = part.split('=').map((piece) => piece.trim());
    if (!Object.hasOwn(policy, name)) {
      throw new TierPolicyError(`There is no tier policy "${name}": the names are ${Object.keys(base).join(', ')}.`);
    }
    if (!/^\d{1,9}$/.test(value)) {
      throw new TierPolicyError(`The tier policy ${name} wants a whole number, as in ${name}=10, not "${value}".`);
    }
    const [min, max] = RANGES[name as keyof TierPolicy];
    const number = Number(value);
    if (number < min || number > max) {
      throw new TierPolicyError(`The tier policy ${name} goes from ${min} to ${max}: ${number} is outside.`);
    }
    policy[name] = number;
  }
  return policy as unknown as TierPolicy;
}

/** A function that runs, and what it was made from. */
interface Unit {
  /** Index into BlockCache.compiled. */
  readonly slot: number;
  readonly members: readonly number[];
}

/** While nothing is compiled, a block that is over its threshold asks again after so many executions at least. */
const HELD_EXECUTIONS = 64;

/** Losses are forgotten after so many compilations: pages come to hold other programs. */
const LOSSES_FORGOTTEN = 256;

/** Figures for reports and benchmarks; derived state. */
export interface TierFigures {
  compiled: number;
  evicted: number;
  invalidated: number;
  sourceBytes: number;
}

/** What JsEngine and TieredEngine share; tests put other backends in the place of `make`. */
export class CompilingEngine implements Engine {
  readonly name: string;
  policy: TierPolicy;
  readonly figures: TierFigures = { compiled: 0, evicted: 0, invalidated: 0, sourceBytes: 0 };
  readonly blocks: BlockCache;
  private readonly interpreter: Interpreter;
  protected readonly environment: Environment;
  /** The passes that functions go through when the policy says so. */
  readonly passes: readonly Pass[];
  /** In order of making. */
  private readonly units = new Map<number, Unit>();
  /** Units that contain a block. */
  private readonly byMember = new Map<number, Set<Unit>>();
  private readonly freeSlots: number[] = [];
  /** By host address of the entry. */
  private readonly losses = new Map<number, number>();
  private random: number;
  isHeld = false;
  onUnit: Engine['onUnit'] = null;
  onLeave: Engine['onLeave'] = null;

  private readonly cpu: Cpu;

  constructor(cpu: Cpu, name: string, policy: TierPolicy, passes: readonly Pass[] = PASSES) {
    this.cpu = cpu;
    this.name = name;
    this.policy = policy;
    this.random = policy.seed | 1;
    this.passes = passes;
    this.interpreter = new Interpreter(cpu);
    this.blocks = this.interpreter.blocks;
    this.environment = makeEnvironment(cpu, this.blocks.code, HANDLER_TABLE);
    this.blocks.hotAfter = Math.max(1, policy.threshold);
    this.blocks.onHot = (block) => this.compile(block);
    this.blocks.onDrop = (dropped) => this.unlink(dropped);
  }

  run(cpu: Cpu): void {
    if (this.policy.evict !== 0) this.maybeEvict();
    this.interpreter.run(cpu);
  }

  drop(): void {
    this.interpreter.drop();
    // From here on as an engine that has just been made: a run from a snapshot comes out the same each time.
    this.losses.clear();
    this.random = this.policy.seed | 1;
  }

  /** Go on under another policy. Blocks count down from the threshold they were made under: a lower one starts anew. */
  setPolicy(policy: TierPolicy): void {
    const isLower = policy.threshold < this.policy.threshold;
    this.policy = policy;
    this.blocks.hotAfter = Math.max(1, policy.threshold);
    if (isLower) this.drop();
  }

  /** Pseudo-random number below `limit` (xorshift32). */
  private below(limit: number): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return (x >>> 0) % limit;
  }

  private maybeEvict(): void {
    if (this.units.size === 0 || this.below(1000) >= this.policy.evict) return;
    let at = this.below(this.units.size);
    for (const unit of this.units.values()) {
      if (at-- === 0) {
        this.remove(unit);
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

  /** Call onHot again after so many more executions. */
  private count(block: number, executions: number): void {
    const { code } = this.blocks;
    code[block + B_HEAT] = executions;
    code[block + B_ARMED] += executions;
  }

  private compile(block: number): void {
    const { blocks, policy } = this;
    if (this.isHeld) {
      this.count(block, Math.max(HELD_EXECUTIONS, blocks.hotAfter));
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
    const host = blocks.code[block + B_HOST];
    if ((this.losses.get(host) ?? 0) >= policy.losses) return;
    if (policy.evict !== 0) this.maybeEvict();
    const region = formRegion(blocks, block, {
      blocks: policy.region,
      instructions: policy.instructions,
      ahead: policy.ahead !== 0,
      threshold,
      coldest: 16,
    });
    if (region === null) return;
    const made = this.watched(this.make(policy.optimise !== 0 ? optimise(region.fn, this.passes) : region.fn));
    if (this.units.size >= policy.cache) this.makeRoom();
    const slot = this.freeSlots.pop() ?? blocks.compiled.length;
    blocks.compiled[slot] = made;
    blocks.code[block + B_COMPILED] = slot;
    const unit: Unit = { slot, members: region.members };
    this.units.set(slot, unit);
    for (const member of region.members) {
      const users = this.byMember.get(member);
      if (users === undefined) this.byMember.set(member, new Set([unit]));
      else users.add(unit);
    }
    this.figures.compiled++;
    this.onUnit?.('compile', host - RAM_BASE, region.members.length);
    if (this.figures.compiled % LOSSES_FORGOTTEN === 0) this.losses.clear();
  }

  /** IR → a function that runs. */
  protected make(fn: IrFunction): Compiled {
    const source = emitFunction(fn);
    this.figures.sourceBytes += source.length;
    const made = instantiate(this.environment, source);
    rehearse(made, this.cpu, source);
    return made;
  }

  /** The function itself, unless somebody wants to hear of its exits. */
  private watched(made: Compiled): Compiled {
    if (this.onLeave === null) return made;
    return (cpu) => {
      made(cpu);
      this.onLeave?.(cpu.exitRequest !== 0 ? 'request' : cpu.left <= 0 ? 'budget' : 'outside');
    };
  }

  private makeRoom(): void {
    let surplus = this.units.size - (this.policy.cache >> 1);
    for (const unit of this.units.values()) {
      if (surplus-- <= 0) return;
      this.remove(unit);
      this.figures.evicted++;
    }
  }

  /** Unlink one function; its entry block starts to count again. */
  private remove(unit: Unit): void {
    const { blocks } = this;
    const entry = unit.members[0];
    this.onUnit?.('drop', blocks.code[entry + B_HOST] - RAM_BASE, unit.members.length);
    if (blocks.code[entry + B_COMPILED] === unit.slot) {
      blocks.code[entry + B_COMPILED] = 0;
      blocks.code[entry + B_HEAT] = blocks.hotAfter;
      blocks.code[entry + B_ARMED] = blocks.hotAfter;
    }
    blocks.compiled[unit.slot] = notLinked;
    this.freeSlots.push(unit.slot);
    this.units.delete(unit.slot);
    for (const member of unit.members) {
      const users = this.byMember.get(member);
      users?.delete(unit);
      if (users?.size === 0) this.byMember.delete(member);
    }
  }

  private unlink(dropped: readonly number[] | null): void {
    if (dropped === null) {
      this.units.clear();
      this.byMember.clear();
      this.freeSlots.length = 0;
      return;
    }
    for (const block of dropped) {
      const users = this.byMember.get(block);
      if (users === undefined) continue;
      for (const unit of [...users]) {
        const host = this.blocks.code[unit.members[0] + B_HOST];
        this.losses.set(host, (this.losses.get(host) ?? 0) + 1);
        this.remove(unit);
        this.figures.invalidated++;
      }
    }
  }
}

function notLinked(): void {
  throw new Error('a function that was unlinked was called');
}

/** Compiles nearly everything at once: steady state, and a witness that is as different from the interpreter as can be. */
export class JsEngine extends CompilingEngine {
  constructor(cpu: Cpu, policy: TierPolicy = JS_POLICY) {
    super(cpu, 'js', policy);
  }
}

/** Interprets what is cold and compiles what is hot. */
export class TieredEngine extends CompilingEngine {
  constructor(cpu: Cpu, policy: TierPolicy = TIERED_POLICY) {
    super(cpu, 'tiered', policy);
  }
}
