// What a view is. One is a file in this folder and a line of views.ts. It makes its element once; `show` is called when
// its tab is in front and the moment or what it depends on has changed, one call at a time: a change during a call
// leads to one more behind it.

import type { App, Change } from '../app.ts';

/** Where in the window it has its tab. */
export type Pane = 'sight' | 'code' | 'state' | 'events' | 'memory' | 'stack';

export interface View {
  readonly id: string;
  /** The name of its tab. */
  readonly title: string;
  readonly pane: Pane;
  /** What it depends on besides the moment. */
  readonly needs?: readonly Change[];
  /** Whether it has anything to show of what is open; always unless it says. */
  readonly isThere?: (app: App) => boolean;
  readonly make: (app: App) => ShownView;
}

export interface ShownView {
  readonly element: HTMLElement;
  readonly show: () => void | Promise<void>;
  /** Another recording was opened. */
  readonly reset?: () => void;
}
