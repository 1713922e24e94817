// The source around the next instruction, where debug information tells the line, and the variables of the frame.
// A text that nobody gave is said to be missing.

import { h, replace } from '../dom.ts';
import { keepInSight } from './code.ts';
import type { View } from './view.ts';

const LINES_AROUND = 60;

export const SOURCE: View = {
  id: 'source',
  title: 'Source',
  pane: 'code',
  isThere: (app) => app.state.facts?.hasSource === true,
  make: (app) => {
    const title = h('p', { class: 'quiet source-place' });
    const text = h('table', { class: 'mono code', 'aria-label': 'Source' });
    const locals = h('table', { class: 'mono', 'aria-label': 'Variables' });
    const variables = h('div', { class: 'source-variables' }, h('h2', { class: 'minor' }, 'Variables'), locals);
    const show = async (): Promise<void> => {
      const answer = await app.ask('source', null);
      if (answer === null) {
        title.textContent = 'No debug information tells a line for this instruction.';
        replace(text);
        replace(locals);
        return;
      }
      const { file, line, locals: found } = answer;
      title.textContent = `${file}:${line}${answer.text === null ? ' (its text was not given)' : ''}`;
      const lines = answer.text?.split(/\r?\n/) ?? [];
      const first = Math.max(0, line - 1 - LINES_AROUND);
      let here: HTMLElement | null = null;
      const rows = lines.slice(first, line + LINES_AROUND).map((content, i) => {
        const number = first + i + 1;
        const isHere = number === line;
        const row = h(
          'tr',
          isHere ? { class: 'here', 'aria-current': 'true' } : {},
          h('td', { class: 'arrow' }, isHere ? '▶' : ''),
          h('td', { class: 'address' }, String(number)),
          h('td', {}, content),
        );
        if (isHere) here = row;
        return row;
      });
      replace(text, h('tbody', {}, ...rows));
      if (here !== null) keepInSight(here);
      const values = found.map(({ name, type, value }) =>
        h('tr', {}, h('th', { scope: 'row' }, name), h('td', { class: 'quiet' }, type), h('td', {}, value)),
      );
      replace(locals, h('tbody', {}, ...values));
    };
    return { element: h('div', {}, title, text, variables), show };
  },
};
