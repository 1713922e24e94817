// A run as a person sees it: its timeline, and below it the panes of its views. The page has one; a second stands
// beside it while two runs are compared.

import type { App } from './app.ts';
import { h } from './dom.ts';
import { makePanes, type Panes } from './panes.ts';
import { makeTimeline } from './timeline/timeline.ts';
import type { View } from './views/view.ts';

export interface Bench {
  readonly element: HTMLElement;
  /** Zooms the timeline by a factor around the moment. */
  readonly zoom: (factor: number) => void;
  readonly panes: Panes;
}

/** `prefix` goes before ids, `label` before the names of its parts: two on a page are told apart by them. */
export function makeBench(
  app: App,
  views: readonly View[],
  { prefix, label, onChange }: { prefix: string; label: string; onChange: () => void },
): Bench {
  const timeline = makeTimeline(app, label);
  const panes = makePanes(app, views, { prefix, label, onChange });
  const element = h('div', { class: 'bench' }, timeline.element, panes.element);
  return { element, zoom: timeline.zoom, panes };
}
