// The panes of the window, each with the tabs of its views: a tab list as ARIA has it, arrow keys between tabs. Only
// views in front are told of changes, one call at a time, and a change during a call leads to one more behind it.

import type { App } from './app.ts';
import { h } from './dom.ts';
import type { Pane, ShownView, View } from './views/view.ts';

const PANES: readonly (readonly [Pane, string])[] = [
  ['sight', 'Screen and serial lines'],
  ['code', 'Code'],
  ['state', 'State'],
  ['events', 'Events and bookmarks'],
  ['memory', 'Memory'],
  ['stack', 'Stack'],
];

interface Tab {
  readonly view: View;
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  shown: ShownView | null;
  isShowing: boolean;
  isStale: boolean;
}

export interface Panes {
  readonly element: HTMLElement;
  /** Ids of the views in front. */
  readonly inFront: () => string[];
  readonly bringToFront: (ids: readonly string[]) => void;
}

/** `prefix` goes before ids, `label` before names: a page may have two. */
export function makePanes(
  app: App,
  views: readonly View[],
  { prefix, label, onChange }: { prefix: string; label: string; onChange: () => void },
): Panes {
  const element = h('div', { class: 'panes' });
  const tabs: Tab[] = [];
  const front = new Map<Pane, Tab>();

  const refresh = async (tab: Tab): Promise<void> => {
    if (app.state.facts === null || app.state.moment === null) return;
    tab.isStale = true;
    if (tab.isShowing) return;
    tab.isShowing = true;
    try {
      if (tab.shown === null) {
        tab.shown = tab.view.make(app);
        tab.panel.append(tab.shown.element);
      }
      while (tab.isStale) {
        tab.isStale = false;
        await app.client.during(async () => tab.shown?.show());
      }
    } catch (error) {
      app.tell(error);
    } finally {
      tab.isShowing = false;
    }
  };

  const choose = (tab: Tab): void => {
    front.set(tab.view.pane, tab);
    for (const each of tabs) {
      if (each.view.pane !== tab.view.pane) continue;
      const isFront = each === tab;
      each.button.setAttribute('aria-selected', String(isFront));
      each.button.tabIndex = isFront ? 0 : -1;
      each.panel.hidden = !isFront;
    }
    void refresh(tab);
  };

  for (const [pane, title] of PANES) {
    const list = h('div', { role: 'tablist', class: 'tabs', 'aria-label': label + title });
    const box = h('section', { class: `pane pane-${pane}`, 'aria-label': label + title }, list);
    for (const view of views.filter((each) => each.pane === pane)) {
      const [tabId, viewId] = [`${prefix}tab-${view.id}`, `${prefix}view-${view.id}`];
      const button = h('button', { type: 'button', role: 'tab', id: tabId, 'aria-controls': viewId }, view.title);
      const panel = h('div', {
        role: 'tabpanel',
        id: viewId,
        class: 'panel',
        tabindex: 0,
        'aria-labelledby': tabId,
      });
      const tab: Tab = { view, button, panel, shown: null, isShowing: false, isStale: false };
      button.addEventListener('click', () => {
        choose(tab);
        onChange();
      });
      list.append(button);
      box.append(panel);
      tabs.push(tab);
    }
    list.addEventListener('keydown', (event) => {
      const direction = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
      if (direction === 0) return;
      event.stopPropagation();
      event.preventDefault();
      const own = tabs.filter((each) => each.view.pane === pane && !each.button.hidden);
      const at = own.findIndex((each) => each.view.id === front.get(pane)?.view.id);
      const next = own[(at + direction + own.length) % own.length];
      choose(next);
      next.button.focus();
      onChange();
    });
    element.append(box);
  }

  /** Tabs of what is open, with the first of each pane in front unless another is chosen already. */
  const arrange = (): void => {
    for (const tab of tabs) {
      tab.button.hidden = !(tab.view.isThere?.(app) ?? true);
      tab.shown?.reset?.();
    }
    for (const [pane] of PANES) {
      const own = tabs.filter((each) => each.view.pane === pane && !each.button.hidden);
      const chosen = front.get(pane);
      const tab = chosen !== undefined && own.includes(chosen) ? chosen : own[0];
      if (tab !== undefined) choose(tab);
    }
  };

  app.subscribe((changed) => {
    if (changed.has('facts')) arrange();
    for (const tab of front.values()) {
      if (changed.has('moment') || (tab.view.needs ?? []).some((need) => changed.has(need))) void refresh(tab);
    }
  });
  return {
    element,
    inFront: () => [...front.values()].map(({ view }) => view.id),
    bringToFront: (ids) => {
      for (const id of ids) {
        const tab = tabs.find(({ view, button }) => view.id === id && !button.hidden);
        if (tab !== undefined) choose(tab);
      }
    },
  };
}
