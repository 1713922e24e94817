// `reprise query LOG 'EXPRESSION'`: a recorded run asked as a database is (core/query). Rows are written as they are
// found; the first Ctrl-C ends the work with what there is.

import { parseQuery } from '../../core/query/parse.ts';
import { planQuery, type QueryPlan } from '../../core/query/plan.ts';
import { QueryError, UnknownNameError } from '../../core/query/query-error.ts';
import type { LogReader } from '../../core/log/log.ts';
import type { Images } from '../../core/session/session.ts';
import { Timeline, type Way } from '../../core/timeline/timeline.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { findImages } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { signalStatus, Work } from '../node/work.ts';
import { grammarText } from '../query/grammar.ts';
import { contextOf, planContext } from '../query/guest-view.ts';
import { hideGuest, keepGuest, middleOf, readGuest, showGuest } from '../query/kept-guest.ts';
import { hasIndex } from '../query/kept-events.ts';
import { isProbablyKept } from '../query/kept-lists.ts';
import { startTicks, threadsFor } from '../query/query-pool.ts';
import { QueryThreads } from '../query/query-threads.ts';
import { type RowFormat, RowsText } from '../query/rows-text.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import type { Arguments } from './args.ts';
import { keepAtEnd, keepNames, keyOf, openKept } from './keep.ts';
import { QueryRun } from './query-run.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, say } from './report.ts';

const NO_PROCESSES =
  'which process runs could not be found out, the column is empty: a Linux tells it by itself or by a vmlinux given ' +
  'with --symbols';

/** Parts of a run at which a kernel is looked for. */
const KERNEL_PARTS = [0.5, 0.75, 1];

export async function queryCommand(args: Arguments): Promise<number> {
  if (args.has('grammar')) {
    process.stdout.write(`${grammarText()}\n`);
    return EXIT.ok;
  }
  const [path, text] = args.positionals;
  if (path === undefined || text === undefined) {
    throw new UsageError(
      `reprise query wants a LOG and a query, such as 'calls("main")': --grammar shows the language.`,
    );
  }
  if (args.has('json') && args.has('csv')) throw new UsageError('--json and --csv are two forms: give one of them.');
  const log = await openLogFile(args);
  return await withLogProblems(path, () => answer(args, log, text));
}

async function answer(args: Arguments, log: LogReader, text: string): Promise<number> {
  const [path] = args.positionals;
  const warn = (problem: string): void => say(`query: ${problem}`);
  const given = givenImages(args);
  const images = findImages({ log, path, given, warn });
  const engine = args.text('engine') ?? DEFAULT_ENGINE;
  const devices = args.text('devices') === 'log' ? 'log' : 'model';
  const timeline = new Timeline({ log, images, makeEngine: await loadEngine(engine), devices, warn });
  const kept = openKept(args, 'query', timeline);
  const key = keyOf(args, timeline);
  const symbols = symbolsFor(images, args.list('symbols'));
  const guest = new GuestSymbols(symbols, images);
  const shared = sharedImages(images);
  const start = { path, log: sharedCopy(log.file), given, images: shared, engine, devices, key } as const;
  const workers = args.number('jobs') ?? null;
  const isWhole = kept !== null && kept.knownTick >= timeline.endTick - timeline.intervalTicks;
  const isRun = isWhole && willRun(args, text, key);
  // What pages rule out is not known yet.
  const count = workers ?? threadsFor(Math.ceil(timeline.endTick / timeline.intervalTicks));
  const threads =
    isRun && count > 1
      ? new QueryThreads(count, { ...start, notesPages: !kept.knowsPages }, startTicks(timeline, count))
      : null;
  const writeNames = keepNames(args, timeline, guest);
  const work = new Work(null);
  let status: number;
  try {
    const knownTick = kept?.knownTick ?? 0;
    const isOwn = kept !== null && args.list('symbols').length === 0;
    const quick = isOwn ? planFromKept(key, text, symbols) : null;
    const plan = quick ?? (await planFor({ text, timeline, guest, work, warn, knownTick }));
    if (plan === null) return signalStatus(work.signal ?? 'SIGINT');
    if (quick === null) {
      writeNames();
      if (isOwn) keepGuest(key, timeline, guest);
      for (const problem of guest.problems()) warn(problem);
      if (plan.lacksTask !== null) warn(NO_PROCESSES);
    }
    const format: RowFormat = args.has('json') ? 'json' : args.has('csv') ? 'csv' : 'table';
    const rows = new RowsText(plan.columns, format, (address) => symbols.describe(address));
    status = await new QueryRun({
      ...{
        timeline,
        plan,
        rows,
        work,
        knownTick,
        start,
        threads,
        workers,
        symbolOf: (name: string) => symbols.address(name),
        codeTick: quick === null ? null : middleOf(timeline),
      },
      ...{ limit: args.number('limit') ?? Number.POSITIVE_INFINITY, keepsLists: kept !== null },
    }).run();
  } finally {
    work.release();
    await threads?.end();
  }
  if (kept !== null && work.signal === null) await keepAtEnd(args, kept);
  return status;
}

