// How the timeline looks: a ruler, then a row a lane, with bars as high as the logarithm of what happened; address
// spaces as bands of colour; where the pass has not been is hatched. Where one is, and where the pointer is, goes over
// it: that changes with each move, the rest seldom. Colours are those of the style sheet; nothing depends on colour
// alone, since lanes have names. Draws, and knows no events.

import { count, duration } from '../dom.ts';
import type { AnswerOf } from '../protocol.ts';

type Lanes = AnswerOf<'lanes'>;

export interface Row {
  readonly key: string;
  readonly name: string;
  readonly group: string;
  readonly top: number;
  readonly height: number;
  readonly total: number | null;
}

export interface Geometry {
  readonly width: number;
  readonly window: { readonly from: number; readonly to: number };
  readonly rows: readonly Row[];
}

/** The run: what stays while one moves in it. */
export interface Picture {
  readonly lanes: Lanes | null;
  readonly endTick: number;
  readonly nsPerTick: number;
  readonly passedTick: number;
  readonly bookmarks: readonly { readonly name: string; readonly position: { readonly tick: number } }[];
  /** Where this run and the one beside it part; null: nowhere that is known. */
  readonly differenceTick: number | null;
}

/** Where one is in it. */
export interface Place {
  readonly tick: number;
  /** Where the pointer is, in pixels; null: elsewhere. */
  readonly hover: number | null;
}

export interface PlaceColors {
  readonly accent: string;
  readonly quiet: string;
}

export const placeColors = (): PlaceColors => ({ accent: cssColor('--accent'), quiet: cssColor('--quiet') });

/** Where lanes have their names, in pixels. */
export const LEFT = 118;
const RULER_HEIGHT = 34;
const ROW_HEIGHT = 17;
const GAP = 2;
const MARK_STEP_PIXELS = 110;
const FLAG_WIDTH = 90;

/** Rows from top to bottom: checkpoints last. */
export function rowsOf(lanes: Lanes | null): Row[] {
  const rows: Row[] = [];
  let top = RULER_HEIGHT;
  let group = '';
  const add = (key: string, name: string, its: string, total: number | null): void => {
    if (group !== '' && its !== group) top += GAP * 2;
    group = its;
    rows.push({ key, name, group: its, top, height: ROW_HEIGHT, total });
    top += ROW_HEIGHT + GAP;
  };
  for (const lane of lanes?.lanes ?? []) add(lane.key, lane.name, lane.group, lane.total);
  add('checkpoints', 'checkpoints', 'checkpoints', null);
  return rows;
}

export function heightOf(rows: readonly Row[]): number {
  const last = rows.at(-1);
  return last === undefined ? RULER_HEIGHT : last.top + last.height + GAP;
}

function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Words on a band, whose colours are light in either scheme. */
const ON_BAND = '#101418';
/** A hue that an address space keeps. */
const bandColor = (value: number): string => `hsl(${((value >>> 12) * 137 + 215) % 360} 55% 58%)`;

/** Where a tick is, in pixels. */
function xIn({ width, window }: Geometry, tick: number): number {
  return LEFT + ((tick - window.from) / (window.to - window.from)) * (width - LEFT);
}

/** Over what drawLanes has drawn. */
export function drawPlace(
  context: CanvasRenderingContext2D,
  geometry: Geometry,
  { tick, hover }: Place,
  { accent, quiet }: PlaceColors,
): void {
  const height = heightOf(geometry.rows);
  if (hover !== null && hover > LEFT) {
    context.fillStyle = quiet;
    context.fillRect(Math.round(hover), RULER_HEIGHT, 1, height);
  }
  const here = xIn(geometry, tick);
  if (here < LEFT - 1 || here > geometry.width) return;
  context.fillStyle = accent;
  context.fillRect(here - 1, 0, 2, height);
  context.beginPath();
  context.arc(here, 6, 5, 0, 2 * Math.PI);
  context.fill();
}

export function drawLanes(context: CanvasRenderingContext2D, geometry: Geometry, picture: Picture): void {
  const { width, rows } = geometry;
  const height = heightOf(rows);
  const plot = width - LEFT;
  const xOf = (tick: number): number => xIn(geometry, tick);
  const [paper, ink, quiet, grid] = ['--paper', '--ink', '--quiet', '--grid'].map(cssColor);
  context.fillStyle = paper;
  context.fillRect(0, 0, width, height);
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  const spaces = new Map(picture.lanes?.spaces ?? []);
  const flags = flagsOf(context, geometry, picture);
  drawRuler(context, geometry, { picture, flags, ink, quiet, grid });
  for (const row of rows) {
    context.fillStyle = quiet;
    context.textAlign = 'left';
    context.fillText(row.name, 6, row.top + row.height / 2, LEFT - 12);
    context.fillStyle = grid;
    context.fillRect(LEFT, row.top + row.height, plot, 1);
    const lane = picture.lanes?.lanes.find(({ key }) => key === row.key);
    if (lane !== undefined) drawLane(context, row, lane, plot, spaces);
  }
  const last = rows.at(-1);
  if (last !== undefined) {
    context.fillStyle = cssColor('--lane-checkpoints');
    for (const tick of picture.lanes?.checkpoints ?? [])
      context.fillRect(xOf(tick) - 1, last.top + 3, 2, last.height - 5);
  }
  // What has not been passed yet.
  const passedX = Math.max(LEFT, xOf(picture.passedTick));
  if (passedX < width && picture.passedTick < picture.endTick) {
    context.fillStyle = cssColor('--unpassed');
    context.fillRect(passedX, RULER_HEIGHT, width - passedX, height - RULER_HEIGHT);
  }
  for (const each of flags) drawFlag(context, each, { paper, height });
}

