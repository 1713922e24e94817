// How numbers of the layout and of rows are spelled in JavaScript: as numbers in code that runs, by their names in text
// for people (goldens, explain, reports), which a new field or row then leaves as it is. In capitals, since `eax` is a
// variable of the code.

import { rowOf } from '../../src/core/isa/ops.ts';
import { wordName } from '../ir/names.ts';

export interface Spelling {
  /** An index into the 32-bit view; so many words are meant. */
  readonly word: (index: number, words?: number) => string;
  /** An index into the 64-bit view, given as one into the 32-bit view. */
  readonly pair: (index: number) => string;
  readonly row: (row: number) => string;
}

export const NUMBERS: Spelling = {
  word: (index) => `${index}`,
  pair: (index) => `${index >> 1}`,
  row: (row) => `${row}`,
};

export const NAMES: Spelling = {
  word: (index, words = 1) => wordName(index, words).toUpperCase(),
  pair: (index) => wordName(index, 2).toUpperCase(),
  row: (row) => rowOf(row).name,
};
