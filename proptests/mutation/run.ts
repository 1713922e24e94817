/**
 * npm run mutation -- [--only TEXT] [--minutes M] [--seconds-each S] [--seed N] [--list] [--json]
 *
 * Injects faults (mutations.ts) one at a time into a private copy of the built program and shows that the checks notice
 * each (check.ts). Survivors are defects of the tests; status 1 when there are any. --seed chooses the random programs and
 * the order; --minutes ends it early and says what was not tried; --only keeps mutations whose file or effect has TEXT.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildGuest, findGuest } from '../../src/host/guest-images.ts';
import { record, serialText } from '../../src/host/index.ts';
import { Dice } from '../replay/wild.ts';
import { projectRoot } from '../support/poison.ts';
import { randomKernel } from '../verify/programs.ts';
import { type Mutation, MUTATIONS } from './mutations.ts';

const PROGRAMS = 24;
/** Guests that reach what random programs do not: paging, invalidation, interrupts, rights, tasks, strings. */
const GUESTS = ['smc', 'paging', 'interrupts', 'ring3', 'tasks', 'strings', 'echo'];
/** Run from the private copy, where the fault is. */
const CHECK = relative(projectRoot, fileURLToPath(new URL('./check.js', import.meta.url)));
const GUEST_TICKS = 60_000;
/** By the folder of the mutated file. The tiers are held against the interpreter, it against stepping. */
const ENGINES_OF_TIERS = [
  'interp',
  'js:threshold=1',
  'js:threshold=1,optimise=0,region=1',
  'js:threshold=2,instructions=1',
];
const ENGINES_OF_INTERPRETER = ['step', 'interp'];

interface Result {
  readonly mutation: Mutation;
  /** `stale`: the text to replace is not there any more. */
  readonly outcome: 'caught' | 'survived' | 'stale';
  readonly by: string;
}

async function recordLogs(folder: string, seed: number): Promise<void> {
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 65_536 };
  for (let i = 0; i < PROGRAMS; i++) {
    const kernel = randomKernel(seed * 1000 + i, 300, 4);
    const { log } = await record({ ...settings, images: { kernel }, maxTicks: 60_000 });
    writeFileSync(join(folder, `a-program-${String(i).padStart(2, '0')}.rlog`), log);
  }
  for (const name of GUESTS) {
    const { input } = findGuest(name);
    const inputs = input === undefined ? [] : [{ tick: 30_000, event: serialText(input) }];
    const images = { kernel: buildGuest(name) };
    const { log } = await record({ ...settings, memoryMegabytes: 8, images, inputs, maxTicks: GUEST_TICKS });
    writeFileSync(join(folder, `b-${name}.rlog`), log);
  }
}

/** The text with the fault in it, or null when the place is not found. */
function mutate(text: string, { after, find, replace }: Mutation): string | null {
  const from = text.indexOf(after);
  const at = from < 0 ? -1 : text.indexOf(find, from + after.length);
  return at < 0 ? null : text.slice(0, at) + replace + text.slice(at + find.length);
}

function tryOne(root: string, logs: string, mutation: Mutation, timeoutMs: number): Result {
  const path = join(root, 'dist', mutation.file);
  const sound = readFileSync(path, 'utf8');
  const faulty = mutate(sound, mutation);
  if (faulty === null) return { mutation, outcome: 'stale', by: 'the text is not there: mend mutations.ts' };
  writeFileSync(path, faulty);
  try {
    const isTier = !/^(tiers\/interp|src)\//.test(mutation.file);
    const engines = isTier ? ENGINES_OF_TIERS : ENGINES_OF_INTERPRETER;
    const check = join(root, CHECK);
    const ended = spawnSync(process.execPath, [check, logs, ...engines], { encoding: 'utf8', timeout: timeoutMs });
    if (ended.status === 0) return { mutation, outcome: 'survived', by: '' };
    if (ended.signal !== null) return { mutation, outcome: 'caught', by: `no end within ${timeoutMs / 1000} s` };
    const line = ended.stdout.trim();
    if (!line.startsWith('{'))
      return { mutation, outcome: 'caught', by: ended.stderr.trim().split('\n').at(-1) ?? 'a crash' };
    const { log, what } = JSON.parse(line) as { log: string; what: string };
    return { mutation, outcome: 'caught', by: `${log}: ${what}` };
  } finally {
    writeFileSync(path, sound);
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      minutes: { type: 'string', default: '60' },
      'seconds-each': { type: 'string', default: '120' },
      seed: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const { only } = values;
  const chosen = MUTATIONS.filter(({ file, breaks }) => only === undefined || `${file} ${breaks}`.includes(only));
  if (values.list) {
    for (const { file, breaks } of chosen) console.log(`${file}: ${breaks}`);
    return 0;
  }
  const seed = Number(values.seed);
  const dice = new Dice(seed);
  const order = chosen.map((mutation) => ({ mutation, key: dice.next(2 ** 30) })).sort((a, b) => a.key - b.key);
  const root = mkdtempSync(join(tmpdir(), 'reprise-mutation-'));
  const results: Result[] = [];
  const endMs = Date.now() + Number(values.minutes) * 60_000;
  try {
    for (const part of ['dist/src', 'dist/tiers', 'dist/proptests', 'guests', 'package.json']) {
      cpSync(join(projectRoot, part), join(root, part), {
        recursive: true,
        filter: (path) => !/\.(map|d\.ts|rlog)$|cache/.test(path),
      });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    const logs = join(root, 'logs');
    mkdirSync(logs);
    await recordLogs(logs, seed);
    const check = join(root, CHECK);
    for (const engines of [ENGINES_OF_TIERS, ENGINES_OF_INTERPRETER]) {
      const sound = spawnSync(process.execPath, [check, logs, ...engines], { encoding: 'utf8' });
      if (sound.status === 0) continue;
      console.error(`The program without any fault fails the check already: ${sound.stdout}${sound.stderr}`);
      return 2;
    }
    for (const { mutation } of order) {
      if (Date.now() > endMs) break;
      const result = tryOne(root, logs, mutation, Number(values['seconds-each']) * 1000);
      results.push(result);
      if (!values.json)
        console.log(
          `${result.outcome.padEnd(9)} ${mutation.file}: ${mutation.breaks}${result.by === '' ? '' : ` [${result.by}]`}`,
        );
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const count = (outcome: Result['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  if (values.json)
    console.log(JSON.stringify(results.map(({ mutation, outcome, by }) => ({ ...mutation, outcome, by }))));
  const untried = order.length - results.length;
  console.log(
    `${count('caught')} of ${results.length} caught, ${count('survived')} survived, ${count('stale')} stale${untried === 0 ? '' : `, ${untried} not tried`}; again: --seed ${seed}`,
  );
  return count('survived') + count('stale') === 0 ? 0 : 1;
}

process.exitCode = await main();
