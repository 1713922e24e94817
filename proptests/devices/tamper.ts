/**
 * States of a board that are changed anywhere, by a bit or by a value of any sort: refused with the device and the
 * field named, and then nothing has changed; or loaded, and the board goes on without an exception and without
 * stalling the host, and what becomes of it can be saved and loaded again.
 */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { DeviceState, DeviceValue } from '../../src/core/board/device.ts';
import { Harness, type HarnessOptions, perform, printActions } from './harness.ts';
import { actionsFor, type Neighbourhood } from './lives.ts';

/** Every place in a state, as a way to put another value there. */
interface Place {
  readonly path: string;
  readonly value: DeviceValue;
  set(value: unknown): void;
  remove(): void;
}

function placesOf(path: string, state: DeviceState): Place[] {
  const places: Place[] = [];
  const visit = (holder: Record<string | number, DeviceValue>, key: string | number, within: string): void => {
    const value = holder[key];
    places.push({
      path: within,
      value,
      set: (other) => {
        holder[key] = other as DeviceValue;
      },
      remove: () => {
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete holder[key];
      },
    });
    if (Array.isArray(value)) value.forEach((_, i) => visit(value as never, i, `${within}[${i}]`));
    else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      for (const name of Object.keys(value)) visit(value, name, `${within}.${name}`);
    }
  };
  for (const name of Object.keys(state)) visit(state, name, `${path}.${name}`);
  return places;
}

const wildNumber = fc.oneof(
  fc.integer({ min: -5, max: 0x120 }),
  fc.integer({ min: 0, max: 31 }).map((bit) => 2 ** bit),
  fc.constantFrom(
    -1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 40,
    2 ** 52,
    Number.MAX_SAFE_INTEGER,
    2 ** 53,
    1e300,
    0.5,
    -0,
  ),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const wildValue: fc.Arbitrary<unknown> = fc.oneof(
  wildNumber,
  fc.boolean(),
  fc.constantFrom<unknown>(null, undefined, '', 'a', 'pause', 'steam', 7n),
  fc.uint8Array({ maxLength: 40 }),
  fc.array(wildNumber, { maxLength: 30 }),
  fc.constant({}),
  fc.dictionary(fc.constantFrom('key', 'down', 'count', '__proto__'), wildNumber),
);

type Change =
  | { readonly do: 'flip'; readonly at: number; readonly bit: number }
  | { readonly do: 'add'; readonly at: number; readonly by: number }
  | { readonly do: 'set'; readonly at: number; readonly value: unknown }
  | { readonly do: 'remove'; readonly at: number }
  | { readonly do: 'insert'; readonly at: number; readonly value: unknown };

const at = fc.nat();
/** Mostly small: what is nearly right gets furthest. */
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('flip' as const), at, bit: fc.nat(7) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('flip' as const), at, bit: fc.nat(52) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), at, by: fc.integer({ min: -30, max: 300 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('set' as const), at, value: wildValue }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('insert' as const), at, value: wildValue }) },
);

function apply(places: readonly Place[], each: Change): string {
  const place = places[each.at % places.length];
  const { value, path } = place;
  switch (each.do) {
    case 'flip':
      if (typeof value === 'boolean') place.set(!value);
      else if (typeof value === 'number') {
        const weight = 2 ** each.bit;
        place.set(Math.floor(value / weight) % 2 === 0 ? value + weight : value - weight);
      } else if (value instanceof Uint8Array && value.length > 0) {
        const copy = value.slice();
        copy[each.bit % copy.length] ^= 1 << (each.bit & 7);
        place.set(copy);
      } else place.set(each.bit);
      break;
    case 'add':
      place.set(typeof value === 'number' ? value + each.by : each.by);
      break;
    case 'set':
      place.set(each.value);
      break;
    case 'remove':
      place.remove();
      break;
    case 'insert':
      if (Array.isArray(value)) (value as unknown[]).push(each.value);
      else if (value instanceof Uint8Array) place.set(Uint8Array.from([...value, 7]));
      else if (typeof value === 'object' && value !== null) (value as Record<string, unknown>).steam = each.value;
      else place.set([value]);
  }
  return `${each.do} ${path}`;
}

/** Some fifty accesses and two million ticks take a millisecond or two. */
const hostMillisecondsMax = 2000;

export interface Tally {
  refused: number;
  loaded: number;
}

/** Parts whose names `pick` matches are changed; boards are made with `options`. */
export function fuzz(
  neighbourhood: Pick<Neighbourhood, 'ports' | 'addresses' | 'recipes'>,
  pick: RegExp,
  seed: number,
  numRuns: number,
  options: HarnessOptions = {},
): Tally {
  const actions = actionsFor(neighbourhood);
  const tally: Tally = { refused: 0, loaded: 0 };
  fc.assert(
    fc.property(
      actions,
      fc.array(change, { minLength: 1, maxLength: 2 }),
      actions,
      fc.constantFrom(0.5, 8, 1024),
      fc.constantFrom<'instant' | 'baud'>('instant', 'baud'),
      (before, changes, after, nsPerTick, serialTiming) => {
        const first = new Harness({ ...options, parallel: true, nsPerTick, serialTiming });
        for (const action of before) perform(first, action);
        const saved = first.board.save();
        const mutated = structuredClone(saved.map(([name, state]) => [name, state] as const));
        const places = mutated.flatMap(([name, state]) => (pick.test(name) ? placesOf(name, state) : []));
        if (places.length === 0) return;
        const done = changes.map((each) => apply(places, each)).join('; ');
        const told = `${printActions(before)} | ${done} (${nsPerTick} ns, ${serialTiming})`;
        const second = new Harness({ ...options, parallel: true, nsPerTick, serialTiming, tick: first.tick });
        const untouched = second.save();
        const problem = second.board.problem(mutated, first.tick);
        assert.equal(second.save(), untouched, `looking at a state has changed something: ${told}`);
        if (problem !== null) {
          assert.match(problem.message, /^The saved state of [a-z0-9-]+ cannot be used: .+\.$/);
          tally.refused++;
          return;
        }
        tally.loaded++;
        second.board.load(mutated);
        const began = process.hrtime.bigint();
        for (const action of after) perform(second, action);
        const milliseconds = Number(process.hrtime.bigint() - began) / 1e6;
        assert.ok(milliseconds < hostMillisecondsMax, `${milliseconds} ms: ${told} | ${printActions(after)}`);
        // What became of it is a state that can be saved and loaded again.
        const again = new Harness({ ...options, parallel: true, nsPerTick, serialTiming, tick: second.tick });
        const went = second.board.save();
        assert.equal(again.board.problem(went, again.tick), null, `${told} | ${printActions(after)}`);
        again.board.load(went);
        assert.equal(again.save(), second.save(), `${told} | ${printActions(after)}`);
      },
    ),
    { seed, numRuns },
  );
  return tally;
}
