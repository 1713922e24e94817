// What differs between two moments: a mark is set at one, and the other is where one is. Registers, devices and memory,
// each old and new.

import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

export const DIFFERENCE: View = {
  id: 'difference',
  title: 'Difference',
  pane: 'events',
  make: (app) => {
    let mark: number | null = null;
    const where = h('span', { class: 'quiet' }, 'No mark is set.');
    const table = h('table', { class: 'mono', 'aria-label': 'What differs' });
    const told = h('p', { class: 'told', role: 'status' });
    const set = h('button', { type: 'button' }, 'Mark this moment');
    const compare = h('button', { type: 'button', disabled: true }, 'Compare with the mark');
    set.addEventListener('click', () => {
      mark = app.state.moment?.tick ?? 0;
      where.textContent = `Marked: tick ${count(mark)}.`;
      compare.disabled = false;
    });
    compare.addEventListener('click', () => void work());
    const work = async (): Promise<void> => {
      const { moment } = app.state;
      if (mark === null || moment === null) return;
      told.textContent = 'Comparing…';
      try {
        const found = await app.client.move('difference', { fromTick: mark, toTick: moment.tick });
        const rows: HTMLElement[] = [];
        const add = (title: string, list: readonly { name: string; before: string; after: string }[]): void => {
          if (list.length === 0) return;
          rows.push(h('tr', {}, h('th', { colspan: 3, scope: 'colgroup' }, title)));
          for (const { name, before, after } of list) {
            rows.push(
              h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, before), h('td', { class: 'changed' }, after)),
            );
          }
        };
        add('Registers', found.registers);
        add(
          `Memory: ${found.pages} pages`,
          found.ranges.map(({ physical, sizeBytes, before, after }) => ({
            name: `${hex(physical)} ${sizeBytes}`,
            before,
            after,
          })),
        );
        add('Devices', found.devices);
        replace(table, h('tbody', {}, ...rows));
        const more = found.isCut ? ' Not all of memory is listed.' : '';
        told.textContent = `Tick ${count(mark)} against tick ${count(moment.tick)}, old and new.${more}`;
      } catch (error) {
        told.textContent = error instanceof Error ? error.message : String(error);
      }
    };
    const show = (): void => {};
    const reset = (): void => {
      mark = null;
      where.textContent = 'No mark is set.';
      compare.disabled = true;
      replace(table);
      told.textContent = '';
    };
    return { element: h('div', {}, h('div', { class: 'bar' }, set, compare, where), told, table), show, reset };
  },
};
