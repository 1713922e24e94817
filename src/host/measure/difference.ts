// What changed between two measurements of identical work: a verdict for each engine, with its interval, and the blocks
// of the guest and functions of the host whose time differs most. A difference of places is an indication from one or a
// few sampled runs; the verdict is the statistics' (statistics.ts).

import { CommandError } from '../node/errors.ts';
import type { CountedPart, HostStacks, Measurement, Row } from './measurement.ts';
import { compare, type Comparison } from './statistics.ts';

export interface PlaceDifference {
  readonly name: string;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Prints the place; '' for functions of the host. */
  readonly command: string;
}

export interface EngineDifference extends Comparison {
  readonly engine: string;
  readonly blocks: readonly PlaceDifference[];
  readonly functions: readonly PlaceDifference[];
}

export interface Side {
  readonly row: Row;
  readonly counted: CountedPart | undefined;
}

const PLACES_MAX = 10;

const largest = (places: readonly PlaceDifference[]): PlaceDifference[] =>
  [...places]
    .filter(({ beforeMs, afterMs }) => beforeMs !== afterMs)
    .sort((a, b) => Math.abs(b.afterMs - b.beforeMs) - Math.abs(a.afterMs - a.beforeMs))
    .slice(0, PLACES_MAX);

function blockDifferences(before: CountedPart | undefined, after: CountedPart | undefined): PlaceDifference[] {
  if (before === undefined || after === undefined) return [];
  const places = new Map<string, { name: string; beforeMs: number; afterMs: number; command: string }>();
  const add = (part: CountedPart, side: 'beforeMs' | 'afterMs'): void => {
    for (const { name, command, sampledMs, sharedMs } of part.blocks) {
      const known = places.get(name) ?? { name, beforeMs: 0, afterMs: 0, command };
      known[side] += sampledMs + sharedMs;
      places.set(name, known);
    }
  };
  add(before, 'beforeMs');
  add(after, 'afterMs');
  return largest([...places.values()]);
}

/** Own time by function of the host; code of the guest is one. */
function hostTimes({ frames, stacks }: HostStacks): Map<string, number> {
  const times = new Map<string, number>();
  for (const stack of stacks) {
    const frame = frames[stack.frames.at(-1) ?? -1];
    if (frame === undefined) continue;
    const name = frame.physical >= 0 ? 'compiled guest code' : `${frame.name} ${frame.file}`.trim();
    times.set(name, (times.get(name) ?? 0) + stack.ms);
  }
  return times;
}

function functionDifferences(before: HostStacks | null, after: HostStacks | null): PlaceDifference[] {
  if (before === null || after === null) return [];
  const [first, second] = [hostTimes(before), hostTimes(after)];
  const names = new Set([...first.keys(), ...second.keys()]);
  return largest(
    [...names].map((name) => ({
      name,
      beforeMs: first.get(name) ?? 0,
      afterMs: second.get(name) ?? 0,
      command: '',
    })),
  );
}

export function difference(before: Side, after: Side): EngineDifference {
  return {
    engine: after.row.engine,
    ...compare(before.row.times, after.row.times),
    blocks: blockDifferences(before.counted, after.counted),
    functions: functionDifferences(before.row.host, after.row.host),
  };
}

const sideOf = (of: Measurement, row: Row): Side => ({
  row,
  counted: of.counted.find(({ engine, build }) => engine === row.engine && build === row.build),
});

/** Another checkout against this one, measured together. */
export function differencesWithin(of: Measurement): EngineDifference[] {
  const ours = of.rows.filter(({ build, failure }) => build === '' && failure === '');
  return ours.flatMap((row) => {
    const other = of.rows.find(({ engine, build, failure }) => engine === row.engine && build !== '' && failure === '');
    return other === undefined ? [] : [difference(sideOf(of, other), sideOf(of, row))];
  });
}

/** Two files. Throws CommandError when they are not of the same work. */
export function differencesBetween(
  [firstName, first]: readonly [string, Measurement],
  [secondName, second]: readonly [string, Measurement],
): EngineDifference[] {
  const [a, b] = [first.work, second.work];
  if (a.sha256 !== b.sha256) {
    throw new CommandError(
      `${firstName} measured ${a.name} (SHA-256 ${a.sha256}), ` +
        `${secondName} measured ${b.name} (SHA-256 ${b.sha256}): ` +
        'only measurements of one and the same log can be compared.',
    );
  }
  if (a.fromTick !== b.fromTick || a.toTick !== b.toTick) {
    throw new CommandError(
      `${firstName} measured ticks ${a.fromTick} to ${a.toTick} and ${secondName} ticks ${b.fromTick} to ${b.toTick} ` +
        'of the log: measure the same window.',
    );
  }
  const found: EngineDifference[] = [];
  for (const row of second.rows.filter(({ build, failure }) => build === '' && failure === '')) {
    const other = first.rows.find(
      ({ engine, build, failure }) => engine === row.engine && build === '' && failure === '',
    );
    if (other === undefined) continue;
    const isSame = row.pieceTicks.length === other.pieceTicks.length;
    if (!isSame || row.pieceTicks.some((ticks, piece) => ticks !== other.pieceTicks[piece])) {
      throw new CommandError(
        `${firstName} and ${secondName} were not measured in the same pieces (--pieces): measure both anew.`,
      );
    }
    found.push(difference(sideOf(first, other), sideOf(second, row)));
  }
  if (found.length === 0) {
    const list = ({ rows }: Measurement): string => rows.map(({ engine }) => engine).join(', ');
    throw new CommandError(
      `${firstName} has figures of ${list(first)}, ${secondName} of ${list(second)}: no engine is in both.`,
    );
  }
  return found;
}
