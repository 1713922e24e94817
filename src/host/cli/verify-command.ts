// `reprise verify LOG`: the recorded run on several engines at once, compared at every interval; and, with --schedules,
// again under schedules that cut and drop at random. The first instruction that two engines do differently is the
// result: as a report, as a log that shows it, and as a test.

import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { INTERVAL_TICKS_DEFAULT } from '../../core/base/defaults.ts';
import type { LogReader } from '../../core/log/log.ts';
import { reproductionTest } from '../../core/verify/reproduction.ts';
import type { Arguments } from './args.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { CommandError } from '../node/errors.ts';
import { engineNames, traitsOf } from '../../engines.ts';
import { withTierPolicy } from './engine-options.ts';
import { findImages } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { NewFile } from '../node/new-file.ts';
import { count, Progress } from '../node/progress.ts';
import { loadDisassembler } from '../node/disassembler.ts';
import type { Images } from '../../core/session/session.ts';
import type { ScheduleGuest } from '../node/schedule-guest.ts';
import type { ClosableScheduleRunner } from '../node/schedule-runners.ts';
import { givenImages } from './replay-command.ts';
import { copiedImages, queueOptions, readJobs } from './trials.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';
import { type Again, type Verified, verifyLog } from '../../verification.ts';
import { signalStatus, Work } from '../node/work.ts';
import { loadContestants } from '../../contestants.ts';

const DEFAULT_ENGINES = ['interp', 'js'];

/** `interp,js:threshold=1,region=2`: what stands behind a colon up to the next name is the tier policy. */
function splitNames(text: string): string[] {
  const names: string[] = [];
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const isKnob = /^[a-z]+=/.test(part) && names.at(-1)?.includes(':') === true;
    if (isKnob) names[names.length - 1] += `,${part}`;
    else names.push(part);
  }
  return names;
}

function readEngineNames(args: Arguments): string[] {
  const known = engineNames();
  const text = args.text('engines');
  const names = text === undefined ? DEFAULT_ENGINES.filter((name) => known.includes(name)) : splitNames(text);
  for (const name of names) {
    if (known.includes(name.split(':')[0])) continue;
    throw new UsageError(`There is no engine "${name}" in this version: --engines takes some of ${known.join(', ')}.`);
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`The engine ${twice} is given twice in --engines: give it once.`);
  if (names.length < 2 && (args.number('schedules') ?? 0) === 0) {
    throw new UsageError(
      `One engine alone has nothing to differ from: give two of ${known.join(', ')} with --engines, or --schedules N.`,
    );
  }
  return withKnobs(names, args.text('tier-policy'));
}

/** --tier-policy holds for every engine that compiles; what stands behind its name has the last word. */
function withKnobs(names: readonly string[], knobs: string | undefined): string[] {
  if (knobs === undefined) return [...names];
  const compiling = names.filter((name) => traitsOf(name).compiles);
  // None at all: the error is the one for a single engine.
  if (compiling.length === 0) withTierPolicy(names[0], knobs);
  return names.map((name) => (compiling.includes(name) ? withTierPolicy(name, knobs) : name));
}

export async function verifyCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const names = readEngineNames(args);
  const log = await openLogFile(args);
  return await withLogProblems(path, () => verifyFile(args, path, names, log));
}

async function verifyFile(args: Arguments, path: string, names: readonly string[], log: LogReader): Promise<number> {
  const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`verify: ${text}`) });
  const out = args.text('out') ?? `${path.replace(/\.rlog$/, '')}.difference`;
  checkFree(out);
  const contestants = await loadContestants(names);
  const interval = args.number('interval');
  const work = new Work(null);
  let label = '';
  let done = 0;
  const startMs = performance.now();
  const schedules = await schedulesRunner(args, path, names, images, () => work.turn(done));
  const verified = await verifyLog({
    log,
    images,
    contestants,
    schedules: args.number('schedules') ?? 0,
    seed: args.number('seed') ?? 0,
    triesReproduction: true,
    ...(schedules === null ? {} : { scheduleRunner: schedules }),
    ...(interval === undefined ? {} : { intervalTicks: interval }),
    loadDisassembler,
    onProgress: (phase) => {
      if (phase.label !== label) {
        const options = { label: `verify ${phase.label}`, unit: 'ticks', end: phase.endTick } as const;
        work.show(Progress.atTerminal(options, args.has('json')));
        label = phase.label;
      }
      done = phase.tick;
      return work.turn(done);
    },
  }).finally(async () => {
    work.release();
    await schedules?.close();
  });
  const { signal } = work;
  const hostSeconds = (performance.now() - startMs) / 1000;
  return finish(args, path, out, log.truncated, verified, hostSeconds, signal);
}

/** Who runs the schedules: --jobs and --queue; null: this thread. */
async function schedulesRunner(
  args: Arguments,
  path: string,
  names: readonly string[],
  images: Images,
  turn: () => Promise<boolean>,
): Promise<ClosableScheduleRunner | null> {
  const { jobs, url } = readJobs(args);
  if (url === undefined && jobs === 1) return null;
  if ((args.number('schedules') ?? 0) === 0) {
    throw new UsageError('--jobs and --queue are for --schedules N: the engines run beside each other in any case.');
  }
  const guest: ScheduleGuest = {
    kind: 'schedules',
    log: new Uint8Array(readFileSync(path)),
    isSalvaged: args.has('salvage'),
    images: copiedImages(images),
    engines: names,
    intervalTicks: args.number('interval') ?? null,
    seed: args.number('seed') ?? 0,
  };
  const { pooledSchedules, queuedSchedules } = await import('../node/schedule-runners.ts');
  if (url === undefined) return pooledSchedules(guest, jobs, turn);
  return queuedSchedules(await queueOptions(args, 'verify', url, guest), turn);
}

