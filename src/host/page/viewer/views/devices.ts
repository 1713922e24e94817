// The devices field by field, as their models keep them; what has changed since the moment before is marked. Those that
// were opened stay open.

import { h, replace } from '../dom.ts';
import type { View } from './view.ts';

export const DEVICES: View = {
  id: 'devices',
  title: 'Devices',
  pane: 'state',
  make: (app) => {
    const list = h('div', {});
    const open = new Set<string>();
    let last = new Map<string, string>();
    const show = async (): Promise<void> => {
      const answer = await app.ask('devices', null);
      if (answer === null) return;
      const now = new Map<string, string>();
      const shown = answer.map(({ name, rows }) => {
        let changes = 0;
        const cells = rows.map(({ field, text }) => {
          const key = `${name}.${field}`;
          now.set(key, text);
          const isChanged = last.size > 0 && last.get(key) !== text;
          if (isChanged) changes++;
          return h('tr', {}, h('th', { scope: 'row' }, field), h('td', isChanged ? { class: 'changed' } : {}, text));
        });
        const title = h(
          'summary',
          {},
          name,
          changes === 0 ? null : h('span', { class: 'quiet' }, ` ${changes} changed`),
        );
        const details = h(
          'details',
          { open: open.has(name) },
          title,
          h('table', { class: 'mono' }, h('tbody', {}, ...cells)),
        );
        details.addEventListener('toggle', () => {
          if (details.open) open.add(name);
          else open.delete(name);
        });
        return details;
      });
      last = now;
      replace(list, ...shown);
    };
    return { element: list, show, reset: () => (last = new Map()) };
  },
};
