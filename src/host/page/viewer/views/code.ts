// Instructions around the next one, or around an address that was asked for, with their bytes and names. A click on a
// target goes there to look; Run to here goes in time.

import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const LINES_BEFORE = 8;
const LINES_AFTER = 40;
const COUNTED_TICKS = 1 << 20;

const timesOf = (times: number): string => (times === 0 ? '' : `${count(times)}×`);

/**
 * Scrolls the panel up or down until the row is in its upper half; never sideways. When the frame is drawn: where
 * things lie is worked out once then, for all views.
 */
export function keepInSight(row: HTMLElement): void {
  requestAnimationFrame(() => scrollTo(row));
}

function scrollTo(row: HTMLElement): void {
  const panel = row.closest('.panel');
  if (panel === null) return;
  const [box, place] = [panel.getBoundingClientRect(), row.getBoundingClientRect()];
  const top = place.top - box.top;
  if (top < 50 || top > box.height / 2) panel.scrollTop += top - box.height / 4;
}

export const CODE: View = {
  id: 'code',
  title: 'Code',
  pane: 'code',
  make: (app) => {
    const field = h('input', {
      type: 'text',
      class: 'mono',
      'aria-label': 'Address or symbol to show code at',
      placeholder: 'address or symbol, or empty',
      size: 28,
    });
    const list = h('table', { class: 'mono code', 'aria-label': 'Instructions' });
    const problem = h('p', { class: 'told', role: 'status' });
    let executed: ReadonlyMap<number, number> | null = null;
    const countButton = h(
      'button',
      {
        type: 'button',
        title: `How often each instruction is executed in ${count(COUNTED_TICKS)} ticks around this moment`,
        onclick: () => void countExecutions(),
      },
      'Count executions',
    );
    const form = h('form', { class: 'bar code-where' }, field, h('button', { type: 'submit' }, 'Show'), countButton);
    const countExecutions = async (): Promise<void> => {
      problem.textContent = 'Counting…';
      try {
        const answer = await app.client.move('counts', { ticks: COUNTED_TICKS });
        const { addresses, counts, fromTick, toTick } = answer;
        executed = new Map([...addresses].map((address, i) => [address, counts[i]]));
        await show();
        problem.textContent = `Executions between ticks ${count(fromTick)} and ${count(toTick)}`;
      } catch (error) {
        problem.textContent = error instanceof Error ? error.message : String(error);
      }
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void show();
    });

    const addressOf = async (): Promise<number | null | undefined> => {
      problem.textContent = '';
      if (field.value.trim() === '') return null;
      try {
        return (await app.client.ask('memory', { at: field.value, count: 1, isPhysical: false })).address;
      } catch (error) {
        problem.textContent = error instanceof Error ? error.message : String(error);
        return undefined;
      }
    };

    const show = async (): Promise<void> => {
      const address = await addressOf();
      if (address === undefined) return;
      const answer = await app.ask('code', { address, before: LINES_BEFORE, after: LINES_AFTER });
      if (answer === null) return;
      const rows: HTMLElement[] = [];
      let here: HTMLElement | null = null;
      for (const line of answer.lines) {
        if (line.label !== '') {
          rows.push(h('tr', { class: 'label' }, h('td', { colspan: 5 }, `${line.label}:`)));
        }
        const row = h(
          'tr',
          line.isHere ? { class: 'here', 'aria-current': 'true' } : {},
          h('td', { class: 'arrow' }, line.isHere ? '▶' : ''),
          h('td', { class: 'address' }, hex(line.address)),
          executed === null ? null : h('td', { class: 'executed' }, timesOf(executed.get(line.address) ?? 0)),
          h('td', { class: 'bytes' }, line.bytes),
          h('td', {}, line.text, line.target === '' ? null : h('span', { class: 'quiet' }, `  ; ${line.target}`)),
        );
        if (line.isHere) here = row;
        rows.push(row);
      }
      replace(list, h('tbody', {}, ...rows));
      if (here !== null) keepInSight(here);
    };
    return { element: h('div', {}, form, problem, list), show, reset: () => (executed = null) };
  },
};
