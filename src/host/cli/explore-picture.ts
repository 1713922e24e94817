// The picture of a window for a browser: one row of rectangles, a stretch of placements each, those that fail in
// another colour and taller, so that it reads without colour too; below, by number, the instructions that they begin
// at.

import type { Stretch } from '../../core/chaos/explore.ts';
import { count } from '../node/progress.ts';

const WIDTH = 960;
const MARGIN = 12;
const BAR_TOP = 40;
const BAR_HEIGHT = 40;
const AXIS_TOP = BAR_TOP + BAR_HEIGHT + 16;
const LINE_HEIGHT = 18;
const NAMED_MAX = 12;
const NUMBER_WIDTH = 16;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign] ?? sign);
}

export interface WindowPicture {
  /** Drawn tall. */
  readonly notable: readonly Stretch[];
  /** The instruction there. */
  readonly placeOf: (stretch: Stretch) => string;
  /** Else they are those that come to something else than most. */
  readonly hasFailures: boolean;
  readonly fromTick: number;
  readonly toTick: number;
}

export function windowPicture(
  stretches: readonly Stretch[],
  { notable, placeOf, hasFailures, fromTick, toTick }: WindowPicture,
): string {
  const scale = WIDTH / (toTick - fromTick);
  const xOf = (tick: number): string => (MARGIN + (tick - fromTick) * scale).toFixed(2);
  const tall = new Set(notable);
  const bars = stretches.map((stretch) => {
    const width = Math.max(0.5, (stretch.toTick - stretch.fromTick) * scale).toFixed(2);
    const verdict = stretch.fails ? 'fails' : tall.has(stretch) ? 'other' : 'well';
    const said = hasFailures ? verdict : stretch.outcome;
    const title = escaped(`${stretch.fromTick} to ${stretch.toTick - 1}: ${said} ${placeOf(stretch)}`.trim());
    const height = tall.has(stretch) ? BAR_HEIGHT : BAR_HEIGHT / 2;
    const y = BAR_TOP + BAR_HEIGHT - height;
    const place = `x="${xOf(stretch.fromTick)}" y="${y}" width="${width}" height="${height}"`;
    return `<rect class="${verdict}" ${place}><title>${title}</title></rect>`;
  });
  const tallText = hasFailures ? 'tall: the run fails' : 'tall: the run comes to something else than most';
  const named = notable.slice(0, NAMED_MAX);
  let numberedX = Number.NEGATIVE_INFINITY;
  const numbers = named.map((stretch, i) => {
    const x = xOf((stretch.fromTick + stretch.toTick) / 2);
    // Side by side, none on another.
    if (Number(x) - numberedX < NUMBER_WIDTH) return '';
    numberedX = Number(x);
    return `<text x="${x}" y="${BAR_TOP - 6}" text-anchor="middle">${i + 1}</text>`;
  });
  const lines = named.map((stretch, i) => {
    const more = stretch.toTick - stretch.fromTick - 1;
    const ticks = `${count(stretch.fromTick)}${more === 0 ? '' : ` and ${count(more)} more`}`;
    return `${i + 1}: ${ticks}: ${placeOf(stretch)}`;
  });
  if (notable.length > NAMED_MAX) lines.push(`and ${count(notable.length - NAMED_MAX)} more`);
  const top = AXIS_TOP + LINE_HEIGHT * 1.5;
  const size = `0 0 ${WIDTH + 2 * MARGIN} ${top + lines.length * LINE_HEIGHT}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${size}" role="img" font-family="sans-serif">`,
    `<title>Placements of an event; ${tallText}</title>`,
    '<style>.well{fill:#7aa6c2}.fails{fill:#c0392b}.other{fill:#b7791f}text{font-size:12px;fill:#555}',
    '@media (prefers-color-scheme:dark){svg{background:#111}text{fill:#bbb}}</style>',
    `<text x="${MARGIN}" y="16">${tallText} when the event arrives there</text>`,
    ...bars,
    ...numbers,
    `<text x="${MARGIN}" y="${AXIS_TOP}">tick ${count(fromTick)}</text>`,
    `<text x="${MARGIN + WIDTH}" y="${AXIS_TOP}" text-anchor="end">tick ${count(toTick)}</text>`,
    ...lines.map((line, i) => `<text x="${MARGIN}" y="${top + i * LINE_HEIGHT}">${escaped(line)}</text>`),
    '</svg>',
    '',
  ].join('\n');
}
