// Bookmarks with their notes: kept in the log. Where no server appends them to the file they live in the page, and the
// log with them can be downloaded.

import { count, h, replace } from '../dom.ts';
import { saveBookmark } from '../bookmark-keeper.ts';
import type { View } from './view.ts';

export const BOOKMARKS: View = {
  id: 'bookmarks',
  title: 'Bookmarks',
  pane: 'events',
  needs: ['bookmarks'],
  make: (app) => {
    const name = h('input', {
      type: 'text',
      required: true,
      maxlength: 200,
      'aria-label': 'Name of the bookmark',
      placeholder: 'name',
    });
    const note = h('input', { type: 'text', maxlength: 4096, 'aria-label': 'Note', placeholder: 'note', size: 24 });
    const form = h('form', { class: 'bar' }, name, note, h('button', { type: 'submit' }, 'Bookmark this moment'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const { moment } = app.state;
      if (moment === null) return;
      const position = { tick: moment.tick, seq: moment.seq };
      void saveBookmark(app, { name: name.value, note: note.value, position }).then((isSaved) => {
        if (isSaved) form.reset();
      });
    });
    const list = h('ul', { class: 'bookmarks' });
    const show = (): void => {
      const sorted = [...app.state.bookmarks].sort((a, b) => a.position.tick - b.position.tick);
      replace(
        list,
        ...sorted.map((each) =>
          h(
            'li',
            {},
            h(
              'button',
              { type: 'button', onclick: () => void app.seek(each.position.tick, each.position.seq) },
              each.name,
            ),
            h('span', { class: 'quiet' }, ` tick ${count(each.position.tick)} `),
            h('span', {}, each.note),
            h(
              'button',
              {
                type: 'button',
                class: 'small',
                'aria-label': `Remove bookmark ${each.name}`,
                onclick: () => void saveBookmark(app, { ...each, position: null }),
              },
              '✕',
            ),
          ),
        ),
      );
      if (sorted.length === 0) replace(list, h('li', { class: 'quiet' }, 'None yet.'));
    };
    return { element: h('div', {}, form, list), show };
  },
};
