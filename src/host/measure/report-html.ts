// A measurement as a page: one file with all that it needs, to be opened from disk, sent or kept. Tables and bars are
// HTML, so that they can be read without a script; curves and flame graphs are drawn by page/report-page.ts with uPlot
// and d3-flame-graph, whose sources go into the page. Figures are those of measurement.ts, as in text and JSON.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FlameNode, PageData, Series } from '../page/report-page.ts';
import { count } from '../node/progress.ts';
import { labelOf, ms, verdictLine } from './bench-text.ts';
import type { Point } from './counted-run.ts';
import type { EngineDifference, PlaceDifference } from './difference.ts';
import { TIERS, type Tier } from './figures.ts';
import { HOST_TIERS, type HostTier } from './host-profile.ts';
import { type CountedPart, type Measurement, type Row, rowFigures, typicalPieces } from './measurement.ts';
import type { Peers } from './peer-file.ts';
import { percent, short } from './text.ts';

const PAGE_SCRIPT = fileURLToPath(new URL('../page/report-page.js', import.meta.url));
/** What d3-flame-graph wants to find as `d3`, in the order in which they want each other. */
const D3 = [
  'd3-color',
  'd3-interpolate',
  'd3-dispatch',
  'd3-timer',
  'd3-ease',
  'd3-selection',
  'd3-transition',
  'd3-array',
  'd3-hierarchy',
  'd3-format',
  'd3-time',
  'd3-time-format',
  'd3-scale',
];
const HOT_ROWS = 25;

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Data inside a script element: nothing in it may end the element. */
const inScript = (text: string): string => text.replaceAll('</', '<\\/').replaceAll('<!--', '<\\!--');

function librarySources(): { readonly scripts: string[]; readonly style: string } {
  const require = createRequire(import.meta.url);
  const uplot = dirname(require.resolve('uplot'));
  const flameGraph = require.resolve('d3-flame-graph');
  const beside = createRequire(flameGraph);
  const d3 = D3.map((name) => {
    const folder = dirname(dirname(beside.resolve(name)));
    return readFileSync(join(folder, 'dist', `${name}.min.js`), 'utf8');
  });
  const plots = readFileSync(join(uplot, 'uPlot.iife.min.js'), 'utf8');
  const flames = readFileSync(join(dirname(flameGraph), 'd3-flamegraph.umd.min.js'), 'utf8');
  return { scripts: [plots, ...d3, flames], style: readFileSync(join(uplot, 'uPlot.min.css'), 'utf8') };
}

const STYLE = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --quiet: #57606a; --grid: #d8dee4;
  --bar: #0969da; --line0: #0969da; --line1: #bc4c00; --line2: #1a7f37; --line3: #8250df;
  --compiled: #b6d7ff; --interpreted: #ffd8a8; --function: #e3e6ea; --slower: #b31d28; --faster: #176f2c; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --quiet: #9da7b3; --grid: #30363d;
  --bar: #58a6ff; --line0: #58a6ff; --line1: #ffa657; --line2: #56d364; --line3: #d2a8ff;
  --compiled: #79b8ff; --interpreted: #f0b060; --function: #a9b4c0; --slower: #ff7b72; --faster: #56d364; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
