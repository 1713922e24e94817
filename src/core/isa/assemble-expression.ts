// Tokens and expressions of assembly sources: numbers in NASM's notations, character constants, labels, `$`, `$$`, and
// the operators of C with C's precedence, on 32-bit integers. A value is a linear form, a number plus registers times
// factors, so that the inside of brackets and plain expressions are one grammar.

import { REGISTERS_16, REGISTERS_32 } from '../base/names.ts';

/** A mistake in a source, with the line it stands on. */
export class AssemblyError extends Error {
  override name = 'AssemblyError';
  readonly line: number;
  constructor(line: number, message: string) {
    super(line > 0 ? `line ${line}: ${message}` : message);
    this.line = line;
  }
}

export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'punctuation';
  readonly text: string;
  readonly value: number;
}

/** Blanks; a number; a name; a string; an operator. */
const TOKEN = new RegExp(
  [
    /\s+/,
    /(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9a-fA-F_]*[hH]\b|[0-9][0-9_]*)(?![\w.])/,
    /([A-Za-z_.?@][\w.?@]*|\$\$?(?!\w))/,
    /("[^"]*"|'[^']*'|`[^`]*`)/,
    /(<<|>>|[-+*/%&|^~(),:[\]])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'y',
);

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0', e: '\x1b', '\\': '\\' };

function numberOf(text: string): number {
  const digits = text.replace(/_/g, '');
  if (/^0[xX]/.test(digits)) return Number.parseInt(digits.slice(2), 16) | 0;
  if (/^0[bB]/.test(digits) && !/[hH]$/.test(digits)) return Number.parseInt(digits.slice(2), 2) | 0;
  if (/[hH]$/.test(digits)) return Number.parseInt(digits.slice(0, -1), 16) | 0;
  return Number.parseInt(digits, 10) | 0;
}

export function tokenize(text: string, line: number): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new AssemblyError(line, `${text.slice(start).trim()} is not readable`);
    if (match[1] !== undefined) tokens.push({ kind: 'number', text: match[1], value: numberOf(match[1]) });
    else if (match[2] !== undefined) tokens.push({ kind: 'name', text: match[2], value: 0 });
    else if (match[3] !== undefined) {
      let inner = match[3].slice(1, -1);
      if (match[3].startsWith('`'))
        inner = inner.replace(/\\(.)/g, (_all, letter: string) => ESCAPES[letter] ?? letter);
      tokens.push({ kind: 'string', text: inner, value: 0 });
    } else if (match[4] !== undefined) tokens.push({ kind: 'punctuation', text: match[4], value: 0 });
  }
  return tokens;
}

/** A position in a line's tokens. */
export interface Cursor {
  readonly line: number;
  peek(ahead?: number): Token | undefined;
  next(): Token | undefined;
  /** Step over the word if it stands here. */
  accept(text: string): boolean;
  rest(): readonly Token[];
  expectEnd(): void;
}

export function cursorOf(tokens: readonly Token[], line: number): Cursor {
  let at = 0;
  return {
    line,
    peek: (ahead = 0) => tokens[at + ahead],
    next: () => tokens[at++],
    accept(text) {
      const token = tokens[at];
      if (token === undefined || token.kind === 'string' || token.text.toLowerCase() !== text) return false;
      at++;
      return true;
    },
    rest: () => tokens.slice(at),
    expectEnd() {
      if (at < tokens.length) throw new AssemblyError(line, `${tokens[at].text} is one word too many`);
    },
  };
}

export interface Scope {
  lookup(name: string): { value: number; wide: boolean };
}

/** A number plus registers. */
export interface Linear {
  readonly value: number;
  /** Made from a label: it may still move. */
  readonly wide: boolean;
  /** General registers by `bits << 4 | number`, with their factors. */
  readonly registers: ReadonlyMap<number, number>;
}

const NO_REGISTERS: ReadonlyMap<number, number> = new Map();
const GENERAL_32: readonly string[] = REGISTERS_32;
const GENERAL_16: readonly string[] = REGISTERS_16;

/** Operators by precedence, loosest first. */
const LEVELS: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']];

