// The text of `reprise bench`: engines with bars, warm-up, host time by tier, hit rates, what was compiled, the hottest
// rows, verdicts. For a terminal or a file; colours come from whoever prints. Figures are those of measurement.ts.

import type { ChalkInstance } from 'chalk';
import { count } from '../node/progress.ts';
import type { EngineDifference, PlaceDifference } from './difference.ts';
import { HOST_TIERS, type HostTier } from './host-profile.ts';
import type { HotTime } from './hot-time.ts';
import { type CountedPart, type Measurement, nanosecondsByTier, type Row, rowFigures } from './measurement.ts';
import { bar, percent, short, table } from './text.ts';

const SPEED_CELLS = 20;

export const ms = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(1)} ms`;
export const labelOf = ({ engine, build }: Pick<Row, 'engine' | 'build'>): string =>
  build === '' ? engine : `${engine} of ${build}`;
const signedPercent = (part: number): string => `${part >= 0 ? '+' : '−'}${Math.abs(100 * part).toFixed(1)} %`;

export function benchLines(measured: Measurement, top: number, colors: ChalkInstance): string[] {
  const { work, host, rows, rounds } = measured;
  const window = `ticks ${count(work.fromTick)} to ${count(work.toTick)}`;
  const lines = [
    `${colors.bold(work.name)}, ${window}, ${rounds} rounds of fresh processes`,
    colors.dim(`Node ${host.node}, ${host.processor} (${host.cores} cores); processor time of the ${host.clock}`),
    '',
    ...speedLines(rows, colors),
    '',
  ];
  const sampled = rows.filter((row) => row.host !== null);
  if (sampled.length > 0) lines.push(...hostLines(sampled, measured, colors), '');
  for (const part of measured.counted.filter(({ build }) => build === '')) {
    lines.push(...countedLines(part, measured, top, colors), '');
  }
  return lines;
}

function speedLines(rows: readonly Row[], colors: ChalkInstance): string[] {
  const figures = rows.map(rowFigures);
  const best = Math.max(...figures.map(({ speed }) => (Number.isNaN(speed) ? 0 : speed)));
  const head = [
    '',
    'M instr/s',
    '±',
    '',
    'steady',
    'warm-up',
    'compiled',
    'code',
    'compiling',
    'GC',
    'memory',
    'start',
  ];
  const cells = rows.map((row, i) => {
    const { speed, spread, steadySpeed, warmUpMs, warmUpTicks } = figures[i];
    if (row.failure !== '') return [labelOf(row), 'failed:', '', row.failure];
    return [
      labelOf(row),
      speed.toFixed(1),
      `${(100 * spread).toFixed(1)} %`,
      bar(speed / best, SPEED_CELLS).padEnd(SPEED_CELLS),
      steadySpeed.toFixed(1),
      warmUpTicks === 0 ? 'none' : `${ms(warmUpMs)} in ${short(warmUpTicks)} ticks`,
      count(row.compile.functions),
      short(row.compile.size),
      ms(row.compile.ms),
      ms(row.garbage.ms),
      `${row.memory.peakMegabytes.toFixed(0)} MB`,
      ms(row.loadingMs),
    ];
  });
  const aligns = [
    'left',
    'right',
    'right',
    'left',
    'right',
    'right',
    'right',
    'right',
    'right',
    'right',
    'right',
    'right',
  ];
  const [first, ...rest] = table([head, ...cells], aligns as ('left' | 'right')[]);
  return [colors.bold(first), ...rest.map((line) => line.replace(/█[█▏▎▍▌▋▊▉]*/, (blocks) => colors.cyan(blocks)))];
}

/** Host time by tier, a column a contestant. */
function hostLines(rows: readonly Row[], { counted }: Measurement, colors: ChalkInstance): string[] {
  const tiers = (Object.keys(HOST_TIERS) as HostTier[]).filter((tier) =>
    rows.some((row) => (row.host?.tiersMs[tier] ?? 0) > 0),
  );
  const all = rows.map((row) => Object.values(row.host?.tiersMs ?? {}).reduce((sum, one) => sum + one, 0));
  const cells = tiers.map((tier) => [
    HOST_TIERS[tier],
    ...rows.flatMap((row, i) => [ms(row.host?.tiersMs[tier] ?? 0), percent(row.host?.tiersMs[tier] ?? 0, all[i])]),
  ]);
  const aligns: ('left' | 'right')[] = ['left', ...rows.flatMap(() => ['right', 'right'] as const)];
  const head = ['Host time by tier', ...rows.flatMap((row) => [labelOf(row), ''])];
  const foot = ['processor time of the process', ...all.flatMap((total) => [ms(total), ''])];
  const [first, ...rest] = table([head, ...cells, foot], aligns);
  const samples = rows.map((row) => `${labelOf(row)} ${count(row.host?.samples ?? 0)}`).join(', ');
  const lines = [colors.bold(first.trimStart()), ...rest];
  lines.push(
    colors.dim(`  shares of the main thread are sampled (samples: ${samples}), the sums are counted by the system`),
  );
  for (const row of rows) {
    const part = counted.find(({ engine, build }) => engine === row.engine && build === row.build);
    if (part === undefined || row.host === null) continue;
    const each = nanosecondsByTier(row.host, part.figures).map(({ name, ns }) => `${name} ${ns.toFixed(2)} ns`);
    if (each.length > 0) lines.push(`  an instruction, ${labelOf(row)}: ${each.join(', ')}`);
  }
  return lines;
}

function countedLines(part: CountedPart, measured: Measurement, top: number, colors: ChalkInstance): string[] {
  const { figures, by, hot } = part;
  const { caches } = figures;
  const rate = ({ asked, missed }: { asked: number; missed: number }): string =>
    asked === 0 ? 'not asked' : `${((100 * (asked - missed)) / asked).toFixed(2)} %`;
  const host = measured.rows.find(({ engine, build }) => engine === part.engine && build === part.build)?.host ?? null;
  const lines = [
    colors.bold(`Counted on ${part.engine}`),
    `  hits: TLB ${rate(caches.tlb)}, block cache ${rate(caches.blocks)}, jump cache ${rate(caches.jumps)}; ` +
      `${count(figures.functions.linked)} functions, ${count(figures.functions.calls)} calls`,
  ];
  const slow = [...figures.slow.loop, ...figures.slow.functions];
  if (slow.length > 0) {
    const reasons = new Map<string, number>();
    for (const { name, count: times } of slow) reasons.set(name, (reasons.get(name) ?? 0) + times);
    const most = [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 5);
    lines.push(`  slow ways: ${most.map(([name, times]) => `${name} ${count(times)}`).join(', ')}`);
  }
  lines.push(
    '',
    colors.bold(`Hottest by ${by}`),
    ...hotTimeLines(hot.slice(0, top), figures.ticks, host !== null, colors),
  );
  return lines;
}

function hotTimeLines(rows: readonly HotTime[], ticks: number, isTimed: boolean, colors: ChalkInstance): string[] {
  if (rows.length === 0) return ['  nothing'];
  const cells = rows.map((row) => {
    const time = row.sampledMs + row.sharedMs;
    return [
      ...(isTimed ? [ms(time), time === 0 ? '' : row.sampledMs >= row.sharedMs ? 'sampled' : 'by count'] : []),
      count(row.count),
      percent(row.count, ticks),
      percent(row.compiled, row.count),
      ...(isTimed ? [row.count === 0 || time === 0 ? '' : `${((time * 1e6) / row.count).toFixed(2)}`] : []),
      row.name,
      colors.dim(row.command),
    ];
  });
  const head = [
    ...(isTimed ? ['host time', ''] : []),
    'ticks',
    '',
    'compiled',
    ...(isTimed ? ['ns each'] : []),
    '',
    'shown by',
  ];
  const aligns: ('left' | 'right')[] = [
    ...(isTimed ? (['right', 'left'] as const) : []),
    'right',
    'right',
    'right',
    ...(isTimed ? (['right'] as const) : []),
    'left',
    'left',
  ];
  return table([head, ...cells], aligns);
}

/** One line of a verdict: what it is, and how sure. */
export function verdictLine({
  engine,
  ratio,
  low,
  high,
  verdict,
  rounds,
  spread,
  roundsWanted,
}: EngineDifference): string {
  const interval = `${signedPercent(ratio - 1)} time (${signedPercent(low - 1)} to ${signedPercent(high - 1)})`;
  const figures = `${rounds} rounds`;
  if (verdict === 'too noisy') {
    const width = Number.isFinite(spread) ? `the interval is ± ${(100 * spread).toFixed(0)} %` : 'too few rounds';
    const way =
      roundsWanted === null ? 'no number of rounds would do: quiet the machine' : `--rounds ${roundsWanted} would do`;
    return `${engine}: too noisy for a verdict, ${width} with ${figures}; ${way}`;
  }
  return `${engine}: ${verdict}, ${interval}, ${figures}`;
}

export function differenceLines(differences: readonly EngineDifference[], colors: ChalkInstance): string[] {
  const lines: string[] = [];
  for (const one of differences) {
    const paint = one.verdict === 'slower' ? colors.red : one.verdict === 'faster' ? colors.green : colors.bold;
    lines.push(paint(verdictLine(one)));
    if (one.verdict === 'no difference' || one.verdict === 'too noisy') continue;
    lines.push(...placeLines('Blocks of the guest', one.blocks, colors));
    lines.push(...placeLines('Functions of the host', one.functions, colors), '');
  }
  return lines;
}

function placeLines(title: string, places: readonly PlaceDifference[], colors: ChalkInstance): string[] {
  if (places.length === 0) return [];
  const cells = places.map(({ name, beforeMs, afterMs, command }) => [
    `${afterMs >= beforeMs ? '+' : '−'}${ms(Math.abs(afterMs - beforeMs))}`,
    ms(beforeMs),
    ms(afterMs),
    name,
    colors.dim(command),
  ]);
  return [
    colors.bold(`${title}, sampled, the greatest differences first`),
    ...table([['', 'before', 'after', '', ''], ...cells], ['right', 'right', 'right', 'left', 'left']),
  ];
}
