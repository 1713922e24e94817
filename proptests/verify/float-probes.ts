/**
 * Probes of SSE and x87 instructions: each encoding of each row that works on XMM registers, in turn, on operands that
 * have just been drawn from corner values of its format (support/float-corners.ts), under the usual modes and sometimes
 * others; and x87 sequences that push such values, work on them and pop them again. What they leave is kept. The rows'
 * own encodings say which operands there are, so a new row is probed the day it exists. All exceptions stay masked.
 */
import { CONDITIONS, REGISTERS_32 } from '../../src/core/base/names.ts';
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import { SIMD_ROWS } from '../../src/core/isa/rows-simd.ts';
import { X87_ROWS } from '../../src/core/isa/rows-x87.ts';
import { LIFTERS } from '../../tiers/lift/lift.ts';
import { CORNERS_F32, CORNERS_F64, CORNERS_F80 } from '../support/float-corners.ts';
import { CONTROL_PLACES, CORNERS, CORNERS_32, CORNERS_64, CORNERS_80, MXCSR_PLACES, NUMBERS } from './corner-tables.ts';
import { DATA, DATA_BYTES, Deck, type Lines } from './probes.ts';

const GENERAL = REGISTERS_32.filter((name) => !/[sb]p/.test(name));
/** Conditions that a comparison of floats decides. */
const COMPARED = CONDITIONS.filter((name) => !/[osl]/.test(name));

interface Form {
  readonly name: string;
  /** In the manual's notation. */
  readonly operands: readonly string[];
}

function formsOf(rows: readonly { readonly name: string; readonly encodings: readonly string[] }[]): Form[] {
  return rows.flatMap(({ name, encodings }) =>
    encodings.flatMap((encoding) => {
      const operands = encoding.split(/\s+/).find((word) => word.includes(',')) ?? '';
      return operands === '' ? [] : [{ name, operands: operands.split(',') }];
    }),
  );
}

/** On XMM registers, with general registers and memory; MMX registers are the x87's, and not compiled. */
const XMM_FORMS = formsOf(SIMD_ROWS).filter(
  ({ name, operands }) =>
    operands.some((operand) => /^[VWU]/.test(operand)) &&
    !operands.some((operand) => /^[PQN]/.test(operand)) &&
    name !== 'MASKMOVDQU',
);
/** How often it is in the deck: what is lifted, and what converts or has arithmetic, is probed most. */
function weightOf({ name }: Form): number {
  const converts = name.startsWith('CVT');
  const isArithmetic = converts || /^(ADD|SUB|MUL|DIV|SQRT|U?COMI|MIN|MAX|CMP)/.test(name);
  return (name in LIFTERS ? (isArithmetic ? 5 : 3) : isArithmetic ? 2 : 1) + (converts ? 4 : 0);
}

const BINARY = ['fadd', 'fsub', 'fsubr', 'fmul', 'fdiv', 'fdivr'];
const UNARY = X87_ROWS.map(({ name }) => name.toLowerCase()).filter((name) =>
  /^(fchs|fabs|fsqrt|frndint|fxtract|f2xm1|fnop|fsin|fcos|fsincos|fptan)$/.test(name),
);
const OF_TWO = ['fscale', 'fprem', 'fprem1', 'fyl2x', 'fyl2xp1', 'fpatan'];
const CONSTANTS_OF_ROM = ['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'];
const MOVES_IF = ['fcmovb', 'fcmove', 'fcmovbe', 'fcmovu', 'fcmovnb', 'fcmovne', 'fcmovnbe', 'fcmovnu'];

