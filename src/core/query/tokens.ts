/**
 * The words of a query: names, numbers, texts in quotes and signs, each with its place.
 * What begins no word is an error with that place.
 */
import { QueryError } from './query-error.ts';

export type TokenKind = 'name' | 'number' | 'text' | 'sign' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it was written; of a text what it means. */
  readonly text: string;
  readonly at: number;
  /** Of a number. */
  readonly value: number;
}

const SPACE = /\s*/y;
const NUMBER =
  /0x[0-9a-f_]+|[0-9][0-9a-f]*h\b|(?:0[0-9a-f]{7}|[1-9](?=[0-9a-f]*[a-f])[0-9a-f]{7})\b|\d[\d_]*(?:\.\d+)?/iy;
const NAME = /[a-z_.$@][\w.$@]*/iy;
const TEXT = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/sy;
const SIGN = /\|\||&&|==|!=|<>|<=|>=|<<|>>|!~|[-+*/%&|^~!<>=(),;[\]]/y;
/** A query is a line that somebody has written. */
const LENGTH_MAX = 1 << 16;

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Throws QueryError at what begins no word. */
export function tokenize(text: string): Token[] {
  if (text.length > LENGTH_MAX) throw new QueryError(text, 0, `A query has at most ${LENGTH_MAX} characters`);
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    at += match(SPACE, text, at)?.[0].length ?? 0;
    if (at >= text.length) return [...tokens, { kind: 'end', text: '', at, value: 0 }];
    const token = tokenAt(text, at);
    tokens.push(token.token);
    at = token.end;
  }
}

function tokenAt(text: string, at: number): { token: Token; end: number } {
  const number = match(NUMBER, text, at)?.[0];
  if (number !== undefined) {
    const end = at + number.length;
    const value = numberOf(number);
    if (/[\w.$@]/.test(text[end] ?? '') || !Number.isFinite(value) || value > Number.MAX_SAFE_INTEGER) {
      throw new QueryError(text, at, 'This is no number: 123, 1_000_000, 0x1f, 1fh and 1.5 are');
    }
    return { token: { kind: 'number', text: number, at, value }, end };
  }
  const name = match(NAME, text, at)?.[0];
  if (name !== undefined) return { token: { kind: 'name', text: name, at, value: 0 }, end: at + name.length };
  const quoted = match(TEXT, text, at);
  if (quoted !== null) {
    const meant = meaningOf(quoted[1] ?? quoted[2] ?? '');
    return { token: { kind: 'text', text: meant, at, value: 0 }, end: at + quoted[0].length };
  }
  if (/["']/.test(text[at])) throw new QueryError(text, at, 'The text that begins here has no end: a quote is missing');
  const sign = match(SIGN, text, at)?.[0];
  if (sign === undefined) throw new QueryError(text, at, 'No word of a query begins like this');
  return { token: { kind: 'sign', text: sign, at, value: 0 }, end: at + sign.length };
}

function numberOf(text: string): number {
  const digits = text.replaceAll('_', '');
  if (/h$/i.test(digits)) return Number.parseInt(digits, 16);
  if (/^0x/i.test(digits) || digits.includes('.')) return Number(digits);
  // Eight hexadecimal digits, as listings print addresses.
  return /^0[0-9a-f]{7}$|[a-f]/i.test(digits) ? Number.parseInt(digits, 16) : Number(digits);
}

function meaningOf(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|.)/gis, (_all, code: string) => {
    if (/^x../i.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { n: '\n', r: '\r', t: '\t' }[code] ?? code;
  });
}
