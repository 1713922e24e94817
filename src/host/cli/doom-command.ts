// `reprise doom LOG --symptom P`: when the failure of a recording became inevitable, however long before the symptom
// that was: the place, what arrived there, at which other places it would have done the same, and the command with
// which to stand there.

import { doom, type DoomResult, otherPlaces, type Placement, placeAgain } from '../../core/chaos/doom.ts';
import type { Experiment, Outcome } from '../../core/chaos/experiment.ts';
import { KNOBS_DEFAULT } from '../../core/chaos/perturb.ts';
import { eventToText } from '../../core/log/events.ts';
import type { TimedInput } from '../../core/log/timed-input.ts';
import { type Access, type RacePair, racePair } from '../../core/chaos/race-pair.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { withLogProblems } from '../node/log-file.ts';
import { writeNewFile } from '../node/new-file.ts';
import { count } from '../node/progress.ts';
import { LocalTrials } from '../node/trial-runners.ts';
import type { Arguments } from './args.ts';
import { readKnobs } from './chaos-command.ts';
import { doomSvg, doomText } from './doom-picture.ts';
import { type InstructionNames, loadInstructionNames } from './explore-places.ts';
import { EXIT, printJson, say } from './report.ts';
import {
  checkFree,
  experimentOf,
  type Guest,
  guestOfLog,
  planGuest,
  readFailures,
  readFrom,
  runnerOf,
  SLACK_TICKS,
  tellAndWrite,
  walkCampaign,
} from './trials.ts';

const MOMENTS_DEFAULT = 16;
const TRIALS_DEFAULT = 16;
/** How far around the decisive event it is tried elsewhere. */
const REACH_TICKS = 256;
/** An interrupt belongs to the input that came so shortly before. */
const CAUSE_TICKS = 64;
const PLACES_SHOWN = 12;

/** What happened in the window. */
interface Decision {
  readonly input: TimedInput | null;
  /** The interrupt that arrived then, and the instruction that it found. */
  readonly vector: number | null;
  readonly place: string;
  /** What both sides used of memory, as lines; empty: nothing that tells. */
  readonly race: readonly string[];
}

/** An instruction at which the decisive event was tried again. */
interface Tried {
  readonly eip: number;
  readonly place: string;
  readonly fails: boolean;
}

export async function doomCommand(args: Arguments): Promise<number> {
  return await withLogProblems(args.positionals[0], () => doomOf(args));
}

async function doomOf(args: Arguments): Promise<number> {
  const failures = readFailures(args, 'symptom');
  const knobs = args.has('knobs') ? readKnobs(args.text('knobs')) : KNOBS_DEFAULT;
  if (knobs.some((knob) => knob === 'memory' || knob === 'ratio' || knob === 'entropy')) {
    throw new UsageError(
      'The knobs memory, ratio and entropy change the machine, which a recording has: they are of chaos alone.',
    );
  }
  const svg = args.text('svg') ?? null;
  if (svg !== null) checkFree(svg);
  const [path] = args.positionals;
  const guest = await guestOfLog(args, path, 'doom');
  const endTick = guest.endTick ?? 0;
  const fromTick = readFrom(args, guest);
  const horizonTick = args.number('horizon') ?? endTick + Math.floor(endTick / 4) + SLACK_TICKS;
  if (fromTick >= endTick) {
    throw new UsageError(`--from is not before the end of the run, tick ${count(endTick)}: give an earlier one.`);
  }
  const experiment = experimentOf(guest, failures);
  const plain = experiment.run(guest.inputs, horizonTick);
  if (!plain.fails) {
    throw new UsageError(
      `The run of ${path} does not fail so: give the --symptom that it shows, or a log that fails ` +
        '(reprise chaos finds one).',
    );
  }
  const symptomTick = plain.tick;
  if (symptomTick <= fromTick + 1) {
    throw new UsageError(
      `The symptom comes at tick ${count(symptomTick)}, before --from ${fromTick}: give an earlier one.`,
    );
  }
  const settings = {
    ...{ seed: args.number('seed') ?? 1, fromTick, symptomTick, horizonTick, knobs, inputs: guest.inputs },
    moments: args.number('moments') ?? MOMENTS_DEFAULT,
    trials: args.number('trials') ?? TRIALS_DEFAULT,
    interruptTicks: plain.interruptTicks,
    guest: planGuest(guest.manifest),
  };
  const progress = { label: 'doom', end: Number.POSITIVE_INFINITY, isQuiet: args.has('json') };
  const runner = await runnerOf(args, 'doom', guest, experiment, args.list('symptom'));
  const { result, stopStatus } = await walkCampaign(runner, doom(settings), progress).finally(() => runner.close());
  const { interval } = result;
  const names = await loadInstructionNames(guest.images, args.list('symbols'));
  const decision = interval === null ? null : decide(experiment, guest, interval, horizonTick, names);
  const tried = decision === null || stopStatus !== null ? [] : await tryElsewhere();
  const status = stopStatus ?? (interval === null ? EXIT.divergence : EXIT.ok);
  const stand = interval === null ? null : `reprise debug ${path} --exec 'seek ${interval.fromTick}'`;
  const draw = (): void => {
    if (svg !== null) writeNewFile(svg, doomSvg(result, symptomTick), 'picture');
  };
  if (args.has('json')) {
    const input = decision?.input ?? null;
    const event = input === null ? null : eventToText(input.event);
    const what =
      decision === null ? null : { event, vector: decision.vector, place: decision.place, race: decision.race };
    const json = { verdict: result.verdict, symptomTick, interval, decision: what, elsewhere: tried, stand };
    const { moments, sides, runs } = result;
    tellAndWrite(draw, () => printJson({ command: 'doom', status, ...json, moments, sides, runs }));
    return status;
  }
  // What was found is told first: where the picture cannot be written it is not lost.
  report(result, symptomTick, decision, tried);
  draw();
  if (stand !== null) process.stdout.write(`${stand}\n`);
  return status;

  async function tryElsewhere(): Promise<Tried[]> {
    if (decision === null || interval === null || (decision.input === null && decision.vector === null)) return [];
    const places = otherPlaces(guest.inputs, decision.input ?? interval.fromTick, REACH_TICKS);
    const again = placeAgain({ ...places, horizonTick });
    const walked = await walkCampaign(new LocalTrials(experiment), again, {
      ...progress,
      end: places.placements.length,
    });
    experiment.stand(interval.fromTick);
    return triedPlaces(walked.result, decision.vector, (eip) => names.at(experiment.machine.cpu, eip));
  }
}

