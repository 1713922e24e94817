/**
 * Conditions over a CPU: `eax == 5 && [esp+4] > 0x1000`. Names are registers (SDM spelling, 8, 16 and 32 bits),
 * `eip`, `eflags` and its bits (`zf`), segment selectors and bases (`fs.base`), control registers, `cpl`, `tick`, and
 * whatever symbols the caller knows. `[a]`, `dword[a]`, `word[a]`, `byte[a]` read memory at a linear address, which
 * gives 0 where nothing is mapped, and so does C's `*a`. Arithmetic is unsigned modulo 2^32; `s<`, `s>` compare as
 * signed numbers. Operators bind as in C. gdb's `$eax`, `$pc`, `$sp`, `$fp` are understood. Eight hexadecimal digits
 * that begin with 0 or hold a letter are hexadecimal, as listings print addresses. Evaluation touches nothing.
 */
import { excerpt } from '../base/excerpt.ts';
import {
  type Bound,
  combinedBound,
  constantBound,
  isChangeable,
  memoryBound,
  negatedBound,
  registerBound,
} from './condition-basis.ts';
import { combinedTerm, constantTerm, memoryTerm, negatedTerm, registerTerm, type Term } from './condition-terms.ts';
import { FLAG_NAMES } from '../state/flag-names.ts';
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, STATE_SEGMENTS } from '../base/names.ts';
import { peekNumber } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { flagValue, getFlags } from '../state/flags.ts';
import { type RegisterTerm, readsState } from '../state/register-term.ts';
import { CR0, CR2, CR3, CR4, CS, EFER, EIP, SEG_BASE, SEG_LIMIT, SEG_SELECTOR } from '../state/layout.ts';

export type Evaluator = (cpu: Cpu) => number;
/** Value of a symbol, or undefined. */
export type SymbolLookup = (name: string) => number | undefined;

/** Where in what was typed a mistake is. */
export interface MistakePlace {
  readonly text: string;
  readonly at: number;
}

/** What is wrong and what was expected, as a sentence without its end. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  /** Null: it is in no place of a text. */
  readonly place: MistakePlace | null;
  /** A name stands for nothing: it may be that of a symbol which is not known yet. */
  readonly isUnknownName: boolean;
  constructor(message: string, place: MistakePlace | null = null, isUnknownName = false) {
    super(message);
    this.place = place;
    this.isUnknownName = isUnknownName;
  }
}

/** The sentence, and below it the text with a caret under the place, where there is one. */
export function mistakeText({ message, place }: { message: string; place: MistakePlace | null }): string {
  return place === null ? message : `${message}\n${excerpt(place.text, place.at)}`;
}

const numberOf = (names: readonly string[], name: string): number => names.indexOf(name);

const CONTROL: Readonly<Record<string, number>> = { eip: EIP, cr0: CR0, cr2: CR2, cr3: CR3, cr4: CR4, efer: EFER };
/** What gdb calls registers of any processor; only behind its $, since sp is also 16 bits of ESP. */
const GDB_NAMES: Readonly<Record<string, string>> = {
  $pc: 'eip',
  $sp: 'esp',
  $fp: 'ebp',
  $ps: 'eflags',
};

/** A register's own name for the one that gdb or a person gives it. */
function plainName(name: string): string {
  const given = name.toLowerCase();
  return Object.hasOwn(GDB_NAMES, given) ? GDB_NAMES[given] : given.replace(/^\$/, '');
}

/** How to read a register, or null when there is none of that name. */
export function registerReader(name: string): Evaluator | null {
  const lower = plainName(name);
  const general = numberOf(REGISTERS_32, lower);
  if (general >= 0) return (cpu) => cpu.m32[general] >>> 0;
  const word = numberOf(REGISTERS_16, lower);
  if (word >= 0) return (cpu) => cpu.m32[word] & 0xffff;
  const byte = numberOf(REGISTERS_8, lower);
  if (byte >= 0) return (cpu) => (cpu.m32[byte & 3] >>> (byte < 4 ? 0 : 8)) & 0xff;
  const segment = numberOf(STATE_SEGMENTS, lower.replace(/\.(base|limit)$/, ''));
  if (segment >= 0) {
    const first = lower.endsWith('.base') ? SEG_BASE : lower.endsWith('.limit') ? SEG_LIMIT : SEG_SELECTOR;
    return (cpu) => cpu.m32[first + segment] >>> 0;
  }
  if (Object.hasOwn(CONTROL, lower)) {
    const word = CONTROL[lower];
    return (cpu) => cpu.m32[word] >>> 0;
  }
  if (lower === 'eflags') return (cpu) => getFlags(cpu) >>> 0;
  if (Object.hasOwn(FLAG_NAMES, lower)) return (cpu) => flagValue(cpu, FLAG_NAMES[lower]);
  if (lower === 'cpl') return (cpu) => cpu.m32[SEG_SELECTOR + CS] & 3;
  if (lower === 'tick') return (cpu) => cpu.now();
  return null;
}

