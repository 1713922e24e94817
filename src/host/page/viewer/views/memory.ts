// Memory as rows of bytes. What has changed since the moment before is marked; a click on a byte asks who wrote it last
// and offers to go there.

import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const ROW_BYTES = 16;
const BYTES_SHOWN = 512;

export const MEMORY: View = {
  id: 'memory',
  title: 'Memory',
  pane: 'memory',
  make: (app) => {
    const field = h('input', {
      type: 'text',
      class: 'mono',
      value: 'esp',
      'aria-label': 'Address, register, symbol or expression',
      size: 22,
    });
    const physical = h('input', { type: 'checkbox' });
    const table = h('table', { class: 'mono memory', 'aria-label': 'Memory' });
    const told = h('p', { role: 'status', class: 'told' });
    const form = h(
      'form',
      { class: 'bar' },
      field,
      h('button', { type: 'submit' }, 'Show'),
      h('label', {}, physical, ' physical'),
    );
    let offset = 0;
    let shown: { address: number; bytes: Uint8Array } | null = null;
    const turn = (pages: number): void => {
      offset += pages * BYTES_SHOWN;
      void show();
    };
    form.append(
      h('button', { type: 'button', onclick: () => turn(-1), 'aria-label': 'Memory before this' }, '▲'),
      h('button', { type: 'button', onclick: () => turn(1), 'aria-label': 'Memory after this' }, '▼'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      offset = 0;
      void show();
    });

    const askWriter = async (address: number): Promise<void> => {
      told.textContent = 'Searching…';
      const isPhysical = physical.checked;
      try {
        const found = await app.client.move('lastWrite', { address, sizeBytes: 1, isPhysical });
        if (found === null) {
          told.textContent = `${hex(address)}h: nobody before this moment, it was so when the machine started.`;
          return;
        }
        const go = h('button', { type: 'button', onclick: () => void app.seek(found.tick, found.seq) }, 'Go there');
        replace(told, `${hex(address)}h was last written at tick ${count(found.tick)}. `, go);
      } catch (error) {
        told.textContent = error instanceof Error ? error.message : String(error);
      }
    };

    const show = async (): Promise<void> => {
      let answer: Awaited<ReturnType<typeof app.client.ask<'memory'>>>;
      try {
        const at = offset === 0 ? field.value : `(${field.value}) + ${offset}`;
        answer = await app.client.ask('memory', { at, count: BYTES_SHOWN, isPhysical: physical.checked });
      } catch (error) {
        replace(table);
        told.textContent = error instanceof Error ? error.message : String(error);
        return;
      }
      const { address, bytes } = answer;
      if (bytes.length === 0) {
        replace(table);
        told.textContent = `Nothing is mapped at ${hex(address)}h at this moment.`;
        return;
      }
      if (shown === null || shown.address !== address) told.textContent = '';
      const old = shown !== null && shown.address === address ? shown.bytes : null;
      const rows: HTMLElement[] = [];
      for (let at = 0; at < bytes.length; at += ROW_BYTES) {
        const cells: HTMLElement[] = [];
        let text = '';
        for (let i = at; i < Math.min(at + ROW_BYTES, bytes.length); i++) {
          const place = (address + i) >>> 0;
          const isChanged = old !== null && i < old.length && old[i] !== bytes[i];
          cells.push(h('td', { class: isChanged ? 'byte changed' : 'byte', 'data-address': place }, hex(bytes[i], 2)));
          text += bytes[i] >= 32 && bytes[i] < 127 ? String.fromCharCode(bytes[i]) : '·';
        }
        while (cells.length < ROW_BYTES) cells.push(h('td'));
        rows.push(
          h('tr', {}, h('th', { scope: 'row' }, hex(address + at)), ...cells, h('td', { class: 'text' }, text)),
        );
      }
      replace(table, h('tbody', {}, ...rows));
      shown = { address, bytes };
    };
    table.addEventListener('click', (event) => {
      const address = (event.target as HTMLElement).dataset.address;
      if (address !== undefined) void askWriter(Number(address));
    });
    physical.addEventListener('change', () => void show());
    const writer = h(
      'button',
      {
        type: 'button',
        title: 'Which instruction last wrote the byte at the address',
        onclick: () => {
          if (shown !== null) void askWriter(shown.address);
        },
      },
      'Last write',
    );
    form.append(writer);
    return { element: h('div', {}, form, told, table), show, reset: () => (shown = null) };
  },
};
