// Names for words of the CPU block and for modes, so that IR text holds no number of the layout: `xmm0.d1` is the
// second doubleword of XMM0, `xmm0.q1` its upper half, `xmm0` all of it; the scratch words are written in the same way
// (`wide`); `fs.base`, `cr0` and `fpStatus` are single words. A mode is written as `user32` (flat, 32 bits wide, CPL 3)
// with what differs behind it. Derived from state/layout.ts.

import {
  MODE_CPL3,
  MODE_CS32,
  MODE_FLAT_CODE,
  MODE_FLAT_DATA,
  MODE_REAL,
  MODE_SS32,
  MODE_VM86,
  OPERAND,
  OPERAND_WORDS,
  PLACED,
  WIDE,
  WIDE_WORDS,
} from '../../src/core/state/layout.ts';
import { elementName } from '../../src/core/state/names.ts';

/** First words of the parts that have names, by name, and the names by `${words} ${index}`. */
const INDICES = new Map<string, number>();
const NAMES = new Map<string, string>();

function enter(name: string, index: number, words: number): void {
  INDICES.set(name, index);
  NAMES.set(`${words} ${index}`, name);
}

/** Four words with names for all of them, for halves and for each. */
function enterQuadruple(name: string, index: number): void {
  enter(name, index, 4);
  for (let half = 0; half < 2; half++) enter(`${name}.q${half}`, index + 2 * half, 2);
  for (let k = 0; k < 4; k++) enter(`${name}.d${k}`, index + k, 1);
}

for (const field of PLACED.values()) {
  const first = field.offset >> 2;
  if (field.name === 'xmm') for (let k = 0; k < 8; k++) enterQuadruple(`xmm${k}`, first + 4 * k);
  else if (first === WIDE) enterQuadruple('wide', first);
  else if (first === OPERAND) {
    enter('operand', first, OPERAND_WORDS);
    enter('operand.q0', first, 2);
    for (let k = 0; k < OPERAND_WORDS; k++) enter(`operand.d${k}`, first + k, 1);
  } else if (field.type !== 'f64') {
    const unit = field.size / field.count;
    for (let at = 0; at < field.size; at += 4) enter(elementName(field, at / unit), (field.offset + at) >> 2, 1);
  } else {
    enter(field.name, first, 2);
    // What is said of where a load begins.
    NAMES.set(`1 ${first}`, field.name);
  }
}

/** The name of so many words from `index` on. What has none is in no operation that validate accepts. */
export function wordName(index: number, words: number): string {
  const found = NAMES.get(`${words} ${index}`);
  if (found === undefined) throw new Error(`${words} words at ${index} have no name`);
  return found;
}

/** Inverse of wordName; −1: there is no such name. */
export function wordIndex(name: string): number {
  return INDICES.get(name) ?? -1;
}

export const isNamed = (index: number, words: number): boolean => NAMES.has(`${words} ${index}`);

/** Words that hold nothing between instructions. */
export const isScratch = (index: number): boolean =>
  (index >= WIDE && index < WIDE + WIDE_WORDS) || (index >= OPERAND && index < OPERAND + OPERAND_WORDS);

/** What is unlike flat protected mode with a stack as wide as the code, by words in the text. */
const UNUSUAL: readonly (readonly [word: string, bit: number, isUsual: boolean])[] = [
  ['vm86', MODE_VM86, false],
  ['real', MODE_REAL, false],
  ['segmented-code', MODE_FLAT_CODE, true],
  ['segmented-data', MODE_FLAT_DATA, true],
];

export function modeText(mode: number): string {
  const words = [`${(mode & MODE_CPL3) !== 0 ? 'user' : 'kernel'}${(mode & MODE_CS32) !== 0 ? 32 : 16}`];
  if (((mode & MODE_CS32) !== 0) !== ((mode & MODE_SS32) !== 0)) {
    words.push((mode & MODE_SS32) !== 0 ? 'stack32' : 'stack16');
  }
  for (const [word, bit, isUsual] of UNUSUAL) if (((mode & bit) !== 0) !== isUsual) words.push(word);
  return words.join(' ');
}

/** Inverse of modeText; −1: that is no mode. */
export function modeOf(text: string): number {
  const [first, ...words] = text.split(/\s+/);
  const match = /^(user|kernel)(16|32)$/.exec(first);
  if (match === null) return -1;
  let mode = (match[1] === 'user' ? MODE_CPL3 : 0) | (match[2] === '32' ? MODE_CS32 | MODE_SS32 : 0);
  for (const [, bit, isUsual] of UNUSUAL) if (isUsual) mode |= bit;
  for (const word of words) {
    const unusual = UNUSUAL.find(([name]) => name === word);
    if (unusual !== undefined) mode ^= unusual[1];
    else if (word === 'stack16' || word === 'stack32') mode ^= MODE_SS32;
    else return -1;
  }
  return modeText(mode) === [first, ...words].join(' ') ? mode : -1;
}
