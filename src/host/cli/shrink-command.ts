// `reprise shrink LOG`: the inputs of a failing run without those that it does not need. The best so far is always a
// valid log on disk: each smaller one takes the place of the one before, which this command itself has written. The
// same command goes on from it.

import { existsSync, renameSync, rmSync } from 'node:fs';
import { LogError } from '../../core/log/log-error.ts';
import { inputsOf, type TimedInput } from '../../core/log/timed-input.ts';
import { shrink } from '../../core/chaos/shrink.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { eventToText } from '../../core/log/events.ts';
import { CommandError } from '../node/errors.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { count } from '../node/progress.ts';
import type { Arguments } from './args.ts';
import { EXIT, printJson, say } from './report.ts';
import {
  experimentOf,
  type Guest,
  guestOfLog,
  readFailures,
  runnerOf,
  SLACK_TICKS,
  walkCampaign,
  writeTrial,
} from './trials.ts';

export async function shrinkCommand(args: Arguments): Promise<number> {
  return await withLogProblems(args.positionals[0], () => shrinkLog(args));
}

async function shrinkLog(args: Arguments): Promise<number> {
  const failures = readFailures(args);
  const [path] = args.positionals;
  const out = args.text('out') ?? `${path.replace(/\.rlog$/, '')}.small.rlog`;
  const guest = await guestOfLog(args, path, 'shrink');
  const earlier = existsSync(out) ? await earlierResult(args, guest, out) : null;
  const horizonTick = args.number('horizon') ?? (guest.endTick ?? 0) + SLACK_TICKS;
  const experiment = experimentOf(guest, failures);
  let best = earlier;
  const keep = (inputs: readonly TimedInput[]): void => {
    const next = `${out}.part`;
    rmSync(next, { force: true });
    try {
      writeTrial(guest, failures, inputs, horizonTick, next);
    } catch (error) {
      if (best !== null) say(`shrink: the smallest so far, of ${count(best.length)} inputs, is ${out}`);
      throw error;
    }
    renameSync(next, out);
    best = inputs;
  };
  const { inputs: recorded, startTick } = guest;
  if (earlier !== null)
    say(`shrink: goes on from ${out}, ${count(earlier.length)} of ${count(recorded.length)} inputs`);
  const campaign = shrink({ inputs: earlier ?? recorded, horizonTick, recorded, startTick, onSmaller: keep });
  const runner = await runnerOf(args, 'shrink', guest, experiment);
  const progress = { label: 'shrink', end: Number.POSITIVE_INFINITY, isQuiet: args.has('json') };
  const { result, made, stopStatus } = await walkCampaign(runner, campaign, progress).finally(() => runner.close());
  if (!result.failed) {
    throw new UsageError(
      `The run of ${earlier === null ? path : out} does not fail so: give the --fails with which it was found, or a ` +
        'log that fails.',
    );
  }
  // Nothing could be left out: the log is written all the same, so that the next step has its file.
  if (best === null && result.isComplete) keep(result.inputs);
  const inputs: readonly TimedInput[] = best ?? guest.inputs;
  const status = stopStatus ?? EXIT.ok;
  const written = existsSync(out) ? out : null;
  if (args.has('json')) {
    const before = guest.inputs.length;
    const left = inputs.map(({ tick, event }) => ({ tick, event: eventToText(event) }));
    printJson({ command: 'shrink', status, log: written, runs: made, inputsBefore: before, inputs: left });
    return status;
  }
  say(`shrink: ${count(guest.inputs.length)} inputs became ${count(inputs.length)}, in ${count(made)} runs`);
  for (const { tick, event } of inputs) say(`  at tick ${count(tick)}: ${eventToText(event)}`);
  if (!result.isComplete) say('shrink: stopped; the same command goes on from there');
  if (written !== null) process.stdout.write(`${written}\n`);
  return status;
}

/** What the same command has left of the inputs. Throws CommandError for another file: nothing is overwritten. */
async function earlierResult(args: Arguments, guest: Guest, out: string): Promise<readonly TimedInput[]> {
  try {
    const log = await openLogFile(args, out);
    const inputs = inputsOf(log);
    const isSameMachine = JSON.stringify(log.header.machine) === JSON.stringify(guest.manifest);
    if (isSameMachine && arePartOf(inputs, guest.inputs)) return inputs;
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof LogError)) throw error;
  }
  throw new CommandError(
    `${out} exists and is not what shrink has left of this log, and nothing is overwritten: give another with --out.`,
  );
}

/** Whether each of them is one of the others, at whatever tick, and a delay no longer. */
function arePartOf(inputs: readonly TimedInput[], others: readonly TimedInput[]): boolean {
  const rest = others.map(({ event }) => event);
  return inputs.every(({ event }) => {
    const at = rest.findIndex((other) =>
      event.kind === 'hold-interrupts' && other.kind === 'hold-interrupts'
        ? event.ticks <= other.ticks
        : eventToText(event) === eventToText(other),
    );
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}
