// Registers, with what has changed since the moment before marked; the x87 and XMM registers below on demand.
// Names and digits are those of reprise debug.

import { h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const GENERAL = ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'esp', 'eip', 'eflags'];
const SEGMENTS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'];
const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4'];

export const REGISTERS: View = {
  id: 'registers',
  title: 'Registers',
  pane: 'state',
  make: (app) => {
    const general = h('div', { class: 'grid registers' });
    const flags = h('p', { class: 'mono quiet' });
    const segments = h('div', { class: 'grid registers' });
    const control = h('div', { class: 'grid registers' });
    const units = h('pre', { class: 'mono' });
    const more = h('details', {}, h('summary', {}, 'x87 and XMM'), units);
    more.addEventListener('toggle', () => void show());
    let before: Readonly<Record<string, number>> = {};
    let shownTick = -1;
    let last: Readonly<Record<string, number>> = {};

    const cell = (name: string, digits: number, value: number): HTMLElement => {
      const isChanged = before[name] !== undefined && before[name] !== value;
      const text = hex(value, digits);
      return h(
        'div',
        {
          class: isChanged ? 'register changed' : 'register',
          title: isChanged ? `was ${hex(before[name], digits)}` : '',
        },
        h('span', { class: 'name' }, name),
        h('span', { class: 'value mono' }, text),
      );
    };

    const show = async (): Promise<void> => {
      const answer = await app.ask('registers', { withUnits: more.open });
      if (answer === null) return;
      const { values } = answer;
      const tick = app.state.moment?.tick ?? 0;
      if (tick !== shownTick) before = last;
      shownTick = tick;
      last = values;
      replace(general, ...GENERAL.map((name) => cell(name, 8, values[name])));
      flags.textContent = `flags: ${answer.flags || 'none'}`;
      replace(segments, ...SEGMENTS.map((name) => cell(name, 4, values[name])));
      const bases = SEGMENTS.map((name) => `${name}.base`).filter((name) => values[name] !== 0);
      replace(control, ...[...CONTROL, ...bases].map((name) => cell(name, 8, values[name])));
      units.textContent = [answer.fpu, answer.xmm].filter((text) => text !== '').join('\n\n');
    };
    const reset = (): void => {
      before = {};
      last = {};
      shownTick = -1;
    };
    return { element: h('div', {}, general, flags, segments, control, more), show, reset };
  },
};
