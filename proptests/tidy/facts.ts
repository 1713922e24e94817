/**
 * The rule that a fact is declared once: a number that two files of the program give the same name, a list of register
 * or condition names, a vector, the size of a page, how an access becomes a number, a random generator. What has been
 * declared is read from the tree itself (src/core/base), so that the rule knows no list of its own and needs no upkeep.
 * Hot modules bind what they import (`const { R_A } = record`), which declares nothing.
 */
import type { Violation } from './tidy.ts';
import type { Token } from './tokens.ts';

export const NAMES_FILE = 'src/core/base/names.ts';
export const VECTORS_FILE = 'src/core/base/vectors.ts';
export const PAGES_FILE = 'src/core/base/pages.ts';
export const RANDOM_FILE = 'src/core/base/random.ts';
export const ACCESS_FILE = 'src/core/log/access-operand.ts';

/** So many names of a list in a row are that list again. */
const LIST_RUN = 4;
/** What raises, or fetches what may be missing, by the place of the vector among its arguments. */
const TAKES_VECTOR: Readonly<Record<string, number>> = {
  raise: 1,
  setFault: 1,
  softwareInterrupt: 1,
  makeInterrupt: 1,
  fetchDescriptor: 2,
  fetchStackDescriptor: 3,
  fetchDataDescriptor: 3,
  fetchTss: 3,
};
/** The manual's names of exceptions in words (SDM 3 table 6-1): nobody else calls a small number so. */
const IN_WORDS: Readonly<Record<string, string>> = {
  DIVIDE_ERROR: 'DE',
  DEBUG_EXCEPTION: 'DB',
  BREAKPOINT: 'BP',
  OVERFLOW: 'OF',
  BOUND_RANGE: 'BR',
  INVALID_OPCODE: 'UD',
  UNDEFINED_OPCODE: 'UD',
  DEVICE_NOT_AVAILABLE: 'NM',
  DOUBLE_FAULT: 'DF',
  INVALID_TSS: 'TS',
  SEGMENT_NOT_PRESENT: 'NP',
  STACK_FAULT: 'SS',
  GENERAL_PROTECTION: 'GP',
  PAGE_FAULT: 'PF',
  MATH_FAULT: 'MF',
  ALIGNMENT_CHECK: 'AC',
};
/** Multipliers of generators that people write from memory. Theirs alone are the models of guests that have one. */
const MULTIPLIERS = new Set(['1103515245', '1664525', '69069', '0x6d2b79f5', '0x41c64e6d']);
const MODELS_OF_GUESTS = new Set(['proptests/boot/guests.prop.ts']);

interface Source {
  readonly path: string;
  readonly code: readonly Token[];
}

interface Constant {
  readonly path: string;
  readonly line: number;
  readonly name: string;
  readonly value: number;
  readonly isExported: boolean;
}

const isProgram = (path: string): boolean => /^(src|tiers)\//.test(path) && !path.endsWith('.prop.ts');

/** The value of an initialiser that is a literal, or two of them and an operator; undefined for anything else. */
function literalValue(tokens: readonly Token[]): number | undefined {
  const isNegative = tokens[0]?.text === '-';
  const [first, operator, second, ...more] = isNegative ? tokens.slice(1) : tokens;
  if (first?.kind !== 'number' || more.length > 0) return undefined;
  const left = Number(first.text.replaceAll('_', '')) * (isNegative ? -1 : 1);
  if (operator === undefined) return left;
  if (second?.kind !== 'number') return undefined;
  const right = Number(second.text.replaceAll('_', ''));
  switch (operator.text) {
    case '|':
      return left | right;
    case '<<':
      return left << right;
    case '**':
      return left ** right;
    default:
      return undefined;
  }
}

/** Constants of the module (not of a function in it) whose name is written in capitals. */
function constantsOf({ path, code }: Source): Constant[] {
  const found: Constant[] = [];
  let depth = 0;
  let isExported = false;
  /** In a declaration: the next name begins one of its constants. */
  let isDeclaring = false;
  for (let at = 0; at < code.length; at++) {
    const { kind, text, line } = code[at];
    if (kind === 'punctuation' && '{(['.includes(text)) depth++;
    if (kind === 'punctuation' && '})]'.includes(text)) depth--;
    if (depth !== 0) continue;
    if (text === 'const') isExported = code[at - 1]?.text === 'export';
    isDeclaring = text === 'const' || (text === ',' && isDeclaring) || (isDeclaring && text !== ';');
    const before = code[at - 1]?.text;
    if (!isDeclaring || (before !== 'const' && before !== ',') || !/^[A-Z][A-Z\d_]*$/.test(text)) continue;
    if (code[at + 1]?.text !== '=') continue;
    const end = code.findIndex((token, index) => index > at && (token.text === ';' || token.text === ','));
    const value = literalValue(code.slice(at + 2, end));
    if (value !== undefined) found.push({ path, line, name: text, value, isExported });
  }
  return found;
}

