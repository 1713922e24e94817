/**
 * Cuts TypeScript into tokens, well enough for rules that look at names, strings and punctuation: comments, strings,
 * templates (with the code inside ${}) and regular expressions are told apart from code.
 *
 * Not a parser: it knows no grammar beyond "a slash after a value divides". ECMA-262 sections 12.4 to 12.9.
 */

export interface Token {
  /** `string` holds the text without quotes; `template` one literal piece of a template. */
  readonly kind: 'name' | 'number' | 'string' | 'template' | 'regexp' | 'punctuation' | 'comment';
  readonly text: string;
  /** 1-based. */
  readonly line: number;
}

const namePattern = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const numberPattern = /(?:0[xXbBoO][\da-fA-F_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?\.?)n?/y;
const punctuationPattern =
  /=>|\?\?=?|\?\.(?!\d)|\*\*=?|\.\.\.|[=!]==?|&&=?|\|\|=?|>>>?=?|<<=?|[-+*/%&|^<>]=|\+\+|--|[^\s\w]/y;
const regexpPattern = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;

/** After these words a slash begins a regular expression, as at the start of an expression. */
const wordsBeforeExpression = new Set(
  'return typeof case in of instanceof new delete void throw do else yield await'.split(' '),
);

function slashBeginsRegexp(previous: Token | undefined): boolean {
  if (previous === undefined) return true;
  if (previous.kind === 'name') return wordsBeforeExpression.has(previous.text);
  if (previous.kind === 'punctuation') return ![')', ']', '}', '++', '--'].includes(previous.text);
  return false;
}

export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** Depth of braces at each open `${`; a closing brace at that depth resumes the template. */
  const templates: number[] = [];
  let depth = 0;
  let line = 1;
  let at = 0;
  let previous: Token | undefined;

  const push = (kind: Token['kind'], text: string, end: number): void => {
    const token = { kind, text, line };
    tokens.push(token);
    if (kind !== 'comment') previous = token;
    for (let i = at; i < end; i++) if (source.charCodeAt(i) === 10) line++;
    at = end;
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  /** `at` stands on the backtick or the brace that the piece follows. */
  const pushTemplatePiece = (): void => {
    let end = at + 1;
    while (end < source.length && source[end] !== '`' && !source.startsWith('${', end))
      end += source[end] === '\\' ? 2 : 1;
    const opens = source.startsWith('${', end);
    push('template', source.slice(at + 1, end), Math.min(source.length, end + (opens ? 2 : 1)));
    if (opens) {
      templates.push(depth);
      previous = undefined;
    }
  };

  while (at < source.length) {
    const char = source[at];
    if (char === '\n') {
      line++;
      at++;
    } else if (/\s/.test(char)) {
      at++;
    } else if (source.startsWith('//', at) || (at === 0 && source.startsWith('#!'))) {
      const end = source.indexOf('\n', at);
      push('comment', source.slice(at, end < 0 ? source.length : end), end < 0 ? source.length : end);
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2);
      push('comment', source.slice(at, end < 0 ? source.length : end + 2), end < 0 ? source.length : end + 2);
    } else if (char === "'" || char === '"') {
      let end = at + 1;
      while (end < source.length && source[end] !== char && source[end] !== '\n') end += source[end] === '\\' ? 2 : 1;
      push('string', source.slice(at + 1, end), end + 1);
    } else if (char === '`') {
      pushTemplatePiece();
    } else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      pushTemplatePiece();
    } else if (char === '/' && slashBeginsRegexp(previous) && match(regexpPattern) !== undefined) {
      push('regexp', match(regexpPattern) as string, at + (match(regexpPattern) as string).length);
    } else {
      const name = match(namePattern);
      const number =
        name === undefined && /[\d.]/.test(char) && /^\.?\d/.test(source.slice(at, at + 2))
          ? match(numberPattern)
          : undefined;
      const text = name ?? number ?? match(punctuationPattern) ?? char;
      if (text === '{') depth++;
      if (text === '}') depth--;
      push(name !== undefined ? 'name' : number !== undefined ? 'number' : 'punctuation', text, at + text.length);
    }
  }
  return tokens;
}

export interface ImportedModule {
  readonly specifier: string;
  readonly line: number;
  readonly kind: 'import' | 'reexport' | 'dynamic' | 'address';
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/** Every module a file names: import and export from, import(), import types, and new URL('./x', ...). */
export function importsOf(tokens: readonly Token[]): ImportedModule[] {
  const code = tokens.filter((token) => token.kind !== 'comment');
  const found: ImportedModule[] = [];
  for (let i = 0; i < code.length; i++) {
    const { kind, text, line } = code[i];
    if (kind !== 'name' || code[i - 1]?.text === '.') continue;
    const next = code[i + 1];
    if (text === 'import' && next?.kind === 'string') {
      found.push({ specifier: next.text, line, kind: 'import', typeOnly: false });
    } else if (text === 'import' && next?.text === '(') {
      const specifier = code[i + 2]?.kind === 'string' ? code[i + 2].text : '';
      const before = code[i - 1]?.text ?? '';
      found.push({
        specifier,
        line,
        kind: 'dynamic',
        typeOnly: before === 'typeof' || before === ':' || before === '<',
      });
    } else if (text === 'import' || text === 'export') {
      const isClause =
        text === 'import' ? next?.text !== '.' : next?.text === '{' || next?.text === '*' || next?.text === 'type';
      if (!isClause) continue;
      let j = i + 1;
      while (j < code.length && code[j].text !== ';' && code[j].text !== '=' && code[j].text !== 'from') j++;
      if (code[j]?.text !== 'from' || code[j + 1]?.kind !== 'string') continue;
      const reexport = text === 'export';
      found.push({
        specifier: code[j + 1].text,
        line,
        kind: reexport ? 'reexport' : 'import',
        typeOnly: next?.text === 'type' && code[i + 2]?.text !== 'from',
      });
    } else if (text === 'URL' && next?.text === '(' && code[i + 2]?.kind === 'string') {
      found.push({ specifier: code[i + 2].text, line, kind: 'address', typeOnly: false });
    }
  }
  return found;
}
