// What a terminal sends when keys are pressed (ECMA-48 and xterm's control sequences), as keys of the guest's keyboard.
// A terminal says nothing of keys that are let go: each is pressed and let go at once. What no key makes is left out.

import type { KeyName } from '../../core/base/key-names.ts';
import { keysOf, strokesOf } from '../../core/base/key-text.ts';
import type { InputEvent } from '../../core/log/events.ts';

/** By the last letter, where there is no number. */
const LETTERS: Readonly<Record<string, KeyName>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
};

/** By the number before a tilde. */
const NUMBERS: Readonly<Record<string, KeyName>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};

const ESCAPE = '\x1b';
/** Introducer, number, modifiers, last character. */
const SEQUENCE = /^\x1b(?:\[|O)(\d*)(?:;(\d+))?([A-Za-z~])/;

/** Bits of a modifier, from which 1 has been taken. */
const MODIFIERS: readonly (readonly [bit: number, key: KeyName])[] = [
  [1, 'left-shift'],
  [2, 'left-alt'],
  [4, 'left-ctrl'],
];

/** What keys are to be pressed together, in their order. */
export function keysTyped(bytes: Uint8Array): (readonly KeyName[])[] {
  const found: (readonly KeyName[])[] = [];
  let rest = new TextDecoder('latin1').decode(bytes);
  while (rest !== '') {
    const sequence = SEQUENCE.exec(rest);
    if (sequence !== null) {
      const [whole, number, modifier = '1', last] = sequence;
      const key = last === '~' ? NUMBERS[number] : LETTERS[last];
      const held = MODIFIERS.filter(([bit]) => ((Number(modifier) - 1) & bit) !== 0).map(([, name]) => name);
      if (last === 'Z') found.push(['left-shift', 'tab']);
      else if (key !== undefined) found.push([...held, key]);
      rest = rest.slice(whole.length);
      continue;
    }
    // Escape before another key: that is how Alt is told.
    const isAlt = rest.startsWith(ESCAPE) && rest.length > 1 && rest[1] !== ESCAPE;
    const keys = keysOf(rest[isAlt ? 1 : 0]);
    if (keys !== null) found.push(isAlt ? ['left-alt', ...keys] : keys);
    rest = rest.slice(isAlt ? 2 : 1);
  }
  return found;
}

export function keyInputs(bytes: Uint8Array): InputEvent[] {
  return keysTyped(bytes).flatMap((keys) =>
    strokesOf(keys).map(({ key, down }) => ({ kind: 'key', key, down }) as const),
  );
}
