/**
 * The history of ratios against the interpreter of the same build (benchmarks/history.jsonl), so that machines compare:
 * a line a measurement, appended by `npm run bench -- programs --add`. `npm run bench:history` prints it, and --html
 * plots it as one page. Engine speed in instructions a second is nobody else's; how many times the interpreter's is.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';
import { pageHtml } from '../src/host/measure/report-html.ts';
import { table } from '../src/host/measure/text.ts';
import { NewFile } from '../src/host/node/new-file.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const HISTORY = join(root, 'benchmarks/history.jsonl');

/** Times the interpreter's speed: with the warm-up, and without. */
export interface Ratio {
  readonly whole: number;
  readonly steady: number;
}

export interface HistoryEntry {
  readonly date: string;
  /** Short name of the commit; with + where the tree had changes. */
  readonly commit: string;
  readonly node: string;
  readonly processor: string;
  readonly engine: string;
  readonly ratios: Readonly<Record<string, Ratio>>;
}

export function currentCommit(): string {
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

export function addToHistory(entry: HistoryEntry, path = HISTORY): void {
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

/** Throws with the line that is none. */
export function readHistory(path = HISTORY): HistoryEntry[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      try {
        return JSON.parse(line) as HistoryEntry;
      } catch {
        throw new Error(`${path}:${i + 1} is no JSON: take the line out, or git checkout the file.`);
      }
    });
}

export function geometricMean(numbers: readonly number[]): number {
  if (numbers.length === 0) return Number.NaN;
  // Of ratios; logarithms of the host are good enough for a report.
  return Math.exp(numbers.reduce((sum, one) => sum + Math.log(one), 0) / numbers.length);
}

const meanOf = (entry: HistoryEntry, which: keyof Ratio): number =>
  geometricMean(Object.values(entry.ratios).map((ratio) => ratio[which]));

export function historyLines(entries: readonly HistoryEntry[]): string[] {
  const names = [...new Set(entries.flatMap(({ ratios }) => Object.keys(ratios)))];
  const recent = entries.slice(-6);
  const head = ['', ...recent.map(({ date }) => date.slice(0, 10))];
  const commits = ['', ...recent.map(({ commit }) => commit)];
  const cell = (ratio: Ratio | undefined): string =>
    ratio === undefined ? '' : `${ratio.whole.toFixed(2)} / ${ratio.steady.toFixed(2)}`;
  const rows = names.map((name) => [name, ...recent.map(({ ratios }) => cell(ratios[name]))]);
  const means = [
    'geometric mean',
    ...recent.map((entry) => cell({ whole: meanOf(entry, 'whole'), steady: meanOf(entry, 'steady') })),
  ];
  return table([head, commits, ...rows, means], ['left', ...recent.map(() => 'right' as const)]);
}

export function historyHtml(entries: readonly HistoryEntry[]): string {
  const names = [...new Set(entries.flatMap(({ ratios }) => Object.keys(ratios)))];
  const ticks = entries.map((_, i) => i + 1);
  const line = (name: string, of: (entry: HistoryEntry) => number | undefined) => ({
    name,
    values: entries.map((entry) => of(entry) ?? null),
  });
  const means = [
    line('geometric mean, whole runs', (entry) => meanOf(entry, 'whole')),
    line('geometric mean, steady', (entry) => meanOf(entry, 'steady')),
  ];
  const series = [
    { title: 'all', unit: 'times the interpreter', ticks, lines: means },
    ...names.map((name) => ({
      title: name,
      unit: 'times',
      ticks,
      lines: [line('whole', ({ ratios }) => ratios[name]?.whole), line('steady', ({ ratios }) => ratios[name]?.steady)],
    })),
  ];
  const measured = entries.map(
    ({ date, commit, engine, processor }, i) =>
      `<tr><td>${i + 1}</td><td class="text">${date.slice(0, 10)}</td><td class="text">${commit}</td>` +
      `<td class="text">${engine}</td><td class="text">${processor}</td></tr>`,
  );
  const plots = series.map(({ title }, i) => `<div><h3>${title}</h3><div id="series${i}"></div></div>`);
  const body =
    `<h1>Ratios against the interpreter of the same build</h1><div class="sides">${plots.join('')}</div>` +
    `<h2>Measurements</h2><table>${measured.join('')}</table>`;
  return pageHtml('Ratios against the interpreter', body, { curves: { ticks: [], lines: [] }, series, flames: [] });
}

function main(): void {
  const args = scriptArguments({
    name: 'bench:history',
    program: 'npm run bench:history --',
    positionals: [],
    brief: 'the history of ratios against the interpreter',
    summary:
      'Prints the last measurements of benchmarks/history.jsonl: times the speed of the interpreter of the same ' +
      'build, with the warm-up and without. npm run bench -- programs --add appends one.',
    options: [{ name: 'html', value: 'FILE', kind: 'file', help: 'plot all of it as one page' }],
  });
  const entries = readHistory();
  const path = args.text('html');
  if (path !== undefined) {
    const file = new NewFile(path, { what: 'report' }).open();
    file.write(historyHtml(entries));
    file.close();
  }
  if (args.has('json')) console.log(JSON.stringify(entries));
  else console.log(entries.length === 0 ? 'nothing has been measured yet' : historyLines(entries).join('\n'));
}

if (process.argv[1]?.endsWith('history.js') === true) main();
