// `reprise bench LOG`: how fast a recorded run, or a window of it, is on each engine, in rounds of fresh processes in
// turns, and on what the time goes. `reprise bench diff A.json B.json` compares two such measurements, --against
// another build that is measured with this one; both end with status 1 when something has become slower beyond the
// interval.

import { cpus } from 'node:os';
import { basename } from 'node:path';
import { UsageError } from '../../core/base/usage-error.ts';
import { LogError } from '../../core/log/log-error.ts';
import type { LogReader } from '../../core/log/log.ts';
import { type Images, SessionError } from '../../core/session/session.ts';
import { DEFAULT_ENGINE, EngineError, engineNames, loadEngine, loadWatchedEngine } from '../../engines.ts';
import { benchLines, differenceLines } from '../measure/bench-text.ts';
import { countRun, type Counted } from '../measure/counted-run.ts';
import { differencesBetween, differencesWithin, type EngineDifference } from '../measure/difference.ts';
import { hasThreadClock } from '../measure/host-clock.ts';
import { type HotBy, TOP_DEFAULT } from '../measure/hot-by.ts';
import { flameLeaves, functionNames, hotTimes } from '../measure/hot-time.ts';
import { type CountedPart, FORMAT, type Measurement, rowOf, VERSION } from '../measure/measurement.ts';
import { newMeasurementFile, readMeasurement } from '../measure/measurement-file.ts';
import { type Peers, readPeers } from '../measure/peer-file.ts';
import { reportHtml } from '../measure/report-html.ts';
import { contestantsOf, type Rounds, runRounds } from '../measure/rounds.ts';
import { csvText, speedscopeFile } from '../measure/speedscope.ts';
import { windowOf, type WindowTicks } from '../measure/window.ts';
import { findImages } from '../node/find-images.ts';
import { readGivenFile, sha256 } from '../node/images.ts';
import { logProblem, openLogFile, sessionProblem } from '../node/log-file.ts';
import { NewFile } from '../node/new-file.ts';
import { Progress } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import type { Arguments } from './args.ts';
import { withTierPolicy } from './engine-options.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';

const ROUNDS_DEFAULT = 7;
const PIECES_DEFAULT = 100;
const BLOCKS_KEPT = 300;
const SLOWER = 1;

export async function benchCommand(args: Arguments): Promise<number> {
  const [first, ...files] = args.positionals;
  if (first === 'diff') return diff(args, files);
  if (files.length > 0) {
    throw new UsageError(
      `reprise bench takes one LOG, and "${files[0]}" is too much: or reprise bench diff A.json B.json.`,
    );
  }
  return measure(args, first);
}

async function diff(args: Arguments, files: readonly string[]): Promise<number> {
  if (files.length !== 2) {
    throw new UsageError(
      'reprise bench diff needs two measurements: reprise bench diff A.json B.json (--save wrote them).',
    );
  }
  const [first, second] = files.map((file) => [file, readMeasurement(file)] as const);
  const page = newPage(args);
  const differences = differencesBetween(first, second);
  page?.write(reportHtml({ measured: [first, second], differences, peers: null }));
  page?.close();
  return tell(args, differences, { command: 'bench diff', files });
}

/** Created at once, so that nobody measures for minutes and then cannot keep it. */
function newPage(args: Arguments): NewFile | null {
  const path = args.text('html');
  return path === undefined ? null : new NewFile(path, { what: 'report' }).open();
}

const isSlower = (differences: readonly EngineDifference[]): boolean =>
  differences.some(({ verdict }) => verdict === 'slower');

async function tell(args: Arguments, differences: readonly EngineDifference[], facts: object): Promise<number> {
  const status = isSlower(differences) ? SLOWER : EXIT.ok;
  if (args.has('json')) printJson({ ...facts, status, differences });
  else {
    const colors = await loadColors(args.has('no-color'), process.stdout);
    process.stdout.write(`${differenceLines(differences, colors).join('\n').trimEnd()}\n`);
  }
  return status;
}

function enginesOf(args: Arguments): string[] {
  const given = args.text('engines');
  const names = given === undefined ? ['interp', DEFAULT_ENGINE] : splitEngines(given);
  const knobs = args.text('tier-policy');
  return names.map((name) =>
    knobs === undefined || name === 'interp' || name === 'step' ? name : withTierPolicy(name, knobs),
  );
}