/** Whether the whole run will be gone through, as far as its text tells; a mistake is told where it is planned. */
function willRun(args: Arguments, text: string, key: string): boolean {
  try {
    const { from, limit, table, to } = parseQuery(text);
    const wantsAll = from === null && to === null && limit === null && args.number('limit') === undefined;
    return wantsAll && !hasIndex(key, table.toLowerCase()) && !isProbablyKept(key, text);
  } catch (error) {
    if (error instanceof QueryError) return false;
    throw error;
  }
}

/** Null: some are files that are read where they are needed. */
function sharedImages(images: Images): ReadonlyMap<string, Uint8Array> | null {
  const shared = new Map<string, Uint8Array>();
  for (const [role, content] of images) if (content instanceof Uint8Array) shared.set(role, sharedCopy(content));
  return shared.size === images.size ? shared : null;
}

/** What threads can look at together. */
function sharedCopy(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** Asks about a moment, which is looked at. */
class MomentWanted extends Error {}

/** By what earlier sessions have found out of the guest; null: that does not say all. */
function planFromKept(key: string, text: string, symbols: SymbolTable): QueryPlan | null {
  const kept = parseQuery(text).from?.kind === 'tick' ? null : readGuest(key);
  if (kept === null) return null;
  showGuest(symbols, kept);
  const { currentTask, tasks } = kept;
  const physicalOf = (): never => {
    throw new MomentWanted();
  };
  try {
    return planQuery(text, contextOf(symbols, { currentTask, tasks, physicalOf }));
  } catch (error) {
    if (!(error instanceof MomentWanted || error instanceof UnknownNameError)) throw error;
    hideGuest(symbols);
    return null;
  }
}

interface Planning {
  readonly text: string;
  readonly timeline: Timeline;
  readonly guest: GuestSymbols;
  readonly work: Work;
  readonly warn: (problem: string) => void;
  /** Up to there a seek is quick. */
  readonly knownTick: number;
}

/**
 * Names and addresses mean what they do where the window begins; those of a kernel that has not placed itself there,
 * what they mean later. Null: given up.
 */
async function planFor(planning: Planning): Promise<QueryPlan | null> {
  const { text, timeline, guest, work } = planning;
  const plan = (): QueryPlan => planQuery(text, planContext(timeline.machine, guest.table));
  const first = readBound(text);
  if (first > 0 && !(await walk(work, timeline, timeline.seek({ tick: first, seq: 0 })))) return null;
  guest.refresh(timeline.machine.cpu);
  const isPlanned = (): boolean => {
    try {
      return plan().lacksTask !== 'here' && !guest.isUnplaced;
    } catch (error) {
      // Of a module that is loaded later, perhaps.
      if (error instanceof UnknownNameError) return false;
      throw error;
    }
  };
  try {
    // What is wrong whatever the names are is said at once.
    const found = plan();
    if (!guest.isUnplaced && found.lacksTask !== 'here') return found;
  } catch (error) {
    if (!(error instanceof UnknownNameError && (guest.isUnplaced || guest.hasAbsent))) throw error;
  }
  if (!(await findKernel(planning, isPlanned))) return null;
  return plan();
}

/** Tick of the beginning of the window, where it is given as one. */
function readBound(text: string): number {
  const { from } = parseQuery(text);
  return from?.kind === 'tick' ? from.tick : 0;
}

/** Where checkpoints are kept the middle of the run is near; otherwise the run is gone along. False: given up. */
async function findKernel({ timeline, guest, work, knownTick }: Planning, isFound: () => boolean): Promise<boolean> {
  for (const part of KERNEL_PARTS) {
    // Where a checkpoint may be.
    const tick = Math.floor((timeline.endTick * part) / timeline.intervalTicks) * timeline.intervalTicks;
    if (tick > knownTick || tick < timeline.position.tick || isFound()) continue;
    if (!(await walk(work, timeline, timeline.seek({ tick, seq: 0 })))) return false;
    guest.refresh(timeline.machine.cpu);
  }
  if (isFound()) return true;
  if (!(await walk(work, timeline, guest.find(timeline)))) return false;
  guest.refresh(timeline.machine.cpu);
  return true;
}

async function walk(work: Work, timeline: Timeline, way: Way<unknown>): Promise<boolean> {
  for (let step = way.next(); step.done !== true; step = way.next()) {
    if (await work.turn(timeline.machine.tick)) continue;
    way.return(undefined);
    return false;
  }
  return true;
}