p { margin: .3rem 0; } .quiet { color: var(--quiet); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { padding: .15rem .7rem .15rem 0; text-align: right; white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; } td.text, th.text { text-align: left; }
td.code { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
td.bar { width: 40%; min-width: 8rem; } td.bar div { background: var(--bar); height: .9rem; min-width: 1px; }
code { font: 12px ui-monospace, monospace; color: var(--quiet); }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 0 2rem; }
.slower { color: var(--slower); font-weight: 600; } .faster { color: var(--faster); font-weight: 600; }
.key span { display: inline-block; margin-right: 1.2rem; } .key i { display: inline-block; width: .9rem; height: .9rem;
  margin-right: .35rem; vertical-align: -2px; border: 1px solid var(--ink); }
.flame { overflow-x: auto; } .flame-tools { display: flex; gap: .5rem; margin: .3rem 0; }
.flame-tools input, .flame-tools button { font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--grid); border-radius: 4px; padding: .1rem .5rem; }
.d3-flame-graph-label { color: #1b1f24 !important; font-family: system-ui, sans-serif !important; }
.d3-flame-graph rect { fill-opacity: 1 !important; }
.u-legend { color: var(--ink); } .u-legend th { color: inherit; }
`;

interface Cell {
  readonly html: string;
  readonly kind?: 'text' | 'code' | 'bar';
}

const text = (value: string): Cell => ({ html: escaped(value), kind: 'text' });
const number = (value: string): Cell => ({ html: escaped(value) });
const code = (value: string): Cell => ({ html: `<code>${escaped(value)}</code>`, kind: 'code' });
const barCell = (part: number): Cell => ({
  html: `<div style="width:${(100 * Math.min(1, Math.max(0, part))).toFixed(1)}%"></div>`,
  kind: 'bar',
});

function tableHtml(head: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  const cell = (tag: string, { html, kind }: Cell): string =>
    `<${tag}${kind === undefined ? '' : ` class="${kind}"`}>${html}</${tag}>`;
  const row = (tag: 'th' | 'td', cells: readonly Cell[]): string =>
    `<tr>${cells.map((one) => cell(tag, one)).join('')}</tr>`;
  return `<div class="wide"><table>${row('th', head)}${rows.map((cells) => row('td', cells)).join('')}</table></div>`;
}

function speeds(measured: Measurement, peers: Peers | null): string {
  const figures = measured.rows.map(rowFigures);
  const best = Math.max(...figures.map(({ speed }) => (Number.isFinite(speed) ? speed : 0)));
  const head = [
    '',
    'M instr/s',
    '±',
    '',
    'steady',
    'warm-up',
    'functions',
    'code',
    'compiling',
    'GC',
    'memory',
    'start',
  ];
  const rows = measured.rows.map((row, i) => {
    if (row.failure !== '') return [text(labelOf(row)), number('failed'), number(''), text(row.failure)];
    const { speed, spread, steadySpeed, warmUpMs, warmUpTicks } = figures[i];
    return [
      text(labelOf(row)),
      number(speed.toFixed(1)),
      number(`${(100 * spread).toFixed(1)} %`),
      barCell(speed / best),
      number(steadySpeed.toFixed(1)),
      number(warmUpTicks === 0 ? 'none' : `${ms(warmUpMs)} in ${short(warmUpTicks)} ticks`),
      number(count(row.compile.functions)),
      number(short(row.compile.size)),
      number(ms(row.compile.ms)),
      number(ms(row.garbage.ms)),
      number(`${row.memory.peakMegabytes.toFixed(0)} MB`),
      number(ms(row.loadingMs)),
    ];
  });
  const cells = head.map((word, i) => (i === 0 || i === 3 ? text(word) : number(word)));
  return `<h2>Speed</h2>${tableHtml(cells, rows)}${peers === null ? '' : peersHtml(peers)}`;
}

function peersHtml(peers: Peers): string {
  const parts = peers.rows.map(({ program, results }) => {
    const most = Math.max(...results.map(({ medianMs }) => medianMs ?? 0));
    const rows = results.map(({ peer, medianMs, problem }) =>
      medianMs === null
        ? [text(peer), text(problem), text('')]
        : [text(peer), number(ms(medianMs)), barCell(medianMs / most)],
    );
    return `<h3>${escaped(program)}</h3>${tableHtml([text(''), number('host time'), text('')], rows)}`;
  });
  const how = `Host time between markers on the serial line, the same images; shorter is faster. ${peers.date}`;
  const sides = parts.map((part) => `<div>${part}</div>`).join('');
  return `<h2>Beside other emulators</h2><p class="quiet">${escaped(how)}</p><div class="sides">${sides}</div>`;
}

function hostTime({ rows }: Measurement): string {
  const sampled = rows.filter(({ host }) => host !== null);
  if (sampled.length === 0) return '';
  const tiers = (Object.keys(HOST_TIERS) as HostTier[]).filter((tier) =>
    sampled.some(({ host }) => (host?.tiersMs[tier] ?? 0) > 0),
  );
  const whole = ({ host }: Row): number => Object.values(host?.tiersMs ?? {}).reduce((sum, one) => sum + one, 0);
  const parts = sampled.map((row) => {
    const all = whole(row);
    const cells = tiers.map((tier) => {
      const value = row.host?.tiersMs[tier] ?? 0;
      return [text(HOST_TIERS[tier]), number(ms(value)), number(percent(value, all)), barCell(value / all)];
    });
    const head = [text(''), number('host time'), number(''), text('')];
    return (
      `<div><h3>${escaped(labelOf(row))}: ${ms(all)}</h3>${tableHtml(head, cells)}` +
      `<p class="quiet">${count(row.host?.samples ?? 0)} samples</p></div>`
    );
  });
  const how =
    'Shares of the main thread are sampled in a run of their own; the sums are processor time as the system counts it.';
  return `<h2>Host time by tier</h2><p class="quiet">${how}</p><div class="sides">${parts.join('')}</div>`;
}

function tierTable(part: CountedPart): string {
  const { tiers, ticks, caches } = part.figures;
  const rows = (Object.keys(TIERS) as Tier[])
    .filter((tier) => tiers[tier] > 0)
    .map((tier) => [
      text(TIERS[tier]),
      number(count(tiers[tier])),
      number(percent(tiers[tier], ticks)),
      barCell(tiers[tier] / ticks),
    ]);
  const rate = ({ asked, missed }: { asked: number; missed: number }): string =>
    asked === 0 ? 'not asked' : `${((100 * (asked - missed)) / asked).toFixed(3)} %`;
  return (
    tableHtml([text(''), number('ticks'), number(''), text('')], [...rows, [text('all'), number(count(ticks))]]) +
    `<p>Hits: TLB ${rate(caches.tlb)}, block cache ${rate(caches.blocks)}, jump cache ${rate(caches.jumps)}.</p>`
  );
}

function hotTable(part: CountedPart): string {
  const head = [number('host time'), text(''), number('ticks'), number(''), number('compiled'), number('ns each')];
  const rows = part.hot.slice(0, HOT_ROWS).map((row) => {
    const time = row.sampledMs + row.sharedMs;
    return [
      number(ms(time)),
      text(time === 0 ? '' : row.sampledMs >= row.sharedMs ? 'sampled' : 'by count'),
      number(count(row.count)),
      number(percent(row.count, part.figures.ticks)),
      number(percent(row.compiled, row.count)),
      number(time === 0 ? '' : ((time * 1e6) / row.count).toFixed(2)),
      text(row.name),
      code(row.command),
    ];
  });
  return tableHtml([...head, text(part.by), text('shown by')], rows);
}

function placesHtml(title: string, places: readonly PlaceDifference[]): string {
  if (places.length === 0) return '';
  const rows = places.map(({ name, beforeMs, afterMs, command }) => [
    number(`${afterMs >= beforeMs ? '+' : '−'}${ms(Math.abs(afterMs - beforeMs))}`),
    number(ms(beforeMs)),
    number(ms(afterMs)),
    text(name),
    code(command),
  ]);
  const head = [number('difference'), number('before'), number('after'), text(''), text('')];
  return `<h3>${title}</h3>${tableHtml(head, rows)}`;
}

function differencesHtml(differences: readonly EngineDifference[]): string {
  if (differences.length === 0) return '';
  const parts = differences.map((one) => {
    const kind = one.verdict === 'slower' || one.verdict === 'faster' ? ` class="${one.verdict}"` : '';
    return (
      `<p${kind}>${escaped(verdictLine(one))}</p>` +
      placesHtml('Blocks of the guest', one.blocks) +
      placesHtml('Functions of the host', one.functions)
    );
  });
  return `<h2>Two runs side by side</h2>${parts.join('')}`;
}

const PIECE_LINES: readonly (readonly [name: string, of: (point: Point) => number])[] = [
  ['exits of compiled code', ({ exits }) => exits],
  ['slow ways', ({ slow }) => slow],
  ['functions compiled', ({ linked }) => linked],
];

function pageData(measureds: readonly (readonly [name: string, measured: Measurement])[]): PageData {
  const [[, first]] = measureds;
  const pieces = first.rows.find(({ pieceTicks }) => pieceTicks.length > 0)?.pieceTicks.length ?? 0;
  const { fromTick, toTick } = first.work;
  const step = pieces === 0 ? 0 : Math.ceil((toTick - fromTick) / pieces);
  const ticks = Array.from({ length: pieces }, (_, k) => Math.min(toTick, fromTick + step * (k + 1)));
  const lines = measureds.flatMap(([name, { rows }]) =>
    rows
      .filter(({ times }) => times.length > 0)
      .map((row) => ({
        name: name === '' ? labelOf(row) : `${labelOf(row)}, ${name}`,
        values: curveOf(row, pieces),
      })),
  );
  const parts = measureds.flatMap(([, { counted }]) => counted).filter(({ build }) => build === '');
  const series = parts.map(
    (part): Series => ({
      title: part.engine,
      unit: 'times',
      ticks: part.series.map(({ tick }) => tick),
      lines: PIECE_LINES.map(([name, of]) => ({ name, values: part.series.map(of) })),
    }),
  );
  const flames = parts.map((part) => ({ title: part.engine, root: flameRoot(part) }));
  return { curves: { ticks, lines }, series, flames };
}

/** Speed where a group of pieces ends; null in between. */
function curveOf(row: Row, pieces: number): (number | null)[] {
  const values = new Array<number | null>(pieces).fill(null);
  for (const { ticks, ms: took, end } of typicalPieces(row)) values[end - 1] = took === 0 ? null : ticks / took / 1000;
  return values;
}

/** Functions, their tiers, their blocks. */
function flameRoot({ flame, engine }: CountedPart): FlameNode {
  const functions = new Map<string, FlameNode[]>();
  for (const { name, block, compiled, interpreted } of flame) {
    const known = functions.get(name) ?? [];
    for (const [tier, value] of [
      ['compiled', compiled],
      ['interpreted', interpreted],
    ] as const) {
      if (value > 0) known.push({ name: block, value, tier, children: [] });
    }
    functions.set(name, known);
  }
  const sum = (nodes: readonly FlameNode[]): number => nodes.reduce((total, { value }) => total + value, 0);
  const children = [...functions].map(([name, blocks]): FlameNode => {
    const tiers = ['compiled', 'interpreted'].flatMap((tier): FlameNode[] => {
      const own = blocks.filter((block) => block.tier === tier);
      return own.length === 0 ? [] : [{ name: tier, value: sum(own), tier, children: own }];
    });
    return { name, value: sum(tiers), tier: '', children: tiers };
  });
  return { name: `${engine}: all functions`, value: sum(children), tier: '', children };
}

const KEY =
  '<p class="key quiet"><span><i style="background:var(--function)"></i>guest function</span>' +
  '<span><i style="background:var(--compiled)"></i>compiled</span>' +
  '<span><i style="background:var(--interpreted)"></i>interpreted</span></p>';

/** A page of its own: `body` is HTML, with elements that the page's script draws into. */
export function pageHtml(title: string, body: string, data: PageData): string {
  const { scripts, style } = librarySources();
  const page = readFileSync(PAGE_SCRIPT, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
  const scriptTags = scripts.map((source) => `<script>${inScript(source)}</script>`).join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>${escaped(title)}</title><style>${style}${STYLE}</style></head>
<body>${body}
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
${scriptTags}
<script type="module">${inScript(page)}</script>
</body></html>
`;
}

