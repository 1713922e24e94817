// The events of one lane around this moment, as a list to go by: the same as the picture above, for those who read.
// Values are as the worker's lanes have them.

import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const EVENTS_BEFORE = 20;
const EVENTS_AFTER = 40;
/** The lanes are asked for the names alone. */
const SPACES_ASK = { from: 0, to: 1, buckets: 1 };

export const EVENTS: View = {
  id: 'events',
  title: 'Events',
  pane: 'events',
  needs: ['pass'],
  make: (app) => {
    const choose = h('select', { 'aria-label': 'Lane' });
    const list = h('ol', { class: 'events mono' });
    let known = '';
    let passTick = -1;
    choose.addEventListener('change', () => void show());
    const show = async (): Promise<void> => {
      const { moment, pass } = app.state;
      if (moment === null) return;
      if (pass.tick !== passTick) {
        passTick = pass.tick;
        const answer = await app.ask('lanes', { from: 0, to: 1, buckets: 1 });
        const key = answer?.lanes.map((lane) => `${lane.key} ${lane.total}`).join() ?? '';
        if (answer !== null && key !== known) {
          known = key;
          const chosen = choose.value;
          replace(
            choose,
            ...answer.lanes.map((lane) => h('option', { value: lane.key }, `${lane.name} (${count(lane.total)})`)),
          );
          if (answer.lanes.some((lane) => lane.key === chosen)) choose.value = chosen;
        }
      }
      if (choose.value === '') {
        replace(list, h('li', { class: 'quiet' }, pass.isDone ? 'Nothing happened.' : 'The run is passed once…'));
        return;
      }
      const spaces = new Map(choose.value === 'spaces' ? (await app.ask('lanes', SPACES_ASK))?.spaces : []);
      const [past, future] = await Promise.all([
        app.ask('laneEvents', { key: choose.value, tick: moment.tick, count: -EVENTS_BEFORE }),
        app.ask('laneEvents', { key: choose.value, tick: moment.tick, count: EVENTS_AFTER }),
      ]);
      if (past === null || future === null) return;
      const rows = [...past.events, ...future.events].map(({ tick, value }) =>
        h(
          'li',
          tick === moment.tick ? { class: 'here' } : {},
          h('button', { type: 'button', onclick: () => void app.seek(tick) }, count(tick)),
          value === 0 ? null : h('span', { class: 'quiet' }, ` ${hex(value)}`),
          spaces.has(value) ? h('span', {}, ` ${spaces.get(value)}`) : null,
        ),
      );
      replace(list, ...rows);
      if (rows.length === 0) replace(list, h('li', { class: 'quiet' }, 'None around here.'));
    };
    const reset = (): void => {
      known = '';
      passTick = -1;
      replace(choose);
    };
    return { element: h('div', {}, h('div', { class: 'bar' }, choose), list), show, reset };
  },
};
