/**
 * The field tables. Each kind of field refuses what it does not say and takes what it saves. A state of a whole board
 * that is changed anywhere, by a bit or by a value of any sort, is refused with the device and the field named, and
 * then nothing has changed; or it is loaded, and the board goes on without an exception and without stalling the host.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { DeviceState, DeviceValue } from '../../src/core/board/device.ts';
import * as kinds from '../../src/core/base/field-kinds.ts';
import { fields, type Kind, withFields } from '../../src/core/base/fields.ts';
import { Harness, perform, printActions, printValue } from './harness.ts';
import { actionsFor, type Neighbourhood, neighbourhoods } from './lives.ts';

interface KindCase {
  readonly kind: Kind<unknown>;
  readonly takes: readonly DeviceValue[];
  readonly refuses: readonly [value: unknown, why: RegExp][];
}

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values);

const cases: Record<string, KindCase> = {
  unsigned: {
    kind: kinds.unsigned(0x7f),
    takes: [0, 127],
    refuses: [
      [128, /f is 128, expected 0 to 127/],
      [-1, /-1/],
      [-0, /-0/],
      [1.5, /1\.5/],
      [Number.NaN, /NaN/],
      [Number.POSITIVE_INFINITY, /Infinity/],
      ['1', /"1"/],
      [1n, /1n/],
      [null, /null/],
      [undefined, /undefined/],
      [true, /true/],
      [[1], /a list of 1/],
      [{}, /an object/],
    ],
  },
  bits: {
    kind: kinds.bits(0xff000000),
    takes: [0, 0xff000000],
    refuses: [
      [0x100000000, /bits of ff000000h/],
      [1, /bits/],
    ],
  },
  integer: {
    kind: kinds.integer(-1, 5),
    takes: [-1, 0, 5],
    refuses: [
      [-2, /from -1 to 5/],
      [6, /from/],
      [0.5, /from/],
    ],
  },
  cycle: {
    kind: kinds.cycle(),
    takes: [0, 2 ** 80],
    refuses: [
      [2 ** 81, /whole number/],
      [-1, /whole/],
    ],
  },
  flag: {
    kind: kinds.flag(),
    takes: [true, false],
    refuses: [
      [0, /true or false/],
      ['', /true or false/],
    ],
  },
  oneOf: {
    kind: kinds.oneOf<number | string>([0, 2, 'x'], 'nought, two or x', 0),
    takes: [0, 2, 'x'],
    refuses: [
      [1, /nought, two or x/],
      ['2', /nought/],
      [-0, /nought/],
    ],
  },
  bytes: {
    kind: kinds.bytes(2),
    takes: [bytesOf(1, 2)],
    refuses: [
      [bytesOf(1), /1 bytes, expected 2/],
      [[1, 2], /list/],
    ],
  },
  words: {
    kind: kinds.words(2, [0xff, 0xf00]),
    takes: [[0xff, 0xf00]],
    refuses: [
      [[0xff], /a list of 1, expected a list of 2/],
      [[0x100, 0], /f\[0\] is 256/],
      [[0, 1], /f\[1\]/],
    ],
  },
  list: {
    kind: kinds.list(kinds.byte(), 3, 1),
    takes: [[1], [1, 2, 255]],
    refuses: [
      [[], /a list of 0, expected/],
      [[1, 2, 3, 4], /at most 3/],
      [[256], /f\[0\] is 256/],
      [[undefined], /f\[0\]/],
    ],
  },
  byteList: { kind: kinds.byteList(2), takes: [bytesOf(), bytesOf(9, 8)], refuses: [[bytesOf(1, 2, 3), /at most 2/]] },
  byteQueue: { kind: kinds.byteQueue(), takes: [bytesOf(), bytesOf(9, 8)], refuses: [[[9], /expected bytes/]] },
  ascending: {
    kind: kinds.setOf(kinds.byte(), 'ascending'),
    takes: [[], [1, 2, 200]],
    refuses: [
      [[2, 1], /does not ascend/],
      [[1, 1], /twice/],
      [[300], /f\[0\]/],
    ],
  },
  insertion: { kind: kinds.setOf(kinds.byte(), 'insertion'), takes: [[2, 1]], refuses: [[[2, 2], /twice/]] },
  table: {
    kind: fields({ a: kinds.byte(), b: fields({ c: kinds.flag() }) }),
    takes: [{ a: 1, b: { c: true } }],
    refuses: [
      [{ a: 1 }, /f\.b is missing/],
      [{ a: 1, b: { c: true }, d: 1 }, /f\.d is no field/],
      [{ a: 1, b: { c: 1 } }, /f\.b\.c is 1, expected true or false/],
      [{ a: 1, b: [] }, /f\.b is a list of 0, expected named fields/],
      [new Map([['a', 1]]), /f is an object, expected named fields/],
      [{ toString: 1 }, /f\.toString is no field/],
    ],
  },
};

for (const [name, { kind, takes, refuses }] of Object.entries(cases)) {
  test(`a field of kind ${name} takes what it saves, and refuses everything else by name`, () => {
    assert.equal(kind.problem(kind.save(kind.initial()), 'f'), null, 'its first value');
    for (const value of takes) {
      assert.equal(kind.problem(value, 'f'), null);
      const loaded = kind.load(value, kind.initial());
      assert.deepEqual(kind.save(loaded), value);
      assert.notEqual(kind.show(loaded), '');
    }
    for (const [value, why] of refuses) assert.match(kind.problem(value, 'f') ?? 'taken', why);
  });
}

test('a class of a table has its fields; loading keeps the identity of what has one', () => {
  const table = fields({
    low: kinds.byte(3),
    memory: kinds.bytes(4),
    chips: kinds.list(fields({ on: kinds.flag() }), 2, 2),
  });
  class Chip extends withFields(table) {
    readonly fields = table.of(this);
  }
  const chip = new Chip();
  assert.deepEqual([chip.low, [...chip.memory], chip.chips.length], [3, [0, 0, 0, 0], 2]);
  const { memory, chips } = chip;
  const [first] = chips;
  chip.fields.load({ low: 9, memory: bytesOf(1, 2, 3, 4), chips: [{ on: true }, { on: false }] });
  assert.deepEqual(
    [chip.low, memory[3], chip.memory === memory, chips === chip.chips, first === chip.chips[0]],
    [9, 4, true, true, true],
  );
  assert.equal(first.on, true);
  assert.deepEqual(chip.fields.show(), [
    { field: 'low', text: '09h' },
    { field: 'memory', text: '[01 02 03 04]' },
    { field: 'chips', text: '[{on yes} {on no}]' },
  ]);
  assert.equal(new Chip().low, 3, 'each has its own');
});

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

interface Tally {
  refused: number;
  loaded: number;
}

function fuzz(neighbourhood: Neighbourhood, pick: RegExp, seed: number, numRuns: number): Tally {
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
        const first = new Harness({ nsPerTick, serialTiming });
        for (const action of before) perform(first, action);
        const saved = first.board.save();
        const mutated = structuredClone(saved.map(([name, state]) => [name, state] as const));
        const places = mutated.flatMap(([name, state]) => (pick.test(name) ? placesOf(name, state) : []));
        if (places.length === 0) return;
        const done = changes.map((each) => apply(places, each)).join('; ');
        const told = `${printActions(before)} | ${done} (${nsPerTick} ns, ${serialTiming})`;
        const second = new Harness({ nsPerTick, serialTiming, tick: first.tick });
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
        const again = new Harness({ nsPerTick, serialTiming, tick: second.tick });
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

for (const neighbourhood of neighbourhoods) {
  test(`${neighbourhood.name}: a changed state is refused by name or gives a board that works`, () => {
    const tally = fuzz(neighbourhood, neighbourhood.devices, 21, 400);
    assert.ok(tally.refused > 30 && tally.loaded > 30, JSON.stringify(tally));
  });
}

test('the clock and all devices together: the same', () => {
  const ports = neighbourhoods.flatMap((each) => each.ports);
  const addresses = neighbourhoods.flatMap((each) => each.addresses ?? []);
  // The wait for the ACPI timer's top bit is minutes of guest time, which the other timers fill.
  const recipes = neighbourhoods.flatMap((each) => (each.name === 'acpi-pm' ? [] : each.recipes));
  const all = { name: 'all', devices: /./, ports, addresses, recipes };
  const tally = fuzz(all, /./, 22, 600);
  assert.ok(tally.refused > 60 && tally.loaded > 60, JSON.stringify(tally));
  const clock = fuzz(all, /^clock$/, 23, 300);
  assert.ok(clock.refused > 30 && clock.loaded > 30, JSON.stringify(clock));
});

test('a device that is missing, there twice, or unknown is named', () => {
  const saved = new Harness().board.save();
  const why = (states: typeof saved): string => new Harness().board.problem(states, 0)?.message ?? 'taken';
  assert.equal(why(saved), 'taken');
  assert.match(why(saved.filter(([name]) => name !== 'pit')), /of pit cannot be used: it is missing\./);
  assert.match(why(saved.filter(([name]) => name !== 'clock')), /of clock cannot be used: it is undefined/);
  assert.match(why([...saved, ['steam', {}]]), /of steam cannot be used: the machine has no such part\./);
  assert.match(why([...saved, saved[3]]), /of \S+ cannot be used: it is there twice\./);
});

test('what a guest never reads does not grow without end', () => {
  const harness = new Harness();
  for (let i = 0; i < 100_000; i++) {
    harness.out8(0x60, 0xee);
    harness.out8(0x64, 0xd4);
    harness.out8(0x60, 0xe9);
    harness.out8(0x64, 0x20);
  }
  assert.ok(printValue(harness.board.save()).length < 200_000);
});