/** An expression that may name registers: the inside of brackets. */
export function evaluateLinear(cursor: Cursor, scope: Scope, level = 0): Linear {
  if (level === LEVELS.length) return unary(cursor, scope);
  let left = evaluateLinear(cursor, scope, level + 1);
  for (;;) {
    const operator = cursor.peek();
    if (operator?.kind !== 'punctuation' || !LEVELS[level].includes(operator.text)) return left;
    cursor.next();
    left = combine(operator.text, left, evaluateLinear(cursor, scope, level + 1), cursor.line);
  }
}

/** An expression without registers. */
export function evaluate(cursor: Cursor, scope: Scope): { value: number; wide: boolean } {
  const { value, wide, registers } = evaluateLinear(cursor, scope);
  if (registers.size > 0) throw new AssemblyError(cursor.line, 'a register does not belong in this expression');
  return { value, wide };
}

function combine(operator: string, a: Linear, b: Linear, line: number): Linear {
  const wide = a.wide || b.wide;
  if (operator === '+' || operator === '-') {
    const sign = operator === '+' ? 1 : -1;
    const value = (a.value + sign * b.value) | 0;
    if (b.registers.size === 0) return { value, wide, registers: a.registers };
    const registers = new Map(a.registers);
    for (const [key, factor] of b.registers) registers.set(key, (registers.get(key) ?? 0) + sign * factor);
    return { value, wide, registers };
  }
  if (a.registers.size > 0 || b.registers.size > 0) {
    const [form, factor] = a.registers.size > 0 ? [a, b] : [b, a];
    if (operator !== '*' || factor.registers.size > 0) throw new AssemblyError(line, `${operator} on a register`);
    const registers = new Map([...form.registers].map(([key, old]) => [key, old * factor.value]));
    return { value: Math.imul(form.value, factor.value), wide, registers };
  }
  if ((operator === '/' || operator === '%') && b.value === 0) {
    if (wide) return { value: 0, wide, registers: NO_REGISTERS }; // a label not known yet
    throw new AssemblyError(line, 'division by zero');
  }
  return { value: arithmetic(operator, a.value, b.value), wide, registers: NO_REGISTERS };
}

function arithmetic(operator: string, a: number, b: number): number {
  switch (operator) {
    case '*':
      return Math.imul(a, b);
    case '/':
      return ((a >>> 0) / (b >>> 0)) | 0;
    case '%':
      return ((a >>> 0) % (b >>> 0)) | 0;
    case '<<':
      return b >>> 0 > 31 ? 0 : a << b;
    case '>>':
      return b >>> 0 > 31 ? 0 : (a >>> b) | 0;
    case '&':
      return a & b;
    case '|':
      return a | b;
    default:
      return a ^ b;
  }
}

function unary(cursor: Cursor, scope: Scope): Linear {
  const token = cursor.next();
  if (token === undefined) throw new AssemblyError(cursor.line, 'the line ends where a value was expected');
  if (token.kind === 'number') return { value: token.value, wide: false, registers: NO_REGISTERS };
  if (token.kind === 'string') {
    if (token.text.length > 4) throw new AssemblyError(cursor.line, 'a character constant has at most four characters');
    let value = 0;
    for (let i = token.text.length - 1; i >= 0; i--) value = (value << 8) | (token.text.charCodeAt(i) & 0xff);
    return { value, wide: false, registers: NO_REGISTERS };
  }
  if (token.kind === 'name') {
    const word = token.text.toLowerCase();
    const wideRegister = GENERAL_32.indexOf(word);
    if (wideRegister >= 0) return { value: 0, wide: false, registers: new Map([[(32 << 4) | wideRegister, 1]]) };
    const register = GENERAL_16.indexOf(word);
    if (register >= 0) return { value: 0, wide: false, registers: new Map([[(16 << 4) | register, 1]]) };
    return { ...scope.lookup(token.text), registers: NO_REGISTERS };
  }
  if (token.text === '(') {
    const inner = evaluateLinear(cursor, scope);
    if (!cursor.accept(')')) throw new AssemblyError(cursor.line, ') is missing');
    return inner;
  }
  if (token.text === '-' || token.text === '+' || token.text === '~') {
    const inner = unary(cursor, scope);
    if (token.text === '+') return inner;
    if (inner.registers.size > 0) throw new AssemblyError(cursor.line, `${token.text} on a register`);
    return { ...inner, value: token.text === '-' ? -inner.value | 0 : ~inner.value };
  }
  throw new AssemblyError(cursor.line, `a value was expected, not ${token.text}`);
}
