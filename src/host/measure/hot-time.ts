// Host time of the rows that hot-rows.ts counted. Compiled code is sampled function by function, and a function's time
// goes to its blocks by their ticks; interpreted code has no frames of its own, so its time goes to blocks by their
// ticks alone. Each row says how much of its time is of which kind.

import type { SymbolTable } from '../symbols/symbol-table.ts';
import type { BlockCount } from '../../../tiers/watch-blocks.ts';
import type { Watch } from '../../../tiers/watch.ts';
import { guestTime, type HostProfile } from './host-profile.ts';
import { type HotOptions, type HotRow, hotRows, nameOf, partsOf, placeOf } from './hot-rows.ts';
import type { FlameLeaf } from './measurement.ts';

export interface HotTime extends HotRow {
  /** Sampled in compiled code, and shared out by ticks of the interpreter, in ms. */
  readonly sampledMs: number;
  readonly sharedMs: number;
}

/** Samples without a guest frame above them that serve interpreted instructions. */
const INTERPRETING: ReadonlySet<string> = new Set(['loop', 'handlers', 'decoding', 'devices', 'runtime']);

function interpretingMs(profile: HostProfile): number {
  let ms = 0;
  for (const stack of profile.stacks) {
    const leaf = profile.frames[stack.frames.at(-1) ?? -1];
    const isGuest = stack.frames.some((index) => profile.frames[index].physical >= 0);
    if (leaf !== undefined && !isGuest && INTERPRETING.has(leaf.tier)) ms += stack.ms;
  }
  return ms;
}

/** Host time by block. */
function blockTimes(watch: Watch, profile: HostProfile): Map<BlockCount, { sampledMs: number; sharedMs: number }> {
  const found = new Map<BlockCount, { sampledMs: number; sharedMs: number }>();
  const of = (block: BlockCount): { sampledMs: number; sharedMs: number } => {
    const known = found.get(block) ?? { sampledMs: 0, sharedMs: 0 };
    found.set(block, known);
    return known;
  };
  // A place may have been compiled several times: its time goes to all blocks of all of them.
  const members = new Map<string, Set<BlockCount>>();
  for (const { physical, mode, members: blocks } of watch.functions) {
    const key = `${physical}:${mode}`;
    const known = members.get(key) ?? new Set();
    for (const block of blocks) known.add(block);
    members.set(key, known);
  }
  for (const [key, ms] of guestTime(profile)) {
    const blocks = [...(members.get(key) ?? [])];
    const ticks = blocks.reduce((sum, block) => sum + block.compiledTicks, 0);
    if (ticks === 0) continue;
    for (const block of blocks) of(block).sampledMs += (ms * block.compiledTicks) / ticks;
  }
  const interpreted = (block: BlockCount): number => block.loopTicks + block.single;
  const all = watch.blocks.all.reduce((sum, block) => sum + interpreted(block), 0);
  const msPerTick = all === 0 ? 0 : interpretingMs(profile) / all;
  for (const block of watch.blocks.all) {
    const ticks = interpreted(block);
    if (ticks !== 0) of(block).sharedMs += ticks * msPerTick;
  }
  return found;
}

/** Rows with host time, the most first; without a profile, or where rows are no blocks, as they were counted. */
export function hotTimes(watch: Watch, options: HotOptions, profile: HostProfile | null): HotTime[] {
  const rows = hotRows(watch, options);
  if (profile === null || options.by === 'device' || options.by === 'instruction') {
    return rows.map((row) => ({ ...row, sampledMs: 0, sharedMs: 0 }));
  }
  const times = new Map<string, { sampledMs: number; sharedMs: number }>();
  for (const [block, { sampledMs, sharedMs }] of blockTimes(watch, profile)) {
    for (const { name, address, count } of partsOf(options, block)) {
      const share = block.ticks === 0 ? 1 : count / block.ticks;
      const key = `${name} ${address}`;
      const known = times.get(key) ?? { sampledMs: 0, sharedMs: 0 };
      times.set(key, {
        sampledMs: known.sampledMs + share * sampledMs,
        sharedMs: known.sharedMs + share * sharedMs,
      });
    }
  }
  const merged = new Map<string, HotTime>();
  for (const row of rows) {
    const key = `${row.name} ${row.address}`;
    const known = merged.get(key);
    if (known === undefined) merged.set(key, { ...row, ...(times.get(key) ?? { sampledMs: 0, sharedMs: 0 }) });
    else {
      const { count, compiled, entries } = known;
      const sums = { count: count + row.count, compiled: compiled + row.compiled, entries: entries + row.entries };
      merged.set(key, { ...known, ...sums });
    }
  }
  const msOf = (row: HotTime): number => row.sampledMs + row.sharedMs;
  return [...merged.values()].sort((a, b) => msOf(b) - msOf(a) || b.count - a.count);
}

/** Names of compiled functions, for frames of profiles: the guest's symbol at their entry. */
export function functionNames(watch: Watch, symbols: SymbolTable): Record<string, string> {
  return Object.fromEntries(
    watch.functions.map(({ physical, mode, linear }) => [`${physical}:${mode}`, nameOf(symbols, linear)]),
  );
}

const LEAVES_MAX = 1500;

/** Functions and their blocks by ticks. */
export function flameLeaves(watch: Watch, symbols: SymbolTable): FlameLeaf[] {
  const options: HotOptions = { by: 'function', path: '', symbols };
  return watch.blocks.all
    .filter(({ ticks }) => ticks > 0)
    .sort((a, b) => b.ticks - a.ticks)
    .slice(0, LEAVES_MAX)
    .map((block) => ({
      name: placeOf(options, block.linear)[0],
      block: nameOf(symbols, block.linear),
      compiled: block.compiledTicks,
      interpreted: block.loopTicks + block.single,
    }));
}
