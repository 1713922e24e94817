// `reprise fuzz LOG --at TICK`: inputs that nobody has tried, from one moment of a recording, guided by the branches
// that runs take (tiers/coverage.ts). What fails is a log like any other, one of each site; the corpus is a folder with
// which the same command goes on (fuzz-corpus.ts).

import { performance } from 'node:perf_hooks';
import { UsageError } from '../../core/base/usage-error.ts';
import { comparedConstants } from '../../core/chaos/compared-constants.ts';
import { Experiment, type Outcome } from '../../core/chaos/experiment.ts';
import { type Finding, fuzz, type FuzzResult, type Kept } from '../../core/chaos/fuzz.ts';
import { fuzzedInputs } from '../../core/chaos/fuzz-target.ts';
import { type Failure, parseFailure } from '../../core/chaos/predicate.ts';
import { PAGE_BYTES } from '../../core/base/pages.ts';
import type { BranchCounts } from '../../core/machine/engine.ts';
import { MODE_CS32, MODE_KEY } from '../../core/state/layout.ts';
import { parsePosition, PositionError } from '../../core/timeline/positions.ts';
import { loadCoveringEngine } from '../../engines.ts';
import { CommandError } from '../node/errors.ts';
import { FuzzCorpus, type StoredFinding } from '../node/fuzz-corpus.ts';
import { readGivenFile, sha256 } from '../node/images.ts';
import { withLogProblems } from '../node/log-file.ts';
import { count } from '../node/progress.ts';
import type { Arguments } from './args.ts';
import { namedTarget, targetOption } from './fuzz-target.ts';
import { EXIT, printJson, say } from './report.ts';
import { type Guest, guestOfLog, runnerOf, standAt, walkCampaign, writeTrial } from './trials.ts';

const RUNS_DEFAULT = 100_000;
/** Faults that are crashes unless the run has them without any change: all that say an error (SDM 3 §6.15). */
const FAULTS = [0, 4, 5, 6, 8, 10, 11, 12, 13, 14, 16, 17] as const;
/** A run that ends by itself may take so many times as long, and so much more, before it hangs. */
const SLOWER_MAX = 8;
const SLACK_TICKS = 1 << 16;
/** A guest that does not end by itself runs for so long. */
const HORIZON_DEFAULT = 1 << 22;

export async function fuzzCommand(args: Arguments): Promise<number> {
  return await withLogProblems(args.positionals[0], () => fuzzLog(args));
}

/** The events that end a run well. */
function readEndings(args: Arguments): readonly string[] {
  const texts = args.list('until');
  for (const text of texts) {
    try {
      const { kind } = parsePosition(text);
      if (kind === 'serial' || kind === 'delivery') continue;
    } catch (error) {
      if (!(error instanceof PositionError)) throw error;
    }
    throw new UsageError(`--until wants serial:"TEXT", irq:N, fault:N or nmi, not "${text}".`);
  }
  return texts;
}