/** `interp,js:threshold=1,region=2`: knobs belong to the engine before them. */
function splitEngines(text: string): string[] {
  const names: string[] = [];
  for (const word of text.split(',')) {
    const isKnob = word.includes('=') && !word.includes(':') && names.length > 0;
    if (isKnob) names[names.length - 1] += `,${word}`;
    else if (word !== '') names.push(word);
  }
  if (names.length === 0) throw new UsageError(`--engines wants some of ${engineNames().join(', ')}.`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--engines names ${twice} twice: name each once.`);
  return names;
}

async function measure(args: Arguments, path: string): Promise<number> {
  const engines = enginesOf(args);
  for (const engine of engines) await loadEngine(engine);
  const contestants = contestantsOf(engines, args.text('against'));
  const log = await openLogFile(args);
  const ticks = windowOf(path, log, args.number('from'), args.number('to'));
  const rounds = args.number('rounds') ?? ROUNDS_DEFAULT;
  const isSampled = !args.has('no-sampling');
  const isQuiet = args.has('json') || args.has('format');
  try {
    const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`bench: ${text}`) });
    const symbols = symbolsFor(images, args.list('symbols'));
    const save = args.text('save');
    const peers = args.text('peers');
    const others = peers === undefined ? null : readPeers(peers);
    const steps = contestants.length * (rounds + (isSampled ? 1 : 0)) + engines.length;
    const work = new Work(Progress.atTerminal({ label: 'bench', unit: 'runs', end: steps }, isQuiet));
    let [file, page]: (NewFile | null)[] = [null, null];
    try {
      file = save === undefined ? null : newMeasurementFile(save);
      page = newPage(args);
      const run = await runRounds({
        contestants,
        rounds,
        isSampled,
        job: {
          ...ticks,
          path,
          given: givenImages(args),
          isSalvaged: args.has('salvage'),
          pieces: args.number('pieces') ?? PIECES_DEFAULT,
        },
        progress: (done) => void work.turn(done),
        isStopped: () => work.signal !== null,
      });
      const counted = await countAll({ args, path, log, images, symbols, ticks, run, engines, work });
      const measured = measurementOf(path, ticks, run, counted, rounds);
      file?.write(`${JSON.stringify(measured)}\n`);
      file?.close();
      work.release();
      return await report(args, measured, page, others, work.signal);
    } finally {
      file?.close();
      page?.close();
      work.release();
    }
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw sessionProblem(path, error);
    throw error;
  }
}

interface Counting {
  readonly args: Arguments;
  readonly path: string;
  readonly log: LogReader;
  readonly images: Images;
  readonly symbols: ReturnType<typeof symbolsFor>;
  readonly ticks: WindowTicks;
  readonly run: Rounds;
  readonly engines: readonly string[];
  readonly work: Work;
}

/** Each engine of this build once, counted; the counts serve the other build's samples too, as the work is the same. */
async function countAll(setup: Counting): Promise<CountedPart[]> {
  const { args, path, run, engines, work } = setup;
  const by = (args.text('by') ?? 'function') as HotBy;
  const parts: CountedPart[] = [];
  for (const engine of engines) {
    const runs = run.runs.filter(({ contestant, failure }) => contestant.engine === engine && failure === '');
    if (work.signal !== null || runs.length === 0 || !(await canCount(engine))) continue;
    const { log, images, symbols, ticks } = setup;
    const turn = async (): Promise<boolean> => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      return work.signal === null;
    };
    const counted = await countRun({ ...ticks, path, log, images, symbols, engine, turn });
    if (!counted.isWhole) break;
    if (counted.symbolProblem !== '') say(`bench: ${counted.symbolProblem}`);
    for (const { contestant, sampled } of runs) {
      parts.push(partOf(counted, { engine, build: contestant.build, by, path }, sampled?.profile ?? null));
    }
  }
  return parts;
}

async function canCount(engine: string): Promise<boolean> {
  try {
    await loadWatchedEngine(engine);
    return true;
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}

function partOf(
  { figures, series, watch, symbols }: Counted,
  { engine, build, by, path }: { engine: string; build: string; by: HotBy; path: string },
  profile: Parameters<typeof hotTimes>[2],
): CountedPart {
  return {
    engine,
    build,
    figures,
    series,
    by,
    hot: hotTimes(watch, { by, path, symbols }, profile).slice(0, BLOCKS_KEPT),
    blocks: hotTimes(watch, { by: 'block', path, symbols }, profile).slice(0, BLOCKS_KEPT),
    names: functionNames(watch, symbols),
    flame: flameLeaves(watch, symbols),
  };
}

function measurementOf(
  path: string,
  { fromTick, toTick }: WindowTicks,
  run: Rounds,
  counted: readonly CountedPart[],
  rounds: number,
): Measurement {
  const digest = sha256(readGivenFile(path, 'log', 'give a file that reprise record wrote'));
  return {
    format: FORMAT,
    version: VERSION,
    work: { name: basename(path), sha256: digest, fromTick, toTick },
    host: {
      node: process.version,
      v8: process.versions.v8,
      processor: cpus()[0]?.model ?? 'unknown processor',
      cores: cpus().length,
      clock: hasThreadClock ? 'main thread' : 'process',
      date: new Date().toISOString(),
    },
    rounds: run.whole,
    isWhole: run.whole === rounds,
    rows: run.runs.map(({ contestant: { engine, build }, results, sampled, failure }) =>
      rowOf({ engine, build, failure }, results, sampled?.profile ?? null),
    ),
    counted,
  };
}

async function report(
  args: Arguments,
  measured: Measurement,
  page: NewFile | null,
  peers: Peers | null,
  signal: NodeJS.Signals | null,
): Promise<number> {
  const differences = differencesWithin(measured);
  if (measured.rounds > 0) page?.write(reportHtml({ measured: [['', measured]], differences, peers }));
  const hasFailed = measured.rows.some(({ failure }) => failure !== '');
  const usual = isSlower(differences) || hasFailed ? SLOWER : EXIT.ok;
  const status = signal === null ? usual : signalStatus(signal);
  const format = args.text('format');
  if (format === 'speedscope' || format === 'csv') {
    const text = format === 'csv' ? csvText(measured) : `${JSON.stringify(speedscopeFile(measured))}\n`;
    process.stdout.write(text);
    return status;
  }
  if (args.has('json') || format === 'json') {
    printJson({ command: 'bench', status, ...measured, differences });
    return status;
  }
  const colors = await loadColors(args.has('no-color'), process.stdout);
  const lines = measured.rounds === 0 ? [] : benchLines(measured, args.number('top') ?? TOP_DEFAULT, colors);
  if (measured.rounds === 0) {
    for (const { engine, failure } of measured.rows) if (failure !== '') lines.push(`${engine} failed: ${failure}`);
  }
  lines.push(...differenceLines(differences, colors));
  if (lines.length > 0) process.stdout.write(`${lines.join('\n').trimEnd()}\n`);
  if (signal !== null) {
    const figures = measured.rounds === 0 ? 'there are no figures' : 'these are their figures';
    say(`bench: stopped by the user after ${measured.rounds} whole rounds; ${figures}`);
  }
  return status;
}
