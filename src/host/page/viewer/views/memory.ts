// Memory as rows of bytes. What has changed since the moment before is marked; a click on a byte asks who wrote it last
// and offers to go there.

import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const ROW_BYTES = 16;
const BYTES_SHOWN = 512;

interface Row {
  readonly element: HTMLElement;
  readonly head: HTMLElement;
  readonly cells: readonly HTMLElement[];
  readonly text: HTMLElement;
}

/** A row of the table, for the bytes from `offset` on behind the address that is shown. */
function makeRow(offset: number): Row {
  const cell = (_: unknown, i: number) => h('td', { class: 'byte', 'data-offset': offset + i }, '');
  const cells = Array.from({ length: ROW_BYTES }, cell);
  const head = h('th', { scope: 'row' }, '');
  const text = h('td', { class: 'text' }, '');
  return { element: h('tr', {}, head, ...cells, text), head, cells, text };
}

/** Most bytes stay what they are from one moment to the next: what does not change is not laid out again. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

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
    /** In use for whatever is shown. */
    const rows: Row[] = [];
    const body = h('tbody', {});
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
        shown = null;
        told.textContent = error instanceof Error ? error.message : String(error);
        return;
      }
      const { address, bytes } = answer;
      if (bytes.length === 0) {
        replace(table);
        shown = null;
        told.textContent = `Nothing is mapped at ${hex(address)}h at this moment.`;
        return;
      }
      if (shown === null || shown.address !== address) told.textContent = '';
      const old = shown !== null && shown.address === address ? shown.bytes : null;
      fill(address, bytes, old);
      shown = { address, bytes };
    };

    /** `old`: what stood there before; null: something else was shown. */
    const fill = (address: number, bytes: Uint8Array, old: Uint8Array | null): void => {
      const rowCount = Math.ceil(bytes.length / ROW_BYTES);
      while (rows.length < rowCount) rows.push(makeRow(rows.length * ROW_BYTES));
      if (body.childElementCount !== rowCount) replace(body, ...rows.slice(0, rowCount).map(({ element }) => element));
      if (body.parentElement !== table) replace(table, body);
      for (let r = 0; r < rowCount; r++) {
        const { cells, head, text } = rows[r];
        setText(head, hex(address + r * ROW_BYTES));
        let letters = '';
        for (let c = 0; c < ROW_BYTES; c++) {
          const i = r * ROW_BYTES + c;
          const isThere = i < bytes.length;
          const isChanged = old !== null && i < old.length && old[i] !== bytes[i];
          const kind = !isThere ? '' : isChanged ? 'byte changed' : 'byte';
          if (cells[c].className !== kind) cells[c].className = kind;
          setText(cells[c], isThere ? hex(bytes[i], 2) : '');
          if (isThere) letters += bytes[i] >= 32 && bytes[i] < 127 ? String.fromCharCode(bytes[i]) : '·';
        }
        setText(text, letters);
      }
    };
    table.addEventListener('click', (event) => {
      const { offset: at } = (event.target as HTMLElement).dataset;
      if (at !== undefined && shown !== null) void askWriter((shown.address + Number(at)) >>> 0);
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
