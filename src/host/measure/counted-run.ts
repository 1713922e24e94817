// A window of a recorded run on a counted engine: the figures, the hottest rows, and what happened over time. Counting
// slows the run down, so it says nothing of host time: that is measured by runs of their own.

import type { LogReader } from '../../core/log/log.ts';
import type { Images } from '../../core/session/session.ts';
import { loadWatchedEngine, type WatchedEngine } from '../../engines.ts';
import type { Watch } from '../../../tiers/watch.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import { baselineOf, type Figures, figuresOf, type Tier, tierTicks } from './figures.ts';
import { Window, type WindowTicks } from './window.ts';

/** Points of the series over time. */
const POINTS = 120;

/** What happened in a piece of the window that ends at `tick`. */
export interface Point {
  readonly tick: number;
  readonly tiers: Readonly<Record<Tier, number>>;
  readonly exits: number;
  readonly slow: number;
  readonly linked: number;
}

export interface Counted {
  readonly figures: Figures;
  readonly series: readonly Point[];
  readonly watch: Watch;
  readonly symbols: SymbolTable;
  /** Why names have no addresses; '' when all is well. */
  readonly symbolProblem: string;
  readonly isWhole: boolean;
}

export interface CountedSetup extends WindowTicks {
  readonly path: string;
  readonly log: LogReader;
  readonly images: Images;
  readonly engine: string;
  readonly symbols: SymbolTable;
  /** Between pieces; false ends the run early. `done`: ticks of the window. */
  readonly turn: (done: number) => Promise<boolean>;
}

const sum = (record: Readonly<Record<string, number>>): number =>
  Object.values(record).reduce((total, one) => total + one, 0);

export async function countRun(setup: CountedSetup): Promise<Counted> {
  const make = await loadWatchedEngine(setup.engine);
  const made: WatchedEngine[] = [];
  const window = new Window({
    ...setup,
    makeEngine: (cpu) => {
      const one = make(cpu);
      made.push(one);
      return one.engine;
    },
  });
  const { machine, fromTick, toTick } = window;
  const { watch } = made.find(({ engine }) => engine === machine.engine) ?? made[0];
  watch.reset();
  const since = baselineOf(machine);
  const guest = new GuestSymbols(setup.symbols, setup.images);
  const series: Point[] = [];
  let before = pointOf(watch, fromTick, fromTick);
  const pieceTicks = Math.max(1, Math.ceil((toTick - fromTick) / POINTS));
  let goesOn = true;
  while (goesOn) {
    goesOn = window.advance(machine.tick + pieceTicks);
    guest.refresh(machine.cpu);
    const now = pointOf(watch, machine.tick, fromTick);
    series.push(difference(now, before));
    before = now;
    if (!(await setup.turn(machine.tick - fromTick))) break;
  }
  const figures = figuresOf(watch, machine, since, fromTick);
  const isWhole = machine.tick >= toTick || !goesOn;
  return { figures, series, watch, symbols: guest.table, symbolProblem: guest.problems().join(' '), isWhole };
}

function pointOf(watch: Watch, tick: number, fromTick: number): Point {
  return {
    tick,
    tiers: tierTicks(watch, tick - fromTick),
    exits: sum(watch.functionExits),
    slow: sum(watch.loopSlow) + sum(watch.functionSlow),
    linked: watch.functions.length,
  };
}

function difference(now: Point, before: Point): Point {
  const tiers = Object.fromEntries(
    (Object.keys(now.tiers) as Tier[]).map((tier) => [tier, now.tiers[tier] - before.tiers[tier]]),
  ) as Record<Tier, number>;
  return {
    tick: now.tick,
    tiers,
    exits: now.exits - before.exits,
    slow: now.slow - before.slow,
    linked: now.linked - before.linked,
  };
}