/** What an x87 sequence does in its middle, by the effect on the stack. */
const MIDDLES: readonly (readonly [text: string, depth: number])[] = [
  ...BINARY.flatMap((name): [string, number][] => [
    [`${name} st0, st1`, 0],
    [`${name} st1, st0`, 0],
    [`${name}p st1, st0`, -1],
    [`${name} dword F32`, 0],
    [`${name} qword F64`, 0],
    [`${name.replace('f', 'fi')} dword I32`, 0],
    [`${name.replace('f', 'fi')} word I16`, 0],
  ]),
  ...(['fcom', 'fcomp'] as const).flatMap((name): [string, number][] => {
    const depth = name.endsWith('p') ? -1 : 0;
    const integer = name.replace('f', 'fi');
    return [
      [`${name} st1`, depth],
      [`${name} dword F32`, depth],
      [`${name} qword F64`, depth],
      [`${integer} dword I32`, depth],
      [`${integer} word I16`, depth],
    ];
  }),
  ...(['fucom st1', 'fcomi st0, st1', 'fucomi st0, st1', 'ftst', 'fxam', 'fxch st1', 'fxch st2'] as const).map(
    (text): [string, number] => [text, 0],
  ),
  ['fucomp st1', -1],
  ['fcomip st0, st1', -1],
  ['fucomip st0, st1', -1],
  ['fcompp', -2],
  ['fucompp', -2],
  ...UNARY.map((name): [string, number] => [name, /^(fxtract|fsincos|fptan)$/.test(name) ? 1 : 0]),
  ...OF_TWO.map((name): [string, number] => [name, name.startsWith('fy') || name === 'fpatan' ? -1 : 0]),
  ...CONSTANTS_OF_ROM.map((name): [string, number] => [name, 1]),
  ...MOVES_IF.map((name): [string, number] => [`${name} st0, st1`, 0]),
  ['fld st1', 1],
  ['fst st1', 0],
  ['fdecstp\nfincstp', 0],
  ['fnstsw ax\nKEEP', 0],
  ['fnstsw word KEPT', 0],
  ['fnstcw word KEPT', 0],
  ['ffree st2', 0],
  ...Array<[string, number]>(5).fill(['frndint', 0]),
];

/** How a value leaves the stack: to memory, narrowed or rounded. */
const STORES = [
  ...['fst dword', 'fst qword', 'fist dword', 'fist word'],
  ...['fstp dword', 'fstp qword', 'fstp tword', 'fistp dword', 'fistp word', 'fistp qword'],
  ...['fisttp dword', 'fisttp word', 'fisttp qword'],
  ...['fist dword', 'fistp dword', 'fisttp dword', 'fistp word', 'fisttp word', 'fistp qword'],
];

export class FloatProbes {
  private readonly lines: Lines;
  private readonly forms: Deck<Form>;
  private readonly middles: Deck<readonly [text: string, depth: number]>;
  private readonly stores: Deck<string>;
  /** Places taken for a row so far. */
  private readonly uses = new Map<string, number>();

  constructor(lines: Lines) {
    this.lines = lines;
    const { seed } = lines;
    this.forms = new Deck(
      XMM_FORMS.flatMap((form) => Array<Form>(weightOf(form)).fill(form)),
      seed,
    );
    this.middles = new Deck(MIDDLES, seed);
    this.stores = new Deck(STORES, seed);
  }

  probe(): void {
    if (this.lines.dice.below(3) === 0) this.x87();
    else this.sse();
  }

  // -------------------------------------------------------------------------------------------------------------
  // SSE

  private sse(): void {
    const { lines } = this;
    const { dice } = lines;
    const { name, operands } = this.forms.next();
    const how = dice.below(6);
    if (how < 3) lines.push(`ldmxcsr [modes + ${dice.pick(how < 2 ? MXCSR_PLACES.usual : MXCSR_PLACES.others)}]`);
    const x = dice.below(8);
    const y = dice.below(6) === 0 ? x : dice.below(8);
    const general = dice.pick(GENERAL);
    const texts = operands.map((operand, i) => this.operand(operand, i === 0 ? x : y, general, name, i === 0, x));
    if (dice.below(5) === 0 && operands.every((operand) => /^[VWU]/.test(operand)) && x !== y) {
      lines.push(`movaps xmm${y}, xmm${x}`);
    }
    lines.push(`${name.toLowerCase()} ${texts.join(', ')}`);
    if (/COMI/.test(name)) lines.reader(dice.pick(COMPARED));
    if (/^G/.test(operands[0])) lines.push(`mov [${lines.trace(1)}], ${general}`);
    else lines.push(`movups [${lines.trace(4)}], xmm${x}`);
    if (dice.below(4) === 0) lines.push(`stmxcsr [${lines.trace(1)}]`);
  }

