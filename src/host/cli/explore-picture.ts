// The picture of a window for a browser: one row of rectangles, a stretch of placements each, those that fail in
// another colour and with a pattern, so that it reads without colour too, and with the instruction as a title.

import type { Stretch } from '../../core/chaos/explore.ts';

const WIDTH = 960;
const HEIGHT = 96;
const BAR_TOP = 24;
const BAR_HEIGHT = 40;

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
  const tall = new Set(notable);
  const bars = stretches.map((stretch) => {
    const x = ((stretch.fromTick - fromTick) * scale).toFixed(2);
    const width = Math.max(0.5, (stretch.toTick - stretch.fromTick) * scale).toFixed(2);
    const verdict = stretch.fails ? 'fails' : tall.has(stretch) ? 'other' : 'well';
    const said = hasFailures ? verdict : stretch.outcome;
    const title = escaped(`${stretch.fromTick} to ${stretch.toTick - 1}: ${said} ${placeOf(stretch)}`.trim());
    const height = tall.has(stretch) ? BAR_HEIGHT : BAR_HEIGHT / 2;
    const y = BAR_TOP + BAR_HEIGHT - height;
    const place = `x="${x}" y="${y}" width="${width}" height="${height}"`;
    return `<rect class="${verdict}" ${place}><title>${title}</title></rect>`;
  });
  const tallText = hasFailures ? 'tall: the run fails' : 'tall: the run comes to something else than most';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif">`,
    `<title>Placements of an event; ${tallText}</title>`,
    '<style>.well{fill:#7aa6c2}.fails{fill:#c0392b}.other{fill:#b7791f}text{font-size:12px;fill:#555}',
    '@media (prefers-color-scheme:dark){svg{background:#111}text{fill:#bbb}}</style>',
    ...bars,
    `<text x="0" y="${HEIGHT - 12}">tick ${fromTick}</text>`,
    `<text x="${WIDTH}" y="${HEIGHT - 12}" text-anchor="end">tick ${toTick}</text>`,
    `<text x="0" y="14">${tallText} when the event arrives there</text>`,
    '</svg>',
    '',
  ].join('\n');
}