/** Rows of strings in array literals; a row of rows gives the spellings of each place, a row of strings one each. */
function listsOf(code: readonly Token[]): Set<string>[][] {
  const lists: Set<string>[][] = [];
  let outer: Set<string>[] = [];
  let row: string[] = [];
  let depth = 0;
  for (const { kind, text } of code) {
    if (text === '[' && kind === 'punctuation') {
      depth++;
      row = [];
      if (depth === 1) outer = [];
    } else if (text === ']' && kind === 'punctuation' && depth > 0) {
      depth--;
      if (depth === 1) outer.push(new Set(row));
      else if (row.length > 0) outer = outer.length > 0 ? outer : row.map((each) => new Set([each]));
      if (depth === 0) lists.push(outer);
      row = [];
    } else if (kind === 'string' && depth > 0) row.push(text);
  }
  return lists.filter((list) => list.length >= LIST_RUN);
}

function isRun(words: readonly string[], list: readonly Set<string>[]): boolean {
  return list.some((_, from) => words.every((word, i) => list[from + i]?.has(word)));
}

/** Four names of a declared list in a row, in an array or in one string. */
function checkLists({ path, code }: Source, lists: readonly Set<string>[][]): Violation[] {
  const violations: Violation[] = [];
  const look = (words: readonly string[], line: number): boolean => {
    if (words.length < LIST_RUN || !lists.some((list) => isRun(words.slice(0, LIST_RUN), list))) return false;
    violations.push(twice(path, line, `${words.slice(0, LIST_RUN).join(', ')}: take it from ${NAMES_FILE}`));
    return true;
  };
  for (let at = 0; at < code.length; at++) {
    const { kind, text, line } = code[at];
    if (kind !== 'string') continue;
    const words = text.trim().split(/[\s,|]+/);
    if (words.some((_, from) => look(words.slice(from), line))) continue;
    const row = [text.toLowerCase()];
    while (code[at + 2 * row.length]?.kind === 'string' && code[at + 2 * row.length - 1].text === ',') {
      row.push(code[at + 2 * row.length].text.toLowerCase());
    }
    if (look(row, line)) at += 2 * row.length - 2;
  }
  return violations;
}

const twice = (path: string, line: number, message: string): Violation => ({
  path,
  line,
  rule: 'declared twice',
  message,
});

/** The same name for the same number in two files of the program, or in one of them that exports it and in a test. */
function checkConstants(constants: readonly Constant[]): Violation[] {
  const violations: Violation[] = [];
  const first = new Map<string, Constant>();
  const ordered = [...constants].sort((a, b) => rank(a) - rank(b));
  for (const constant of ordered) {
    const { path, line, name, value } = constant;
    const key = `${name} ${value}`;
    const other = first.get(key);
    if (other === undefined) {
      if (isProgram(path)) first.set(key, constant);
    } else if (other.path !== path && (isProgram(path) || other.isExported)) {
      const how = other.isExported ? 'import it' : 'export it there and import it';
      violations.push(twice(path, line, `${name} stands in ${other.path} too: ${how}`));
    }
  }
  return violations;
}

const rank = ({ path, isExported }: Constant): number => (isProgram(path) ? (isExported ? 0 : 1) : 2);

/** The arguments of a call whose bracket opens at `at`, as tokens. */
function argumentsOf(code: readonly Token[], at: number): Token[][] {
  const list: Token[][] = [[]];
  for (let depth = 0, i = at; i < code.length; i++) {
    const { text, kind } = code[i];
    if (kind === 'punctuation' && '([{'.includes(text) && depth++ === 0) continue;
    if (kind === 'punctuation' && ')]}'.includes(text) && --depth === 0) break;
    if (text === ',' && depth === 1) list.push([]);
    else list[list.length - 1].push(code[i]);
  }
  return list;
}