async function fuzzLog(args: Arguments): Promise<number> {
  const own = args.list('fails');
  own.map(parseFailure);
  targetOption(args);
  const endings = readEndings(args);
  const fromTick = args.number('at');
  if (fromTick === undefined) {
    throw new UsageError('From which moment? Give --at TICK, before the guest reads what is fuzzed.');
  }
  const [path] = args.positionals;
  const seed = args.number('seed') ?? 1;
  const found = await guestOfLog(args, path, 'fuzz');
  const endTick = found.endTick ?? 0;
  if (fromTick >= endTick) {
    throw new UsageError(
      `--at ${fromTick} is not before the end of ${path}, tick ${count(endTick)}: give an earlier one.`,
    );
  }
  const guest: Guest = { ...found, countsBranches: true, endings };
  const { manifest, images, script, inputs: recorded } = guest;
  const makeEngine = await loadCoveringEngine(guest.engine);
  const experiment = new Experiment({ manifest, images, makeEngine, recorded, script, failures: [], endings });
  standAt(experiment, fromTick);
  const { target, example, text } = namedTarget(args, guest, experiment.machine.cpu, fromTick);
  const isWide = (experiment.machine.cpu.m32[MODE_KEY] & MODE_CS32) !== 0;

  // The run without a change says what a failure is.
  const firstHorizon = args.number('horizon') ?? fromTick + HORIZON_DEFAULT;
  if (firstHorizon <= fromTick) throw new UsageError('The horizon is not behind --at: give a later one.');
  experiment.failures = own.map(parseFailure);
  const plain = experiment.run(fuzzedInputs(target, recorded, fromTick, example), firstHorizon);
  if (plain.fails) {
    throw new UsageError(
      `The run fails without any change, at tick ${count(plain.tick)}: name another failure, or another --at.`,
    );
  }
  experiment.plainNovelties = new Set(plain.novelties);
  const endsByItself = plain.reason !== 'tick' && plain.reason !== 'idle';
  const faults = FAULTS.filter((vector) => !plain.faults.includes(vector)).map((vector) => `fault:${vector}`);
  const texts = [...own, ...faults, 'triple-fault', ...(endsByItself ? ['hang'] : [])];
  const failures = texts.map(parseFailure);
  experiment.failures = failures;
  const length = plain.tick - fromTick;
  const horizonTick =
    args.number('horizon') ?? (endsByItself ? fromTick + SLOWER_MAX * length + SLACK_TICKS : firstHorizon);
  const dictionary = [
    ...comparedConstants(executedPages(experiment), isWide),
    ...args.list('word').map((word) => new TextEncoder().encode(word)),
  ];

  const corpus = new FuzzCorpus(args.text('corpus') ?? `${path.replace(/\.rlog$/, '')}.fuzz`, {
    log: sha256(new TextEncoder().encode(JSON.stringify([manifest, fromTick, guest.inputs.length]))).slice(0, 16),
    at: fromTick,
    fuzzed: text,
    seed,
    horizon: horizonTick,
    failures: own.join(' or '),
  });
  const examples = args.list('example').map((file) => new Uint8Array(readGivenFile(file, 'example', 'name a file')));
  const stored = corpus.kept();
  const kept: Kept[] = [example, ...examples].map((bytes) => ({ run: -1, bytes: bytes.slice(0, target.bytesMax) }));
  const runs = args.number('runs') ?? RUNS_DEFAULT;
  const resumedRuns = corpus.runs;
  if (corpus.isResumed && !args.has('json')) {
    say(`fuzz: goes on in ${corpus.folder} after ${count(resumedRuns)} runs, with ${count(stored.length)} inputs`);
  }
  const write = (finding: Finding): void => {
    const log = corpus.logPath(finding);
    const trial = fuzzedInputs(target, recorded, fromTick, finding.bytes);
    const all = [...recorded.filter(({ tick }) => tick < fromTick), ...trial];
    if (!writeTrial(guest, failures, all, horizonTick, log)) {
      throw new Error('the run that failed does not fail when it is recorded');
    }
    corpus.runs = Math.max(corpus.runs, resumedRuns);
    corpus.note(finding, log);
    if (!args.has('json')) say(`fuzz: run ${count(Math.max(0, finding.run))}: ${finding.site}: ${log}`);
  };
  const campaign = fuzz({
    ...{ seed, runs, target, fromTick, horizonTick, recorded, dictionary },
    findingsMax: args.number('findings') ?? Number.POSITIVE_INFINITY,
    kept: [...kept, ...stored],
    doneRuns: resumedRuns,
    knownSites: corpus.findings.map(({ site }) => site),
    onKept: (one) => corpus.keep(one),
    onFinding: write,
  });
  corpus.save();
  const runner = await runnerOf(args, 'fuzz', guest, experiment, texts);
  const startMs = performance.now();
  const progress = { label: 'fuzz', end: runs, isQuiet: args.has('json') };
  const walked = await walkCampaign(runner, campaign, progress).finally(() => runner.close());
  const seconds = (performance.now() - startMs) / 1000;
  const { result, made, stopStatus } = walked;
  corpus.runs = result.runs;
  corpus.save();
  return report(args, corpus, result, { stopStatus, rate: made / seconds, words: dictionary.length, failures, plain });
}

interface Reported {
  readonly stopStatus: number | null;
  readonly rate: number;
  readonly words: number;
  readonly failures: readonly Failure[];
  readonly plain: Outcome;
}

function report(
  args: Arguments,
  corpus: FuzzCorpus,
  result: FuzzResult,
  { stopStatus, rate, words, plain }: Reported,
): number {
  const findings: readonly StoredFinding[] = corpus.findings;
  const first = findings.find(({ kind }) => kind === 'crash') ?? findings[0];
  const status = first !== undefined ? EXIT.divergence : (stopStatus ?? EXIT.ok);
  const { runs, kept, branches } = result;
  if (args.has('json')) {
    const json = { log: first?.log ?? null, corpus: corpus.folder, runs, kept, branches, words, plainTick: plain.tick };
    printJson({ command: 'fuzz', status, ...json, findings });
    return status;
  }
  const crashes = findings.filter(({ kind }) => kind === 'crash').length;
  const hangs = findings.length - crashes;
  const stopped = stopStatus === null ? '' : ', then it was stopped';
  say(
    `fuzz: ${count(runs)} runs, ${Math.round(rate)} a second: ${count(crashes)} crashes and ${count(hangs)} hangs of ` +
      `different sites, ${count(kept)} inputs kept in ${corpus.folder}${stopped}`,
  );
  if (first === undefined) return status;
  say(`Look at it: reprise debug ${first.log}`);
  process.stdout.write(`${first.log}\n`);
  return status;
}

/** Pages of code of which a branch was counted, and their neighbours, which they are likely to lead to. */
function executedPages({ machine }: Experiment): Uint8Array[] {
  const counts: BranchCounts | null = machine.engine.branchCounts ?? null;
  if (counts === null) throw new CommandError('This engine does not count branches: give another --engine.');
  const { memory, cpu } = machine;
  const pages = new Set<number>();
  for (const [slot, word] of counts.words.entries()) {
    if (word === 0) continue;
    for (const place of counts.placesOf(slot)) {
      for (const near of [-1, 0, 1]) pages.add(Math.floor(place / PAGE_BYTES) + near);
    }
  }
  return [...pages]
    .filter((page) => page >= 0 && page < memory.ramPages)
    .sort((a, b) => a - b)
    .map((page) => {
      const start = cpu.ramBase + page * PAGE_BYTES;
      return memory.m8.slice(start, start + PAGE_BYTES);
    });
}
