/**
 * npm run mutation -- [--only TEXT] [--minutes M] [--seconds-each S] [--seed N] [--list] [--reach] [--json]
 *
 * Injects faults (mutations.ts) one at a time into a private copy of the built program and shows that the checks notice
 * each (check.ts) and that their report names a right instruction. Survivors are defects of the tests; status 1 when
 * there are any. --seed chooses the random programs and the order; --minutes ends it early and says what was not tried;
 * --only keeps mutations whose file or effect has TEXT, or those of the numbers in the list, as 3,7,20-45. --list
 * prints them, --reach what the programs of the seed meet: for each row, how often it ran and the classes of its
 * operands.
 */
import { Random } from '../../src/core/base/random.ts';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../../src/host/cli/script-arguments.ts';
import { buildGuest, findGuest } from '../../src/host/node/guest-images.ts';
import { type RecordSettings, record, serialText } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { addReach, Reach, reachText } from '../verify/reach.ts';
import { randomWorld } from '../verify/worlds.ts';
import type { Noticed } from './check.ts';
import { mutate, type Mutation } from './answers.ts';
import { MUTATIONS } from './mutations.ts';
import { PROGRAMS, programOf } from './programs.ts';

const WORLDS = 8;
const PROGRAM_TICKS_MAX = 100_000;
/** Guests that reach what random ones do not: invalidation of all kinds, rights, tasks, strings. */
const GUESTS = ['smc', 'paging', 'interrupts', 'ring3', 'tasks', 'strings', 'echo'];
/** Run from the private copy, where the fault is. */
const CHECK = relative(projectRoot, fileURLToPath(new URL('./check.js', import.meta.url)));
const GUEST_TICKS = 60_000;
/** Seconds by the clock for one of processor time, at most. */
const PATIENCE = 20;
const isOfTiers = ({ file }: Mutation): boolean => !/^(tiers\/interp|src)\//.test(file);
/** By the folder of the mutated file. The tiers are held against the interpreter, it against stepping. */
const ENGINES_OF_TIERS = [
  'interp',
  'js:threshold=1,ahead=1',
  'js:threshold=1,optimise=0,region=1',
  'js:threshold=2,instructions=1',
];
const ENGINES_OF_INTERPRETER = ['step', 'interp'];
/** At once and one by one; in batches, with links inside a module; handed over, with less patience; as it is. */
const ENGINES_OF_WASM = [
  'interp',
  'wasm:threshold=1,ahead=1,wait=0,calls=1,overlap=1,thread=0',
  'wasm:threshold=1,region=1,optimise=0,wait=6,thread=0',
  'wasm:threshold=2,wait=2,thread=0',
  'wasm:threshold=1,wait=4,region=2',
];

/** Words of the check: the root of the sound build, empty where engines are held against each other, and those. */
function wordsOf(mutation: Mutation): string[] {
  if (mutation.on === 'wasm') return ['', ...ENGINES_OF_WASM];
  return isOfTiers(mutation) ? ['', ...ENGINES_OF_TIERS] : [projectRoot, ...ENGINES_OF_INTERPRETER];
}

interface Result {
  readonly mutation: Mutation;
  /**
   * `caught`: noticed, and the report names a right instruction; `misnamed`: noticed, but it does not; `endless`: the
   * check did not end; `stale`: the text to replace is not there any more.
   */
  readonly outcome: 'caught' | 'misnamed' | 'survived' | 'endless' | 'stale';
  readonly noticed: Noticed | null;
  readonly seconds: number;
}