  /** The text of an operand that has been given a value. */
  private operand(
    notation: string,
    xmm: number,
    general: string,
    name: string,
    isFirst: boolean,
    besides: number,
  ): string {
    const { lines } = this;
    const { dice } = lines;
    const letter = notation[0];
    const letters = notation.slice(1);
    if (letter === 'I') return String(dice.below(4) === 0 ? dice.below(256) : dice.below(8));
    if (letter === 'G') {
      if (!isFirst) lines.push(`mov ${general}, ${this.integer()}`);
      return general;
    }
    if (letter === 'E' || letter === 'R') {
      if (letter === 'E' && dice.below(2) === 0) {
        const place = this.place(4, false);
        if (!isFirst) lines.push(`mov dword [${place}], ${dice.pick(NUMBERS)}`);
        return `dword [${place}]`;
      }
      lines.push(`mov ${general}, ${this.integer()}`);
      return general;
    }
    const isRegister = letter === 'V' || letter === 'U' || (letter === 'W' && dice.below(3) > 0);
    if (isRegister) {
      // What the last probes left is a value too.
      if (dice.below(5) > 0) this.load(xmm, letters, name);
      return `xmm${xmm}`;
    }
    return this.memory(letters, name, isFirst, besides);
  }

  private integer(): string {
    const { dice } = this.lines;
    return dice.below(3) === 0 ? String(dice.below(0x1_0000_0000)) : `[${CORNERS + 4 * dice.below(NUMBERS.length)}]`;
  }

  private load(xmm: number, letters: string, name: string): void {
    const move = /^(ss|d)$/.test(letters) ? 'movss' : /^(sd|q)$/.test(letters) ? 'movsd' : 'movups';
    this.lines.push(`${move} xmm${xmm}, ${this.corners(letters, name)}`);
  }

  /** A value, or as many as the operand has, from the tables. */
  private corners(letters: string, name: string): string {
    const { dice } = this.lines;
    const single = (count: number): string => `[${CORNERS_32 + 4 * this.spread(name, CORNERS_F32.length - count + 1)}]`;
    const double = (count: number): string => `[${CORNERS_64 + 8 * this.spread(name, CORNERS_F64.length - count + 1)}]`;
    switch (letters) {
      case 'ss':
      case 'd':
        return single(1);
      case 'sd':
      case 'q':
        return double(1);
      case 'ps':
        return single(4);
      case 'pd':
        return double(2);
      default: {
        const integers = `[${CORNERS + 4 * dice.below(NUMBERS.length - 3)}]`;
        return dice.pick([single(4), double(2), integers, integers]);
      }
    }
  }

  /** A place in a table: for a row from program to program, and from one probe to the next, evenly over all of it. */
  private spread(name: string, count: number): number {
    const before = this.uses.get(name) ?? 0;
    this.uses.set(name, before + 1);
    const part = this.lines.seed * 0.6180339887 + before * 0.3247179572;
    return Math.floor((part - Math.floor(part)) * count);
  }

  /** In memory that may be written; whole registers must be aligned unless the name says otherwise. */
  private memory(letters: string, name: string, isFirst: boolean, besides: number): string {
    const { lines } = this;
    const bytes = /^(ss|d)$/.test(letters) ? 4 : /^(sd|q)$/.test(letters) ? 8 : 16;
    const mustBeAligned = bytes === 16 && !/^(MOVU|MOVDQU|LDDQU)/.test(name);
    const place = this.place(bytes, mustBeAligned);
    if (!isFirst) {
      const through = besides === 7 ? 6 : 7;
      this.load(through, letters, name);
      lines.push(`${bytes === 4 ? 'movss' : bytes === 8 ? 'movsd' : 'movups'} [${place}], xmm${through}`);
    }
    return `[${place}]`;
  }

