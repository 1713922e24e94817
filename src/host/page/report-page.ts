// The script of a report page (measure/report-html.ts): draws what stands in the page as data, and knows no figure of
// its own. Runs in a browser, from a file, without a network: uPlot and d3-flame-graph are in the page before it. Lines
// differ by dashes and names, tiers by words, so that nothing depends on colour. Imports nothing.

/** What the page is given. */
export interface PageData {
  /** Instructions a second by piece, a line a contestant. */
  readonly curves: { readonly ticks: readonly number[]; readonly lines: readonly Line[] };
  /** Over the window, of the engines that were counted. */
  readonly series: readonly Series[];
  readonly flames: readonly Flame[];
}

export interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export interface Series {
  readonly title: string;
  readonly unit: string;
  readonly ticks: readonly number[];
  readonly lines: readonly Line[];
}

export interface Flame {
  readonly title: string;
  readonly root: FlameNode;
}

export interface FlameNode {
  readonly name: string;
  readonly value: number;
  /** `compiled`, `interpreted` or ''. */
  readonly tier: string;
  readonly children: readonly FlameNode[];
}

/** As much of the libraries as is used. */
interface Plot {
  setSize(size: { width: number; height: number }): void;
}
type PlotMaker = new (options: object, data: readonly (readonly (number | null)[])[], target: Element) => Plot;
interface FlameNodeShown {
  readonly data: FlameNode;
  readonly parent: FlameNodeShown | null;
}
interface FlameChart {
  (selection: unknown): void;
  width(pixels: number): FlameChart;
  cellHeight(pixels: number): FlameChart;
  minFrameSize(pixels: number): FlameChart;
  transitionDuration(milliseconds: number): FlameChart;
  setColorMapper(map: (node: FlameNodeShown, color: string) => string): FlameChart;
  setLabelHandler(label: (node: FlameNodeShown) => string): FlameChart;
  search(text: string): void;
  clear(): void;
  resetZoom(): void;
}
interface Libraries {
  readonly uPlot: PlotMaker;
  readonly flamegraph: { readonly default: () => FlameChart };
  readonly d3: { select(target: Element): { datum(data: FlameNode): { call(chart: FlameChart): void } } };
}

const libraries = globalThis as unknown as Libraries;
const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 5], [1, 4]];
const PLOT_HEIGHT = 260;
const CELL_HEIGHT = 20;

function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function short(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e9) return `${+(value / 1e9).toPrecision(3)} G`;
  if (magnitude >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  if (magnitude >= 1e3) return `${+(value / 1e3).toPrecision(3)} k`;
  return `${+value.toPrecision(3)}`;
}

const widthOf = (target: Element): number => Math.max(280, target.clientWidth);

function plot(target: Element, unit: string, ticks: readonly number[], lines: readonly Line[]): Plot {
  const axis = {
    stroke: cssColor('--ink'),
    grid: { stroke: cssColor('--grid'), width: 1 },
    ticks: { stroke: cssColor('--grid'), width: 1 },
    values: (_: unknown, values: readonly number[]) => values.map(short),
    size: 60,
  };
  const series = lines.map(({ name }, i) => ({
    label: name,
    stroke: cssColor(`--line${i % 4}`),
    width: 2,
    dash: DASHES[i % DASHES.length],
    points: { show: false },
    spanGaps: true,
    value: (_: unknown, value: number | null) => (value === null ? '–' : `${short(value)} ${unit}`),
  }));
  const options = {
    width: widthOf(target),
    height: PLOT_HEIGHT,
    scales: { x: { time: false }, y: { range: (_: unknown, __: number, high: number) => [0, high * 1.05 || 1] } },
    axes: [
      { ...axis, label: 'ticks', size: 50 },
      { ...axis, label: unit },
    ],
    series: [
      { label: 'tick', value: (_: unknown, value: number | null) => (value === null ? '–' : short(value)) },
      ...series,
    ],
    cursor: { drag: { x: true, y: false } },
  };
  return new libraries.uPlot(options, [ticks, ...lines.map(({ values }) => values)], target);
}

function flame(target: Element, { root }: Flame): void {
  const share = (node: FlameNodeShown): string => `${((100 * node.data.value) / root.value).toFixed(1)} %`;
  const colors: Readonly<Record<string, string>> = {
    compiled: cssColor('--compiled'),
    interpreted: cssColor('--interpreted'),
  };
  const chart = libraries.flamegraph
    .default()
    .width(widthOf(target))
    .cellHeight(CELL_HEIGHT)
    .minFrameSize(2)
    .transitionDuration(0)
    .setColorMapper((node) => colors[node.data.tier] ?? cssColor('--function'))
    .setLabelHandler((node) => `${node.data.name}: ${short(node.data.value)} ticks, ${share(node)}`);
  libraries.d3.select(target).datum(root).call(chart);
  const search = target.parentElement?.querySelector('input');
  search?.addEventListener('input', () => {
    if (search.value === '') chart.clear();
    else chart.search(search.value);
  });
  target.parentElement?.querySelector('button')?.addEventListener('click', () => chart.resetZoom());
}

function drawAll(data: PageData): void {
  const plots: { readonly made: Plot; readonly target: Element }[] = [];
  const draw = (id: string, unit: string, ticks: readonly number[], lines: readonly Line[]): void => {
    const target = document.getElementById(id);
    if (target === null) return;
    target.replaceChildren();
    plots.push({ made: plot(target, unit, ticks, lines), target });
  };
  draw('curves', 'M instr/s', data.curves.ticks, data.curves.lines);
  for (const [i, { unit, ticks, lines }] of data.series.entries()) draw(`series${i}`, unit, ticks, lines);
  for (const [i, one] of data.flames.entries()) {
    const target = document.getElementById(`flame${i}`);
    if (target === null) continue;
    target.replaceChildren();
    flame(target, one);
  }
  window.addEventListener('resize', () => {
    for (const { made, target } of plots) made.setSize({ width: widthOf(target), height: PLOT_HEIGHT });
  });
}

const data = JSON.parse(document.getElementById('data')?.textContent ?? 'null') as PageData | null;
if (data !== null) {
  drawAll(data);
  // Plots have the colours of the moment at which they were drawn.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => location.reload());
}
document.documentElement.dataset.drawn = 'yes';
