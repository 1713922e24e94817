// `reprise stat LOG`: a quick look at a recorded run in one replay on a counted engine: ticks by tier, what was
// compiled and dropped and why, exits, hit rates, slow ways by reason, and the hottest functions. Nothing here depends
// on the host's speed: the same log gives the same figures everywhere. Host time is measured by `reprise bench`.

import type { ChalkInstance } from 'chalk';
import { LogError } from '../../core/log/log-error.ts';
import { SessionError } from '../../core/session/session.ts';
import type { Arguments } from './args.ts';
import { type Counted, countRun } from '../measure/counted-run.ts';
import { type Figures, type Named, type Rate, TIERS, type Tier } from '../measure/figures.ts';
import { type HotBy, TOP_DEFAULT } from '../measure/hot-by.ts';
import { type HotRow, hotRows } from '../measure/hot-rows.ts';
import { bar, percent, table } from '../measure/text.ts';
import { windowOf } from '../measure/window.ts';
import { findImages } from '../node/find-images.ts';
import { logProblem, openLogFile, sessionProblem } from '../node/log-file.ts';
import { count, Progress } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';
import { chosenEngine } from './engine-options.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';

const BAR_CELLS = 24;

export async function statCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const engine = chosenEngine(args);
  const log = await openLogFile(args);
  const ticks = windowOf(path, log, args.number('from'), args.number('to'));
  const isQuiet = args.has('json');
  const end = ticks.toTick - ticks.fromTick;
  const work = new Work(Progress.atTerminal({ label: 'stat', unit: 'ticks', end }, isQuiet));
  try {
    const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`stat: ${text}`) });
    const symbols = symbolsFor(images, args.list('symbols'));
    const turn = (done: number): Promise<boolean> => work.turn(done);
    const counted = await countRun({ ...ticks, path, log, images, engine, symbols, turn });
    work.release();
    return await report(args, path, counted, work.signal);
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw sessionProblem(path, error);
    throw error;
  } finally {
    work.release();
  }
}

async function report(args: Arguments, path: string, counted: Counted, signal: NodeJS.Signals | null): Promise<number> {
  const status = signal === null ? EXIT.ok : signalStatus(signal);
  const by = (args.text('by') ?? 'function') as HotBy;
  const { watch, symbols, figures, series } = counted;
  const rows = hotRows(watch, { by, path, symbols }).slice(0, args.number('top') ?? TOP_DEFAULT);
  if (args.has('json')) {
    printJson({ command: 'stat', log: path, status, isWhole: counted.isWhole, ...figures, by, rows, series });
    return status;
  }
  const colors = await loadColors(args.has('no-color'), process.stdout);
  process.stdout.write(`${statLines(path, figures, by, rows, colors).join('\n')}\n`);
  if (counted.symbolProblem !== '') say(`stat: ${counted.symbolProblem}`);
  if (!counted.isWhole)
    say(`stat: stopped by the user at tick ${count(figures.toTick)}; these are the ticks up to there`);
  return status;
}

