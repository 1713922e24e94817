/**
 * The grammar of queries, by recursive descent:
 *
 *     query   = NAME "(" [ arg { "," arg } ] ")" { clause } [ ";" ]
 *     arg     = [ NAME "=" ] expr
 *     clause  = "from" bound | "to" bound | "where" expr | "select" item { "," item } | "group" "by" item { "," item }
 *             | "order" "by" expr [ "asc" | "desc" ] { "," … } | "limit" N | "first" [ N ] | "last" [ N ] | "count"
 *     bound   = TICK | PERCENT "%" | TEXT
 *     item    = expr [ "as" NAME ]
 *     expr    = or ; or = and { "or" and } ; and = not { "and" not } ; not = [ "not" ] compare
 *     compare = bits [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~") bits | [ "not" ] "in" "(" expr { "," expr
 *     } ")" ]
 *     bits    = sum { ("&" | "|" | "^" | "<<" | ">>") sum } ; sum = term { ("+" | "-") term }
 *     term    = value { ("*" | "/" | "%") value } ; value = NUMBER | TEXT | NAME [ "(" … ")" ] | "-" value | "(" expr
 *     ")"
 */
import { QueryError } from './query-error.ts';
import type { Argument, Bound, Expression, Item, Order, Query } from './syntax.ts';
import { type Token, tokenize } from './tokens.ts';

