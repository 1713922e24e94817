// What the page shows while nothing is open: where to drop a recording, which images are missing, what is being
// loaded. Opening itself is opener.ts.

import { bytesText, h, replace } from './dom.ts';
import type { Opener } from './opener.ts';

export interface Start {
  readonly element: HTMLElement;
  /** Asks for a file. */
  readonly choose: () => void;
}

export function makeStart(opener: Opener, bootForm: HTMLElement): Start {
  const input = h('input', { type: 'file', multiple: true, id: 'file', class: 'file', 'aria-label': 'Recording' });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    void opener.openFiles(files);
  });
  const busy = h('p', { role: 'status' });
  const missing = h('div', { class: 'missing' });
  const element = h(
    'section',
    { class: 'start', role: 'main', 'aria-label': 'Open a recording' },
    h('h2', {}, 'Drop a recording here'),
    h('p', { class: 'quiet' }, 'A log that reprise record wrote. It stays on this computer.'),
    h('label', { for: 'file', class: 'button' }, 'Or choose a file'),
    input,
    busy,
    missing,
    bootForm,
  );
  opener.onBusy = (text) => {
    busy.textContent = text;
  };
  opener.onMissing = (images) => {
    replace(
      missing,
      ...(images.length === 0
        ? []
        : [
            h('h3', {}, 'Images are missing'),
            h('p', {}, 'The recording does not hold these files. Drop them here; they are known by their digest.'),
            h(
              'ul',
              {},
              ...images.map(({ role, name, sizeBytes, sha256 }) =>
                h('li', {}, `${role}: ${name}, ${bytesText(sizeBytes)}, SHA-256 `, h('code', {}, sha256)),
              ),
            ),
          ]),
    );
  };
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('dropping');
  });
  document.addEventListener('dragleave', () => document.body.classList.remove('dropping'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dropping');
    void opener.openFiles([...(event.dataTransfer?.files ?? [])]);
  });
  return { element, choose: () => input.click() };
}
