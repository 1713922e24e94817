// `reprise explore LOG --window A..B`: at which instructions of a window an event does harm or, where nothing is called
// a failure, to which different outcomes it comes there. The picture is a line of the terminal (explore-report.ts), and
// with --svg a file for a browser.

import {
  type ExploreResult,
  type ExploreSettings,
  EACH_ALONE,
  explore,
  type Grouping,
  outcomeClasses,
  outcomeName,
  placed,
  type Stretch,
} from '../../core/chaos/explore.ts';
import type { Experiment } from '../../core/chaos/experiment.ts';
import { groupPlacements } from '../../core/chaos/placements.ts';
import { explorePairs, type PairsResult } from '../../core/chaos/explore-pairs.ts';
import type { Campaign } from '../../core/chaos/campaign.ts';
import type { InputEvent } from '../../core/log/events.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { withLogProblems } from '../node/log-file.ts';
import { count } from '../node/progress.ts';
import { writeNewFile } from '../node/new-file.ts';
import type { Arguments } from './args.ts';
import { failsWords } from './chaos-command.ts';
import { windowPicture } from './explore-picture.ts';
import { notableStretches, reportWindow, STRETCHES_SHOWN } from './explore-report.ts';
import { EXIT, printJson, say } from './report.ts';
import {
  checkFree,
  experimentOf,
  type Guest,
  guestOfLog,
  readFailures,
  runnerOf,
  SLACK_TICKS,
  standAt,
  tellAndWrite,
  walkCampaign,
  writeTrial,
} from './trials.ts';

const RELEASE_DEFAULT = 64;

function readWindow(text: string | undefined): readonly [number, number] {
  if (text === undefined) throw new UsageError('Which window? Give --window A..B, such as --window 120000..121000.');
  const match = /^([\d_]+)\.\.([\d_]+)$/.exec(text);
  const [from, to] =
    match === null ? [Number.NaN, Number.NaN] : match.slice(1).map((one) => Number(one.replaceAll('_', '')));
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || to <= from) {
    throw new UsageError(`--window wants two ticks, the later one second, such as 120000..121000, not "${text}".`);
  }
  return [from, to];
}

function readEvent(args: Arguments): InputEvent {
  const given = ['irq', 'serial', 'nmi', 'hold'].filter((name) => args.has(name));
  if (given.length !== 1) {
    throw new UsageError('What arrives? Give one of --irq N, --serial BYTE, --nmi and --hold TICKS.');
  }
  switch (given[0]) {
    case 'irq':
      return { kind: 'irq-line', line: args.number('irq') ?? 0, level: true };
    case 'hold':
      return { kind: 'hold-interrupts', ticks: args.number('hold') ?? 1 };
    case 'nmi':
      return { kind: 'nmi' };
    default: {
      const text = args.text('serial') ?? '';
      const value = /^0x[0-9a-f]{1,2}$/i.test(text) ? Number(text) : text.length === 1 ? text.charCodeAt(0) : 256;
      if (value > 255) throw new UsageError(`--serial wants one character or 0xNN, not "${text}".`);
      return { kind: 'serial', port: 0, bytes: Uint8Array.of(value) };
    }
  }
}

export async function exploreCommand(args: Arguments): Promise<number> {
  return await withLogProblems(args.positionals[0], () => exploreLog(args));
}