/** A reproduction must not overwrite another one: said before hours of work, not after. */
function checkFree(out: string): void {
  for (const ending of ['.rlog', '.prop.ts']) {
    if (existsSync(out + ending)) {
      throw new CommandError(`${out}${ending} exists, and nothing is overwritten: give another name with --out.`);
    }
  }
}

async function finish(
  args: Arguments,
  path: string,
  out: string,
  truncated: boolean,
  verified: Verified,
  hostSeconds: number,
  signal: NodeJS.Signals | null,
): Promise<number> {
  const { difference, reproduction, engines, tick, comparisons, schedules } = verified;
  const isSame = difference === null && verified.log === null;
  const status = !isSame ? EXIT.divergence : signal === null ? EXIT.ok : signalStatus(signal);
  const written = difference === null || reproduction === null ? [] : write(out, verified);
  if (args.has('json')) {
    printJson({
      command: 'verify',
      log: path,
      status,
      engines,
      reason: verified.reason,
      tick,
      hash: verified.hash,
      comparisons,
      schedules,
      truncated,
      hostSeconds,
      logDisagreement: verified.log,
      difference: difference === null ? null : { ...summaryOf(verified), written, again: verified.again },
    });
    return status;
  }
  const colors = await loadColors(args.has('no-color'), process.stderr);
  if (difference !== null) {
    say(`${colors.bold.red('verify: difference.')} ${verified.report.trimEnd()}`);
    const given = {
      intervalTicks: args.number('interval') ?? INTERVAL_TICKS_DEFAULT,
      schedules: args.number('schedules') ?? 0,
      seed: args.number('seed') ?? 0,
    };
    say(`\n${seeAgain(path, given, written[0], verified)}`);
    if (verified.again !== null) say(`A test that fails until it is mended: ${written[1]}`);
  } else if (verified.log !== null) {
    const { expected, actual } = verified.log;
    say(
      `${colors.bold.red('verify: divergence.')} All engines agree with each other and not with the log: by tick ` +
        `${verified.log.tick} the recorded state is ${expected}, theirs ${actual}.\n` +
        `Look closer: reprise replay ${path}`,
    );
  } else {
    const what = engines.length === 1 ? engines[0] : `${engines.slice(0, -1).join(', ')} and ${engines.at(-1)}`;
    const also =
      schedules.length === 0 ? '' : `, and ${schedules.length} schedule${schedules.length === 1 ? '' : 's'} with them`;
    const figures = `${count(tick)} ticks, ${count(comparisons)} comparisons, ${hostSeconds.toFixed(1)} s`;
    const sentence = `${what} agree${also}: ${figures}`;
    const ended = verified.reason === 'stopped' ? '; stopped by the user' : `, final hash ${verified.hash}`;
    say(`${colors.bold('verify:')} ${colors.green(sentence + ended)}`);
    if (truncated) say('verify: the log was cut off while recording; this was all up to its last whole frame');
  }
  return status;
}

export function commandOf(path: string, engines: readonly string[], { intervalTicks, schedules, seed }: Again): string {
  const more = schedules === 0 ? '' : ` --schedules ${schedules} --seed ${seed}`;
  const interval = intervalTicks === INTERVAL_TICKS_DEFAULT ? '' : ` --interval ${intervalTicks}`;
  return `reprise verify ${path} --engines ${engines.join(',')}${interval}${more}`;
}

type Shown = Pick<Verified, 'again' | 'engines'>;

/** Only what has been seen to show it is promised. */
export function seeAgain(path: string, given: Again, written: string, { again, engines }: Shown): string {
  if (again !== null) return `See it again: ${commandOf(written, engines, again)}`;
  return (
    `${written} holds the run up to there, but alone it does not show the difference, which needs what was compiled ` +
    `before. See it again in the whole run: ${commandOf(path, engines, given)}`
  );
}

/** The names of what was written: the log, and a test where the log alone shows it. */
function write(out: string, verified: Verified): string[] {
  const { difference, reproduction, engines, again } = verified;
  if (difference === null || reproduction === null) return [];
  const names = [`${out}.rlog`, ...(again === null ? [] : [`${out}.prop.ts`])];
  const settings = again === null ? {} : { ...again };
  const contents = [reproduction, reproductionTest(difference, engines, `./${basename(names[0])}`, settings)];
  names.forEach((name, i) => {
    const file = new NewFile(name, { what: 'reproduction' }).open();
    file.write(contents[i]);
    file.close();
  });
  return names;
}

function summaryOf(verified: Verified) {
  const { difference } = verified;
  if (difference === null) return {};
  const { instruction, reference, suspect, precision, tick, differences } = difference;
  const hex = (value: number): string => (value >>> 0).toString(16);
  return {
    reference,
    suspect,
    precision,
    tick: instruction.tick,
    differentByTick: tick,
    eip: hex(instruction.eip),
    linear: hex(instruction.linear),
    bytes: [...instruction.bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
    instruction: instruction.text,
    registers: differences.registers.filter(({ differs }) => differs),
    memoryBytes: differences.memoryBytes,
    devices: differences.devices,
    failure: difference.suspectOutcome.failure ?? difference.noticedFailure,
    text: verified.report,
  };
}
