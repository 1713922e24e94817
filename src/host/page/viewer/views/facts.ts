// What the recording is: machine, images, how it ended, how far the first pass has come.
// All of it is known when it has been opened.

import { bytesText, count, duration, h, replace } from '../dom.ts';
import type { View } from './view.ts';

export const FACTS: View = {
  id: 'facts',
  title: 'Recording',
  pane: 'events',
  needs: ['facts', 'pass'],
  make: (app) => {
    const list = h('dl', { class: 'facts' });
    const show = (): void => {
      const { facts, logName, pass } = app.state;
      if (facts === null) return;
      const passed = pass.isDone ? 'whole' : `up to tick ${count(pass.tick)}`;
      const rows: readonly (readonly [string, string])[] = [
        ['File', `${logName}, ${bytesText(facts.fileBytes)}`],
        ['Written by', `${facts.creator}, profile ${facts.profile}`],
        ['Length', `${count(facts.endTick)} ticks, ${duration(facts.endTick * facts.nsPerTick)} of guest time`],
        ['Ended by', facts.end === '' ? 'nothing: it was cut off' : facts.end],
        ['Memory', `${facts.memoryMegabytes} MiB`],
        ['Command line', facts.commandLine],
        ['Engine', facts.engine],
        ['First pass', passed],
        [
          'Checkpoints',
          `every ${count(facts.intervalTicks)} ticks, in at most ${bytesText(facts.checkpointBytesMax)} of memory`,
        ],
        ...facts.images.map(({ role, name, sizeBytes }) => [role, `${name}, ${bytesText(sizeBytes)}`] as const),
      ];
      replace(list, ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
    };
    return { element: h('div', {}, list), show };
  },
};
