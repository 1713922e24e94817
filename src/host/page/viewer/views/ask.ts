// Questions about the whole run: the query language of `reprise query`, with rows that lead to their moments, and the
// origin of a value of this moment, as a graph whose nodes do. A query that is given up shows what it has found.

import { h, replace } from '../dom.ts';
import { originPicture } from './origin-picture.ts';
import type { View } from './view.ts';

const EXAMPLE_QUERY = 'interrupts() group by vector';
const EXAMPLE_VALUE = 'eax, byte [esi + 4], 0x200000 4';

export const ASK: View = {
  id: 'ask',
  title: 'Ask',
  pane: 'events',
  make: (app) => {
    const words = h('datalist', { id: 'ask-words' });
    const said = h('p', { class: 'quiet', role: 'status' });
    const result = h('div', {});
    const goTo = (tick: number, seq: number): void => void app.seek(tick, seq);

    const asking = async (work: () => Promise<void>): Promise<void> => {
      said.textContent = 'Asking…';
      replace(result);
      try {
        await work();
      } catch (error) {
        said.textContent = '';
        app.tell(error);
      }
    };

    const ask = (text: string): Promise<void> =>
      asking(async () => {
        const { columns, hasMore, rows, stoppedTick } = await app.client.move('query', { text });
        const cut = stoppedTick === null ? '' : `, up to tick ${stoppedTick}, where it was given up`;
        said.textContent = hasMore
          ? `The first ${rows.length} rows: a where or a limit gives fewer.`
          : `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${cut}`;
        const head = h('thead', {}, h('tr', {}, ...columns.map((name) => h('th', { scope: 'col' }, name))));
        const lines = rows.map(({ cells, seq, tick }) =>
          h(
            'tr',
            {},
            ...cells.map((cell, i) =>
              h(
                'td',
                {},
                i > 0 || tick === null
                  ? cell
                  : h('button', { type: 'button', class: 'small', onclick: () => goTo(tick, seq) }, cell),
              ),
            ),
          ),
        );
        replace(result, h('table', { class: 'mono', 'aria-label': 'Rows' }, head, h('tbody', {}, ...lines)));
      });

    const trace = (what: string): Promise<void> =>
      asking(async () => {
        const found = await app.client.move('origin', { what });
        const more = found.leftOut > 0 ? `, and ${found.leftOut} inputs that were not gone to` : '';
        said.textContent = `${found.nodes.length} steps${more}. Each leads to its moment; dashes lead to addresses.`;
        replace(result, originPicture(found, goTo));
      });

    const form = (label: string, placeholder: string, button: string, run: (text: string) => Promise<void>) => {
      const field = h('input', {
        type: 'text',
        class: 'mono',
        size: 48,
        required: true,
        list: 'ask-words',
        'aria-label': label,
        placeholder,
      });
      return h(
        'form',
        {
          class: 'bar',
          onsubmit: (event: Event) => {
            event.preventDefault();
            void run(field.value);
          },
        },
        field,
        h('button', { type: 'submit' }, button),
      );
    };
    const element = h(
      'div',
      {},
      form('Query', EXAMPLE_QUERY, 'Query', ask),
      form('Value whose origin is asked', EXAMPLE_VALUE, 'Origin', trace),
      words,
      said,
      result,
    );
    let hasWords = false;
    return {
      element,
      show: async () => {
        if (hasWords) return;
        hasWords = true;
        const known = await app.ask('askWords', null);
        replace(words, ...(known ?? []).map((word) => h('option', { value: word })));
      },
      reset: () => {
        hasWords = false;
        said.textContent = '';
        replace(result);
      },
    };
  },
};
