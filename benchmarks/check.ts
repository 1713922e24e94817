/**
 * The measure measured: npm run bench:check [-- --rounds 9 --repeats 10 --log FILE...]
 *
 * `reprise bench LOG --against DIR` judges builds of which it is known how they differ: this build against a copy of
 * itself, so many times over; against a copy without one pass of the compiler; against a copy one of whose handlers was
 * slowed so that the run takes 5 % longer; against a copy without the tests for somebody who counts, which may cost one
 * part in a hundred at most. A verdict that is not what it should be, or a slower build whose guilty
 * block is not at the top, ends it with status 1. Recordings of one's own (--log) are run against a copy of the build
 * too. Takes a quarter of an hour; on a busy machine verdicts are `too noisy`, which is told and counts as wrong.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';
import type { EngineDifference } from '../src/host/measure/difference.ts';
import { record } from '../src/library.ts';
import { choosePrograms, PROGRAM_MEGABYTES } from './programs.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const reprise = join(root, 'src/host/reprise.mjs');

const args = scriptArguments({
  name: 'bench:check',
  program: 'npm run bench:check --',
  positionals: [],
  brief: 'what reprise bench says of builds that are known',
  summary: 'Shows that reprise bench finds no difference where there is none, and finds those that are put in.',
  options: [
    { name: 'rounds', value: 'N', range: [5, 100], help: 'rounds of each measurement (default 9)' },
    { name: 'repeats', value: 'N', range: [1, 100], help: 'measurements of the build against itself (default 10)' },
    { name: 'log', value: 'FILE', kind: 'file', repeat: true, help: 'recordings of your own, against a copy' },
    { name: 'from', value: 'TICK', range: [0, Number.MAX_SAFE_INTEGER], help: 'of --log: begin at this tick' },
    { name: 'to', value: 'TICK', range: [0, Number.MAX_SAFE_INTEGER], help: 'of --log: end at this tick' },
    { name: 'image', value: 'PATH', kind: 'file', repeat: true, help: 'where images of --log are' },
    { name: 'only', value: 'TEXT', help: 'the measurements whose name has TEXT' },
  ],
});
const rounds = args.number('rounds') ?? 9;
const repeats = args.number('repeats') ?? 10;
const only = args.text('only') ?? '';
const folder = mkdtempSync(join(tmpdir(), 'reprise-bench-check-'));

/** A copy of this build, with one file changed. Throws when the text to replace is not there. */
function copyOf(name: string, file?: string, change?: (text: string) => string): string {
  const copy = join(folder, name);
  if (existsSync(copy)) return copy;
  for (const part of ['dist/src', 'dist/tiers', 'package.json']) {
    cpSync(join(root, part), join(copy, part), { recursive: true, filter: (path) => !/\.(map|d\.ts)$/.test(path) });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  if (file === undefined || change === undefined) return copy;
  const path = join(copy, 'dist', file);
  const text = readFileSync(path, 'utf8');
  const changed = change(text);
  if (changed === text) throw new Error(`${file} does not have what was to be changed for "${name}"`);
  writeFileSync(path, changed);
  return copy;
}

async function recordingOf(program: string, count: number): Promise<string> {
  const path = join(folder, `${program}.rlog`);
  const [{ image }] = choosePrograms(program);
  const settings = { memoryMegabytes: PROGRAM_MEGABYTES, hashEveryTicks: 0, embed: true };
  const { log } = await record({ ...settings, images: { kernel: image() }, append: `guest ${count}` });
  writeFileSync(path, log);
  return path;
}

/** What `reprise bench LOG --against DIR` says of the engine; the ratio is of this build over the other. */
function differenceOf(
  log: string,
  engine: string,
  against: string,
  more: readonly string[],
  times = rounds,
): EngineDifference {
  const words = ['bench', log, '--against', against, '--engines', engine, '--rounds', `${times}`, '--json', ...more];
  const ended = spawnSync(process.execPath, [reprise, ...words], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (ended.status !== 0 && ended.status !== 1) throw new Error(`reprise bench: ${ended.stderr.trim()}`);
  return (JSON.parse(ended.stdout) as { differences: EngineDifference[] }).differences[0];
}

/** This build beside one that cannot count. */
const COUNTERS_COST_MOST = 1.01;

let wrong = 0;
function tell(name: string, found: EngineDifference, isRight: boolean, more = ''): void {
  if (!isRight) wrong++;
  const [ratio, low, high] = [found.ratio, found.low, found.high].map((part) => `${(100 * (part - 1)).toFixed(1)} %`);
  console.log(`${isRight ? 'ok   ' : 'WRONG'} ${name}: ${found.verdict}, ${ratio} (${low} to ${high})${more}`);
}

const isWanted = (name: string): boolean => name.includes(only);

async function againstItself(): Promise<void> {
  if (!isWanted('itself')) return;
  const copy = copyOf('itself');
  const works = [
    ['interp', await recordingOf('crc', 40)],
    ['tiered', await recordingOf('flags', 3000)],
    ...args.list('log').map((path) => ['tiered', path]),
  ];
  const given = args.list('image').flatMap((path) => ['--image', path]);
  for (const [engine, log] of works) {
    const isOwn = args.list('log').includes(log);
    const window = isOwn
      ? ['from', 'to'].flatMap((name) => (args.has(name) ? [`--${name}`, args.text(name)] : []))
      : [];
    for (let time = 1; time <= repeats; time++) {
      const more = ['--no-sampling', ...(isOwn ? given : []), ...window.map(String)];
      const found = differenceOf(log, engine, copy, more);
      const name = `${basename(log, '.rlog')} on ${engine}, a build against itself, ${time} of ${repeats}`;
      tell(name, found, found.verdict === 'no difference');
    }
  }
}

/** This build is faster than one without the pass: its sooner code is at the top. */
async function withoutPass(): Promise<void> {
  const what = 'flags on wasm, the pass flags left out';
  if (!isWanted(what)) return;
  const log = await recordingOf('flags', 6000);
  const copy = copyOf('no-flags', 'tiers/opt/pipeline.js', (text) =>
    text.replace(/\{ name: 'flags', run: \w+ \},/, ''),
  );
  const found = differenceOf(log, 'wasm', copy, []);
  tell(what, found, found.verdict === 'faster', topOf(found));
}

const SLOWED_PART = 0.05;
/** Between these the turns are taken as they are. */
const [SLOWED_LEAST, SLOWED_MOST] = [0.04, 0.065];
const MANY_TURNS = 400;
const TRIES = 6;

/**
 * How many turns make a run longer by SLOWED_PART. Many turns first, whose cost stands above what the machine does
 * beside; then, since a processor does some turns beside other work, three measurements of what that comes to, again
 * with other turns until their median is between the bounds. Null: it never was.
 */
function turnsFor(timesAsLong: (turns: number) => number): number | null {
  const partOfMany = Math.max(timesAsLong(MANY_TURNS) - 1, SLOWED_PART);
  let turns = Math.max(1, Math.round((MANY_TURNS * SLOWED_PART) / partOfMany));
  for (let tries = 0; tries < TRIES; tries++) {
    const [, part] = [1, 2, 3].map(() => timesAsLong(turns) - 1).sort((a, b) => a - b);
    if (part >= SLOWED_LEAST && part <= SLOWED_MOST) return turns;
    turns = Math.max(1, Math.round(turns * Math.min(2, Math.max(0.5, SLOWED_PART / Math.max(part, 0.001)))));
  }
  return null;
}

/** A handler that takes longer, so that the run takes 5 % longer. */
async function slowedHandler(): Promise<void> {
  const what = 'rings on interp, INT slowed by 5 % of the run';
  if (!isWanted(what)) return;
  const log = await recordingOf('rings', 2000);
  const slowed = (turns: number): string =>
    copyOf(`slow-${turns}`, 'src/core/cpu/system/exceptions.js', (text) =>
      text.replace(
        /(export function softwareInterrupt\([^{]*\{)/,
        `let idle = 1;\n$1 for (let turn = 0; turn < ${turns}; turn++) idle = Math.imul(idle, 31) ^ turn;`,
      ),
    );
  const turns = turnsFor((some) => 1 / differenceOf(log, 'interp', slowed(some), ['--no-sampling']).ratio);
  if (turns === null) {
    wrong++;
    console.log(`WRONG ${what}: no number of turns slows it by as much; on a machine that is less busy there is one`);
    return;
  }
  const found = differenceOf(log, 'interp', slowed(turns), []);
  tell(
    `${what} (${turns} turns)`,
    found,
    // V8 takes it into the handler that calls it.
    found.verdict === 'faster' && /softwareInterrupt|interrupt .*far-flow/.test(topOf(found)),
    topOf(found),
  );
}

/** What counts when asked to costs nothing when not: a build that cannot count is no faster. */
async function withoutCounters(): Promise<void> {
  const copy = copyOf('no-counters', 'tiers/tiering.js', (text) =>
    text.replace(
      /^ *(this\.)?watch\?\.(settled|armed|heated|built|forgotten|refused|linked|unlinked)\([^;]*\);$/gm,
      '',
    ),
  );
  for (const [program, count, engine] of [
    ['crc', 40, 'interp'],
    ['flags', 3000, 'tiered'],
  ] as const) {
    const what = `${program} on ${engine}, nobody counts and nobody can`;
    if (!isWanted(what)) continue;
    // One part in a hundred takes more rounds than five.
    const found = differenceOf(await recordingOf(program, count), engine, copy, ['--no-sampling'], 2 * rounds);
    tell(what, found, found.verdict !== 'slower' && found.ratio <= COUNTERS_COST_MOST);
  }
}

function topOf({ blocks, functions }: EngineDifference): string {
  const row = (one: EngineDifference['blocks'][number]): string =>
    `${one.name} ${one.beforeMs.toFixed(0)} to ${one.afterMs.toFixed(0)} ms`;
  return `\n        ${[...blocks.slice(0, 3), ...functions.slice(0, 3)].map(row).join('\n        ')}`;
}

try {
  await withoutPass();
  await slowedHandler();
  await withoutCounters();
  await againstItself();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(wrong === 0 ? 'every verdict is right' : `${wrong} verdicts are wrong`);
process.exitCode = wrong === 0 ? 0 : 1;