async function exploreLog(args: Arguments): Promise<number> {
  const hasFailures = args.has('fails');
  const failures = hasFailures ? readFailures(args) : [];
  const [fromTick, toTick] = readWindow(args.text('window'));
  const event = readEvent(args);
  const out = args.text('out') ?? null;
  const svg = args.text('svg') ?? null;
  for (const path of [out, svg]) if (path !== null) checkFree(path);
  const [path] = args.positionals;
  const guest = await guestOfLog(args, path, 'explore');
  const endTick = guest.endTick ?? 0;
  if (toTick > endTick) {
    throw new UsageError(
      `The window ends at tick ${count(toTick)}, the run of ${path} at ${count(endTick)}: end it earlier.`,
    );
  }
  if (fromTick < guest.startTick) {
    throw new UsageError(`The run of ${path} begins at tick ${count(guest.startTick)}: give a later window.`);
  }
  const horizonTick = args.number('horizon') ?? endTick + SLACK_TICKS;
  if (horizonTick <= toTick) throw new UsageError('The horizon is not behind the window: give a later one.');
  const inputs = guest.inputs.filter(({ tick }) => tick >= fromTick);
  const settings = {
    fromTick,
    toTick,
    event,
    releaseTicks: args.number('release') ?? RELEASE_DEFAULT,
    inputs,
    horizonTick,
    tellsStates: args.has('states'),
  };
  const experiment = experimentOf(guest, failures);
  const before = experiment.run(guest.inputs, fromTick);
  if (before.reason === 'event') {
    throw new UsageError(
      `The failure comes before the window, at tick ${count(before.tick)}: name another, or an earlier window.`,
    );
  }
  standAt(experiment, fromTick);
  const plain = experiment.run(inputs, horizonTick, null, settings.tellsStates);
  if (plain.fails) {
    throw new UsageError(
      `The run fails without the event, at tick ${count(plain.tick)}: name another failure, or an earlier window.`,
    );
  }
  const write = (tick: number, target: string): void => {
    const before = guest.inputs.filter((input) => input.tick < fromTick);
    writeTrial(guest, failures, [...before, ...placed(settings, tick)], horizonTick, target);
  };
  const writePair = ([one, other]: readonly [number, number], target: string): void => {
    const before = guest.inputs.filter((input) => input.tick < fromTick);
    const both = placed({ ...settings, inputs: placed(settings, one) }, other);
    writeTrial(guest, failures, [...before, ...both], horizonTick, target);
  };
  const placement = args.number('placement');
  if (placement !== undefined) return onePlacement(args, experiment, settings, placement, out, write);
  const progress = {
    label: 'explore',
    end: toTick - fromTick + (args.number('pairs') ?? 0),
    isQuiet: args.has('json'),
  };
  const runner = await runnerOf(args, 'explore', guest, experiment);
  const grouping: Grouping = args.has('each') ? EACH_ALONE : (some, end) => groupPlacements(experiment, some, end);
  const campaign = exploreAll(settings, grouping, args.number('pairs') ?? 0, args.number('seed') ?? 1);
  const { result: found, stopStatus } = await walkCampaign(runner, campaign, progress).finally(() => runner.close());
  const { singles: result, pairs } = found;
  const pair = pairs?.failing[0] ?? null;
  const first = result.stretches.find(({ fails }) => fails)?.fromTick ?? pair?.[0] ?? null;
  const log = first === null ? null : (out ?? `explore-${first}.rlog`);
  const notable = notableStretches(result.stretches, hasFailures);
  const placeOf = await placesOf(args, guest, notable);
  const save = (): void => {
    if (first !== null && log !== null) {
      checkFree(log);
      if (result.failing > 0 || pair === null) write(first, log);
      else writePair(pair, log);
    }
    if (svg === null) return;
    const picture = windowPicture(result.stretches, { notable, placeOf, hasFailures, fromTick, toTick });
    writeNewFile(svg, picture, 'picture');
  };
  const status = first !== null ? EXIT.divergence : (stopStatus ?? EXIT.ok);
  if (args.has('json')) {
    const stretches = result.stretches.map((stretch) => ({ ...stretch, place: placeOf(stretch) }));
    const told = { ...result, plain: outcomeName(plain), outcomes: outcomeClasses(stretches), stretches, pairs };
    tellAndWrite(save, (isWritten) => {
      printJson({ command: 'explore', status, log: isWritten ? log : null, ...told });
    });
    return status;
  }
  await reportWindow(args, result, placeOf, settings);
  if (pairs !== null) await reportPairs(args, guest, pairs);
  save();
  if (log !== null) say(`Look at it: reprise debug ${log}`);
  const again = ['reprise explore', path, '--window', `${fromTick}..${toTick}`, '…', failsWords(args)];
  if (notable.length > 0) {
    say(`${log === null ? 'A' : 'Another'} place as a log: ${again.join(' ').trim()} --placement TICK -o FILE`);
  }
  if (log !== null) process.stdout.write(`${log}\n`);
  return status;
}

/** Every place alone, then pairs of those that do no harm alone. */
function* exploreAll(
  settings: ExploreSettings,
  grouping: Grouping,
  budget: number,
  seed: number,
): Campaign<{ readonly singles: ExploreResult; readonly pairs: PairsResult | null }> {
  const singles = yield* explore(settings, grouping);
  if (budget === 0 || !singles.isComplete) return { singles, pairs: null };
  const failingAlone = new Set<number>();
  for (const { fromTick, toTick, fails } of singles.stretches) {
    for (let tick = fromTick; fails && tick < toTick; tick++) failingAlone.add(tick);
  }
  return { singles, pairs: yield* explorePairs({ ...settings, budget, seed, failingAlone }) };
}

async function reportPairs(args: Arguments, guest: Guest, { runs, all, failing }: PairsResult): Promise<void> {
  say(`explore: ${count(failing.length)} of ${count(runs)} pairs fail, none of which fails alone (of ${count(all)})`);
  const shown = failing.slice(0, STRETCHES_SHOWN);
  if (shown.length === 0 || guest.log === null) return;
  const { instructionsAt } = await import('./explore-places.ts');
  const ticks = [...new Set(shown.flat())].sort((a, b) => a - b);
  const { log, images, makeEngine } = guest;
  const names = await instructionsAt({ log, images, makeEngine }, ticks, args.list('symbols'));
  for (const [one, other] of shown) {
    say(`  ${count(one)}: ${names.get(one) ?? ''}`);
    say(`    and ${count(other)}: ${names.get(other) ?? ''}`);
  }
}

function onePlacement(
  args: Arguments,
  experiment: Experiment,
  settings: ExploreSettings,
  tick: number,
  out: string | null,
  write: (tick: number, path: string) => void,
): number {
  if (tick < settings.fromTick || tick >= settings.toTick) {
    throw new UsageError(`--placement ${tick} lies outside of the window: give a tick inside.`);
  }
  const outcome = experiment.run(placed(settings, tick), settings.horizonTick);
  const log = out ?? `explore-${tick}.rlog`;
  checkFree(log);
  write(tick, log);
  const status = outcome.fails ? EXIT.divergence : EXIT.ok;
  if (args.has('json')) printJson({ command: 'explore', status, log, placement: tick, fails: outcome.fails });
  else {
    say(`explore: at tick ${count(tick)} the run ${outcome.fails ? 'fails' : 'does not fail'}`);
    process.stdout.write(`${log}\n`);
  }
  return status;
}

/** The instruction at the beginning of the first of these stretches; empty for the others. */
async function placesOf(
  args: Arguments,
  { log, images, makeEngine }: Guest,
  stretches: readonly Stretch[],
): Promise<(stretch: Stretch) => string> {
  const wanted = stretches.slice(0, STRETCHES_SHOWN).map(({ fromTick }) => fromTick);
  if (wanted.length === 0 || log === null) return () => '';
  const { instructionsAt } = await import('./explore-places.ts');
  const found = await instructionsAt({ log, images, makeEngine }, wanted, args.list('symbols'));
  return ({ fromTick }) => found.get(fromTick) ?? '';
}
