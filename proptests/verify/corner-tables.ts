/**
 * The corner values of random programs in the guest's memory: integers, counts of shifts, singles, doubles and extended
 * reals, each in a table that is turned a few places on after every turn of the program, so that an instruction meets
 * other values each time; and the control words that programs load. Source text for the assembler; addresses below
 * 1a0000h are given.
 */
import { CORNERS_F32, CORNERS_F64, CORNERS_F80 } from '../support/float-corners.ts';

export const NUMBERS = [
  0, 1, 2, 3, 7, 15, 31, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];
/** Of shifts: none, all bits but one and more, each width, those of which five bits count. */
export const COUNTS = [0, 1, 2, 7, 8, 15, 16, 17, 0, 24, 30, 31, 1, 32, 33, 0x50, 0xff];

interface Table {
  readonly at: number;
  readonly words: readonly number[];
  /** Of an entry; extended reals take sixteen. */
  readonly bytes: number;
  /** Entries that it is turned on by. */
  readonly turn: number;
}

export const CORNERS = 0x188000;
export const CORNERS_COUNTS = 0x188080;
export const CORNERS_32 = 0x188100;
export const CORNERS_64 = 0x188400;
export const CORNERS_80 = 0x188800;

const TABLES: readonly Table[] = [
  { at: CORNERS, words: NUMBERS, bytes: 4, turn: 5 },
  { at: CORNERS_COUNTS, words: COUNTS, bytes: 4, turn: 5 },
  { at: CORNERS_32, words: CORNERS_F32, bytes: 4, turn: 3 },
  { at: CORNERS_64, words: CORNERS_F64.flat(), bytes: 8, turn: 3 },
  { at: CORNERS_80, words: CORNERS_F80.flatMap((three) => [...three, 0]), bytes: 16, turn: 3 },
];

const MXCSR_USUAL = [0x1f80, 0x1fa0];
/** The other roundings, flush to zero, denormals are zero; with and without PE. */
const MXCSR_OTHERS = [0x3f80, 0x5fa0, 0x7f80, 0x7fa0, 0x9fa0, 0x1fc0, 0x9fc0];
const CONTROL_USUAL = [0x37f, 0x37f, 0x27f];
const CONTROL_OTHERS = [0x77f, 0xb7f, 0xf7f, 0x07f, 0xe7f];
const ALL_MODES = [MXCSR_USUAL, MXCSR_OTHERS, CONTROL_USUAL, CONTROL_OTHERS];

/** Offsets from `modes` of the words to choose from. */
function placesOf(list: readonly number[]): readonly number[] {
  const before = ALL_MODES.slice(0, ALL_MODES.indexOf(list as number[])).flat().length;
  return list.map((_, i) => 4 * (before + i));
}
export const MXCSR_PLACES = { usual: placesOf(MXCSR_USUAL), others: placesOf(MXCSR_OTHERS) };
export const CONTROL_PLACES = { usual: placesOf(CONTROL_USUAL), others: placesOf(CONTROL_OTHERS) };

const words = (list: readonly number[]): string => `dd ${list.map((word) => word >>> 0).join(', ')}`;

/** Behind the code. */
export function cornerData(): string {
  const tables = TABLES.map((table, i) => `table${i}: ${words(table.words)}`);
  return ['align 16', ...tables, `modes: ${words(ALL_MODES.flat())}`].join('\n');
}

const copy = (from: number | string, to: number, count: number): string =>
  `mov esi, ${from}\nmov edi, ${to}\nmov ecx, ${count}\nrep movsd`;

/** Before the first turn. */
export function cornerSetup(): string {
  return TABLES.map(({ at, words: list }, i) => copy(`table${i}`, at, list.length)).join('\n');
}

/** At the end of a turn: what stood first stands last. */
export function cornerTurn(): string {
  return TABLES.map(({ at, words: list, bytes, turn }) => {
    const moved = bytes * turn;
    const size = 4 * list.length;
    return `${copy(at, at + size, moved >> 2)}\n${copy(at + moved, at, size >> 2)}`;
  }).join('\n');
}
