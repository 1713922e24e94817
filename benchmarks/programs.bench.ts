/**
 * Guest programs, each about one thing that guests do (programs.ts), on the engines: recorded once, then replayed in
 * rounds of fresh processes in turns, as `reprise bench` does. Ratios are those of speeds, against the interpreter:
 * with the warm-up counted, and without. `--guest`, `--engines`, `--rounds`, `--count` (repetitions), `--log`
 * (recordings of one's own, such as a Debian boot), `--add` (to benchmarks/history.jsonl).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { openLog } from '../src/core/log/log.ts';
import { rowFigures, rowOf, type RowFigures } from '../src/host/measure/measurement.ts';
import { contestantsOf, runRounds } from '../src/host/measure/rounds.ts';
import { bar } from '../src/host/measure/text.ts';
import { record } from '../src/library.ts';
import { benchArguments } from './bench-options.ts';
import { addToHistory, currentCommit, geometricMean, type Ratio } from './history.ts';
import { choosePrograms, PROGRAM_MEGABYTES } from './programs.ts';

const args = benchArguments();
const engines = (args.text('engines') ?? 'interp,tiered').split(',').map((name) => name.replaceAll('+', ','));
const [baseline] = engines;
const rounds = args.number('rounds') ?? 3;
const count = args.number('count');
const LAST = engines[engines.length - 1];
const BAR_TIMES = 8;

interface Work {
  readonly name: string;
  readonly path: string;
}

let isStopped = false;
process.once('SIGINT', () => {
  isStopped = true;
});

async function measure({ name, path }: Work): Promise<Map<string, RowFigures> | null> {
  const { lastTick } = openLog(new Uint8Array(readFileSync(path)));
  const { runs, whole } = await runRounds({
    contestants: contestantsOf(engines, undefined),
    rounds,
    isSampled: false,
    job: {
      path,
      given: { files: [], places: args.list('image') },
      isSalvaged: false,
      fromTick: 0,
      toTick: lastTick,
      pieces: 100,
    },
    progress: () => {},
    isStopped: () => isStopped,
  });
  const failed = runs.find(({ failure }) => failure !== '');
  if (failed !== undefined) {
    console.log(`${name.padEnd(12)} ${failed.contestant.engine} failed: ${failed.failure}`);
    process.exitCode = 1;
    return null;
  }
  if (whole === 0) return null;
  return new Map(
    runs.map(({ contestant: { engine }, results }) => [
      engine,
      rowFigures(rowOf({ engine, build: '', failure: '' }, results, null)),
    ]),
  );
}

const folder = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
try {
  const ratios: Record<string, Ratio> = {};
  console.log(`${''.padEnd(12)}${engines.map((name) => `${name} M/s`.padStart(22)).join('')}   ${LAST} / ${baseline}`);
  const programs = args.has('log') && !args.has('guest') ? [] : choosePrograms(args.text('guest'));
  const works: (() => Promise<Work>)[] = [
    ...programs.map((program) => async (): Promise<Work> => {
      const { log } = await record({
        images: { kernel: program.image() },
        memoryMegabytes: PROGRAM_MEGABYTES,
        append: count === undefined ? '' : `guest ${count}`,
        hashEveryTicks: 0,
        embed: true,
      });
      const path = join(folder, `${program.name}.rlog`);
      writeFileSync(path, log);
      return { name: program.name, path };
    }),
    ...args.list('log').map((path) => async (): Promise<Work> => ({ name: basename(path, '.rlog'), path })),
  ];
  for (const make of works) {
    if (isStopped) break;
    const work = await make();
    const figures = await measure(work);
    const [first, last] = [figures?.get(baseline), figures?.get(LAST)];
    if (first === undefined || last === undefined || figures === null) continue;
    const ratio = { whole: last.speed / first.speed, steady: last.steadySpeed / first.steadySpeed };
    ratios[work.name] = ratio;
    const cells = engines.map((engine) => {
      const { speed, steadySpeed, spread } = figures.get(engine) ?? first;
      return `${speed.toFixed(1)} (${steadySpeed.toFixed(1)}) ±${(100 * spread).toFixed(0)}%`.padStart(22);
    });
    console.log(
      `${work.name.padEnd(12)}${cells.join('')}   ${ratio.whole.toFixed(2)} (${ratio.steady.toFixed(2)})  ` +
        bar(ratio.steady / BAR_TIMES, 24),
    );
  }
  const all = Object.values(ratios);
  const mean = (which: keyof Ratio): string => geometricMean(all.map((ratio) => ratio[which])).toFixed(2);
  if (all.length > 0) console.log(`geometric mean of ${all.length}: ${mean('whole')}, steady ${mean('steady')}`);
  if (args.has('add') && all.length > 0 && !isStopped) {
    const facts = { node: process.version, processor: cpus()[0]?.model ?? 'unknown' };
    addToHistory({ date: new Date().toISOString(), commit: currentCommit(), ...facts, engine: LAST, ratios });
    console.log('added to benchmarks/history.jsonl: npm run bench:history shows it');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
