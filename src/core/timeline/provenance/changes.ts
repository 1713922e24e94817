/**
 * Every value that a place had in a stretch of a run: of memory by its writes, whoever made them, of an expression by
 * its value each time that an instruction was about to run. Stretches whose pages rule it out are not run.
 */
import { PAGE_BYTES } from '../../base/pages.ts';
import { linearHere } from './operands.ts';
import { common, part, type Place, valueAt } from './place.ts';
import type { Evaluator } from '../expression.ts';
import { comparePositions, type Position, positionInRun } from '../lookout.ts';
import type { Timeline, Way } from '../timeline.ts';

export type ChangedBy = 'instruction' | 'delivery' | 'bus master';

export interface Change {
  /** Before the instruction that made it. */
  readonly position: Position;
  /** Afterwards, as a number of at most 4 bytes. */
  readonly value: number;
  readonly by: ChangedBy;
  /** Of the instruction, or where the processor was. */
  readonly linear: number;
}

/**
 * Tells of every write to a place of memory from `from` to `to`, until `note` gives false. Gives the value at the
 * beginning; null where it cannot be read. Leaves the machine somewhere.
 */
export function* changesOf(
  timeline: Timeline,
  place: Place,
  from: Position,
  to: Position,
  note: (change: Change) => boolean,
): Way<number | null> {
  const { cpu } = timeline.machine;
  const wanted = part(place, 0, Math.min(place.size, 4));
  const pages = [...new Set([place.at, place.at + place.size - 1].map((at) => Math.floor(at / PAGE_BYTES)))];
  yield* timeline.seek(from);
  const first = valueAt(cpu, wanted);
  let open: Omit<Change, 'value'> | null = null;
  let delivered: Position | null = null;
  let brought: Position | null = null;
  let isWanted = true;
  const settle = (): void => {
    if (open === null) return;
    isWanted = note({ ...open, value: valueAt(cpu, wanted) ?? 0 });
    open = null;
  };
  const isAt = (a: Position | null, b: Position): boolean => a !== null && comparePositions(a, b) === 0;
  const listener = {
    pages,
    delivered: () => {
      delivered = positionInRun(timeline.machine);
    },
    written: (position: Position, physical: number, size: number) => {
      if (!isWanted || common(place, { space: 'memory', at: physical, size }) === null) return;
      if (isAt(open?.position ?? null, position)) return;
      settle();
      const by = isAt(brought, position) ? 'bus master' : isAt(delivered, position) ? 'delivery' : 'instruction';
      if (isWanted) open = { position, by, linear: linearHere(cpu) };
    },
    // A device tells of it before the bytes are there.
    outside: (position: Position, event: { kind: string }) => {
      if (event.kind === 'dma-write') brought = position;
    },
  };
  const watchpoints = [{ id: 0, physical: place.at, sizeBytes: place.size, kind: 'write', condition: null }] as const;
  for (const end of timeline.stretches(from, to, { breakpoints: [], watchpoints })) {
    yield* goOnFrom(timeline, end.from);
    yield* timeline.listen(end.to, listener);
    settle();
    if (!isWanted) break;
    yield undefined;
  }
  return first;
}

/** Tells of the value of an expression each time that the instruction at an address is about to run. */
export function* valuesAt(
  timeline: Timeline,
  evaluate: Evaluator,
  address: number,
  from: Position,
  to: Position,
  note: (change: Change) => boolean,
): Way<void> {
  const { cpu } = timeline.machine;
  let isWanted = true;
  const breakpoints = [{ id: 0, address, condition: null }];
  for (const stretch of timeline.stretches(from, to, { breakpoints, watchpoints: [] })) {
    yield* goOnFrom(timeline, stretch.from);
    yield* timeline.listen(stretch.to, {
      stepPages: [address >>> 12],
      step: (position, linear) => {
        if (!isWanted || linear !== address) return;
        isWanted = note({ position, value: evaluate(cpu) >>> 0, by: 'instruction', linear });
      },
    });
    if (!isWanted) break;
    yield undefined;
  }
}

/** What is between two stretches is passed by. */
function* goOnFrom(timeline: Timeline, position: Position): Way<void> {
  if (comparePositions(timeline.position, position) !== 0) yield* timeline.seek(position);
}