export function statLines(
  path: string,
  figures: Figures,
  by: HotBy,
  rows: readonly HotRow[],
  colors: ChalkInstance,
): string[] {
  const { fromTick, toTick, ticks, engine, tiers, functions, caches, exits, slow } = figures;
  const head = (text: string): string => colors.bold(text);
  const lines = [
    `${head(path)} on ${engine}, ticks ${count(fromTick)} to ${count(toTick)}`,
    '',
    head('Ticks by tier'),
    ...tierLines(figures, colors),
    '',
  ];
  if (figures.backend !== '') {
    const { linked, instructions, size, dropped, refused } = functions;
    lines.push(
      head('Functions'),
      `  ${count(linked)} compiled (${figures.backend}), ${count(instructions)} instructions, ${count(size)} ` +
        `${figures.backend === 'JavaScript' ? 'characters' : 'bytes'}; called ${count(functions.calls)} times`,
      ...reasonLines('dropped', dropped),
      ...reasonLines('hot, not compiled', refused),
      ...reasonLines('left for', exits.functions),
      '',
    );
  }
  lines.push(
    head('The inner loop was left for'),
    ...namedLines(exits.loop),
    '',
    head('Hit rates'),
    ...table(
      [
        ['TLB', rateText(caches.tlb), `instructions that touch memory; ${count(figures.flushes)} flushes`],
        ['block cache', rateText(caches.blocks), `${count(figures.blocks.decoded)} blocks decoded`],
        ...(caches.jumps.asked > 0 ? [['jump cache', rateText(caches.jumps), 'jumps from page to page']] : []),
      ],
      ['left', 'left', 'left'],
    ),
    '',
  );
  for (const [title, list] of [
    ['Handlers called out of the inner loop, by reason', slow.loop],
    ['Handlers called out of compiled code, by reason', slow.functions],
  ] as const) {
    if (list.length > 0) lines.push(head(title), ...namedLines(list), '');
  }
  if (figures.handlers.length > 0) {
    const most = figures.handlers.slice(0, 8).map(({ name, count: calls }) => `${name} ${count(calls)}`);
    lines.push(head('Most handled instructions'), `  ${most.join(', ')}`, '');
  }
  lines.push(head(`Hottest by ${by}`), ...hotLines(rows, by, ticks - tiers.idle, colors));
  if (figures.unexplained !== 0) {
    lines.push('', `${count(figures.unexplained)} counts did not come out: please report this with the log.`);
  }
  return lines;
}

function tierLines({ tiers, ticks }: Figures, colors: ChalkInstance): string[] {
  const listed = (Object.keys(TIERS) as Tier[]).filter((tier) => tiers[tier] > 0);
  const rows = listed.map((tier) => [
    TIERS[tier],
    count(tiers[tier]),
    percent(tiers[tier], ticks),
    colors.cyan(bar(tiers[tier] / ticks, BAR_CELLS)),
  ]);
  return table([...rows, ['all', count(ticks), '', '']], ['left', 'right', 'right', 'left']);
}

function rateText({ asked, missed }: Rate): string {
  if (asked === 0) return 'not asked';
  const rate = (100 * (asked - missed)) / asked;
  return `${rate > 99.9 ? rate.toFixed(3) : rate.toFixed(1)} %  (${count(missed)} of ${count(asked)} missed)`;
}

function reasonLines(title: string, reasons: Readonly<Record<string, number>>): string[] {
  const listed = Object.entries(reasons).filter(([, times]) => times > 0);
  return listed.length === 0 ? [] : [`  ${title}: ${listed.map(([why, n]) => `${count(n)} ${why}`).join(', ')}`];
}

function namedLines(list: readonly Named[]): string[] {
  const all = list.reduce((sum, one) => sum + one.count, 0);
  return table(
    list.map(({ name, count: times }) => [name, count(times), percent(times, all)]),
    ['left', 'right', 'right'],
  );
}

const UNITS: Readonly<Record<HotBy, string>> = {
  function: 'ticks',
  block: 'ticks',
  page: 'ticks',
  instruction: 'executions',
  device: 'accesses',
};

export function hotLines(rows: readonly HotRow[], by: HotBy, whole: number, colors: ChalkInstance): string[] {
  if (rows.length === 0) return ['  nothing'];
  const all = by === 'device' ? rows.reduce((sum, row) => sum + row.count, 0) : whole;
  const showsTier = by !== 'device' && by !== 'instruction';
  const cells = rows.map((row) => [
    percent(row.count, all),
    count(row.count),
    showsTier ? percent(row.compiled, row.count) : '',
    row.name,
    colors.dim(row.command),
  ]);
  const title = ['', UNITS[by], showsTier ? 'compiled' : '', by, 'shown by'];
  return table([title, ...cells], ['right', 'right', 'right', 'left', 'left']);
}
