// The command line as data: a verb is a row of options and positionals (verbs.ts), and from the rows come the parser,
// the help (help.ts), the completions (completion.ts) and the man page (man-page.ts). Words are split by parseArgs of
// node:util; here they are held against the row. What does not fit throws UsageError, one sentence that says what was
// expected and what to do.

import { parseArgs } from 'node:util';
import { UsageError } from '../../core/base/usage-error.ts';
import { nearest } from '../nearest.ts';

/** What stands where a value or a positional is wanted, for completion. */
export type ValueKind =
  | 'file'
  | 'directory'
  /** A recording. */
  | 'log'
  | 'engine'
  /** Names of engines with commas between them. */
  | 'engines'
  /** An expression of the query language. */
  | 'query'
  | 'verb';

export interface OptionSpec {
  readonly name: string;
  /** One letter: `-o`. */
  readonly short?: string;
  /** What the value is called in the help; absent: the option takes none. */
  readonly value?: string;
  readonly kind?: ValueKind;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** Values that completion offers beside others. */
  readonly suggestions?: readonly string[];
  /** A whole number in this range, underscores allowed. */
  readonly range?: readonly [min: number, max: number];
  /** May be given several times; its values are then a list. */
  readonly repeat?: boolean;
  /** Shown under this heading. */
  readonly group?: string;
  readonly help: string;
}

export interface Positional {
  /** Such as LOG. */
  readonly name: string;
  readonly kind?: ValueKind;
  readonly choices?: readonly string[];
  /** May be left out; only the last ones can. */
  readonly isOptional?: boolean;
  /** As many as one likes; only the last one can. */
  readonly isRepeated?: boolean;
}

export interface VerbSpec {
  readonly name: string;
  readonly positionals: readonly Positional[];
  /** A few words, for the list of verbs. */
  readonly brief: string;
  /** A sentence. */
  readonly summary: string;
  /** Paragraphs below the options. */
  readonly notes?: readonly string[];
  readonly options: readonly OptionSpec[];
  /** How the command is called; absent: `reprise` and the name. */
  readonly program?: string;
  /** What it prints is a text for another program: neither JSON nor coloured. */
  readonly isText?: true;
}

export class Arguments {
  readonly positionals: readonly string[];
  private readonly values: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.values = values;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }
  /** The value given last. */
  text(name: string): string | undefined {
    return this.values.get(name)?.at(-1);
  }
  list(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }
  /** The same with more values of an option. */
  and(name: string, more: readonly string[], positionals: readonly string[]): Arguments {
    return new Arguments(positionals, new Map([...this.values, [name, [...this.list(name), ...more]]]));
  }
  /** Of an option with a range. */
  number(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : wholeNumber(text);
  }
}

const RESULT_OPTIONS: readonly OptionSpec[] = [
  { name: 'json', help: 'results as JSON on standard output' },
  { name: 'no-color', help: 'no colours (as NO_COLOR in the environment)' },
];
const HELP_OPTION: OptionSpec = { name: 'help', short: 'h', help: 'this text' };

/** Those of the verb, and those that every verb has. */
export function optionsOf(verb: VerbSpec): readonly OptionSpec[] {
  return [...verb.options, ...(verb.isText === true ? [] : RESULT_OPTIONS), HELP_OPTION];
}

export function parseArguments(verb: VerbSpec, words: readonly string[]): Arguments {
  const options = optionsOf(verb);
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      options.map(({ name, short, value }) => [
        name,
        { type: value === undefined ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) } as const,
      ]),
    ),
    // What is wrong is said below, with the verb's own words.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      positionals.push(token.value);
      continue;
    }
    const option = options.find(({ name }) => name === token.name);
    if (option === undefined) throw unknownOption(verb, token.rawName, options);
    const given = values.get(option.name);
    if (given !== undefined && option.repeat !== true && option.value !== undefined) {
      throw new UsageError(`--${option.name} is given twice: give it once.`);
    }
    values.set(option.name, [...(given ?? []), readValue(option, token.value, token.inlineValue === true)]);
  }
  if (!values.has('help')) checkPositionals(verb, positionals);
  return new Arguments(positionals, values);
}

function readValue(option: OptionSpec, value: string | undefined, isInline: boolean): string {
  const name = `--${option.name}`;
  if (option.value === undefined) {
    if (value !== undefined) throw new UsageError(`${name} takes no value: write it without "=${value}".`);
    return '';
  }
  if (value === undefined) throw new UsageError(`${name} needs a value: ${name} ${option.value}.`);
  if (!isInline && /^--[a-z]/.test(value)) {
    throw new UsageError(`${name} needs a value: ${name} ${option.value}, or ${name}=${value} if that is it.`);
  }
  if (option.choices !== undefined && !option.choices.includes(value)) {
    throw new UsageError(`${name} is one of ${option.choices.join(', ')}, not "${value}".`);
  }
  if (option.range !== undefined) {
    const [min, max] = option.range;
    const number = wholeNumber(value);
    if (!(number >= min && number <= max)) {
      const upTo = max === Number.MAX_SAFE_INTEGER ? 'up' : `to ${max}`;
      throw new UsageError(`${name} wants a whole number from ${min} ${upTo}, not "${value}".`);
    }
  }
  return value;
}

/** NaN for what is none. */
export function wholeNumber(text: string): number {
  const number = /^\d[\d_]*$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
  return Number.isSafeInteger(number) ? number : Number.NaN;
}

/** What people type to run it. */
export function programOf({ program, name }: VerbSpec): string {
  return program ?? `reprise ${name}`;
}

function checkPositionals(verb: VerbSpec, given: readonly string[]): void {
  const { positionals } = verb;
  const program = programOf(verb);
  const all = positionals.map(({ name }) => name).join(' ');
  const missing = positionals[given.length];
  if (missing !== undefined && missing.isOptional !== true) {
    throw new UsageError(`${program} needs ${missing.name}: ${program} ${all}.`);
  }
  if (given.length > positionals.length && positionals.at(-1)?.isRepeated !== true) {
    const takes = positionals.length === 0 ? 'only options' : all;
    throw new UsageError(
      `${program} takes ${takes}, and "${given[positionals.length]}" is too much: see ${program} --help.`,
    );
  }
  positionals.forEach(({ name: positional, choices }, i) => {
    const word = given[i];
    if (choices === undefined || word === undefined || choices.includes(word)) return;
    const near = nearest(word, choices);
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
    throw new UsageError(`${positional} of ${program} is one of ${choices.join(', ')}, not "${word}"${hint}.`);
  });
}

function unknownOption(verb: VerbSpec, word: string, options: readonly OptionSpec[]): UsageError {
  const near = nearest(
    word.replace(/^-+/, ''),
    options.map(({ name }) => name),
  );
  const hint = near === undefined ? '' : `did you mean --${near}? `;
  const program = programOf(verb);
  return new UsageError(`${program} has no option ${word}: ${hint}${program} --help lists them.`);
}
