/**
 * The field tables. Each kind of field refuses what it does not say and takes what it saves. A state of a whole board
 * that is changed anywhere, by a bit or by a value of any sort, is refused with the device and the field named, and
 * then nothing has changed; or it is loaded, and the board goes on without an exception and without stalling the host.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceValue } from '../../src/core/board/device.ts';
import * as kinds from '../../src/core/base/field-kinds.ts';
import { fields, type Kind, withFields } from '../../src/core/base/fields.ts';
import { Harness, printValue } from './harness.ts';
import { neighbourhoods } from './lives.ts';
import { fuzz } from './tamper.ts';

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
      [0x100000000, /bits of 0xff000000/],
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
    { field: 'low', text: '0x09' },
    { field: 'memory', text: '[01 02 03 04]' },
    { field: 'chips', text: '[{on yes} {on no}]' },
  ]);
  assert.equal(new Chip().low, 3, 'each has its own');
});

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
  const tally = fuzz(all, /./, 22, 360);
  assert.ok(tally.refused > 60 && tally.loaded > 60, JSON.stringify(tally));
  const clock = fuzz(all, /^clock$/, 23, 180);
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