export const CLAUSES = ['from', 'to', 'where', 'select', 'group by', 'order by', 'limit', 'first', 'last', 'count'];
const NESTING_MAX = 64;
/** Signs of one level, loosest first, below `and`. */
const LEVELS: readonly (readonly string[])[] = [
  ['&', '|', '^', '<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const COMPARISONS: Readonly<Record<string, string>> = {
  '=': '==',
  '==': '==',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '~': '~',
  '!~': '!~',
};

class Parser {
  private readonly text: string;
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = tokenize(text);
  }

  private get token(): Token {
    return this.tokens[this.at];
  }

  private take(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.at++;
    return token;
  }

  private is(text: string, ahead = 0): boolean {
    const token = this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)];
    return token.kind !== 'text' && token.text.toLowerCase() === text;
  }

  private accept(...texts: readonly string[]): boolean {
    if (!texts.some((text) => this.is(text))) return false;
    this.at++;
    return true;
  }

  private fail(expected: string): never {
    const { token } = this;
    const found = token.kind === 'end' ? 'the query ends here' : `"${token.text}" is here`;
    throw new QueryError(this.text, token.at, `Expected ${expected}, but ${found}`);
  }

  private expect(text: string, what = `"${text}"`): void {
    if (!this.accept(text)) this.fail(what);
  }

  query(): Query {
    const { token } = this;
    if (token.kind !== 'name') this.fail('a table such as calls("name")');
    this.take();
    this.expect('(', `"(" behind ${token.text}, as in ${token.text}(…)`);
    const args: Argument[] = [];
    if (!this.accept(')')) {
      do args.push(this.argument());
      while (this.accept(','));
      this.expect(')', '"," or ")"');
    }
    return this.clauses(token, args);
  }

  private argument(): Argument {
    const { token } = this;
    if (token.kind !== 'name' || !this.is('=', 1)) return { name: null, value: this.expression() };
    this.at += 2;
    return { name: token.text.toLowerCase(), value: this.expression() };
  }

  private clauses({ text: table, at: tableAt }: Token, args: readonly Argument[]): Query {
    let query: Query = {
      ...{ text: this.text, table, tableAt, args, from: null, to: null, where: null, select: null, groupBy: null },
      ...{ orderBy: [], limit: null, last: null },
    };
    const seen = new Set<string>();
    for (;;) {
      this.accept(';');
      const { token } = this;
      if (token.kind === 'end') return query;
      const word = token.text.toLowerCase();
      const known = CLAUSES.find((clause) => clause.split(' ')[0] === word && token.kind === 'name');
      if (known === undefined) this.fail(`one of ${CLAUSES.join(', ')}, or the end`);
      // What is chosen in two ways is chosen twice.
      const slot = { first: 'limit', last: 'limit', count: 'select' }[known] ?? known;
      if (seen.has(slot)) throw new QueryError(this.text, token.at, `There can be one "${known}" or its like only`);
      seen.add(slot);
      this.take();
      if (known.endsWith(' by')) this.expect('by', `"by" behind ${word}`);
      query = { ...query, ...this.clause(known, token) };
    }
  }

  private clause(name: string, token: Token): Partial<Query> {
    switch (name) {
      case 'from':
        return { from: this.bound() };
      case 'to':
        return { to: this.bound() };
      case 'where':
        return { where: this.expression() };
      case 'select':
        return { select: this.items() };
      case 'group by':
        return { groupBy: this.items() };
      case 'order by':
        return { orderBy: this.orders() };
      case 'limit':
        return { limit: this.rows() };
      case 'first':
        return { limit: this.token.kind === 'number' ? this.rows() : 1 };
      case 'last':
        return { last: this.token.kind === 'number' ? this.rows() : 1 };
      default:
        return { select: [{ expression: { kind: 'call', name: 'count', args: [], at: token.at }, label: 'count' }] };
    }
  }

  private rows(): number {
    const { token } = this;
    if (token.kind !== 'number' || !Number.isInteger(token.value)) this.fail('a number of rows');
    this.take();
    return token.value;
  }

  private bound(): Bound {
    const token = this.token;
    if (token.kind === 'text') {
      this.take();
      return { kind: 'position', text: token.text, at: token.at };
    }
    if (token.kind !== 'number') this.fail('a tick, a part of the run such as 50%, or a position in quotes');
    this.take();
    if (!this.accept('%')) return { kind: 'tick', tick: Math.floor(token.value), at: token.at };
    if (token.value > 100) throw new QueryError(this.text, token.at, 'A part of the run is 0% to 100%');
    return { kind: 'part', percent: token.value, at: token.at };
  }

  private items(): Item[] {
    const items: Item[] = [];
    do {
      const begin = this.token.at;
      const expression = this.expression();
      const end = this.tokens[this.at - 1];
      const written = this.text.slice(begin, Math.max(this.token.at, end.at)).trim();
      let label = written.replace(/\(\)$/, '');
      if (this.accept('as')) {
        if (this.token.kind !== 'name') this.fail('a name for the column');
        label = this.take().text;
      }
      items.push({ expression, label });
    } while (this.accept(','));
    return items;
  }

  private orders(): Order[] {
    const orders: Order[] = [];
    do {
      const expression = this.expression();
      const isDescending = this.accept('desc');
      if (!isDescending) this.accept('asc');
      orders.push({ expression, isDescending });
    } while (this.accept(','));
    return orders;
  }

  private expression(): Expression {
    if (++this.depth > NESTING_MAX) throw new QueryError(this.text, this.token.at, 'This is nested too deeply');
    try {
      let a = this.conjunction();
      for (let { at } = this.token; this.accept('or', '||'); at = this.token.at) {
        a = { kind: 'binary', operator: 'or', a, b: this.conjunction(), at };
      }
      return a;
    } finally {
      this.depth--;
    }
  }

  private conjunction(): Expression {
    let a = this.negation();
    for (let { at } = this.token; this.accept('and', '&&'); at = this.token.at) {
      a = { kind: 'binary', operator: 'and', a, b: this.negation(), at };
    }
    return a;
  }

  private negation(): Expression {
    const { at } = this.token;
    if (!this.accept('not', '!')) return this.comparison();
    if (++this.depth > NESTING_MAX) throw new QueryError(this.text, at, 'This is nested too deeply');
    const a = this.negation();
    this.depth--;
    return { kind: 'unary', operator: 'not', a, at };
  }

  private comparison(): Expression {
    const a = this.level(0);
    const { token } = this;
    const isNot = this.is('not') && this.is('in', 1);
    if (isNot) this.take();
    if (this.accept('in')) {
      this.expect('(', '"(" behind in, as in in (1, 2)');
      const list = [this.expression()];
      while (this.accept(',')) list.push(this.expression());
      this.expect(')', '"," or ")"');
      const found: Expression = { kind: 'in', a, list, at: token.at };
      return isNot ? { kind: 'unary', operator: 'not', a: found, at: token.at } : found;
    }
    const operator = token.kind === 'sign' ? COMPARISONS[token.text] : undefined;
    if (operator === undefined) return a;
    this.take();
    return { kind: 'binary', operator, a, b: this.level(0), at: token.at };
  }

  private level(index: number): Expression {
    if (index === LEVELS.length) return this.value();
    let a = this.level(index + 1);
    for (;;) {
      const { token } = this;
      if (token.kind !== 'sign' || !LEVELS[index].includes(token.text)) return a;
      this.take();
      a = { kind: 'binary', operator: token.text, a, b: this.level(index + 1), at: token.at };
    }
  }

  private value(): Expression {
    const token = this.take();
    const { at } = token;
    if (token.kind === 'number') return { kind: 'number', value: token.value, at };
    if (token.kind === 'text') return { kind: 'text', value: token.text, at };
    if (token.kind === 'sign' && token.text === '-') {
      if (++this.depth > NESTING_MAX) throw new QueryError(this.text, at, 'This is nested too deeply');
      const a = this.value();
      this.depth--;
      return { kind: 'unary', operator: '-', a, at };
    }
    if (token.kind === 'sign' && token.text === '(') {
      const inner = this.expression();
      this.expect(')', 'an operator or ")"');
      return inner;
    }
    if (token.kind !== 'name') {
      if (token.kind !== 'end') this.at--;
      this.fail('a value: a column, a name of the guest, a number, a text in quotes');
    }
    if (!this.accept('(')) return { kind: 'name', name: token.text, at };
    const args: Expression[] = [];
    if (!this.accept(')')) {
      do args.push(this.expression());
      while (this.accept(','));
      this.expect(')', '"," or ")"');
    }
    return { kind: 'call', name: token.text.toLowerCase(), args, at };
  }
}

/** Throws QueryError, with a caret, where the text is no query. */
export function parseQuery(text: string): Query {
  return new Parser(text).query();
}