/** What the recorded run does in the window. */
function decide(
  experiment: Experiment,
  guest: Guest,
  interval: { readonly fromTick: number; readonly toTick: number },
  horizonTick: number,
  names: InstructionNames,
): Decision {
  const { fromTick, toTick } = interval;
  experiment.stand(fromTick);
  const place = names.here(experiment.machine.cpu);
  const behind = guest.inputs.filter(({ tick }) => tick >= fromTick);
  const input = behind.find(({ tick }) => tick < toTick) ?? null;
  const { arrivals }: Outcome = experiment.run(behind, Math.min(horizonTick, toTick + CAUSE_TICKS));
  const lastTick = input === null ? toTick : toTick + CAUSE_TICKS;
  const arrival = arrivals.find(({ tick }) => tick < lastTick) ?? null;
  const pair = arrival === null ? null : racePair(experiment, guest.inputs, arrival);
  const race = pair === null ? [] : raceLines(pair, (linear) => names.at(experiment.machine.cpu, linear));
  return { input, vector: arrival?.vector ?? null, place, race };
}

function raceLines({ address, before, between, behind }: RacePair, nameOf: (linear: number) => string): string[] {
  const line = (who: string, { linear, isWrite }: Access): string =>
    `${who} ${isWrite ? 'writes' : 'reads '} ${nameOf(linear)}`;
  return [
    `0x${address.toString(16)}, in this order:`,
    line('interrupted', before),
    line('interrupt  ', between),
    line('interrupted', behind),
  ];
}

/** By instruction, in the order of addresses; fails: at some placement there. */
function triedPlaces(
  placements: readonly Placement[],
  vector: number | null,
  nameOf: (eip: number) => string,
): Tried[] {
  const byEip = new Map<number, boolean>();
  for (const { arrival, fails } of placements) {
    if (arrival === null || (vector !== null && arrival.vector !== vector)) continue;
    byEip.set(arrival.eip, fails || byEip.get(arrival.eip) === true);
  }
  const sorted = [...byEip].sort(([a], [b]) => a - b);
  return sorted.map(([eip, fails]) => ({ eip, place: nameOf(eip), fails }));
}

function report(result: DoomResult, symptomTick: number, decision: Decision | null, tried: readonly Tried[]): void {
  const { verdict, interval, runs, isComplete } = result;
  const symptom = `the failure at tick ${count(symptomTick)}`;
  say(`doom: runs that still fail, by the tick from which they were disturbed (${count(runs)} runs)`);
  for (const line of doomText(result)) say(`  ${line}`);
  if (!isComplete) say('doom: stopped; this is what there was by then');
  if (interval === null || decision === null) {
    const why =
      verdict === 'from-the-start'
        ? `${symptom} comes whatever is disturbed: begin earlier (--from), or try other knobs (--knobs)`
        : `${symptom} becomes more likely at no moment: more --trials, more --moments or a later --from may tell`;
    say(`doom: ${why}`);
    return;
  }
  const { fromTick, toTick } = interval;
  const size = toTick - fromTick === 1 ? 'at' : `within ${count(toTick - fromTick)} ticks of`;
  say(
    `doom: ${symptom} became inevitable ${size} tick ${count(fromTick)}, ${count(symptomTick - fromTick)} ticks before`,
  );
  say(`  place   ${decision.place}`);
  const { input, vector } = decision;
  if (input !== null) say(`  arrives ${eventToText(input.event)}`);
  if (vector !== null) say(`  arrives interrupt 0x${vector.toString(16)}`);
  for (const [i, line] of decision.race.entries()) say(i === 0 ? `  race on ${line}` : `          ${line}`);
  const guilty = tried.filter(({ fails }) => fails);
  if (tried.length === 0) return;
  say(`  elsewhere, at ${count(tried.length)} instructions nearby, it does the same harm at ${count(guilty.length)}:`);
  for (const { place } of guilty.slice(0, PLACES_SHOWN)) say(`          ${place}`);
  if (guilty.length > PLACES_SHOWN) say(`          and ${count(guilty.length - PLACES_SHOWN)} more (--json has all)`);
}
