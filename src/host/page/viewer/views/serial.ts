// What the guest sent on a serial line up to this moment, in a terminal (xterm.js), so that colours and cursor movement
// are what they were. Going on in time writes what is new; going back draws it again.

import { h, replace } from '../dom.ts';
import { makeTerminal } from '../terminal.ts';
import type { View } from './view.ts';

const NAMES = ['COM1', 'COM2', 'COM3', 'COM4', 'Debug console'];

export const SERIAL: View = {
  id: 'serial',
  title: 'Serial',
  pane: 'sight',
  make: (app) => {
    const choose = h('select', { 'aria-label': 'Serial line' });
    const place = h('div', { class: 'terminal' });
    const plain = h('pre', { class: 'mono', role: 'group', 'aria-label': 'Serial text' });
    const details = h('details', {}, h('summary', {}, 'As plain text'), plain);
    const terminal = makeTerminal({ isReadOnly: true });
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
    /** The line that is written last; a reader of the plain text keeps his place. */
    const keepCursorInSight = (): void => {
      const panel = place.closest('.panel');
      const screen = place.querySelector('.xterm-screen');
      if (panel === null || screen === null || details.open) return;
      const height = screen.clientHeight / terminal.rows;
      const top = screen.getBoundingClientRect().top - panel.getBoundingClientRect().top;
      const bottom = top + (terminal.buffer.active.cursorY + 1) * height;
      panel.scrollTop += bottom + height / 2 - panel.clientHeight;
    };
    const show = async (): Promise<void> => {
      if (!isOpen && place.isConnected) {
        terminal.open(place);
        isOpen = true;
      }
      const answer = await app.ask('serial', { line, from: shown });
      if (answer === null) return;
      const { start, total, bytes, lines } = answer;
      const isAgain = start !== shown || total < shown;
      if (isAgain) reset();
      if (isAgain || bytes.length > 0) terminal.write(bytes, () => requestAnimationFrame(keepCursorInSight));
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