export interface ReportParts {
  /** One measurement, or two that are compared: name and content. */
  readonly measured: readonly (readonly [name: string, measured: Measurement])[];
  readonly differences: readonly EngineDifference[];
  readonly peers: Peers | null;
}

export function reportHtml({ measured, differences, peers }: ReportParts): string {
  const data = pageData(measured);
  const [[, first]] = measured;
  const { work, host } = first;
  const title = `${work.name}, ticks ${count(work.fromTick)} to ${count(work.toTick)}`;
  const sections = measured.map(([name, one]) => {
    const head = name === '' ? '' : `<h2>${escaped(name)}</h2>`;
    return `<div>${head}${speeds(one, name === '' ? peers : null)}${hostTime(one)}</div>`;
  });
  const parts = measured.flatMap(([, { counted }]) => counted).filter(({ build }) => build === '');
  const counted = parts.map(
    (part, i) =>
      `<h2>Counted on ${escaped(part.engine)}</h2>${tierTable(part)}` +
      `<h3>Exits and slow ways over time</h3><div id="series${i}"></div>` +
      `<h3>Guest time</h3>${KEY}<div><div class="flame-tools"><input type="search" placeholder="find a function" ` +
      `aria-label="find a function"><button type="button">whole</button></div>` +
      `<div class="flame" id="flame${i}"></div></div><h3>Hottest by ${part.by}</h3>${hotTable(part)}`,
  );
  const facts =
    `Node ${host.node}, ${host.processor}, ${host.cores} cores, processor time of the ${host.clock}, ` +
    `${first.rounds} rounds, ${host.date}`;
  const body = [
    `<h1>${escaped(title)}</h1><p class="quiet">${escaped(facts)}</p>`,
    differencesHtml(differences),
    `<div${measured.length > 1 ? ' class="sides"' : ''}>${sections.join('')}</div>`,
    '<h2>Warm-up: speed over the run</h2><div id="curves"></div>',
    ...counted,
  ];
  return pageHtml(title, body.join('\n'), data);
}
