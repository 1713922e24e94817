// The tables of the processor and the chips beside it, chosen from a list, as reprise debug prints them. With an
// address page tables show the walk for it.

import { h } from '../dom.ts';
import type { View } from './view.ts';

const TABLES: readonly (readonly [string, string])[] = [
  ['pagetable', 'Page tables'],
  ['idt', 'Interrupt vectors'],
  ['gdt', 'Global descriptors'],
  ['ldt', 'Local descriptors'],
  ['tss', 'Task state segment'],
  ['pic', 'Interrupt controllers'],
  ['pit', 'Interval timer'],
  ['apic', 'Local APIC'],
];

export const TABLES_VIEW: View = {
  id: 'tables',
  title: 'Pages and tables',
  pane: 'memory',
  make: (app) => {
    const choose = h(
      'select',
      { 'aria-label': 'Table' },
      ...TABLES.map(([name, title]) => h('option', { value: name }, title)),
    );
    const at = h('input', {
      type: 'text',
      class: 'mono',
      size: 14,
      'aria-label': 'Address to walk to',
      placeholder: 'address',
    });
    const form = h('form', { class: 'bar' }, choose, at, h('button', { type: 'submit' }, 'Show'));
    const text = h('pre', { class: 'mono', role: 'group', 'aria-label': 'Contents of the table' });
    const show = async (): Promise<void> => {
      at.hidden = choose.value !== 'pagetable';
      try {
        const ask = { name: choose.value, at: choose.value === 'pagetable' ? at.value.trim() : '' };
        text.textContent = (await app.client.ask('table', ask)).text;
      } catch (error) {
        text.textContent = error instanceof Error ? error.message : String(error);
      }
    };
    choose.addEventListener('change', () => void show());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void show();
    });
    return { element: h('div', {}, form, text), show };
  },
};