/** Binary operators by precedence, loosest first; each list is of one level. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>=', 's<', 's>', 's<=', 's>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const APPLY: Readonly<Record<string, (a: number, b: number) => number>> = {
  '|': (a, b) => (a | b) >>> 0,
  '^': (a, b) => (a ^ b) >>> 0,
  '&': (a, b) => (a & b) >>> 0,
  '==': (a, b) => (a === b ? 1 : 0),
  '!=': (a, b) => (a === b ? 0 : 1),
  '<': (a, b) => (a < b ? 1 : 0),
  '<=': (a, b) => (a <= b ? 1 : 0),
  '>': (a, b) => (a > b ? 1 : 0),
  '>=': (a, b) => (a >= b ? 1 : 0),
  's<': (a, b) => ((a | 0) < (b | 0) ? 1 : 0),
  's<=': (a, b) => ((a | 0) <= (b | 0) ? 1 : 0),
  's>': (a, b) => ((a | 0) > (b | 0) ? 1 : 0),
  's>=': (a, b) => ((a | 0) >= (b | 0) ? 1 : 0),
  '<<': (a, b) => (b > 31 ? 0 : (a << b) >>> 0),
  '>>': (a, b) => (b > 31 ? 0 : (a >>> 0) >>> b),
  '+': (a, b) => (a + b) >>> 0,
  '-': (a, b) => (a - b) >>> 0,
  '*': (a, b) => Math.imul(a, b) >>> 0,
  '/': (a, b) => (b === 0 ? 0 : Math.floor((a >>> 0) / (b >>> 0))),
  '%': (a, b) => (b === 0 ? 0 : (a >>> 0) % (b >>> 0)),
};

const NEGATE: Readonly<Record<'-' | '~' | '!', (value: Evaluator) => Evaluator>> = {
  '-': (value) => (cpu) => -value(cpu) >>> 0,
  '~': (value) => (cpu) => ~value(cpu) >>> 0,
  '!': (value) => (cpu) => (value(cpu) === 0 ? 1 : 0),
};

const NUMBER = /(0x[0-9a-f_]+|[0-9][0-9a-f_]*h\b|[0-9][0-9a-f]{7}(?![\w.$@])|\d[\d_]*)/;
/** An address as listings print it, without 0x. */
const BARE_ADDRESS = /^(?=0|.*[a-f])[0-9a-f]{8}$/i;
const NAME = /([a-z_.$@][\w.$@]*)/;
const SIGN = /(\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%&|^~!<>()[\]])/;
const TOKEN = new RegExp(`\\s*(?:${NUMBER.source}|${NAME.source}|${SIGN.source})`, 'iy');
const DEPTH_MAX = 64;

/** What is known of a part of an expression without a machine. */
interface Part {
  readonly evaluate: Evaluator;
  /** Its value, when it has the same everywhere. */
  readonly constant?: number;
  readonly isEip?: boolean;
  /** It is not 0 only where EIP is one of these. */
  readonly eips?: readonly number[];
  /** What it asks of general registers and arithmetic flags. */
  readonly term?: Term;
  /** What it is made of. */
  readonly bound?: Bound;
  readonly isTick?: boolean;
  /** It is 0 before this tick. */
  readonly fromTick?: number;
}

/** A condition, and where it cannot hold. */
export interface Condition {
  readonly evaluate: Evaluator;
  /** The values of EIP outside of which it never holds; null: it may hold anywhere. */
  readonly eips: readonly number[] | null;
  /** It never holds where this is 0; null: nothing is known of it. */
  readonly term: RegisterTerm | null;
  /** The same, and what it is made of; null: it may change anywhere. */
  readonly bound: Bound | null;
  /** It never holds before this tick. */
  readonly fromTick: number;
}

/** A condition of which nothing is known. */
export const conditionOf = (evaluate: Evaluator): Condition => ({
  ...{ evaluate, eips: null, term: null, bound: null },
  fromTick: 0,
});

