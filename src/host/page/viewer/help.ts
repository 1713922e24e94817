// The keys, as a list over the page: a dialog that the browser closes with Escape.
// What each key does is said where it is declared (controls.ts).

import { h, replace } from './dom.ts';

interface Key {
  readonly key: string;
  readonly does: string;
}

const NAMES: Readonly<Record<string, string>> = { ' ': 'Space', ArrowLeft: '←', ArrowRight: '→' };
const shown = (key: string): string => NAMES[key] ?? key.replace('ArrowLeft', '←').replace('ArrowRight', '→');

export function makeHelp() {
  const list = h('dl', { class: 'facts' });
  const close = h('button', { type: 'button', onclick: () => element.close() }, 'Close');
  const element = h('dialog', { 'aria-label': 'Keys' }, h('h2', {}, 'Keys'), list, close);
  const show = (keys: readonly Key[]): void => {
    replace(list, ...keys.flatMap(({ key, does }) => [h('dt', {}, h('kbd', {}, shown(key))), h('dd', {}, does)]));
    element.showModal();
  };
  return { element, show };
}
