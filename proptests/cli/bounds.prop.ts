/**
 * Every option of every verb, from the table: numbers at and beyond the bounds that it declares, choices that are none,
 * and for verbs that can be run on a small recording also the run itself, with each bound and with nonsense in the
 * place of each value: one kind of nonsense an option, in turns, since all of it takes minutes (BOUNDS_ALL=1). Whatever
 * comes, it works or gets one sentence and status 2; no stack trace, no hang.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/core/base/usage-error.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { type OptionSpec, optionsOf, parseArguments, type VerbSpec } from '../../src/host/cli/args.ts';
import { VERBS } from '../../src/host/cli/verbs.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise } from './command.ts';

const positionalsOf = (verb: VerbSpec): string[] =>
  verb.positionals
    .filter(({ isOptional }) => isOptional !== true)
    .map(({ choices, name }) => choices?.[0] ?? (name === 'HEX' ? '90' : 'a.rlog'));

const ranged = VERBS.flatMap((verb) =>
  optionsOf(verb)
    .filter(({ range }) => range !== undefined)
    .map((option) => ({ verb, option, range: option.range ?? ([0, 0] as const) })),
);

test('the parser takes every number in its bounds and refuses what is beyond, by the name of the option', () => {
  assert.ok(ranged.length > 30);
  for (const { verb, option, range } of ranged) {
    const parse = (value: string) => parseArguments(verb, [...positionalsOf(verb), `--${option.name}=${value}`]);
    const [min, max] = range;
    for (const value of [min, max, min + Math.floor((max - min) / 2)]) {
      assert.equal(parse(String(value)).number(option.name), value, `${verb.name} --${option.name} ${value}`);
    }
    const beyond = [String(BigInt(min) - 1n), String(BigInt(max) + 1n), '9'.repeat(40)];
    for (const value of [...beyond, '', ' ', 'x', '1.5', '-', '--', 'Infinity', 'NaN', '1e400', '0b1', '٣']) {
      assert.throws(
        () => parse(value).number(option.name),
        (error: Error) => error instanceof UsageError && error.message.includes(`--${option.name}`),
        `${verb.name} --${option.name} ${JSON.stringify(value)}`,
      );
    }
  }
});

test('a choice that is none is refused, with those that there are', () => {
  for (const verb of VERBS) {
    for (const option of optionsOf(verb).filter(({ choices }) => choices !== undefined)) {
      for (const value of ['', 'nonsense', `${option.choices?.[0]} `]) {
        assert.throws(
          () => parseArguments(verb, [...positionalsOf(verb), `--${option.name}=${value}`]),
          (error: Error) =>
            error instanceof UsageError && (option.choices ?? []).every((choice) => error.message.includes(choice)),
          `${verb.name} --${option.name} ${JSON.stringify(value)}`,
        );
      }
    }
  }
});

/** Command lines that end at once, to which an option is added; `OUT` becomes a name that is free. */
const BASES: Readonly<Record<string, readonly string[]>> = {
  run: ['--kernel', 'kernel', '--memory', '4', '--serial', 'none'],
  record: ['OUT.rlog', '--kernel', 'kernel', '--memory', '4', '--serial', 'none'],
  replay: ['a.rlog', '--serial', 'none'],
  verify: ['a.rlog', '--engines', 'interp,step'],
  pack: ['a.rlog', '--out', 'OUT.rlog'],
  info: ['a.rlog'],
  events: ['a.rlog'],
  debug: ['a.rlog', '--exec', 'when; seek end; reverse-step'],
  snapshot: ['save', 'a.rlog@100', 'OUT.snapshot'],
  origin: ['a.rlog', 'ecx'],
  'why-not': ['a.rlog', '0x100020'],
  changes: ['a.rlog', '0x100000'],
  query: ['a.rlog', 'executions(0x100020)'],
  index: ['a.rlog'],
  trace: ['a.rlog', 'OUT.json'],
  stat: ['a.rlog'],
  explain: ['90'],
  completion: ['bash'],
  man: [],
  help: [],
};
/** Verbs that are only parsed here, and why. */
const PARSED_ONLY: Readonly<Record<string, string>> = {
  render: 'draws pictures, for seconds',
  chaos: 'runs a guest a thousand times',
  view: 'serves until it is stopped',
  dap: 'waits for an editor, and hears what it sends',
  fuzz: 'runs a guest until it is stopped',
  shrink: 'wants a recording that fails',
  explore: 'wants a window and an event',
  doom: 'wants a recording that fails',
  worker: 'waits for work',
  powercut: 'wants a recording of a machine with a disk',
  bench: 'starts processes, and measures for seconds',
};
/** Bounds that are only parsed here, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  memory: 'takes gigabytes of the host',
  gdb: 'waits for a client',
  schedules: 'takes hours',
};
/** Verbs that an option which they share is run with. */
const SHARED_RUNS = 2;
const isAll = process.env.BOUNDS_ALL === '1';
const NONSENSE = [
  '',
  'x',
  '-1',
  '0',
  '99999999999999999999',
  '1/0',
  '0/1',
  'nowhere/at/all',
  ',',
  ':',
  '=',
  '"',
  'a\nb',
];
/** Options whose values name what the verb writes to or listens at. */
const WRITES = new Set(['gdb', 'out', 'serial', 'debugcon']);