interface Token {
  readonly word: string;
  /** Offset in the text. */
  readonly at: number;
}

interface Parser {
  readonly tokens: readonly Token[];
  readonly symbols: SymbolLookup;
  readonly source: Source;
  at: number;
  depth: number;
}

/** An expression, and where it stands in what was typed. */
interface Source {
  readonly text: string;
  readonly whole: string;
  readonly from: number;
}

const fail = ({ whole, from }: Source, at: number, message: string, isUnknownName = false): never => {
  throw new ExpressionError(message, { text: whole, at: from + at }, isUnknownName);
};

/**
 * Compiles an expression; throws ExpressionError with what was expected. `whole` is the text that it is a part of, from
 * an offset on: mistakes are shown there.
 */
export function compileExpression(
  text: string,
  symbols?: SymbolLookup,
  { whole, from }: { readonly whole: string; readonly from: number } = { whole: text, from: 0 },
): Evaluator {
  return parseWhole({ text, whole, from }, symbols).evaluate;
}

/** The same of a condition, with the places where it can hold. */
export function compileCondition(text: string, symbols?: SymbolLookup): Condition {
  const part = parseWhole({ text, whole: text, from: 0 }, symbols);
  const { evaluate, eips = null, term, bound, fromTick = 0 } = part;
  return {
    evaluate,
    eips,
    term: term !== undefined && readsState(term.term) ? term.term : null,
    bound: bound !== undefined && isChangeable(bound.basis) ? bound : null,
    fromTick,
  };
}

function parseWhole(source: Source, symbols: SymbolLookup = () => undefined): Part {
  const parser: Parser = { tokens: tokenize(source), symbols, source, at: 0, depth: 0 };
  const whole = parseLevel(parser, 0);
  const extra = parser.tokens.at(parser.at);
  if (extra !== undefined) fail(source, extra.at, `"${extra.word}" is one too many, an operator was expected`);
  return whole;
}

/** Whether the value depends on the machine: one that does not says nothing about a moment. */
export function dependsOnState(text: string): boolean {
  const tokens = tokenize({ text, whole: text, from: 0 });
  return tokens.some(({ word }, i) => {
    const isOperand = i > 0 && /[\w\])]$/.test(tokens[i - 1].word);
    return word === '[' || (word === '*' && !isOperand) || registerReader(word) !== null;
  });
}

function tokenize(source: Source): Token[] {
  const { text } = source;
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const begin = at + text.slice(at).search(/\S/);
    if (match === null) {
      fail(
        source,
        begin,
        `"${text.slice(at).trim()}" is no part of an expression, a value or an operator was expected`,
      );
      break;
    }
    const word = match[2];
    at = TOKEN.lastIndex;
    // `s<` is one operator: a name s cannot stand before a comparison anyway unless it is a symbol.
    if (word === 's' && /^[<>]/.test(text.slice(at))) {
      const operator = /^[<>]=?/.exec(text.slice(at))?.[0] ?? '';
      tokens.push({ word: `s${operator}`, at: begin });
      at += operator.length;
    } else tokens.push({ word: match[0].trim(), at: begin });
    if (tokens.length > 1000) fail(source, begin, 'the expression is too long');
  }
  return tokens;
}

function parseLevel(parser: Parser, level: number): Part {
  if (level === LEVELS.length) return parseUnary(parser);
  let left = parseLevel(parser, level + 1);
  for (;;) {
    const operator = parser.tokens.at(parser.at)?.word;
    if (operator === undefined || !LEVELS[level].includes(operator)) return left;
    parser.at++;
    left = combine(operator, left, parseLevel(parser, level + 1));
  }
}

function combine(operator: string, left: Part, right: Part): Part {
  const [a, b] = [left.evaluate, right.evaluate];
  const fromTick = combinedTick(operator, left, right);
  const madeOf = (evaluate: Evaluator): Part => ({
    evaluate,
    term: combinedTerm(operator, left.term, right.term),
    bound: combinedBound(operator, left.bound, right.bound, evaluate),
    ...(fromTick === undefined ? {} : { fromTick }),
  });
  if (operator === '||') {
    const whole = madeOf((cpu) => (a(cpu) !== 0 || b(cpu) !== 0 ? 1 : 0));
    if (left.eips === undefined || right.eips === undefined) return whole;
    return { ...whole, eips: [...left.eips, ...right.eips] };
  }
  if (operator === '&&') {
    const eips = left.eips ?? right.eips;
    const whole = madeOf((cpu) => (a(cpu) !== 0 && b(cpu) !== 0 ? 1 : 0));
    return eips === undefined ? whole : { ...whole, eips };
  }
  const apply = APPLY[operator];
  if (left.constant !== undefined && right.constant !== undefined)
    return constantPart(apply(left.constant, right.constant));
  const whole = madeOf((cpu) => apply(a(cpu), b(cpu)));
  const place = left.isEip === true ? right.constant : right.isEip === true ? left.constant : undefined;
  return operator === '==' && place !== undefined ? { ...whole, eips: [place] } : whole;
}

