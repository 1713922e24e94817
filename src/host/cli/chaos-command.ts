// `reprise chaos`: one guest, many runs under perturbations, until one fails; that run is a log like any other. Its
// path is the last line of standard output, and the exit status says whether one was found.

import { chaos, type ChaosResult } from '../../core/chaos/chaos.ts';
import { variantHorizon, variantManifest } from '../../core/chaos/machine-variant.ts';
import { isKnob, type Knob, KNOBS, KNOBS_DEFAULT } from '../../core/chaos/perturb.ts';
import { eventToText } from '../../core/log/events.ts';
import type { TimedInput } from '../../core/log/timed-input.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { withLogProblems } from '../node/log-file.ts';
import { count } from '../node/progress.ts';
import type { Arguments } from './args.ts';
import { printJson, say, EXIT } from './report.ts';
import {
  checkFree,
  experimentOf,
  guestOfLog,
  guestOfOptions,
  planGuest,
  readFrom,
  readFailures,
  runnerOf,
  SLACK_TICKS,
  standAt,
  tellAndWrite,
  walkCampaign,
  writeTrial,
} from './trials.ts';

/** Ticks that a guest may run which does not end by itself and has no --horizon. */
const HORIZON_DEFAULT = 2 ** 28;

export function readKnobs(text: string | undefined): readonly Knob[] {
  if (text === undefined) return KNOBS_DEFAULT;
  const names = text.split(',').map((name) => name.trim());
  return names.map((name) => {
    if (isKnob(name)) return name;
    throw new UsageError(`There is no knob "${name}": --knobs takes some of ${Object.keys(KNOBS).join(', ')}.`);
  });
}

export async function chaosCommand(args: Arguments): Promise<number> {
  const [path = ''] = args.positionals;
  return await withLogProblems(path, () => chaosOf(args));
}

