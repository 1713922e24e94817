// Watch expressions: names, registers, memory, variables where debug information tells them, with their values at this
// moment. What has changed since the moment before is marked.

import { h, replace } from '../dom.ts';
import type { View } from './view.ts';

const FIRST: readonly string[] = ['esp', '[esp]'];

export const WATCHES: View = {
  id: 'watches',
  title: 'Watches',
  pane: 'stack',
  make: (app) => {
    const field = h('input', {
      type: 'text',
      class: 'mono',
      size: 24,
      required: true,
      'aria-label': 'Expression to watch',
      placeholder: 'eax + 4, [0x1000], jiffies',
    });
    const form = h('form', { class: 'bar' }, field, h('button', { type: 'submit' }, 'Watch'));
    const table = h('table', { class: 'mono', 'aria-label': 'Watches' });
    let texts: readonly string[] = FIRST;
    let last = new Map<string, string>();
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      texts = [...texts.filter((text) => text !== field.value), field.value];
      form.reset();
      void show();
    });
    const show = async (): Promise<void> => {
      const answer = await app.ask('watches', { texts });
      if (answer === null) return;
      const rows = answer.map(({ text, problem }, i) => {
        const name = texts[i];
        const isChanged = last.has(name) && last.get(name) !== text;
        const remove = (): void => {
          texts = texts.filter((each) => each !== name);
          void show();
        };
        return h(
          'tr',
          {},
          h('th', { scope: 'row' }, name),
          h('td', { class: problem !== '' ? 'problem' : isChanged ? 'changed' : '' }, problem === '' ? text : problem),
          h(
            'td',
            {},
            h(
              'button',
              { type: 'button', class: 'small', 'aria-label': `Stop watching ${name}`, onclick: remove },
              '✕',
            ),
          ),
        );
      });
      last = new Map(answer.map(({ text }, i) => [texts[i], text]));
      replace(table, h('tbody', {}, ...rows));
    };
    return { element: h('div', {}, form, table), show, reset: () => (last = new Map()) };
  },
};
