/**
 * The 8042 with its keyboard and mouse as a driver meets them: self tests, command byte, translation (every key, in
 * every set, made and broken), answers before scan codes, no key lost, LEDs, typematic repeat; mouse packets add up to
 * the movement, the wheel unlocks; A20 and reset through every door.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { scanCodes } from '../../src/core/base/keymap.ts';
import { KEY_NAMES, type KeyName } from '../../src/core/base/key-names.ts';
import { Harness } from './harness.ts';

const DATA = 0x60;
const COMMAND = 0x64;

function machine(): Harness {
  const harness = new Harness({ apic: false }).silenceTimer();
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 4, 1, 0xf9);
  harness.out8(0xa0, 0x11);
  harness.out8(0xa1, 0x28, 2, 1, 0xef);
  return harness;
}

/** Read everything that comes while time passes. */
function readAll(harness: Harness): number[] {
  const bytes: number[] = [];
  for (let quiet = 0; quiet < 3; quiet++) {
    while ((harness.in8(COMMAND) & 1) !== 0) {
      bytes.push(harness.in8(DATA));
      quiet = 0;
    }
    harness.run(3000);
  }
  return bytes;
}

function keyboard(harness: Harness, ...bytes: number[]): number[] {
  return bytes.flatMap((byte) => {
    harness.out8(DATA, byte);
    return readAll(harness);
  });
}

function mouse(harness: Harness, ...bytes: number[]): number[] {
  return bytes.flatMap((byte) => {
    harness.out8(COMMAND, 0xd4);
    harness.out8(DATA, byte);
    return readAll(harness);
  });
}

function setCommandByte(harness: Harness, value: number): void {
  harness.out8(COMMAND, 0x60);
  harness.out8(DATA, value);
}

const press = (harness: Harness, key: string, down: boolean): void => harness.board.input({ kind: 'key', key, down });

test('self tests, command byte and controller RAM', () => {
  const harness = machine();
  for (const [command, answer] of [
    [0xaa, 0x55],
    [0xab, 0x00],
    [0xa9, 0x00],
    [0xa4, 0xf1],
    [0x20, 0x45],
  ]) {
    harness.out8(COMMAND, command);
    assert.equal(harness.in8(COMMAND) & 1, 1);
    assert.equal(harness.in8(DATA), answer);
  }
  setCommandByte(harness, 0x47);
  harness.out8(COMMAND, 0xa7);
  harness.out8(COMMAND, 0x20);
  assert.equal(harness.in8(DATA), 0x67);
  harness.out8(COMMAND, 0x75);
  harness.out8(DATA, 0x99);
  harness.out8(COMMAND, 0x35);
  assert.equal(harness.in8(DATA), 0x99);
});

/** Set 1 codes as the PC/XT had them: a second source for some of the table. */
const xtCodes: Readonly<Partial<Record<KeyName, number>>> = {
  ...{ escape: 0x01, '1': 0x02, '0': 0x0b, minus: 0x0c, equals: 0x0d, backspace: 0x0e, tab: 0x0f, q: 0x10, p: 0x19 },
  ...{ 'left-bracket': 0x1a, 'right-bracket': 0x1b, enter: 0x1c, 'left-ctrl': 0x1d, a: 0x1e, l: 0x26, semicolon: 0x27 },
  ...{ quote: 0x28, backquote: 0x29, 'left-shift': 0x2a, backslash: 0x2b, z: 0x2c, m: 0x32, comma: 0x33, period: 0x34 },
  ...{ slash: 0x35, 'right-shift': 0x36, 'kp-multiply': 0x37, 'left-alt': 0x38, space: 0x39, 'caps-lock': 0x3a },
  ...{ f1: 0x3b, f7: 0x41, f10: 0x44, 'num-lock': 0x45, 'scroll-lock': 0x46, 'kp-7': 0x47, 'kp-minus': 0x4a },
  ...{ 'kp-plus': 0x4e, 'kp-period': 0x53, f11: 0x57, f12: 0x58 },
};

test('translated set 2 is set 1, for every key', () => {
  for (const key of KEY_NAMES) {
    const harness = machine();
    press(harness, key, true);
    const made = readAll(harness);
    press(harness, key, false);
    const broken = readAll(harness);
    assert.deepEqual(made, scanCodes(key, true, 1, new Set()), key);
    assert.deepEqual(broken, scanCodes(key, false, 1, new Set()), key);
    const code = xtCodes[key];
    if (code !== undefined) assert.deepEqual([...made, ...broken], [code, code | 0x80], key);
  }
});

test('no two keys send the same codes in any set', () => {
  for (const set of [1, 2, 3]) {
    for (const down of [true, false]) {
      const codes = KEY_NAMES.filter((key) => down || key !== 'pause').map((key) =>
        scanCodes(key, down, set, new Set()).join(),
      );
      assert.equal(new Set(codes).size, codes.length, `set ${set}`);
    }
  }
});

