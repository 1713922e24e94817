// The page: makes the worker from the text that stands in the page, opens what the page was given or what is dropped on
// it, and puts controls, timeline and panes together. Everything that goes wrong is told in a sentence, and the page
// goes on.

import { App } from './app.ts';
import { makeBench } from './bench.ts';
import { budgetWarning } from './budget.ts';
import { ATTACHMENTS_ID, NO_SETTINGS, type PageSettings } from '../attachments.ts';
import { Client } from './client.ts';
import { makeControls } from './controls.ts';
import { h, replace } from './dom.ts';
import { makeHelp } from './help.ts';
import { makeBootForm } from './live/boot-form.ts';
import { makeLive } from './live/live-page.ts';
import { readPlace, writePlace } from './link.ts';
import { Opener } from './opener.ts';
import { makeStart } from './start.ts';
import { VIEWS } from './views/views.ts';

const LINK_MS = 250;

function startWorker(): Worker {
  const text = document.getElementById('worker')?.textContent ?? '';
  const address = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const worker = new Worker(address);
  // The worker has read it by the time it answers anything.
  worker.addEventListener('message', () => URL.revokeObjectURL(address), { once: true });
  return worker;
}

function settings(): PageSettings {
  const text = document.getElementById(ATTACHMENTS_ID)?.textContent ?? '';
  try {
    return text.trim() === '' ? NO_SETTINGS : (JSON.parse(text) as PageSettings);
  } catch {
    return NO_SETTINGS;
  }
}

const client = new Client(startWorker);
const app = new App(client);
const given = settings();
const opener = new Opener(app, given, startWorker);

const messages = h('div', { class: 'messages', role: 'alert' });
app.say = (text, kind) => {
  const line = h(
    'p',
    { class: kind },
    text,
    h('button', { type: 'button', class: 'small', 'aria-label': 'Dismiss', onclick: () => line.remove() }, '✕'),
  );
  messages.append(line);
  while (messages.childElementCount > 3) messages.firstElementChild?.remove();
};

const help = makeHelp();
const bench = makeBench(app, VIEWS, { prefix: '', label: '', onChange: () => writeLink() });
const { panes } = bench;
const controls = makeControls(app, bench.zoom, help.show);
const benches = h('div', { class: 'benches' }, bench.element);
app.showBeside = (other) => {
  while (benches.childElementCount > 1) benches.lastElementChild?.remove();
  if (other !== null) benches.append(other);
};
const live = makeLive(app, opener);
const start = makeStart(
  opener,
  makeBootForm(app, live, () => opener.engine),
);
const title = h('h1', {}, 'Reprise');
const passed = h('span', { class: 'quiet', role: 'status' });
const engines = h('select', {
  'aria-label': 'Engine',
  title: 'The engine that runs the recording; the guest does not notice',
});
void app.ask('host', null).then((answer) => {
  if (answer === null) return;
  app.set({ engines: answer.engines });
  replace(engines, ...answer.engines.map((name) => h('option', { value: name }, name)));
  engines.value = opener.engine;
  for (const warning of [answer.warning, budgetWarning()]) if (warning !== '') app.say(warning, 'note');
});
engines.addEventListener('change', () => void opener.useEngine(engines.value));
const download = h('button', { type: 'button', hidden: true, onclick: () => void opener.download() }, 'Download log');
const header = h(
  'header',
  {},
  title,
  passed,
  h('span', { class: 'space' }),
  controls.way,
  engines,
  download,
  h('button', { type: 'button', onclick: () => start.choose() }, 'Open…'),
  h('button', { type: 'button', onclick: controls.help, 'aria-label': 'Keys' }, '?'),
);
const main = h('main', { hidden: true }, controls.element, benches);
document.body.append(header, messages, start.element, live.element, main, help.element);

client.onBusy = (isBusy) => {
  document.documentElement.dataset.busy = isBusy ? 'yes' : 'no';
  if (!isBusy) app.set({ way: null });
};
client.onNotice = (notice) => {
  if (notice.notice === 'pass') {
    app.set({ pass: { tick: notice.tick, isDone: notice.isDone } });
    if (notice.problem !== '') app.say(notice.problem, 'problem');
  } else if (notice.notice === 'way') app.set({ way: { done: notice.done, total: notice.total } });
  else app.say(notice.text, 'note');
};
client.onReplaced = (why, isShort) => {
  app.set({ way: null, speed: null });
  void opener.reopen(why, isShort);
};

let linkTimer: ReturnType<typeof setTimeout> | undefined;
/** The address names the moment, once it has not changed for a while. */
function writeLink(): void {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => {
    const { moment } = app.state;
    if (moment === null) return;
    history.replaceState(null, '', writePlace(moment.tick, moment.seq, panes.inFront()));
  }, LINK_MS);
}
function followLink(): void {
  const place = readPlace(location.hash);
  panes.bringToFront(place.views);
  const { moment } = app.state;
  if (place.tick !== null && (place.tick !== moment?.tick || place.seq !== moment.seq))
    void app.seek(place.tick, place.seq);
}
window.addEventListener('hashchange', followLink);
/** The address that the page came with is of the first recording: another has moments of its own. */
let isFirst = true;

app.subscribe((changed) => {
  const { facts, logName, pass } = app.state;
  start.element.hidden = facts !== null || app.state.isLive;
  download.hidden = facts === null;
  if (changed.has('facts')) {
    main.hidden = facts === null;
    document.title = facts === null ? 'Reprise' : `${logName} · Reprise`;
    title.textContent = facts === null ? 'Reprise' : logName;
    if (facts !== null && isFirst) {
      isFirst = false;
      followLink();
    }
  }
  if (changed.has('pass') || changed.has('facts')) {
    document.documentElement.dataset.passed = pass.isDone ? 'yes' : 'no';
    const share = facts === null || facts.endTick === 0 ? 100 : Math.floor((100 * pass.tick) / facts.endTick);
    passed.textContent = facts === null || pass.isDone ? '' : `first pass ${share} %`;
  }
  if (changed.has('moment')) writeLink();
});
// The first picture stands before anything is opened.
requestAnimationFrame(() => void opener.openGiven());
document.documentElement.dataset.ready = 'yes';
