// `reprise explore LOG --window A..B`: at which instructions of a window an event does harm. The picture is a line of
// the terminal in which every cell is a stretch of places, and with --svg a file for a browser.

import {
  type ExploreResult,
  type ExploreSettings,
  EACH_ALONE,
  explore,
  type Grouping,
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
import { NewFile } from '../node/new-file.ts';
import { signalStatus } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { failsWords } from './chaos-command.ts';
import { windowPicture } from './explore-picture.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';
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
const CELLS = 64;
const STRETCHES_SHOWN = 20;

function readWindow(text: string | undefined): readonly [number, number] {
  const match = /^([\d_]+)\.\.([\d_]+)$/.exec(text ?? '');
  const [from, to] =
    match === null ? [Number.NaN, Number.NaN] : match.slice(1).map((one) => Number(one.replaceAll('_', '')));
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || to <= from) {
    throw new UsageError(
      `--window wants two ticks, the later one second, such as 120000..121000, not "${text ?? ''}".`,
    );
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
  const failures = readFailures(args);
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
  };
  const experiment = experimentOf(guest, failures);
  const before = experiment.run(guest.inputs, fromTick);
  if (before.reason === 'event') {
    throw new UsageError(
      `The failure comes before the window, at tick ${count(before.tick)}: name another, or an earlier window.`,
    );
  }
  standAt(experiment, fromTick);
  const plain = experiment.run(inputs, horizonTick);
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
  const { result: found, signal } = await walkCampaign(runner, campaign, progress).finally(() => runner.close());
  const { singles: result, pairs } = found;
  const pair = pairs?.failing[0] ?? null;
  const first = result.stretches.find(({ fails }) => fails)?.fromTick ?? pair?.[0] ?? null;
  const log = first === null ? null : (out ?? `explore-${first}.rlog`);
  const places = await placesOf(args, guest, result.stretches);
  const save = (): void => {
    if (first !== null && log !== null) {
      checkFree(log);
      if (result.failing > 0 || pair === null) write(first, log);
      else writePair(pair, log);
    }
    if (svg === null) return;
    const file = new NewFile(svg, { what: 'picture' }).open();
    file.write(windowPicture(result.stretches, places, fromTick, toTick));
    file.close();
  };
  const status = first !== null ? EXIT.divergence : signal === null ? EXIT.ok : signalStatus(signal);
  if (args.has('json')) {
    const stretches = result.stretches.map((stretch, i) => ({ ...stretch, place: places[i] }));
    const told = { ...result, plain: outcomeName(plain), stretches, pairs };
    tellAndWrite(save, (isWritten) => {
      printJson({ command: 'explore', status, log: isWritten ? log : null, ...told });
    });
    return status;
  }
  await report(args, result, places, settings);
  if (pairs !== null) await reportPairs(args, guest, pairs);
  save();
  if (log !== null) {
    say(`Look at it: reprise debug ${log}`);
    const again = `reprise explore ${path} --window ${fromTick}..${toTick} … ${failsWords(args)}`;
    say(`Another place: ${again} --placement TICK -o FILE`);
    process.stdout.write(`${log}\n`);
  }
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

/** The instruction at the beginning of the first stretches that fail; empty for the others. */
async function placesOf(
  args: Arguments,
  { log, images, makeEngine }: Guest,
  stretches: readonly Stretch[],
): Promise<readonly string[]> {
  const wanted = stretches.filter(({ fails }) => fails).map(({ fromTick }) => fromTick);
  if (wanted.length === 0 || log === null) return stretches.map(() => '');
  const { instructionsAt } = await import('./explore-places.ts');
  const found = await instructionsAt(
    { log, images, makeEngine },
    wanted.slice(0, STRETCHES_SHOWN),
    args.list('symbols'),
  );
  return stretches.map(({ fromTick }) => found.get(fromTick) ?? '');
}

async function report(
  args: Arguments,
  result: ExploreResult,
  places: readonly string[],
  { fromTick, toTick }: ExploreSettings,
): Promise<void> {
  const colors = await loadColors(args.has('no-color'), process.stderr);
  const { places: all, failing, merged, spared, stretches } = result;
  const cells = Math.min(CELLS, toTick - fromTick);
  const cellTicks = (toTick - fromTick) / cells;
  let line = '';
  for (let cell = 0; cell < cells; cell++) {
    const from = fromTick + cell * cellTicks;
    const inCell = stretches.filter((one) => one.fromTick < from + cellTicks && one.toTick > from);
    if (inCell.length === 0) line += ' ';
    else if (inCell.every(({ fails }) => fails)) line += colors.red('#');
    else line += inCell.some(({ fails }) => fails) ? colors.red('+') : '.';
  }
  say(`explore: ${count(failing)} of ${count(all)} places fail`);
  const early = `${count(merged)} runs came to a known state early`;
  say(`  ${count(spared)} places cannot differ from a neighbour and were not run; ${early}`);
  say(`  ${count(fromTick)} [${line}] ${count(toTick)}   . well, + some fail, # all fail`);
  const rows = stretches.flatMap((stretch, i) => (stretch.fails ? [{ stretch, place: places[i] }] : []));
  for (const { stretch, place } of rows.slice(0, STRETCHES_SHOWN)) {
    const size = stretch.toTick - stretch.fromTick;
    say(`  ${count(stretch.fromTick)}${size === 1 ? '' : ` and ${count(size - 1)} more`}: ${place}`);
  }
  if (rows.length > STRETCHES_SHOWN)
    say(`  and ${count(rows.length - STRETCHES_SHOWN)} more stretches (--json has all)`);
  if (!result.isComplete) say('explore: stopped by the user; the places above are those that were run');
}