test('untranslated, the keyboard sends the set it is told', () => {
  const harness = machine();
  setCommandByte(harness, 0x05);
  press(harness, 'a', true);
  press(harness, 'a', false);
  assert.deepEqual(readAll(harness), [0x1c, 0xf0, 0x1c]);
  assert.deepEqual(keyboard(harness, 0xf0, 0x01), [0xfa, 0xfa]);
  press(harness, 'a', true);
  press(harness, 'a', false);
  assert.deepEqual(readAll(harness), [0x1e, 0x9e]);
  assert.deepEqual(keyboard(harness, 0xf0, 0x03, 0xf0, 0x00), [0xfa, 0xfa, 0xfa, 0xfa, 3]);
  press(harness, 'f1', true);
  press(harness, 'f1', false);
  assert.deepEqual(readAll(harness), [0x07, 0xf0, 0x07]);
  assert.deepEqual(keyboard(harness, 0xf7), [0xfa]);
  press(harness, 'f1', true);
  press(harness, 'f1', false);
  assert.deepEqual(readAll(harness), [0x07], 'all typematic: no break codes');
});

test('keyboard commands', () => {
  const harness = machine();
  setCommandByte(harness, 0x05);
  assert.deepEqual(keyboard(harness, 0xee), [0xee]);
  assert.deepEqual(keyboard(harness, 0xf2), [0xfa, 0xab, 0x83]);
  assert.deepEqual(keyboard(harness, 0xed, 0x05), [0xfa, 0xfa]);
  assert.match(harness.save(), /"leds":5/);
  assert.deepEqual(keyboard(harness, 0xff), [0xfa, 0xaa]);
  assert.deepEqual(keyboard(harness, 0x77), [0xfe]);
  assert.deepEqual(keyboard(harness, 0xf5), [0xfa]);
  press(harness, 'a', true);
  press(harness, 'a', false);
  assert.deepEqual(readAll(harness), [], 'scanning is off');
  assert.deepEqual(keyboard(harness, 0xf4), [0xfa]);
  setCommandByte(harness, 0x45);
  assert.deepEqual(keyboard(harness, 0xf2), [0xfa, 0xab, 0x41], 'translation does not spare the identity');
});

test('keys pressed faster than they are read all arrive, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom<KeyName>('a', 'b', 'up', 'enter', 'pause'), { maxLength: 60 }), (keys) => {
      const harness = machine();
      const expected: number[] = [];
      for (const key of keys) {
        for (const down of [true, false]) {
          press(harness, key, down);
          expected.push(...scanCodes(key, down, 1, new Set()));
        }
      }
      assert.deepEqual(readAll(harness), expected);
    }),
    { seed: 12, numRuns: 40 },
  );
});

test('each byte makes its own edge on line 1, the mouse on line 12', () => {
  const harness = machine();
  press(harness, 'up', true);
  const codes: number[] = [];
  for (let i = 0; i < 2; i++) {
    harness.runTo(harness.clock.nextDue());
    assert.ok(harness.intr);
    assert.equal(harness.board.interrupts.acknowledge(), 0x21);
    codes.push(harness.in8(DATA));
    harness.out8(0x20, 0x20);
    assert.ok(!harness.intr);
  }
  assert.deepEqual(codes, [0xe0, 0x48]);
  press(harness, 'up', false);
  readAll(harness);
  setCommandByte(harness, 0x47);
  harness.out8(COMMAND, 0xd4);
  harness.out8(DATA, 0xf4);
  harness.runTo(harness.clock.nextDue());
  assert.equal(harness.board.interrupts.acknowledge(), 0x2c);
  assert.equal(harness.in8(COMMAND) & 0x21, 0x21);
  assert.equal(harness.in8(DATA), 0xfa);
});

test('a held key repeats after its delay at its rate', () => {
  const harness = machine();
  keyboard(harness, 0xf3, 0x00); // 250 ms, 30 a second
  press(harness, 'x', true);
  const codes = readAll(harness);
  harness.run((250 + 10) * 125_000);
  codes.push(...readAll(harness));
  for (let i = 0; i < 3; i++) {
    harness.run(34 * 125_000);
    codes.push(...readAll(harness));
  }
  press(harness, 'x', false);
  harness.run(1000 * 125_000);
  codes.push(...readAll(harness));
  assert.deepEqual(codes, [0x2d, 0x2d, 0x2d, 0x2d, 0x2d, 0xad]);
});