/** In the order of their names: what shows most in the shortest time first. */
async function recordLogs(folder: string, seed: number): Promise<void> {
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 65_536 };
  const keep = async (name: string, more: Partial<RecordSettings> & Pick<RecordSettings, 'images'>): Promise<void> => {
    writeFileSync(
      join(folder, `${name}.rlog`),
      (await record({ ...settings, maxTicks: PROGRAM_TICKS_MAX, ...more })).log,
    );
  };
  // Programs find most and take least; every fourth is followed by a world.
  const name = (place: number, what: string): string => `${String(place).padStart(3, '0')}-${what}`;
  for (let i = 0; i < PROGRAMS; i++) {
    await keep(name(i * 10, 'program'), { images: { kernel: programOf(seed, i) } });
  }
  for (let i = 0; i < WORLDS; i++) {
    await keep(name(i * 40 + 25, 'world'), { images: { kernel: randomWorld(seed * 1000 + i) } });
  }
  for (const [i, guest] of GUESTS.entries()) {
    const { input } = findGuest(guest);
    const inputs = input === undefined ? [] : [{ tick: 30_000, event: serialText(input) }];
    const images = { kernel: buildGuest(guest) };
    await keep(name(900 + i, guest), { memoryMegabytes: 8, images, inputs, maxTicks: GUEST_TICKS });
  }
}

function isRight({ right }: Mutation, { instruction, piece, differs, text, by }: Noticed): boolean {
  const { names, shows, differs: what, says } = right;
  if (says !== undefined && (by === 'replay' || names === undefined)) return says.test(text);
  if (instruction === '') return false;
  if (names !== undefined && !names.test(instruction)) return false;
  // What all engines do alike has no piece: the sound build beside it names the instruction alone.
  if (by === 'replay') return true;
  if (shows !== undefined && !piece.some((one) => shows.test(one))) return false;
  return what === undefined || differs.some((name) => what.test(name));
}

/**
 * The check as a process that ends after so many seconds of processor time: how long it takes by the clock says what
 * else the machine does.
 */
function runCheck(root: string, words: readonly string[], seconds: number): SpawnSyncReturns<string> {
  const options = { encoding: 'utf8', timeout: PATIENCE * seconds * 1000, cwd: root } as const;
  const limited = ['-c', `ulimit -t ${Math.ceil(seconds)}; exec "$@"`, 'check', process.execPath];
  return spawnSync('sh', [...limited, join(root, CHECK), ...words], options);
}

function tryOne(root: string, logs: string, mutation: Mutation, secondsEach: number): Result {
  const path = join(root, 'dist', mutation.file);
  const sound = readFileSync(path, 'utf8');
  const faulty = mutate(sound, mutation);
  if (faulty === null) return { mutation, outcome: 'stale', noticed: null, seconds: 0 };
  writeFileSync(path, faulty);
  const startMs = performance.now();
  const result = (outcome: Result['outcome'], noticed: Noticed | null = null): Result => {
    return { mutation, outcome, noticed, seconds: (performance.now() - startMs) / 1000 };
  };
  try {
    const ended = runCheck(root, [logs, ...wordsOf(mutation)], secondsEach);
    if (ended.signal !== null) return result('endless');
    if (ended.status === 0) return result('survived');
    const line = ended.stdout.trim();
    // Not even loaded, as after a syntax error: that is no fault of the kind that is meant.
    if (!line.startsWith('{')) return result('stale');
    const noticed = JSON.parse(line) as Noticed;
    return result(isRight(mutation, noticed) ? 'caught' : 'misnamed', noticed);
  } finally {
    writeFileSync(path, sound);
  }
}

function lineOf({ mutation, outcome, noticed, seconds }: Result): string {
  const number = String(MUTATIONS.indexOf(mutation)).padStart(2);
  const took = `${outcome.padEnd(9)} ${seconds.toFixed(1).padStart(5)} s`;
  const what = `${number} ${took}  ${mutation.file}: ${mutation.breaks}`;
  if (noticed === null) return outcome === 'stale' ? `${what} [the text is not there: mend mutations.ts]` : what;
  const { by, log, instruction, piece, text } = noticed;
  const named = instruction === '' ? (text.split('\n').at(by === 'replay' ? 1 : 0) ?? '') : instruction;
  const more = piece.length > 1 ? `, then ${piece.slice(1, outcome === 'misnamed' ? 12 : 3).join('; ')}` : '';
  return `${what} [${by}, ${log.replace('.rlog', '')}: ${named}${more}]`;
}

