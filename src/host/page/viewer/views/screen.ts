// The screen of the guest on a canvas, scaled by whole numbers where there is room; its text is there for those who
// cannot see it.

import { h, replace } from '../dom.ts';
import type { View } from './view.ts';

export const SCREEN: View = {
  id: 'screen',
  title: 'Screen',
  pane: 'sight',
  isThere: (app) => app.state.facts?.hasScreen === true,
  make: (app) => {
    const canvas = h('canvas', { class: 'screen', width: 640, height: 400, role: 'img', 'aria-label': 'Guest screen' });
    const size = h('p', { class: 'quiet' });
    const text = h('pre', { class: 'mono' });
    const details = h('details', {}, h('summary', {}, 'The same as text'), text);
    const show = async (): Promise<void> => {
      const answer = await app.ask('screen', null);
      if (answer === null) return;
      const { width, height, rgba } = answer;
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      const dots = new Uint8ClampedArray(rgba.buffer as ArrayBuffer, rgba.byteOffset, rgba.length);
      canvas.getContext('2d')?.putImageData(new ImageData(dots, width, height), 0, 0);
      size.textContent = `${width} × ${height}${answer.text === null ? '' : ', text'}`;
      details.hidden = answer.text === null;
      text.textContent = answer.text?.join('\n').trimEnd() ?? '';
    };
    const element = h('div', {}, canvas, size, details);
    replace(text);
    return { element, show };
  },
};
