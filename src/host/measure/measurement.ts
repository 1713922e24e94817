// What `reprise bench` measured, as the plain data that its file holds (--save, --json) and every report reads: who
// ran, how long each piece of the window took in each round, what the counted runs say, and where the sampled runs
// spent their time. Figures that reports print are derived here, so that text, JSON and page have the same.

import type { ChildResult } from './child-run.ts';
import type { Point } from './counted-run.ts';
import type { Figures } from './figures.ts';
import type { HotBy } from './hot-by.ts';
import type { HotTime } from './hot-time.ts';
import { HOST_TIERS, type HostFrame, type HostProfile, type HostTier } from './host-profile.ts';
import { groupEnds, inGroups, leastByGroup, median, robustTotal, spreadOf, warmUp } from './statistics.ts';

export const FORMAT = 'reprise bench';
export const VERSION = 1;

/** The work that was measured: what must agree where two measurements are compared. */
export interface Work {
  readonly name: string;
  /** Of the log's bytes. */
  readonly sha256: string;
  readonly fromTick: number;
  readonly toTick: number;
}

export interface HostFacts {
  readonly node: string;
  readonly v8: string;
  readonly processor: string;
  readonly cores: number;
  /** What was timed: the main thread, or the whole process where the system does not tell threads apart. */
  readonly clock: 'main thread' | 'process';
  readonly date: string;
}

/** A call chain of the sampled run: indices of frames, own time in ms. */
export interface HostStacks {
  readonly samples: number;
  readonly tiersMs: Readonly<Record<HostTier, number>>;
  readonly frames: readonly HostFrame[];
  readonly stacks: HostProfile['stacks'];
}

export interface Row {
  readonly engine: string;
  /** '' for the build that measured. */
  readonly build: string;
  /** Why it has no figures; '': it has. */
  readonly failure: string;
  /** Main thread by round, by piece, in ms. */
  readonly times: readonly (readonly number[])[];
  /** Instructions of each piece: ticks that were not halted. */
  readonly pieceTicks: readonly number[];
  readonly idleTicks: number;
  /** Medians over the rounds, in ms. */
  readonly mainMs: number;
  readonly processMs: number;
  readonly wallMs: number;
  readonly loadingMs: number;
  readonly compile: ChildResult['compile'];
  readonly garbage: ChildResult['garbage'];
  readonly memory: ChildResult['memory'];
  readonly host: HostStacks | null;
}

/** Of one contestant: counts are those of this build, which are those of any, host time is its own. */
export interface CountedPart {
  readonly engine: string;
  readonly build: string;
  readonly figures: Figures;
  readonly series: readonly Point[];
  readonly by: HotBy;
  readonly hot: readonly HotTime[];
  /** The hottest blocks, whatever `by` is: differences are explained by them. */
  readonly blocks: readonly HotTime[];
  /** Names of guest functions by physical address and mode, for sampled frames. */
  readonly names: Readonly<Record<string, string>>;
  /** Guest function, tier and ticks, for the flame graph. */
  readonly flame: readonly FlameLeaf[];
}

export interface FlameLeaf {
  readonly name: string;
  readonly block: string;
  readonly compiled: number;
  readonly interpreted: number;
}

export interface Measurement {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly work: Work;
  readonly host: HostFacts;
  readonly rounds: number;
  readonly isWhole: boolean;
  readonly rows: readonly Row[];
  readonly counted: readonly CountedPart[];
}

const middle = (results: readonly ChildResult[], of: (result: ChildResult) => number): number =>
  median(results.map(of));

export function rowOf(
  facts: Pick<Row, 'engine' | 'build' | 'failure'>,
  results: readonly ChildResult[],
  host: HostStacks | null,
): Row {
  const [first] = results;
  return {
    ...facts,
    times: results.map(({ pieceMs }) => pieceMs),
    pieceTicks: first?.pieceTicks ?? [],
    idleTicks: first?.idleTicks ?? 0,
    mainMs: middle(results, ({ time }) => time.mainMs),
    processMs: middle(results, ({ time }) => time.processMs),
    wallMs: middle(results, ({ time }) => time.wallMs),
    loadingMs: middle(results, ({ loading }) => loading.mainMs),
    compile: {
      times: first?.compile.times ?? 0,
      functions: first?.compile.functions ?? 0,
      ms: middle(results, ({ compile }) => compile.ms),
      size: first?.compile.size ?? 0,
    },
    garbage: {
      times: middle(results, ({ garbage }) => garbage.times),
      ms: middle(results, ({ garbage }) => garbage.ms),
    },
    memory: {
      peakMegabytes: middle(results, ({ memory }) => memory.peakMegabytes),
      heapMegabytes: middle(results, ({ memory }) => memory.heapMegabytes),
    },
    host,
  };
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

/** What is printed of a row. */
export interface RowFigures {
  /** Millions of instructions a second of the main thread, with everything counted. */
  readonly speed: number;
  /** Half of the middle half of the rounds, as a part. */
  readonly spread: number;
  /** The speed without the warm-up. */
  readonly steadySpeed: number;
  /** Ticks of the window until it is steady, and what they cost beyond the steady speed. */
  readonly warmUpTicks: number;
  readonly warmUpMs: number;
}

export function rowFigures(row: Row): RowFigures {
  const { times, pieceTicks } = row;
  if (times.length === 0) return { speed: Number.NaN, spread: 0, steadySpeed: Number.NaN, warmUpTicks: 0, warmUpMs: 0 };
  const instructions = sumOf(pieceTicks);
  const pieces = typicalPieces(row);
  const { piece, extraMs } = warmUp(pieces);
  const steady = pieces.slice(piece);
  const steadyMs = sumOf(steady.map(({ ms }) => ms));
  return {
    speed: instructions / robustTotal(times) / 1000,
    spread: spreadOf(times.map(sumOf)).spread,
    steadySpeed: steadyMs === 0 ? Number.NaN : sumOf(steady.map(({ ticks }) => ticks)) / steadyMs / 1000,
    warmUpTicks: sumOf(pieces.slice(0, piece).map(({ ticks }) => ticks)),
    warmUpMs: extraMs,
  };
}

/** Pieces that are long enough to be timed, with the least of their times; `end`: the first piece behind. */
export function typicalPieces({ times, pieceTicks }: Row): {
  readonly ticks: number;
  readonly ms: number;
  readonly end: number;
}[] {
  const ends = groupEnds(times);
  const ticks = inGroups(pieceTicks, ends);
  const least = leastByGroup(times, ends);
  return ends.map((end, k) => ({ ticks: ticks[k], ms: least[k], end }));
}

/** Host time of a tier by an instruction of its own, in ns; null where there are none, or too few to say. */
export function nanosecondsByTier(
  host: HostStacks,
  figures: Figures,
): { readonly name: string; readonly ns: number }[] {
  const { tiers } = figures;
  const { tiersMs } = host;
  const interpreted = tiers.loop + tiers.handler + tiers.single;
  const compiled = tiers.compiled + tiers.assist + tiers.left;
  const list: { name: string; ns: number; ticks: number }[] = [
    { name: HOST_TIERS.compiled, ns: ((tiersMs.compiled + tiersMs.runtime) * 1e6) / compiled, ticks: compiled },
    { name: HOST_TIERS.loop, ns: (tiersMs.loop * 1e6) / interpreted, ticks: interpreted },
  ];
  return list.filter(({ ticks }) => ticks > 100_000).map(({ name, ns }) => ({ name, ns }));
}