const jsonOf = (result: Result): string =>
  JSON.stringify(result, (_, value) => (value instanceof RegExp ? String(value) : value));

async function main(): Promise<number> {
  const args = scriptArguments({
    name: 'mutation',
    program: 'npm run mutation --',
    positionals: [],
    brief: 'faults put in, to be found',
    summary:
      'Puts one fault at a time into a copy of the built program and shows that the checks name its instruction.',
    options: [
      { name: 'only', value: 'TEXT', help: 'those whose file or effect has TEXT, or of these numbers, as 3,7,20-45' },
      { name: 'minutes', value: 'M', range: [1, 100_000], help: 'end after so long (default 60)' },
      { name: 'seconds-each', value: 'S', range: [1, 100_000], help: 'processor time for one at most (default 300)' },
      { name: 'seed', value: 'N', range: [0, 2 ** 31], help: 'of the random programs and the order (default 1)' },
      { name: 'list', help: 'list them, run nothing' },
      { name: 'reach', help: 'what the random programs meet: runs and classes of operands of each row' },
    ],
  });
  const only = args.text('only');
  const ranges = /^[\d,-]+$/.test(only ?? '')
    ? only?.split(',').map((range) => range.split('-').map(Number))
    : undefined;
  const chosen = MUTATIONS.filter(({ file, breaks }, index) => {
    if (ranges !== undefined) return ranges.some(([first, last = first]) => index >= first && index <= last);
    return only === undefined || `${file} ${breaks}`.includes(only);
  });
  if (args.has('list')) {
    for (const one of chosen) console.log(`${MUTATIONS.indexOf(one)} ${one.file}: ${one.breaks}`);
    return 0;
  }
  const seed = args.number('seed') ?? 1;
  if (args.has('reach')) {
    const reach = new Reach();
    for (let i = 0; i < PROGRAMS; i++) addReach(reach, programOf(seed, i), PROGRAM_TICKS_MAX);
    console.log(reachText(reach));
    return 0;
  }
  const dice = new Random(seed);
  const order = chosen.map((mutation) => ({ mutation, key: dice.below(2 ** 30) })).sort((a, b) => a.key - b.key);
  const root = mkdtempSync(join(tmpdir(), 'reprise-mutation-'));
  const results: Result[] = [];
  const endMs = Date.now() + (args.number('minutes') ?? 60) * 60_000;
  try {
    for (const part of ['dist/src', 'dist/tiers', 'dist/proptests', 'guests', 'package.json']) {
      cpSync(join(projectRoot, part), join(root, part), {
        recursive: true,
        filter: (path) => !/\.(map|d\.ts|rlog)$|\/guests\/cache$/.test(path),
      });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    const logs = join(root, 'logs');
    mkdirSync(logs);
    await recordLogs(logs, seed);
    // Only when all are meant: it takes as long as two survivors.
    const wordLists =
      only === undefined ? [...new Map(chosen.map((one) => [wordsOf(one).join(), wordsOf(one)])).values()] : [];
    for (const words of wordLists) {
      const options = { encoding: 'utf8', cwd: root } as const;
      const sound = spawnSync(process.execPath, [join(root, CHECK), logs, ...words], options);
      if (sound.status === 0) continue;
      console.error(`The program without any fault fails the check already: ${sound.stdout}${sound.stderr}`);
      return 2;
    }
    for (const { mutation } of order) {
      if (Date.now() > endMs) break;
      const result = tryOne(root, logs, mutation, args.number('seconds-each') ?? 300);
      results.push(result);
      console.log(args.has('json') ? jsonOf(result) : lineOf(result));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const count = (outcome: Result['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  const untried = order.length - results.length;
  const others = (['misnamed', 'survived', 'endless', 'stale'] as const)
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) => `, ${count(outcome)} ${outcome}`);
  console.log(
    `${count('caught')} of ${results.length} caught with the right instruction${others.join('')}` +
      `${untried === 0 ? '' : `, ${untried} not tried`}; again: --seed ${seed}`,
  );
  return count('caught') === results.length ? 0 : 1;
}

process.exitCode = await main();