function linesOf(verb: VerbSpec, option: OptionSpec): string[][] {
  const base = [verb.name, ...BASES[verb.name]];
  const { range, choices, value } = option;
  if (range !== undefined) {
    if (NOT_RUN[option.name] !== undefined) return [];
    return range.map((bound) => [...base, `--${option.name}=${bound}`]);
  }
  if (choices !== undefined) return inTurns(choices).map((choice) => [...base, `--${option.name}=${choice}`]);
  if (value === undefined || WRITES.has(option.name)) return [];
  return inTurns(NONSENSE).map((text) => [...base, `--${option.name}=${text}`]);
}

/** Exit status of what no person should see, and of what was killed. */
const BUG = 70;
const HANGS = 137;

/** The place of a mistake, below a sentence. */
const EXCERPT = /\n {2}.*\n *\^$/;

let turn = 0;
/** The next one each time; all of them when that was asked for. */
function inTurns(values: readonly string[]): readonly string[] {
  return isAll ? values : [values[turn++ % values.length]];
}

const timesRun = new Map<string, number>();
/** What many verbs take, images above all, is run with a few of them, unless all was asked for. */
function isDue({ name, help }: OptionSpec): boolean {
  const key = `${name}: ${help}`;
  const times = timesRun.get(key) ?? 0;
  timesRun.set(key, times + 1);
  return isAll || times < SHARED_RUNS;
}

test('every verb is run, or it says here why it is not', () => {
  for (const { name } of VERBS) {
    assert.equal(BASES[name] === undefined, PARSED_ONLY[name] !== undefined, name);
  }
});

test('whatever stands in the place of a value, the verb works or says in a sentence what it wants', async () => {
  await inFolder(async (cwd) => {
    const header = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
    const kernel = assemble(`${header}start: mov ecx, 500\nx: loop x\nmov al, 0\nout 0xf4, al\nhlt\n`).bytes;
    writeFileSync(join(cwd, 'kernel'), kernel);
    const { log } = await record({ images: { kernel }, memoryMegabytes: 4, embed: true, hashEveryTicks: 100 });
    writeFileSync(join(cwd, 'a.rlog'), log);
    mkdirSync(join(cwd, 'state'));
    let free = 0;
    const lines = VERBS.filter(({ name }) => BASES[name] !== undefined).flatMap((verb) =>
      [...optionsOf(verb)].filter(isDue).flatMap((option) => linesOf(verb, option)),
    );
    const named = lines.map((words) => {
      free++;
      return words.map((word) => word.replace(/^OUT/, `out${free}`));
    });
    const env = { XDG_STATE_HOME: join(cwd, 'state'), XDG_CACHE_HOME: join(cwd, 'state'), HOME: cwd };
    const bad: string[] = [];
    const isLong = (text: string): boolean => /\n.*\n/.test(text.trimEnd().replace(EXCERPT, ''));
    for (const words of named) {
      const { status, stderr } = await reprise(words, { cwd, env });
      const text = stderr.slice(Math.max(0, stderr.indexOf('reprise: ')));
      if (status === BUG || status === HANGS || (status === 2 && isLong(text))) {
        bad.push(`${words.join(' ')}: ${status}, ${text}`);
      }
    }
    assert.deepEqual(bad, []);
    assert.ok(named.length > 150);
  });
});
