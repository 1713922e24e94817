// The calls that led here, and the words on the stack. Guesses are marked as such;
// how the calls were found is symbols/unwind.ts.

import { h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const SLOTS = 32;
const REMARKS: Readonly<Record<string, string>> = {
  interrupted: 'interrupted here',
  guess: 'a guess',
  here: '',
  caller: '',
};

export const STACK: View = {
  id: 'stack',
  title: 'Stack',
  pane: 'stack',
  make: (app) => {
    const frames = h('ol', { class: 'frames mono', start: 0 });
    const slots = h('table', { class: 'mono', 'aria-label': 'Words on the stack' });
    const show = async (): Promise<void> => {
      const answer = await app.ask('stack', { slots: SLOTS });
      if (answer === null) return;
      replace(
        frames,
        ...answer.frames.map(({ address, symbol, kind, place }) =>
          h(
            'li',
            {},
            `${hex(address)} ${symbol}`,
            REMARKS[kind] === '' ? null : h('span', { class: 'quiet' }, ` (${REMARKS[kind]})`),
            place === '' ? null : h('span', { class: 'quiet' }, ` ${place}`),
          ),
        ),
      );
      const rows = answer.slots.map(({ address, value, symbol, isReturn }) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, hex(address)),
          h('td', {}, hex(value)),
          h('td', { class: 'quiet' }, `${symbol}${isReturn ? ' (return address)' : ''}`),
        ),
      );
      replace(slots, h('tbody', {}, ...rows));
    };
    return {
      element: h('div', {}, h('h2', { class: 'minor' }, 'Calls'), frames, h('h2', { class: 'minor' }, 'Words'), slots),
      show,
    };
  },
};
