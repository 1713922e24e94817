// What the guest sent on a serial line up to this moment, in a terminal (xterm.js), so that colours and cursor movement
// are what they were. Going on in time writes what is new; going back draws it again.

import { Terminal } from '@xterm/xterm';
import { h, replace } from '../dom.ts';
import type { View } from './view.ts';

const NAMES = ['COM1', 'COM2', 'COM3', 'COM4', 'Debug console'];
const DARK = { background: '#0d1117', foreground: '#e6edf3', cursor: '#e6edf3' };
const LIGHT = { background: '#ffffff', foreground: '#1b1f24', cursor: '#1b1f24' };

export const SERIAL: View = {
  id: 'serial',
  title: 'Serial',
  pane: 'sight',
  make: (app) => {
    const choose = h('select', { 'aria-label': 'Serial line' });
    const place = h('div', { class: 'terminal' });
    const plain = h('pre', { class: 'mono', role: 'group', 'aria-label': 'Serial text' });
    const details = h('details', {}, h('summary', {}, 'As plain text'), plain);
    const colors = matchMedia('(prefers-color-scheme: dark)');
    const terminal = new Terminal({
      cols: 80,
      rows: 24,
      convertEol: true,
      disableStdin: true,
      scrollback: 20_000,
      fontSize: 13,
      screenReaderMode: false,
      // What a guest sends is no error of the page.
      logLevel: 'off',
      theme: colors.matches ? DARK : LIGHT,
    });
    colors.addEventListener('change', () => {
      terminal.options.theme = colors.matches ? DARK : LIGHT;
    });
    let isOpen = false;
    let line = 0;
    let shown = 0;
    let known = '';
    let text = '';
    /** As the terminal reads it; a letter may come in two parts. */
    let decoder = new TextDecoder();
    choose.addEventListener('change', () => {
      line = Number(choose.value);
      reset();
      void show();
    });
    const reset = (): void => {
      terminal.reset();
      shown = 0;
      text = '';
      decoder = new TextDecoder();
    };
    const show = async (): Promise<void> => {
      if (!isOpen && place.isConnected) {
        terminal.open(place);
        isOpen = true;
      }
      const answer = await app.ask('serial', { line, from: shown });
      if (answer === null) return;
      const { start, total, bytes, lines } = answer;
      if (start !== shown || total < shown) reset();
      terminal.write(bytes);
      text += decoder.decode(bytes, { stream: true });
      shown = total;
      plain.textContent = text;
      const listed = lines.length === 0 ? [0] : lines;
      const key = listed.join(' ');
      if (key === known) return;
      known = key;
      replace(choose, ...listed.map((each) => h('option', { value: each, selected: each === line }, NAMES[each])));
      choose.hidden = listed.length < 2;
    };
    return { element: h('div', {}, choose, place, details), show, reset };
  },
};