/** A moment with a name: where its line stands, and from where to where its name. */
interface Flag {
  readonly name: string;
  readonly color: string;
  readonly x: number;
  readonly at: number;
  readonly wide: number;
}

function flagsOf(context: CanvasRenderingContext2D, geometry: Geometry, picture: Picture): Flag[] {
  const { width } = geometry;
  const flag = (name: string, tick: number, color: string): Flag => {
    const x = xIn(geometry, tick);
    const wide = Math.min(FLAG_WIDTH, context.measureText(name).width);
    // Beyond the right edge nobody would read it.
    return { name, color, x, at: x + 9 + wide > width ? x - 9 - wide : x + 7, wide };
  };
  const flags = picture.bookmarks.map(({ name, position }) => flag(name, position.tick, cssColor('--bookmark')));
  const { differenceTick } = picture;
  if (differenceTick !== null) flags.push(flag('first difference', differenceTick, cssColor('--problem')));
  return flags.filter(({ x }) => x >= LEFT && x <= width);
}

function drawFlag(
  context: CanvasRenderingContext2D,
  { name, color, x, at, wide }: Flag,
  { paper, height }: { paper: string; height: number },
): void {
  context.fillStyle = color;
  context.fillRect(x, 18, 1, height - 18);
  context.beginPath();
  context.moveTo(x - 5, 17);
  context.lineTo(x + 5, 17);
  context.lineTo(x, 25);
  context.fill();
  context.textAlign = 'left';
  context.fillStyle = paper;
  context.fillRect(at - 1, 16, wide + 2, 14);
  context.fillStyle = color;
  context.fillText(name, at, 23, FLAG_WIDTH);
}

function drawLane(
  context: CanvasRenderingContext2D,
  row: Row,
  lane: Lanes['lanes'][number],
  plot: number,
  spaces: ReadonlyMap<number, string>,
): void {
  const { counts, isLevel } = lane;
  const step = plot / counts.length;
  if (isLevel) {
    for (let i = 0; i < counts.length; ) {
      let end = i + 1;
      while (end < counts.length && counts[end] === counts[i]) end++;
      if (counts[i] !== 0) {
        context.fillStyle = bandColor(counts[i] - 1);
        context.fillRect(LEFT + i * step, row.top + 3, Math.max(1, (end - i) * step), row.height - 5);
        const name = spaces.get(counts[i] - 1);
        if (name !== undefined && context.measureText(name).width + 6 < (end - i) * step) {
          context.fillStyle = ON_BAND;
          context.fillText(name, LEFT + i * step + 3, row.top + row.height / 2);
        }
      }
      i = end;
    }
    return;
  }
  let most = 1;
  for (const each of counts) if (each > most) most = each;
  const scale = (row.height - 2) / Math.log2(most + 1);
  context.fillStyle = cssColor(`--lane-${lane.group}`);
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    const high = Math.max(3, Math.log2(counts[i] + 1) * scale);
    context.fillRect(LEFT + i * step, row.top + row.height - high, Math.max(1.5, step), high);
  }
}

function drawRuler(
  context: CanvasRenderingContext2D,
  { width, window }: Geometry,
  {
    picture: { nsPerTick },
    flags,
    ink,
    quiet,
    grid,
  }: { picture: Picture; flags: readonly Flag[]; ink: string; quiet: string; grid: string },
): void {
  const span = window.to - window.from;
  const plot = width - LEFT;
  const step = niceStep((span / plot) * MARK_STEP_PIXELS);
  context.textAlign = 'left';
  context.fillStyle = quiet;
  context.fillText('ticks', 6, 10);
  context.fillText('guest time', 6, 24);
  for (let tick = Math.ceil(window.from / step) * step; tick <= window.to; tick += step) {
    const x = LEFT + ((tick - window.from) / span) * plot;
    context.fillStyle = grid;
    context.fillRect(x, 0, 1, 4000);
    // Half a number would be another one: what an edge or a flag would cut is left out.
    const label = (text: string, y: number, color: string, others: readonly Flag[]): void => {
      const end = x + 4 + context.measureText(text).width;
      const isCut = others.some(
        (flag) => end > Math.min(flag.x - 5, flag.at) && x < Math.max(flag.x, flag.at + flag.wide),
      );
      if (end > width || isCut) return;
      context.fillStyle = color;
      context.fillText(text, x + 4, y);
    };
    label(count(tick), 10, ink, []);
    label(duration(tick * nsPerTick), 24, quiet, flags);
  }
}

/** 1, 2 or 5 times a power of ten, at least 1. */
function niceStep(least: number): number {
  let power = 1;
  while (power * 10 <= least) power *= 10;
  for (const times of [1, 2, 5, 10]) if (power * times >= least) return power * times;
  return power * 10;
}