/** The tick before which an operator between two parts gives 0, where one is known. */
function combinedTick(operator: string, left: Part, right: Part): number | undefined {
  const [a, b] = [left.fromTick, right.fromTick];
  if (operator === '&&') return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
  if (operator === '||') return a === undefined || b === undefined ? undefined : Math.min(a, b);
  const isFirst = left.isTick === true;
  const limit = isFirst ? right.constant : right.isTick === true ? left.constant : undefined;
  if (limit === undefined) return undefined;
  if (operator === '==' || operator === (isFirst ? '>=' : '<=')) return limit;
  return operator === (isFirst ? '>' : '<') ? limit + 1 : undefined;
}

function parseUnary(parser: Parser): Part {
  const { source } = parser;
  const given = parser.tokens.at(parser.at);
  const at = given?.at ?? source.text.trimEnd().length;
  if (++parser.depth > DEPTH_MAX) fail(source, at, 'the expression is nested too deeply');
  try {
    parser.at++;
    const token = given?.word ?? fail(source, at, 'a value is missing here');
    if (token === '-' || token === '~' || token === '!') {
      const part = parseUnary(parser);
      const evaluate = NEGATE[token](part.evaluate);
      return { evaluate, term: negatedTerm(token, part.term), bound: negatedBound(part.bound, evaluate) };
    }
    if (token === '*') return memory(parseUnary(parser), 4);
    if (token === '(') return closing(parser, ')');
    if (token === '[') return memory(closing(parser, ']'), 4);
    const size = { byte: 1, word: 2, dword: 4 }[token.toLowerCase()];
    if (size !== undefined && parser.tokens.at(parser.at)?.word === '[') {
      parser.at++;
      return memory(closing(parser, ']'), size);
    }
    return value(parser, token, at);
  } finally {
    parser.depth--;
  }
}

function closing(parser: Parser, bracket: string): Part {
  const inner = parseLevel(parser, 0);
  const given = parser.tokens.at(parser.at++);
  if (given?.word !== bracket) {
    fail(parser.source, given?.at ?? parser.source.text.trimEnd().length, `a "${bracket}" is missing here`);
  }
  return inner;
}

function memory({ evaluate: address, bound, term }: Part, size: number): Part {
  const evaluate: Evaluator = (cpu) => peekNumber(cpu, address(cpu), size) ?? 0;
  return { evaluate, bound: memoryBound(bound, size, evaluate), term: memoryTerm(term, size) };
}

function constantPart(constant: number): Part {
  const evaluate: Evaluator = () => constant;
  return { evaluate, constant, term: constantTerm(constant), bound: constantBound(evaluate) };
}

function value({ source, symbols }: Parser, token: string, at: number): Part {
  if (/^[0-9]/.test(token)) {
    const digits = token.replaceAll('_', '');
    const isHex = /h$/i.test(digits) || BARE_ADDRESS.test(token);
    const number = isHex ? Number.parseInt(digits, 16) : Number(digits);
    if (!Number.isSafeInteger(number)) fail(source, at, `"${token}" is no number; hexadecimal is 0x1f or 1fh`);
    return constantPart(number);
  }
  const symbol = symbols(token);
  const register = registerReader(token);
  if (register !== null) {
    const name = plainName(token);
    const bound = registerBound(name, register);
    return { evaluate: register, isEip: name === 'eip', isTick: name === 'tick', term: registerTerm(name), bound };
  }
  if (symbol !== undefined) return constantPart(symbol >>> 0);
  if (BARE_ADDRESS.test(token)) {
    return constantPart(Number.parseInt(token, 16));
  }
  if (/^[\w.$@]/.test(token)) fail(source, at, `"${token}" is no register, number or symbol`, true);
  return fail(source, at, `"${token}" stands where a value is missing: a register, number or symbol was expected`);
}
