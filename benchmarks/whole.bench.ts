/**
 * Whole runs, as a user has them: a process each, from its start to its end, with loading, warming up and compiling; in
 * parentheses the run alone, from the machine's first tick to its last. `tiered` should not be behind the better of the
 * two others, however short the guest is. All guests run at their own length, the compute guests also at others (`/10`,
 * `x10`). Engines take turns; medians of `--rounds=N` (7). `--guest=a,b`, `--engines=a,b`: as in engines.bench.ts; the
 * last engine is held against the others.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildGuest, findGuest, listGuests } from '../src/host/node/guest-images.ts';
import { createMachine, serialText } from '../src/library.ts';
import { benchArguments } from './bench-options.ts';

const LENGTHS = [
  ['/100', 0.01],
  ['/10', 0.1],
  ['', 1],
  ['x10', 10],
] as const;
const TICKS_MAX = 2 ** 40;

/** One run in this process: prints ms of the run, ticks and the final hash. */
async function runAlone(name: string, engine: string, count: string): Promise<void> {
  const guest = findGuest(name);
  const images = { kernel: buildGuest(name) };
  const settings = { images, append: count, memoryMegabytes: 8, hashEveryTicks: 0, engine };
  const machine = await createMachine(settings);
  const start = performance.now();
  const { input } = guest;
  if (input !== undefined) {
    machine.run(30_000);
    machine.push(serialText(input));
  }
  machine.run(TICKS_MAX);
  const running = performance.now() - start;
  console.log(JSON.stringify({ running, ticks: machine.tick, hash: machine.hash() }));
}

interface Run {
  /** Of the whole process, and of the run alone, in ms. */
  readonly wall: number;
  readonly running: number;
  readonly ticks: number;
  readonly hash: string;
}

function runApart(name: string, engine: string, count: string): Run {
  const words = [fileURLToPath(import.meta.url), 'alone', name, engine, count];
  const start = performance.now();
  const ended = spawnSync(process.execPath, words, { encoding: 'utf8' });
  const wall = performance.now() - start;
  if (ended.status !== 0) throw new Error(`${name} on ${engine}: ${ended.stderr}`);
  return { wall, ...(JSON.parse(ended.stdout) as Omit<Run, 'wall'>) };
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

function compare(): void {
  const args = benchArguments();
  const rounds = args.number('rounds') ?? 7;
  // A policy is written with + between its parts: js:threshold=1+region=4.
  const engines = (args.text('engines') ?? 'interp,js,tiered').split(',').map((name) => name.replaceAll('+', ','));
  const wanted = args.text('guest') ?? '';
  const guests = listGuests().filter(({ name }) => wanted === '' || wanted.split(',').includes(name));
  console.log(
    `${'guest'.padEnd(14)}${'ticks'.padStart(12)}${engines.map((name) => name.padStart(22)).join('')}   ` +
      `last / best other`,
  );
  console.log(`${''.padEnd(26)}${engines.map(() => 'process (run) ms'.padStart(22)).join('')}`);
  for (const guest of guests) {
    for (const [suffix, factor] of guest.kind === 'benchmark' ? LENGTHS : [['', 1] as const]) {
      const count = guest.kind === 'benchmark' ? `${Math.max(1, Math.round((guest.defaultCount ?? 1) * factor))}` : '';
      const runs: Run[][] = engines.map(() => []);
      for (let round = 0; round < rounds; round++) {
        for (const [i, engine] of engines.entries()) runs[i].push(runApart(guest.name, engine, count));
      }
      const hashes = new Set(runs.flat().map(({ hash }) => hash));
      const walls = runs.map((one) => median(one.map(({ wall }) => wall)));
      const cells = runs.map((one, i) =>
        `${walls[i].toFixed(1)} (${median(one.map(({ running }) => running)).toFixed(1)})`.padStart(22),
      );
      const ratio = walls[walls.length - 1] / Math.min(...walls.slice(0, -1));
      const differ = hashes.size === 1 ? '' : '   THE STATES DIFFER';
      if (hashes.size !== 1) process.exitCode = 1;
      console.log(
        `${(guest.name + suffix).padEnd(14)}${String(runs[0][0].ticks).padStart(12)}${cells.join('')}   ` +
          `${ratio.toFixed(2)}${differ}`,
      );
    }
  }
}

if (process.argv[2] === 'alone') await runAlone(process.argv[3], process.argv[4], process.argv[5]);
else compare();
