/**
 * From text to keys, on a keyboard with US layout: which key makes a character, and with which others held. Also names
 * of several keys at once, as in `ctrl-alt-delete`.
 */
import { isKeyName, type KeyName } from './key-names.ts';

/** A key down or up. */
export interface Stroke {
  readonly key: KeyName;
  readonly down: boolean;
}

/** Characters of a key without and with Shift. */
const PRINTED: readonly (readonly [key: KeyName, plain: string, shifted: string])[] = [
  ['backquote', '`', '~'],
  ['1', '1', '!'],
  ['2', '2', '@'],
  ['3', '3', '#'],
  ['4', '4', '$'],
  ['5', '5', '%'],
  ['6', '6', '^'],
  ['7', '7', '&'],
  ['8', '8', '*'],
  ['9', '9', '('],
  ['0', '0', ')'],
  ['minus', '-', '_'],
  ['equals', '=', '+'],
  ['left-bracket', '[', '{'],
  ['right-bracket', ']', '}'],
  ['backslash', '\\', '|'],
  ['semicolon', ';', ':'],
  ['quote', "'", '"'],
  ['comma', ',', '<'],
  ['period', '.', '>'],
  ['slash', '/', '?'],
  ['space', ' ', ' '],
];

/** Of control characters that have keys of their own. */
const CONTROL: Readonly<Record<string, KeyName>> = {
  '\n': 'enter',
  '\r': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\x7f': 'backspace',
  '\x1b': 'escape',
};

const LETTERS = 26;

function makeTable(): ReadonlyMap<string, readonly KeyName[]> {
  const table = new Map<string, readonly KeyName[]>();
  for (let i = 0; i < LETTERS; i++) {
    const letter = String.fromCharCode(0x61 + i);
    if (!isKeyName(letter)) continue;
    table.set(letter, [letter]);
    table.set(letter.toUpperCase(), ['left-shift', letter]);
    table.set(String.fromCharCode(1 + i), ['left-ctrl', letter]);
  }
  for (const [key, plain, shifted] of PRINTED) {
    table.set(shifted, ['left-shift', key]);
    table.set(plain, [key]);
  }
  for (const [character, key] of Object.entries(CONTROL)) table.set(character, [key]);
  return table;
}

const TABLE = makeTable();

/** Keys to be pressed together for a character, the last one being the one that makes it; null when no key has it. */
export function keysOf(character: string): readonly KeyName[] | null {
  return TABLE.get(character) ?? null;
}

/** All down in their order, then up the other way round. */
export function strokesOf(keys: readonly KeyName[]): Stroke[] {
  return [...keys.map((key) => ({ key, down: true })), ...[...keys].reverse().map((key) => ({ key, down: false }))];
}

const SHORT: Readonly<Record<string, KeyName>> = {
  ctrl: 'left-ctrl',
  shift: 'left-shift',
  alt: 'left-alt',
  gui: 'left-gui',
};

/** `ctrl-alt-delete`, or the name of one key; null for what is neither. */
export function chordOf(text: string): KeyName[] | null {
  if (isKeyName(text)) return [text];
  const match = /^(ctrl|shift|alt|gui|(?:left|right)-(?:ctrl|shift|alt|gui))(?:-(.+))?$/.exec(text);
  if (match === null) return null;
  const [, first, rest] = match;
  const held = SHORT[first] ?? first;
  if (!isKeyName(held)) return null;
  if (rest === undefined) return [held];
  const others = chordOf(rest);
  return others === null ? null : [held, ...others];
}
