// What the engines make of the block that is about to run, part by part: the cases of the interpreter, IR before and
// after each pass, JavaScript, WebAssembly.

import { h, replace } from '../dom.ts';
import type { View } from './view.ts';

export const ENGINE: View = {
  id: 'engine',
  title: 'Engine',
  pane: 'code',
  make: (app) => {
    const choose = h('select', { 'aria-label': 'Stage' });
    const title = h('span', { class: 'quiet' });
    const text = h('pre', { class: 'mono', 'aria-label': 'What the engine makes of it' });
    let parts: readonly { readonly name: string; readonly text: string }[] = [];
    const choosePart = (): void => {
      text.textContent = parts.find(({ name }) => name === choose.value)?.text ?? '';
    };
    choose.addEventListener('change', choosePart);
    const show = async (): Promise<void> => {
      const answer = await app.ask('engine', null);
      if (answer === null) return;
      const chosen = choose.value;
      parts = answer.parts;
      title.textContent = `engine ${answer.engine}${answer.why === '' ? '' : `: ${answer.why}`}`;
      replace(choose, ...parts.map(({ name }) => h('option', { value: name }, name)));
      if (parts.some(({ name }) => name === chosen)) choose.value = chosen;
      choose.hidden = parts.length === 0;
      choosePart();
    };
    return { element: h('div', {}, h('div', { class: 'bar' }, choose, title), text), show };
  },
};