async function chaosOf(args: Arguments): Promise<number> {
  const failures = readFailures(args);
  const knobs = readKnobs(args.text('knobs'));
  const seed = args.number('seed') ?? 1;
  const runs = args.number('runs') ?? 1000;
  const out = args.text('out') ?? `chaos-${seed}.rlog`;
  checkFree(out);
  const [path] = args.positionals;
  if (path === undefined && (args.number('from') ?? 0) > 0) {
    throw new UsageError('--from is a tick of a recording: give the log, or leave it out.');
  }
  const guest = path === undefined ? await guestOfOptions(args) : await guestOfLog(args, path, 'chaos');
  const fromTick = readFrom(args, guest);
  const firstHorizon = args.number('horizon') ?? (guest.endTick ?? HORIZON_DEFAULT) + SLACK_TICKS;
  if (firstHorizon <= fromTick) throw new UsageError('The horizon is not behind --from: give a later one.');
  const ofMachine = knobs.filter((knob) => knob === 'memory' || knob === 'ratio' || knob === 'entropy');
  if (fromTick > 0 && ofMachine.length > 0) {
    throw new UsageError(
      `What ${ofMachine.join(' and ')} would change is so from tick 0 on: leave the knob, or --from.`,
    );
  }
  if (knobs.includes('powercut') && guest.manifest.options['write-cache'] === undefined) {
    throw new UsageError(
      'The knob powercut is for disks with a write cache: give or record the machine --write-cache.',
    );
  }
  const inputs = guest.inputs.filter(({ tick }) => tick >= fromTick);
  const experiment = experimentOf(guest, failures);
  standAt(experiment, fromTick);
  const plain = experiment.run(inputs, firstHorizon);
  if (plain.fails) {
    throw new UsageError(
      `The run fails without any perturbation, at tick ${count(plain.tick)}: record it and look at it with ` +
        'reprise debug, or name another failure.',
    );
  }
  const horizonTick = args.number('horizon') ?? Math.min(firstHorizon, 2 * plain.tick - fromTick + SLACK_TICKS);
  const toTick = args.number('to') ?? plain.tick;
  if (toTick <= fromTick)
    throw new UsageError('--to is not behind the first tick that is perturbed: give a later one.');
  const interruptTicks = plain.interruptTicks.filter((tick) => tick < toTick);
  const plan = { knobs, inputs, fromTick, endTick: toTick, interruptTicks, ...planGuest(guest.manifest) };
  const progress = { label: 'chaos', end: runs, isQuiet: args.has('json') };
  const { memoryMegabytes, nsPerTick } = guest.manifest;
  const machine = { memoryMegabytes, nsPerTick };
  const campaign = chaos({ seed, runs, plan, horizonTick, machine });
  const runner = await runnerOf(args, 'chaos', guest, experiment);
  const { result, stopStatus } = await walkCampaign(runner, campaign, progress).finally(() => runner.close());
  const { failing } = result;
  if (failing === null) return withoutFailure(args, result, stopStatus);
  const { tick: failingTick } = failing.outcome;
  const added = failing.inputs.filter((input) => !inputs.includes(input) && input.tick < failingTick);
  const arrived = new Set(failing.inputs.map(({ event }) => event));
  const missing = inputs.filter(({ tick, event }) => tick < failingTick && !arrived.has(event));
  if (!args.has('json')) tell(failing, added, missing);
  const all = [...guest.inputs.filter(({ tick }) => tick < fromTick), ...failing.inputs];
  const { machine: other } = failing;
  const failingGuest = other === null ? guest : { ...guest, manifest: variantManifest(guest.manifest, other) };
  const write = (): void => {
    const isSame = writeTrial(failingGuest, failures, all, variantHorizon(horizonTick, machine, other), out);
    if (!isSame) throw new Error('the run that failed does not fail when it is recorded');
  };
  tellAndWrite(write, (isWritten) => {
    if (!args.has('json')) return;
    printJson({
      command: 'chaos',
      status: EXIT.divergence,
      log: isWritten ? out : null,
      seed,
      run: failing.run,
      runs: result.runs,
      places: result.places,
      tick: failing.outcome.tick,
      reason: failing.outcome.reason,
      debugExit: failing.outcome.debugExit,
      machine: failing.machine,
      perturbations: added.map(({ tick, event }) => ({ tick, event: eventToText(event) })),
      missing: missing.map(({ tick, event }) => ({ tick, event: eventToText(event) })),
    });
  });
  if (args.has('json')) return EXIT.divergence;
  say(`Make it smaller: reprise shrink ${out} ${failsWords(args)}`);
  process.stdout.write(`${out}\n`);
  return EXIT.divergence;
}

type FailingRun = NonNullable<ChaosResult['failing']>;

/** Before the log is written: on a full disk it is all that remains. */
function tell(
  { run, outcome, machine }: FailingRun,
  added: readonly TimedInput[],
  missing: readonly TimedInput[],
): void {
  say(`chaos: run ${count(run)} fails at tick ${count(outcome.tick)}, with`);
  if (machine !== null) say(`  ${machine.memoryMegabytes} MB of memory, ${machine.nsPerTick} ns per tick`);
  for (const { tick, event } of added) say(`  at tick ${count(tick)}: ${eventToText(event)}`);
  for (const { tick, event } of missing) say(`  not at tick ${count(tick)}: ${eventToText(event)}`);
}

/** The option as it was given, to be typed again. */
export function failsWords(args: Arguments): string {
  return args
    .list('fails')
    .map((text) => `--fails '${text.replaceAll("'", "'\\''")}'`)
    .join(' ');
}

function withoutFailure(args: Arguments, { runs, places }: ChaosResult, stopStatus: number | null): number {
  const status = stopStatus ?? EXIT.ok;
  if (args.has('json')) printJson({ command: 'chaos', status, log: null, runs, places });
  else {
    const where = `; interrupts arrived at ${count(places)} different places`;
    say(`chaos: none of ${count(runs)} runs failed${stopStatus === null ? '' : ', then it was stopped'}${where}`);
  }
  return status;
}
