// What a counted engine (tiers/watch.ts) has to say of a run, as plain data that reports print and JSON holds. Ticks by
// tier add up to the ticks of the run: each tick was an instruction of one tier, or none ran in it.

import type { Machine } from '../../core/machine/machine.ts';
import { ROWS } from '../../core/isa/ops.ts';
import { LOOP_EXITS, type Watch } from '../../../tiers/watch.ts';
import { SLOW_REASONS, type SlowReason } from '../../../tiers/slow-why.ts';

/** Tiers, in the order of reports. `compiled` stands for what the backend makes. */
export const TIERS = {
  compiled: 'compiled code',
  assist: 'handlers inside compiled code',
  left: 'handlers that compiled code was left for',
  loop: 'interpreter, inner loop',
  handler: 'interpreter, handlers',
  single: 'interpreter, single instructions',
  idle: 'halted',
} as const;
export type Tier = keyof typeof TIERS;

export interface Named {
  readonly name: string;
  readonly count: number;
}

/** How often something was asked, and how often it was not there. */
export interface Rate {
  readonly asked: number;
  readonly missed: number;
}

export interface Figures {
  readonly engine: string;
  /** What makes its functions; empty: nothing does. */
  readonly backend: string;
  readonly fromTick: number;
  readonly toTick: number;
  readonly ticks: number;
  readonly tiers: Readonly<Record<Tier, number>>;
  readonly functions: {
    readonly linked: number;
    readonly instructions: number;
    readonly size: number;
    readonly dropped: Readonly<Record<string, number>>;
    /** Blocks that were hot and not compiled. */
    readonly refused: Readonly<Record<string, number>>;
    readonly calls: number;
  };
  readonly exits: { readonly functions: Readonly<Record<string, number>>; readonly loop: readonly Named[] };
  readonly caches: { readonly tlb: Rate; readonly jumps: Rate; readonly blocks: Rate };
  readonly flushes: number;
  readonly blocks: { readonly known: number; readonly decoded: number };
  readonly slow: { readonly functions: readonly Named[]; readonly loop: readonly Named[] };
  /** Handler calls by instruction, most first. */
  readonly handlers: readonly Named[];
  /** Times that the counts did not come out; 0, or the counting is wrong. */
  readonly unexplained: number;
}

const DROPPED: Readonly<Record<keyof Watch['dropped'], string>> = {
  full: 'the cache was full',
  evicted: 'thrown away by schedule',
  code: 'code was written',
  relied: 'a function it jumps to went',
  all: 'everything was dropped',
};
const REFUSED: Readonly<Record<keyof Watch['refusals'], string>> = {
  losses: 'code that keeps changing',
};
const EXITS: Readonly<Record<keyof Watch['functionExits'], string>> = {
  request: 'request of the machine',
  budget: 'slice used up',
  outside: 'code outside it',
};

function inWords<Name extends string>(
  words: Readonly<Record<Name, string>>,
  counts: Readonly<Record<Name, number>>,
): Record<string, number> {
  return Object.fromEntries((Object.keys(words) as Name[]).map((name) => [words[name], counts[name]]));
}

const byCount = (list: readonly Named[]): Named[] =>
  list.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);

const slowOf = (reasons: Watch['loopSlow']): Named[] =>
  byCount((Object.keys(SLOW_REASONS) as SlowReason[]).map((key) => ({ name: SLOW_REASONS[key], count: reasons[key] })));

/** Where the counts of the machine's own parts stood when counting began. */
export interface Baseline {
  readonly fills: number;
  readonly flushes: number;
  readonly decoded: number;
}

interface Decoder {
  readonly blocks: { readonly built: number };
}

const decodedBy = (machine: Machine): number => {
  const { engine } = machine;
  return 'blocks' in engine ? (engine as unknown as Decoder).blocks.built : 0;
};

export function baselineOf(machine: Machine): Baseline {
  const { fills, flushes } = machine.cpu.tlbList;
  return { fills, flushes, decoded: decodedBy(machine) };
}

/** Ticks by tier: all of them. */
export function tierTicks(watch: Watch, ticks: number): Record<Tier, number> {
  const loopTicks = watch.engineTicks - watch.functionTicks - watch.singleTicks;
  return {
    compiled: watch.functionTicks - watch.functionHandlerTicks - watch.assistTicks,
    assist: watch.assistTicks,
    left: watch.functionHandlerTicks,
    loop: loopTicks - watch.loopHandlerTicks,
    handler: watch.loopHandlerTicks,
    single: watch.singleTicks,
    idle: ticks - watch.engineTicks,
  };
}

export function figuresOf(watch: Watch, machine: Machine, since: Baseline, fromTick: number): Figures {
  watch.finish();
  const toTick = machine.tick;
  const ticks = toTick - fromTick;
  const { engine } = machine;
  const { fills, flushes } = machine.cpu.tlbList;
  const backend = 'backend' in engine ? (engine as unknown as { backend: { name: string } }).backend.name : '';
  let entries = 0;
  let accesses = 0;
  for (const block of watch.blocks.all) {
    entries += block.interpreted;
    if (!block.touchesAnyMemory) continue;
    const executions = block.executions();
    for (let i = 0; i < block.count; i++) if (block.touchesMemory(i)) accesses += executions[i];
  }
  const { asked, inVain } = watch.jumps;
  const undecoded = watch.loopExits[LOOP_EXITS.indexOf('next block not decoded')];
  return {
    engine: engine.name,
    backend,
    fromTick,
    toTick,
    ticks,
    tiers: tierTicks(watch, ticks),
    functions: {
      linked: watch.functions.length,
      instructions: watch.functions.reduce((sum, { instructions }) => sum + instructions, 0),
      size: watch.functions.reduce((sum, { size }) => sum + size, 0),
      dropped: inWords(DROPPED, watch.dropped),
      refused: inWords(REFUSED, watch.refusals),
      calls: watch.calls,
    },
    exits: {
      functions: inWords(EXITS, watch.functionExits),
      loop: byCount(LOOP_EXITS.map((name, why) => ({ name, count: watch.loopExits[why] }))),
    },
    caches: {
      tlb: { asked: accesses, missed: fills - since.fills },
      jumps: { asked, missed: inVain },
      blocks: { asked: entries + watch.calls + undecoded, missed: undecoded },
    },
    flushes: flushes - since.flushes,
    blocks: { known: watch.blocks.all.length - 1, decoded: decodedBy(machine) - since.decoded },
    slow: { functions: slowOf(watch.functionSlow), loop: slowOf(watch.loopSlow) },
    handlers: byCount(ROWS.map(({ name }, row) => ({ name, count: watch.handled[row] }))),
    unexplained: watch.unexplained,
  };
}
