/**
 * Guest programs, each about one thing that guests do (programs.ts), on the engines: recorded once, then replayed in
 * rounds of fresh processes in turns, as `reprise bench` does. Ratios are those of speeds, against the interpreter:
 * with the warm-up counted, and without. Of the Debian guest, where it is built, the boot and each workload are parts
 * of one run. `--guest`, `--engines`, `--rounds`, `--count` (repetitions), `--log`
 * (recordings of one's own, such as a Debian boot), `--add` (to benchmarks/history.jsonl).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { openLog } from '../src/core/log/log.ts';
import { type Row, rowFigures, rowOf, type RowFigures } from '../src/host/measure/measurement.ts';
import { contestantsOf, runRounds } from '../src/host/measure/rounds.ts';
import { bar } from '../src/host/measure/text.ts';
import { record } from '../src/library.ts';
import { benchArguments } from './bench-options.ts';
import { addToHistory, currentCommit, geometricMean, type Ratio } from './history.ts';
import { DEBIAN, DEBIAN_MEGABYTES, DEBIAN_SECTIONS, debianCommandLine, debianImages, debianProblem } from './debian.ts';
import { choosePrograms, PROGRAM_MEGABYTES } from './programs.ts';

const args = benchArguments();
const engines = (args.text('engines') ?? 'interp,tiered').split(',').map((name) => name.replaceAll('+', ','));
const [baseline] = engines;
const rounds = args.number('rounds') ?? 3;
const count = args.number('count');
const LAST = engines[engines.length - 1];
const BAR_TIMES = 8;
const NAME_CELLS = 17;

interface Work {
  readonly name: string;
  readonly path: string;
  /** Parts of the run that are told apart: where they begin and end. */
  readonly parts?: readonly Part[];
}

interface Part {
  readonly name: string;
  readonly fromTick: number;
  readonly toTick: number;
}

/** So that parts of a run end where pieces do, nearly. */
const PIECES_OF_PARTS = 2000;

let isStopped = false;
process.once('SIGINT', () => {
  isStopped = true;
});

/** The rows by engine; null when there are none. */
async function measure({ name, path, parts }: Work): Promise<Map<string, Row> | null> {
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
      pieces: parts === undefined ? 100 : PIECES_OF_PARTS,
    },
    progress: () => {},
    isStopped: () => isStopped,
  });
  const failed = runs.find(({ failure }) => failure !== '');
  if (failed !== undefined) {
    console.log(`${name.padEnd(NAME_CELLS)} ${failed.contestant.engine} failed: ${failed.failure}`);
    process.exitCode = 1;
    return null;
  }
  if (whole === 0) return null;
  return new Map(
    runs.map(({ contestant: { engine }, results }) => [
      engine,
      rowOf({ engine, build: '', failure: '' }, results, null),
    ]),
  );
}

/** The pieces of a row that are of the part. */
function rowOfPart(row: Row, { fromTick, toTick }: Part, lastTick: number): Row {
  const step = Math.ceil(lastTick / PIECES_OF_PARTS);
  const [first, end] = [fromTick, toTick].map((tick) => Math.round(tick / step));
  return {
    ...row,
    times: row.times.map((round) => round.slice(first, end)),
    pieceTicks: row.pieceTicks.slice(first, end),
  };
}

/** The Debian guest, recorded: its boot, and what its shell then does, each by its markers. */
async function recordDebian(): Promise<Work> {
  const markers: { readonly text: string; readonly tick: number }[] = [];
  let line = '';
  const path = join(folder, 'debian.rlog');
  const { log } = await record({
    images: { kernel: readFileSync(debianImages.kernel), initrd: readFileSync(debianImages.initrd) },
    memoryMegabytes: DEBIAN_MEGABYTES,
    append: debianCommandLine(),
    maxTicks: 2 ** 40,
    epochSeconds: Date.UTC(2026, 0, 1) / 1000,
    embed: true,
    onSerial: (port, byte, tick) => {
      if (port !== 0) return;
      line += String.fromCharCode(byte);
      if (byte !== 0x0a) return;
      markers.push({ text: line.trim(), tick });
      line = '';
    },
  });
  writeFileSync(path, log);
  const parts = DEBIAN_SECTIONS.map((name): Part => {
    const end = markers.findIndex(({ text }) => text.startsWith(`${name}: `));
    if (end < 0) throw new Error(`the Debian guest did not come to the end of ${name}`);
    const start = markers.map(({ text }) => text).lastIndexOf('go', end);
    return { name: `debian ${name}`, fromTick: markers[start]?.tick ?? 0, toTick: markers[end].tick };
  });
  return { name: DEBIAN, path, parts };
}

const folder = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
try {
  const ratios: Record<string, Ratio> = {};
  console.log(
    `${''.padEnd(NAME_CELLS)}${engines.map((name) => `${name} M/s`.padStart(22)).join('')}   ${LAST} / ${baseline}`,
  );
  const isOwnOnly = args.has('log') && !args.has('guest');
  const names = args.text('guest')?.split(',');
  const isDebian = isOwnOnly ? false : (names?.includes(DEBIAN) ?? true);
  const others = names?.filter((name) => name !== DEBIAN).join(',');
  const programs = isOwnOnly || others === '' ? [] : choosePrograms(others);
  const tell = (name: string, figures: ReadonlyMap<string, RowFigures>): void => {
    const [first, last] = [figures.get(baseline), figures.get(LAST)];
    if (first === undefined || last === undefined) return;
    const ratio = { whole: last.speed / first.speed, steady: last.steadySpeed / first.steadySpeed };
    ratios[name] = ratio;
    const cells = engines.map((engine) => {
      const { speed, steadySpeed, spread } = figures.get(engine) ?? first;
      return `${speed.toFixed(1)} (${steadySpeed.toFixed(1)}) ±${(100 * spread).toFixed(0)}%`.padStart(22);
    });
    console.log(
      `${name.padEnd(NAME_CELLS)}${cells.join('')}   ${ratio.whole.toFixed(2)} (${ratio.steady.toFixed(2)})  ` +
        bar(ratio.steady / BAR_TIMES, 24),
    );
  };
  if (isDebian && debianProblem() !== '') console.log(`${DEBIAN} is left out: ${debianProblem()}`);
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
    ...(isDebian && debianProblem() === '' ? [recordDebian] : []),
    ...args.list('log').map((path) => async (): Promise<Work> => ({ name: basename(path, '.rlog'), path })),
  ];
  for (const make of works) {
    if (isStopped) break;
    const work = await make();
    const rows = await measure(work);
    if (rows === null) continue;
    const { lastTick } = openLog(new Uint8Array(readFileSync(work.path)));
    for (const part of work.parts ?? [null]) {
      const figuresOf = (row: Row): RowFigures => rowFigures(part === null ? row : rowOfPart(row, part, lastTick));
      tell(part?.name ?? work.name, new Map([...rows].map(([engine, row]) => [engine, figuresOf(row)])));
    }
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
