// What the engines make of the block that is about to run, part by part: the cases of the interpreter, IR before and
// after each pass, JavaScript, WebAssembly. How hot it is, and the hottest blocks of all, as the engine has counted.

import { count, h, hex, replace } from '../dom.ts';
import type { AnswerOf } from '../protocol.ts';
import type { View } from './view.ts';

type Block = NonNullable<AnswerOf<'engine'>['hottest']>[number];

const HEADS: readonly string[] = ['block', 'heat', 'entered', 'tier', 'instr.', 'name'];

const tierOf = ({ isCompiled }: { isCompiled: boolean }): string => (isCompiled ? 'compiled' : 'interpreted');

export const ENGINE: View = {
  id: 'engine',
  title: 'Engine',
  pane: 'code',
  make: (app) => {
    const choose = h('select', { 'aria-label': 'Stage' });
    const title = h('span', { class: 'quiet' });
    const text = h('pre', { class: 'mono', role: 'group', 'aria-label': 'What the engine makes of it' });
    const heat = h('p', { class: 'told' });
    const table = h('table', { class: 'mono heat', 'aria-label': 'Hottest blocks' });
    const details = h('details', { open: true }, h('summary', {}, 'Hottest blocks of this mode'), table);
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
      const { here, hottest } = answer;
      heat.textContent =
        hottest === null
          ? 'This engine counts no entries of blocks.'
          : here === null
            ? 'No block begins here yet.'
            : `This block: ${tierOf(here)}, entered ${count(here.entries)}× by the interpreter.`;
      details.hidden = hottest === null || hottest.length === 0;
      const most = Math.log2((hottest?.[0]?.entries ?? 0) + 2);
      replace(
        table,
        h('thead', {}, h('tr', { class: 'quiet' }, ...HEADS.map((head) => h('th', { scope: 'col' }, head)))),
        h('tbody', {}, ...(hottest ?? []).map((block) => row(block, Math.log2(block.entries + 1) / most))),
      );
    };
    /** `share`: of the longest bar. */
    const row = (block: Block, share: number): HTMLElement => {
      const { physical, linear, symbol, entries, instructions } = block;
      return h(
        'tr',
        {},
        h('td', {}, linear === null ? `${hex(physical)} physical` : hex(linear)),
        h('td', {}, h('meter', { value: share.toFixed(3), 'aria-label': 'Heat, by the logarithm' })),
        h('td', { class: 'executed' }, `${count(entries)}×`),
        h('td', {}, tierOf(block)),
        h('td', { class: 'number quiet' }, String(instructions)),
        h('td', {}, symbol),
      );
    };
    return { element: h('div', {}, h('div', { class: 'bar' }, choose, title), heat, text, details), show };
  },
};
