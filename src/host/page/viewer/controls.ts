// The bar above: go back and forth, play, search, and what moment it is. Keys do the same from anywhere but a field;
// the list of keys is here too. Moves themselves are the worker's.

import type { App, Speed } from './app.ts';
import { count, duration, h, hex } from './dom.ts';
import { Player } from './player.ts';

export interface Controls {
  readonly element: HTMLElement;
  /** How far a long way is, and the way out of it. */
  readonly way: HTMLElement;
  /** Shows which keys there are. */
  readonly help: () => void;
}

interface Key {
  readonly key: string;
  readonly does: string;
  readonly run: () => void;
}

const FAR_TICKS = 1000;

export function makeControls(
  app: App,
  zoom: (factor: number) => void,
  showHelp: (keys: readonly Key[]) => void,
): Controls {
  const player = new Player(app);
  const step = (count: number) => (): void => {
    player.stop();
    void app.move('step', { count });
  };
  const jump = (ticks: number) => (): void => {
    player.stop();
    void app.seek((app.state.moment?.tick ?? 0) + ticks);
  };
  const next = (isBack: boolean) => (): void => {
    player.stop();
    void app.move('nextEvent', { isBack });
  };
  const play = (speed: Speed) => (): void => player.toggle(speed);
  const keys: Key[] = [
    { key: 'ArrowRight', does: 'one instruction on', run: step(1) },
    { key: 'ArrowLeft', does: 'one instruction back', run: step(-1) },
    { key: 'Shift+ArrowRight', does: `${FAR_TICKS} ticks on`, run: jump(FAR_TICKS) },
    { key: 'Shift+ArrowLeft', does: `${FAR_TICKS} ticks back`, run: jump(-FAR_TICKS) },
    { key: 'n', does: 'over a call', run: () => void app.move('stepOver', null) },
    { key: 'e', does: 'to the next interrupt or exception', run: next(false) },
    { key: 'E', does: 'to the last one', run: next(true) },
    { key: ' ', does: 'play at guest time, or stop', run: play('guest') },
    { key: 'f', does: 'play fast, or stop', run: play('fast') },
    { key: 'Home', does: 'to the start', run: () => void app.seek(0) },
    { key: 'End', does: 'to the end', run: () => void app.seek(Number.MAX_SAFE_INTEGER) },
    { key: '+', does: 'look closer at the timeline', run: () => zoom(2) },
    { key: '-', does: 'see more of the timeline', run: () => zoom(0.5) },
    {
      key: '0',
      does: 'see the whole run',
      run: () => app.set({ window: { from: 0, to: app.state.facts?.endTick ?? 1 } }),
    },
    { key: '/', does: 'search', run: () => search.focus() },
    { key: 'Escape', does: 'give up what is on its way', run: () => giveUp() },
    { key: '?', does: 'this list', run: () => showHelp(keys) },
  ];
  const giveUp = (): void => {
    player.stop();
    app.client.giveUp();
  };

  const button = (label: string, name: string, run: () => void, key: string): HTMLButtonElement =>
    h('button', { type: 'button', 'aria-label': name, title: `${name} (${key})`, onclick: run }, label);
  const playButton = button('▶', 'Play at guest time', play('guest'), 'Space');
  const fastButton = button('▶▶', 'Play fast', play('fast'), 'F');
  const where = h('output', { class: 'where', 'aria-label': 'Moment' });
  const why = h('span', { class: 'why', role: 'status' });
  const search = h('input', {
    type: 'search',
    size: 30,
    'aria-label': 'Go to a position',
    placeholder: '50%, serial:"panic", fault:14, last-write 0x…',
    title:
      'A tick, a share of the run, end, serial:"text", fault:14, irq:20h, reset, a condition such as eax == 5, ' +
      'last-write ADDRESS, or a bookmark',
  });
  const form = h('form', { role: 'search', class: 'bar' }, search, h('button', { type: 'submit' }, 'Go'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    player.stop();
    void goTo(app, search.value.trim());
  });
  const progress = h('progress', { 'aria-label': 'How far the way is', hidden: true });
  const stopButton = h('button', { type: 'button', hidden: true, onclick: giveUp }, 'Give up');
  const element = h(
    'div',
    { class: 'controls', role: 'toolbar', 'aria-label': 'Time' },
    button('|◀', 'To the start', () => void app.seek(0), 'Home'),
    button('⇤', 'To the last interrupt or exception', next(true), 'Shift+E'),
    button('◀', 'One instruction back', step(-1), 'Left'),
    button('▷', 'One instruction on', step(1), 'Right'),
    button('↷', 'Over a call', () => void app.move('stepOver', null), 'N'),
    button('⇥', 'To the next interrupt or exception', next(false), 'E'),
    playButton,
    fastButton,
    button('▶|', 'To the end', () => void app.seek(Number.MAX_SAFE_INTEGER), 'End'),
    form,
    where,
    why,
  );
  const way = h('span', { class: 'way' }, progress, stopButton);

  document.addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA|DIALOG)$/.test(target.tagName) || target.closest('.xterm, dialog') !== null) return;
    if (event.key === ' ' && /^(BUTTON|SUMMARY)$/.test(target.tagName)) return;
    const name = event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : event.key;
    const found = keys.find(({ key }) => key === name);
    if (found === undefined || app.state.facts === null) return;
    event.preventDefault();
    found.run();
  });

  app.subscribe((changed) => {
    const { moment, facts, speed } = app.state;
    if (moment !== null && facts !== null) {
      const share = facts.endTick === 0 ? 100 : (100 * moment.tick) / facts.endTick;
      where.textContent =
        `tick ${count(moment.tick)}${moment.seq === 0 ? '' : `+${moment.seq}`} · ${share.toFixed(2)} % · ` +
        `${duration(moment.tick * facts.nsPerTick)} · ${hex(moment.eip)} ${moment.symbol}`;
      why.textContent = moment.why;
    }
    if (changed.has('way')) {
      const far = app.state.way;
      progress.hidden = far === null;
      stopButton.hidden = far === null;
      if (far !== null) {
        progress.max = Math.max(1, far.total);
        progress.value = far.done;
      }
    }
    playButton.setAttribute('aria-pressed', String(speed === 'guest'));
    fastButton.setAttribute('aria-pressed', String(speed === 'fast'));
  });
  return { element, way, help: () => showHelp(keys) };
}

/** A position as people write it; `last-write ADDRESS` goes to the instruction that wrote there last. */
export async function goTo(app: App, text: string): Promise<boolean> {
  const written = /^last-write\s+(.+)$/i.exec(text);
  if (text === '') return false;
  if (written === null) return app.move('goTo', { text });
  const at = await app.ask('memory', { at: written[1], count: 1, isPhysical: false });
  if (at === null) return false;
  try {
    const found = await app.client.move('lastWrite', { address: at.address, sizeBytes: 4, isPhysical: false });
    if (found !== null) return await app.seek(found.tick, found.seq);
    app.say(`Nobody wrote at ${hex(at.address)}h before this moment.`, 'note');
  } catch (error) {
    app.tell(error);
  }
  return false;
}
