// The command line as data: a command is a table of options and positionals, and from the table come both the parser
// and the help text. What does not fit throws UsageError, one sentence that says what was expected and what to do.

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure that is the world's and not the program's: message for a person, exit status. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: number;
  constructor(message: string, status = 2) {
    super(message);
    this.status = status;
  }
}

export interface OptionSpec {
  readonly name: string;
  /** What the value is called in the help; absent: the option takes none. */
  readonly value?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** A whole number in this range, underscores allowed. */
  readonly range?: readonly [min: number, max: number];
  /** May be given several times; its values are then a list. */
  readonly repeat?: boolean;
  /** Shown under this heading. */
  readonly group?: string;
  readonly help: string;
}

export interface CommandSpec {
  readonly name: string;
  /** Names of what stands without dashes, such as LOG. */
  readonly positionals: readonly string[];
  /** One line. */
  readonly summary: string;
  /** Below the options. */
  readonly notes?: string;
  readonly options: readonly OptionSpec[];
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
  /** Of an option with a range. */
  number(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : wholeNumber(text);
  }
}

const COMMON: readonly OptionSpec[] = [
  { name: 'json', help: 'results as JSON on standard output' },
  { name: 'no-color', help: 'no colours (as NO_COLOR in the environment)' },
  { name: 'help', help: 'this text' },
];

function optionsOf(command: CommandSpec): readonly OptionSpec[] {
  return [...command.options, ...COMMON];
}

export function parseArguments(command: CommandSpec, words: readonly string[]): Arguments {
  const options = optionsOf(command);
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      positionals.push(...queue);
      break;
    }
    if (word === '-h') word = '--help';
    if (!word.startsWith('--')) {
      if (word.startsWith('-') && word.length > 1) throw unknownOption(command, word, options);
      positionals.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const option = options.find((candidate) => candidate.name === name);
    if (option === undefined) throw unknownOption(command, `--${name}`, options);
    const given = values.get(name);
    if (given !== undefined && option.repeat !== true && option.value !== undefined) {
      throw new UsageError(`--${name} is given twice: give it once.`);
    }
    values.set(name, [...(given ?? []), readValue(option, word, equals, queue)]);
  }
  if (!values.has('help')) checkPositionals(command, positionals);
  return new Arguments(positionals, values);
}

function readValue(option: OptionSpec, word: string, equals: number, queue: string[]): string {
  const name = `--${option.name}`;
  if (option.value === undefined) {
    if (equals >= 0) throw new UsageError(`${name} takes no value: write it without "${word.slice(equals)}".`);
    return '';
  }
  const value = equals >= 0 ? word.slice(equals + 1) : queue.shift();
  if (value === undefined || (equals < 0 && /^--[a-z]/.test(value))) {
    throw new UsageError(`${name} needs a value: ${name} ${option.value}.`);
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

function checkPositionals(command: CommandSpec, positionals: readonly string[]): void {
  const wanted = command.positionals;
  const missing = wanted[positionals.length];
  if (missing !== undefined) {
    throw new UsageError(`reprise ${command.name} needs ${missing}: reprise ${command.name} ${wanted.join(' ')}.`);
  }
  if (positionals.length > wanted.length) {
    const takes = wanted.length === 0 ? 'only options' : wanted.join(' ');
    throw new UsageError(
      `reprise ${command.name} takes ${takes}, and "${positionals[wanted.length]}" is too much: see reprise ${command.name} --help.`,
    );
  }
}

function unknownOption(command: CommandSpec, word: string, options: readonly OptionSpec[]): UsageError {
  const near = nearest(
    word.replace(/^-+/, ''),
    options.map(({ name }) => name),
  );
  const hint = near === undefined ? '' : `did you mean --${near}? `;
  return new UsageError(
    `reprise ${command.name} has no option ${word}: ${hint}reprise ${command.name} --help lists them.`,
  );
}

/** The candidate that is at most two edits away, if any. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(word.length / 2) + 1);
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

const HELP_COLUMN = 26;
const HELP_WIDTH = 100;

export function commandHelp(command: CommandSpec): string {
  const usage = ['usage: reprise', command.name, ...command.positionals, '[options]'].join(' ');
  const lines = [usage, '', command.summary];
  let group: string | undefined = '';
  for (const option of optionsOf(command)) {
    const heading = option.group ?? 'Options';
    if (heading !== group) lines.push('', `${heading}:`);
    group = heading;
    const head = `  --${option.name}${option.value === undefined ? '' : ` ${option.value}`}`;
    const [first = '', ...rest] = wrap(option.help, HELP_WIDTH - HELP_COLUMN);
    if (head.length > HELP_COLUMN - 2) lines.push(head, ' '.repeat(HELP_COLUMN) + first);
    else lines.push(head.padEnd(HELP_COLUMN) + first);
    for (const line of rest) lines.push(' '.repeat(HELP_COLUMN) + line);
  }
  if (command.notes !== undefined) lines.push('', command.notes);
  return `${lines.join('\n')}\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}
