// A guest that runs live in the page: its screen and its serial line, with the keyboard at either; recorded from
// the first instruction. It runs at guest time; when it has ended, or is ended, its recording is opened or handed
// out.

import type { App } from '../app.ts';
import { count, duration, h } from '../dom.ts';
import { FRAME_MS_MAX } from '../player.ts';
import { type Opener, saveFile } from '../opener.ts';
import { makeTerminal } from '../terminal.ts';
import type { GivenNames } from '../../attachments.ts';
import type { BootAsk } from '../worker/live.ts';
import { keyOf } from './browser-keys.ts';

const RUNS: ReadonlySet<string> = new Set(['']);

export interface LivePage {
  readonly element: HTMLElement;
  readonly boot: (name: string, ask: BootAsk, names: readonly GivenNames[]) => Promise<void>;
}

export function makeLive(app: App, opener: Opener): LivePage {
  const canvas = h('canvas', {
    class: 'screen',
    width: 640,
    height: 400,
    tabindex: 0,
    role: 'application',
    'aria-label': 'Screen of the running guest: keys go to its keyboard',
  });
  const place = h('div', { class: 'terminal', 'aria-label': 'Serial line of the running guest' });
  const status = h('output', { class: 'live-status', 'aria-label': 'The running guest' });
  const look = h('button', { type: 'button' }, 'Stop and look');
  const save = h('button', { type: 'button' }, 'Stop and download log');
  const element = h(
    'section',
    { class: 'live', hidden: true, role: 'main', 'aria-label': 'Running guest' },
    h('div', { class: 'controls' }, look, save, status),
    h('div', { class: 'live-sights' }, canvas, place),
  );
  const terminal = makeTerminal({ isReadOnly: false });
  let isOpen = false;
  let isRunning = false;
  let name = '';
  let given: readonly GivenNames[] = [];

  const setShown = (isShown: boolean): void => {
    element.hidden = !isShown;
    app.set({ isLive: isShown });
  };

  const send = (ask: { bytes: Uint8Array | null; keys: readonly { key: string; isDown: boolean }[] }): void => {
    if (isRunning) app.client.ask('type', ask).catch((error) => app.tell(error));
  };
  terminal.onData((text) => send({ bytes: new TextEncoder().encode(text), keys: [] }));
  for (const [event, isDown] of [
    ['keydown', true],
    ['keyup', false],
  ] as const) {
    canvas.addEventListener(event, (pressed) => {
      const key = keyOf(pressed.code);
      if (key === null || pressed.repeat) return;
      pressed.preventDefault();
      pressed.stopPropagation();
      send({ bytes: null, keys: [{ key, isDown }] });
    });
  }

  const draw = (screen: { width: number; height: number; rgba: Uint8Array }): void => {
    const { width, height, rgba } = screen;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const dots = new Uint8ClampedArray(rgba.buffer as ArrayBuffer, rgba.byteOffset, rgba.length);
    canvas.getContext('2d')?.putImageData(new ImageData(dots, width, height), 0, 0);
  };

  const run = async (nsPerTick: number): Promise<void> => {
    let lastMs = performance.now();
    while (isRunning) {
      const nowMs = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
      const passedMs = Math.min(FRAME_MS_MAX, Math.max(1, nowMs - lastMs));
      lastMs = nowMs;
      if (!isRunning) return;
      const state = await app.client.ask('advance', { ticks: (passedMs * 1e6) / nsPerTick });
      terminal.write(state.serial);
      if (state.screen !== null) draw(state.screen);
      const how = state.ended !== '' ? `ended: ${state.ended}` : state.isIdle ? 'waits for input' : 'runs';
      status.textContent = `${name} ${how} · tick ${count(state.tick)} · ${duration(state.tick * nsPerTick)}`;
      if (!RUNS.has(state.ended)) isRunning = false;
    }
  };

  const boot = async (title: string, ask: BootAsk, names: readonly GivenNames[]): Promise<void> => {
    isRunning = false;
    app.set({ facts: null, moment: null });
    setShown(true);
    if (!isOpen) {
      terminal.open(place);
      isOpen = true;
    }
    terminal.reset();
    name = title;
    given = names;
    canvas.hidden = !ask.hasScreen;
    try {
      const { nsPerTick } = await app.client.ask('boot', ask);
      isRunning = true;
      (ask.hasScreen ? canvas : terminal).focus();
      await run(nsPerTick);
    } catch (error) {
      isRunning = false;
      setShown(false);
      app.tell(error);
    }
  };

  const finish = async (): Promise<Uint8Array | null> => {
    isRunning = false;
    const ended = await app.ask('finishLive', null);
    setShown(false);
    return ended?.log ?? null;
  };
  look.addEventListener('click', async () => {
    const log = await finish();
    if (log !== null) await opener.openBytes(`${name}.rlog`, log, [], given);
  });
  save.addEventListener('click', async () => {
    const log = await finish();
    if (log === null) return;
    saveFile(`${name}.rlog`, log);
    await opener.openBytes(`${name}.rlog`, log, [], given);
  });
  app.subscribe((changed) => {
    if (!changed.has('facts') || app.state.facts === null) return;
    isRunning = false;
    setShown(false);
  });
  return { element, boot };
}