  private place(bytes: number, mustBeAligned: boolean): number {
    const { dice } = this.lines;
    const how = mustBeAligned ? 5 : dice.below(6);
    if (how === 0) return DATA + PAGE_BYTES - 1 - dice.below(bytes - 1);
    const aligned = DATA + bytes * dice.below(Math.floor(DATA_BYTES / bytes) - 2);
    return how === 1 ? aligned + 1 + dice.below(bytes - 1) : aligned;
  }

  // -------------------------------------------------------------------------------------------------------------
  // x87

  private x87(): void {
    const { lines } = this;
    const { dice } = lines;
    const how = dice.below(6);
    if (how < 3) lines.push(`fldcw [modes + ${dice.pick(how < 2 ? CONTROL_PLACES.usual : CONTROL_PLACES.others)}]`);
    for (let i = 0; i < 3; i++) lines.push(this.pushed());
    let depth = 3;
    for (let i = dice.below(2); i >= 0; i--) {
      const [text, change] = this.middles.next();
      if (depth + change < 1 || depth + change > 6) continue;
      if (text.includes('fcmov') || text.includes('comi')) this.flags();
      lines.push(this.filled(text));
      if (/comi/.test(text)) lines.reader(dice.pick(COMPARED));
      depth += change;
    }
    if (dice.below(6) === 0) lines.push(`fnstenv [${lines.trace(7)}]`);
    while (depth > 0) {
      const store = this.stores.next();
      lines.push(`${store} [${lines.trace(3)}]`);
      if (/^f\w+p /.test(store)) depth--;
    }
  }

  /** Something that pushes a value. */
  private pushed(): string {
    const { dice } = this.lines;
    return this.filled(
      dice.pick([
        ...['fld dword F32', 'fld qword F64', 'fld qword F64', 'fld tword F80', 'fld tword F80', 'fld tword F80'],
        ...['fild dword I32', 'fild word I16', 'fild qword I64'],
      ]),
    );
  }

  private flags(): void {
    const { dice } = this.lines;
    this.lines.push(dice.pick(['cmp eax, ecx', 'stc', 'clc', 'cmp edx, edx', 'test eax, eax']));
  }

  /** With the places of its operands: corner values where they stand, or copies that lie crooked. */
  private filled(text: string): string {
    const { lines } = this;
    const { dice } = lines;
    const copied = (source: string, words: number): string => {
      if (dice.below(3) > 0) return source;
      const place = this.place(4 * words, false);
      for (let k = 0; k < words; k++) {
        lines.push(`mov eax, ${source.replace(']', ` + ${4 * k}]`)}\nmov [${place + 4 * k}], eax`);
      }
      return `[${place}]`;
    };
    const pick = (at: number, bytes: number, count: number): string => `[${at + bytes * this.spread('x87', count)}]`;
    return text
      .replace('F32', () => copied(pick(CORNERS_32, 4, CORNERS_F32.length), 1))
      .replace('F64', () => copied(pick(CORNERS_64, 8, CORNERS_F64.length), 2))
      .replace('F80', () => pick(CORNERS_80, 16, CORNERS_F80.length))
      .replace('I32', () => copied(pick(CORNERS, 4, NUMBERS.length), 1))
      .replace('I16', () => `[${CORNERS + 2 * dice.below(2 * NUMBERS.length)}]`)
      .replace('I64', () => `[${CORNERS + 4 * dice.below(NUMBERS.length - 1)}]`)
      .replace('KEPT', () => `[${lines.trace(1)}]`)
      .replace('KEEP', () => `mov [${lines.trace(1)}], eax`);
  }
}
