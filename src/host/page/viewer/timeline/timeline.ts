// The timeline: lanes of what happened on a canvas, from the whole run down to single ticks. The pointer scrubs, the
// wheel zooms, with Shift it pans; keys do the same. What is drawn comes from the worker, counted for the stretches
// that the window has, and is asked for again when the window or the pass has moved.

import type { App, Change } from '../app.ts';
import { count, duration, h, hex } from '../dom.ts';
import type { AnswerOf } from '../protocol.ts';
import { drawLanes, drawPlace, type Geometry, heightOf, LEFT, type PlaceColors, placeColors, rowsOf } from './draw.ts';

type Lanes = AnswerOf<'lanes'>;

const ZOOM_STEP = 1.25;
/** A window is never narrower. */
const WINDOW_TICKS_MIN = 32;
const ASK_MS = 60;
/** What the run looks like depends on these. */
const DRAWN: readonly Change[] = ['window', 'facts', 'bookmarks', 'pass', 'differenceTick'];

export interface TimelineShown {
  readonly element: HTMLElement;
  /** Zooms by a factor around the moment. */
  readonly zoom: (factor: number) => void;
}

/** `label` goes before names: a page may have two. */
export function makeTimeline(app: App, label: string): TimelineShown {
  const canvas = h('canvas', {
    class: 'timeline',
    tabindex: 0,
    role: 'slider',
    'aria-label': `${label}Timeline: moment of the run`,
    'aria-valuemin': 0,
  });
  const hint = h('p', { class: 'quiet hint', 'aria-hidden': 'true' });
  const scroll = h('div', { class: 'timeline-scroll' }, canvas);
  const element = h('section', { class: 'timeline-box', 'aria-label': `${label}Timeline` }, scroll, hint);
  let lanes: Lanes | null = null;
  let geometry: Geometry | null = null;
  let isAsked = false;
  let isStale = false;
  let hover: number | null = null;

  const run = document.createElement('canvas');
  let colors: PlaceColors | null = null;

  /** The run anew, then where one is in it. */
  const draw = (): void => {
    const { window, facts, bookmarks, pass, differenceTick } = app.state;
    if (facts === null) return;
    const width = Math.max(200, scroll.clientWidth);
    const rows = rowsOf(lanes);
    geometry = { width, window, rows };
    const height = heightOf(rows);
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      for (const each of [run, canvas]) {
        each.width = Math.round(width * ratio);
        each.height = Math.round(height * ratio);
      }
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    canvas.setAttribute('aria-valuemax', String(facts.endTick));
    const context = run.getContext('2d');
    if (context === null) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { endTick, nsPerTick } = facts;
    drawLanes(context, geometry, {
      lanes,
      endTick,
      nsPerTick,
      passedTick: pass.tick,
      bookmarks,
      differenceTick,
    });
    colors = placeColors();
    drawMoment();
  };

  /** The run as it was drawn last, and where one is in it now. */
  const drawMoment = (): void => {
    const { moment, facts } = app.state;
    const context = canvas.getContext('2d');
    if (facts === null || geometry === null || colors === null || context === null) return;
    const tick = moment?.tick ?? 0;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(run, 0, 0);
    const ratio = canvas.width / geometry.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawPlace(context, geometry, { tick, hover }, colors);
    canvas.setAttribute('aria-valuenow', String(tick));
    canvas.setAttribute('aria-valuetext', `tick ${tick} of ${facts.endTick}`);
  };

  const plotWidth = (): number => Math.max(1, (geometry?.width ?? 1) - LEFT);
  const tickAt = (x: number): number => {
    const { from, to } = app.state.window;
    return from + (Math.max(0, x - LEFT) / plotWidth()) * (to - from);
  };

  /** Asks for what the window shows, one question at a time. */
  const ask = async (): Promise<void> => {
    if (isAsked) {
      isStale = true;
      return;
    }
    isAsked = true;
    try {
      do {
        isStale = false;
        const { from, to } = app.state.window;
        if (app.state.facts === null) return;
        const buckets = Math.max(50, Math.floor(scroll.clientWidth - LEFT));
        lanes = await app.ask('lanes', { from, to, buckets });
        draw();
        await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      } while (isStale);
    } finally {
      isAsked = false;
    }
  };

  /** What the address space at a tick is called. */
  const spaceAt = (key: string, tick: number): string => {
    const { from, to } = app.state.window;
    const { counts } = lanes?.lanes.find((lane) => lane.key === key) ?? { counts: [] };
    const directory = (counts[Math.floor(((tick - from) / (to - from)) * counts.length)] ?? 0) - 1;
    if (directory < 0) return '';
    const name = new Map(lanes?.spaces).get(directory);
    return ` · here ${name ?? 'without a name'}, directory ${hex(directory)}`;
  };

  const setWindow = (from: number, to: number): void => {
    const end = Math.max(1, app.state.facts?.endTick ?? 1);
    const width = Math.min(end, Math.max(WINDOW_TICKS_MIN, to - from));
    const start = Math.max(0, Math.min(end - width, from));
    app.set({ window: { from: start, to: start + width } });
  };
  const zoomAt = (tick: number, factor: number): void => {
    const { from, to } = app.state.window;
    // As close as it goes, and no further to one side.
    const times = Math.min(factor, Math.max(1, (to - from) / WINDOW_TICKS_MIN));
    setWindow(tick - (tick - from) / times, tick + (to - tick) / times);
  };
  const zoom = (factor: number): void => zoomAt(app.state.moment?.tick ?? 0, factor);

  let scrubTick: number | null = null;
  let isScrubbing = false;
  /** One seek at a time; the newest wish is the next. A pixel stands for all the moments in it. */
  const scrub = async (tick: number): Promise<void> => {
    scrubTick = tick;
    if (isScrubbing) return;
    isScrubbing = true;
    try {
      while (scrubTick !== null) {
        const wanted: number = scrubTick;
        scrubTick = null;
        const { from, to } = app.state.window;
        await app.seekWithin(wanted, (to - from) / plotWidth());
      }
    } finally {
      isScrubbing = false;
    }
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    app.set({ speed: null });
    void scrub(tickAt(event.offsetX));
  });
  canvas.addEventListener('pointermove', (event) => {
    hover = event.offsetX;
    if (event.buttons === 1) void scrub(tickAt(event.offsetX));
    const tick = Math.round(tickAt(event.offsetX));
    const row = geometry?.rows.find(({ top, height }) => event.offsetY >= top && event.offsetY < top + height);
    const time = `tick ${count(tick)} · ${duration(tick * (app.state.facts?.nsPerTick ?? 1))}`;
    const total = row?.total ?? null;
    const lane = row === undefined ? '' : ` · ${row.name}${total === null ? '' : `: ${count(total)} in all`}`;
    hint.textContent = `${time}${lane}${row?.group === 'spaces' ? spaceAt(row.key, tick) : ''}`;
    drawMoment();
  });
  canvas.addEventListener('pointerleave', () => {
    hover = null;
    hint.textContent = '';
    drawMoment();
  });
  canvas.addEventListener(
    'wheel',
    (event) => {
      const { from, to } = app.state.window;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const shift = ((event.deltaX || event.deltaY) / plotWidth()) * (to - from);
        setWindow(from + shift, to + shift);
      } else if (event.ctrlKey || event.altKey || scroll.scrollHeight <= scroll.clientHeight) {
        zoomAt(tickAt(event.offsetX), event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP);
      } else return;
      event.preventDefault();
    },
    { passive: false },
  );
  canvas.addEventListener('dblclick', (event) => zoomAt(tickAt(event.offsetX), 8));
  new ResizeObserver(() => {
    draw();
    void ask();
  }).observe(scroll);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  app.subscribe((changed) => {
    if (changed.has('facts')) lanes = null;
    if (changed.has('moment')) followMoment();
    if (DRAWN.some((key) => changed.has(key))) draw();
    else if (changed.has('moment')) drawMoment();
    if (changed.has('window') || changed.has('pass') || changed.has('facts')) void ask();
  });
  /** A moment outside the window takes the window with it. */
  const followMoment = (): void => {
    const { moment, window } = app.state;
    if (moment === null || (moment.tick >= window.from && moment.tick <= window.to)) return;
    const width = window.to - window.from;
    setWindow(moment.tick - width / 2, moment.tick + width / 2);
  };
  return { element, zoom };
}
