// The picture of doom: from each moment, the share of runs that still failed with the band in which it lies. For a
// terminal one bar a moment; for a browser a curve over time, and beside it the same around the jump, on a scale in
// which each decade of the distance has the same room. Draws only; counts nothing.

import type { DoomResult, Moment } from '../../core/chaos/doom.ts';
import { wilsonBand } from '../measure/statistics.ts';
import { count } from '../node/progress.ts';

const CELLS = 40;
/** Moments of the bisection that are shown on each side of the jump. */
const NEAR_SHOWN = 3;

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** `[######====        ]  31 % (14 % to 56 %)`: # up to the low end of the band, = inside. */
export function momentText({ tick, failing, trials }: Moment, width: number): string {
  const { low, high } = wilsonBand(failing, trials);
  const [from, to] = [Math.round(low * CELLS), Math.round(high * CELLS)];
  const bar = `${'#'.repeat(from)}${'='.repeat(to - from)}`.padEnd(CELLS);
  const share = percent(failing / Math.max(1, trials)).padStart(5);
  return `${count(tick).padStart(width)} [${bar}] ${share} of ${trials} (${percent(low)} to ${percent(high)})`;
}

/** Lines of the terminal's picture: moments far apart, and the nearest ones on both sides of the jump. */
export function doomText({ moments, interval, sides }: DoomResult): string[] {
  const width = count(moments.at(-1)?.tick ?? 0).length;
  if (interval === null || sides === null) return moments.map((moment) => momentText(moment, width));
  const before = moments.filter(({ tick }) => tick < interval.fromTick);
  const after = moments.filter(({ tick }) => tick > interval.toTick);
  const far = (side: readonly Moment[], near: readonly Moment[]): Moment[] => {
    const rest = side.filter((moment) => !near.includes(moment));
    const step = Math.max(1, Math.ceil(rest.length / 6));
    return rest.filter((_, i) => i % step === 0);
  };
  const [nearBefore, nearAfter] = [before.slice(-NEAR_SHOWN), after.slice(0, NEAR_SHOWN)];
  const lines = (some: readonly Moment[]): string[] => some.map((moment) => momentText(moment, width));
  return [
    ...lines([...far(before, nearBefore), ...nearBefore]),
    `${momentText(sides[0], width)} <- still to be escaped`,
    `${momentText(sides[1], width)} <- inevitable`,
    ...lines([...nearAfter, ...far(after, nearAfter)]),
  ];
}

const PANEL_WIDTH = 460;
const PANEL_HEIGHT = 180;
const MARGIN = 56;

/** Where on a panel a tick lies, from 0 to 1. */
type Scale = (tick: number) => number;

/** Distance from the jump, by decades on both sides. */
function aroundScale(jumpTick: number, moments: readonly Moment[]): Scale {
  const decades = (distance: number): number => Math.sign(distance) * Math.log10(1 + Math.abs(distance));
  const all = moments.map(({ tick }) => decades(tick - jumpTick));
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return (tick) => (decades(tick - jumpTick) - low) / Math.max(1, high - low);
}

function panel(title: string, moments: readonly Moment[], jumpTick: number | null, scale: Scale, left: number): string {
  const x = (tick: number): string => (left + MARGIN + scale(tick) * PANEL_WIDTH).toFixed(1);
  const y = (share: number): string => (24 + (1 - share) * PANEL_HEIGHT).toFixed(1);
  const bands = moments.map(({ failing, trials }) => wilsonBand(failing, trials));
  const outline = [
    ...moments.map(({ tick }, i) => `${x(tick)},${y(bands[i].high)}`),
    ...moments.map(({ tick }, i) => `${x(tick)},${y(bands[i].low)}`).reverse(),
  ];
  const line = moments.map(({ tick, failing, trials }) => `${x(tick)},${y(failing / Math.max(1, trials))}`);
  const points = moments.map(({ tick, failing, trials }) => {
    const place = `cx="${x(tick)}" cy="${y(failing / Math.max(1, trials))}"`;
    return `<circle ${place} r="3"><title>${failing} of ${trials} runs from tick ${count(tick)} fail</title></circle>`;
  });
  const jump =
    jumpTick === null ? '' : `<line class="jump" x1="${x(jumpTick)}" x2="${x(jumpTick)}" y1="24" y2="${y(0)}"/>`;
  const labels = [0, 0.5, 1].map(
    (share) => `<text x="${left + MARGIN - 8}" y="${y(share)}" dy="4" text-anchor="end">${share * 100} %</text>`,
  );
  const caption = `<text x="${left + MARGIN}" y="14">${title}</text>`;
  return [
    caption,
    `<polygon class="band" points="${outline.join(' ')}"/>`,
    jump,
    `<polyline points="${line.join(' ')}"/>`,
    ...points,
    ...labels,
  ].join('\n');
}

export function doomSvg({ moments, interval }: DoomResult, symptomTick: number): string {
  const first = moments[0]?.tick ?? 0;
  const whole: Scale = (tick) => (tick - first) / Math.max(1, symptomTick - first);
  const jumpTick = interval?.toTick ?? null;
  const panelRoom = PANEL_WIDTH + MARGIN + 16;
  const panels = [
    panel(`runs that still fail, from tick ${count(first)} to ${count(symptomTick)}`, moments, jumpTick, whole, 0),
  ];
  if (jumpTick !== null) {
    const title = `the same around tick ${count(jumpTick)}, by decades of the distance`;
    panels.push(panel(title, moments, jumpTick, aroundScale(jumpTick, moments), panelRoom));
  }
  const size = `0 0 ${panelRoom * panels.length} ${PANEL_HEIGHT + 40}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${size}" role="img" font-family="sans-serif">`,
    '<title>Share of runs that still fail, by the moment from which they were disturbed</title>',
    '<style>.band{fill:#7aa6c2;opacity:.35}polyline{fill:none;stroke:#2c5f7c;stroke-width:2}circle{fill:#2c5f7c}',
    '.jump{stroke:#c0392b;stroke-width:2;stroke-dasharray:4 3}text{font-size:12px;fill:#555}',
    '@media (prefers-color-scheme:dark){svg{background:#111}text{fill:#bbb}}</style>',
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}