function checkVectors(
  { path, code }: Source,
  constants: readonly Constant[],
  vectors: readonly Constant[],
): Violation[] {
  const violations: Violation[] = [];
  for (const { line, name, value } of constants) {
    const mnemonic = IN_WORDS[name] ?? name;
    const declared = vectors.find((each) => each.name === `VECTOR_${mnemonic}` && each.value === value);
    if (declared !== undefined) violations.push(twice(path, line, `${name} is ${declared.name} of ${VECTORS_FILE}`));
  }
  if (!isProgram(path)) return violations;
  code.forEach(({ text, line }, at) => {
    if (!Object.hasOwn(TAKES_VECTOR, text) || code[at + 1]?.text !== '(' || code[at - 1]?.text === 'function') return;
    // The argument itself, or an arm of it where it is a choice.
    const argument = argumentsOf(code, at + 1)[TAKES_VECTOR[text]] ?? [];
    const vector = argument.find(
      ({ kind }, i) => kind === 'number' && (argument.length === 1 || /^[?:]$/.test(argument[i - 1]?.text ?? '')),
    );
    if (vector === undefined) return;
    const declared = vectors.find(({ value }) => value === Number(vector.text))?.name ?? 'a vector';
    violations.push(twice(path, line, `${text} of ${vector.text}: write ${declared}, from ${VECTORS_FILE}`));
  });
  return violations;
}

function checkPages({ path, code }: Source, constants: readonly Constant[], pageBytes: number): Violation[] {
  const violations: Violation[] = [];
  for (const { line, name, value } of constants) {
    const isSize = /(^|_)PAGE_(SIZE|BYTES|LENGTH)$/.test(name) && value === pageBytes;
    const isShift = /(^|_)PAGE_(SHIFT|BITS)$/.test(name) && 2 ** value === pageBytes;
    if (isSize || isShift) violations.push(twice(path, line, `${name}: ${PAGES_FILE} has the page`));
  }
  if (!isProgram(path)) return violations;
  code.forEach(({ text, line }, at) => {
    if (text !== String(pageBytes)) return;
    const before = code[at - 1]?.text ?? '';
    const after = code[at + 1]?.text ?? '';
    const operators = ['*', '/', '+', '%', '<', '>', '<=', '>='];
    // A minus in front may be that of the mask −4096, which splits an address.
    const isMask = before === '-' && ['&', '(', '=', ','].includes(code[at - 2]?.text ?? '');
    const isOperand = operators.includes(before) || (before === '-' && !isMask) || operators.includes(after);
    const isLength = before === '(' && /^(Ui|I)nt\d+Array$/.test(code[at - 2]?.text ?? '');
    if (isOperand || isLength || after === '-') violations.push(twice(path, line, `${text}: write PAGE_BYTES`));
  });
  return violations;
}

/** Xorshift, or the multiplier of a congruential or a Weyl generator. */
function checkGenerators({ path, code }: Source): Violation[] {
  const shifts = code.some(
    ({ text }, at) => text === '<<' && code[at + 1]?.text === '13' && /^\^=?$/.test(code[at - 2]?.text ?? ''),
  );
  const multiplies = code.find(({ kind, text }) => kind === 'number' && MULTIPLIERS.has(text.replaceAll('_', '')));
  if ((!shifts && multiplies === undefined) || MODELS_OF_GUESTS.has(path)) return [];
  return [twice(path, multiplies?.line ?? 1, `a random generator: use Random of ${RANDOM_FILE}`)];
}

/** `address * 4 + (size >> 1)`. */
function checkAccesses({ path, code }: Source): Violation[] {
  const formula = ['*', '4', '+', '(', 'size', '>>', '1', ')'];
  const at = code.findIndex((_, from) => formula.every((text, i) => code[from + i]?.text === text));
  return at < 0 ? [] : [twice(path, code[at].line, `use accessOperand of ${ACCESS_FILE}`)];
}

/** `files` are sources with their tokens. */
export function checkFacts(
  files: readonly { readonly path: string; readonly tokens: readonly Token[] }[],
): Violation[] {
  const sources = files
    .filter(({ path }) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map(({ path, tokens }): Source => ({ path, code: tokens.filter(({ kind }) => kind !== 'comment') }));
  const constants = sources.flatMap(constantsOf);
  const of = (wanted: string): Constant[] => constants.filter(({ path }) => path === wanted);
  const lists = sources.filter(({ path }) => path === NAMES_FILE).flatMap(({ code }) => listsOf(code));
  const vectors = of(VECTORS_FILE);
  const pageBytes = of(PAGES_FILE)[0]?.value;
  const violations = checkConstants(constants);
  for (const source of sources) {
    const { path } = source;
    if (path !== NAMES_FILE) violations.push(...checkLists(source, lists));
    if (path !== VECTORS_FILE) violations.push(...checkVectors(source, of(path), vectors));
    if (path !== PAGES_FILE && pageBytes !== undefined) violations.push(...checkPages(source, of(path), pageBytes));
    if (path !== RANDOM_FILE) violations.push(...checkGenerators(source));
    if (path !== ACCESS_FILE) violations.push(...checkAccesses(source));
  }
  return violations;
}