test('disabled, the keyboard waits; speaking to it wakes it', () => {
  const harness = machine();
  harness.out8(COMMAND, 0xad);
  press(harness, 'a', true);
  assert.deepEqual(readAll(harness), []);
  harness.out8(COMMAND, 0xae);
  assert.deepEqual(readAll(harness), [0x1e]);
  harness.out8(COMMAND, 0xad);
  assert.deepEqual(keyboard(harness, 0xee), [0xee]);
});

test('mouse packets add up to the movement, in both sizes', () => {
  const distance = fc.integer({ min: -1000, max: 1000 });
  const move = fc.record({ dx: distance, dy: distance, dz: fc.integer({ min: -20, max: 20 }), buttons: fc.nat(7) });
  fc.assert(
    fc.property(fc.array(move, { minLength: 1, maxLength: 8 }), fc.boolean(), (moves, wheel) => {
      const harness = machine();
      if (wheel) {
        mouse(harness, 0xf3, 200, 0xf3, 100, 0xf3, 80);
        assert.deepEqual(mouse(harness, 0xf2), [0xfa, 3]);
      } else assert.deepEqual(mouse(harness, 0xf2), [0xfa, 0]);
      mouse(harness, 0xf4);
      const bytes: number[] = [];
      for (const entry of moves) {
        harness.board.input({ kind: 'mouse', ...entry });
        bytes.push(...readAll(harness));
      }
      for (let i = 0; i < 30; i++) {
        harness.run(13 * 125_000);
        bytes.push(...readAll(harness));
      }
      const size = wheel ? 4 : 3;
      const sum = { dx: 0, dy: 0, dz: 0 };
      let buttons = 0;
      assert.equal(bytes.length % size, 0);
      for (let at = 0; at < bytes.length; at += size) {
        const [flags, x, y, z] = bytes.slice(at, at + size);
        assert.equal(flags & 0xc8, 8);
        sum.dx += x - ((flags & 0x10) << 4);
        sum.dy += y - ((flags & 0x20) << 3);
        sum.dz += wheel ? (z << 24) >> 24 : 0;
        buttons = flags & 7;
      }
      const total = (field: 'dx' | 'dy' | 'dz'): number => moves.reduce((all, entry) => all + entry[field], 0);
      assert.deepEqual(sum, { dx: total('dx'), dy: total('dy'), dz: wheel ? total('dz') : 0 });
      assert.equal(buttons, moves[moves.length - 1].buttons);
    }),
    { seed: 13, numRuns: 60 },
  );
});

test('mouse commands: reset, status, remote, wrap', () => {
  const harness = machine();
  assert.deepEqual(mouse(harness, 0xff), [0xfa, 0xaa, 0x00]);
  assert.deepEqual(mouse(harness, 0xe9), [0xfa, 0x00, 2, 100]);
  assert.deepEqual(mouse(harness, 0xe8, 3, 0xf3, 40, 0xe7, 0xf4), [0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa]);
  harness.board.input({ kind: 'mouse', dx: 0, dy: 0, dz: 0, buttons: 1 });
  assert.deepEqual(readAll(harness), [0x09, 0, 0]);
  assert.deepEqual(mouse(harness, 0xe9), [0xfa, 0x34, 3, 40]);
  assert.deepEqual(mouse(harness, 0xe6, 0xf0), [0xfa, 0xfa]);
  harness.board.input({ kind: 'mouse', dx: 5, dy: -3, dz: 0, buttons: 0 });
  assert.deepEqual(readAll(harness), []);
  assert.deepEqual(mouse(harness, 0xeb), [0xfa, 0x28, 5, 0xfd]);
  assert.deepEqual(mouse(harness, 0xee, 0x12, 0xf4, 0xec), [0xfa, 0x12, 0xf4, 0xfa]);
  assert.deepEqual(mouse(harness, 0x01), [0xfe]);
});

test('A20 and reset through every door', () => {
  const harness = machine();
  const said = (): string[] =>
    harness.trace.splice(0).flatMap((line) => (line.includes('intr') ? [] : [line.replace(/^\d+ /, '')]));
  said();
  harness.out8(0x92, 0x00);
  harness.out8(COMMAND, 0xd0);
  assert.equal(harness.in8(DATA) & 3, 1);
  harness.out8(COMMAND, 0xd1);
  harness.out8(DATA, 0xdf);
  assert.equal(harness.in8(0x92), 2);
  harness.out8(COMMAND, 0xdd);
  harness.out8(COMMAND, 0xdf);
  assert.deepEqual(said(), ['a20 false', 'a20 true', 'a20 false', 'a20 true']);
  harness.out8(COMMAND, 0xfe);
  harness.out8(COMMAND, 0xff);
  harness.out8(0x92, 0x03, 0x03);
  harness.out8(COMMAND, 0xd1);
  harness.out8(DATA, 0xde);
  harness.out8(0xcf9, 0x02, 0x06);
  assert.deepEqual(said(), ['reset', 'reset', 'reset', 'reset']);
});
