// The command `info`: one table of topics, each a word or two and what it shows; names of devices are topics too. A
// topic is added here as a row, with its view in a file of its own.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { plain } from './arguments.ts';
import { chooseByName, type Command, type Debugger, type Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { showRegisters } from './looks.ts';
import { listStops } from './stops.ts';
import { deviceLines, deviceStates, hex8, mappedRanges } from './views.ts';

export interface Topic {
  readonly names: readonly string[];
  readonly summary: string;
  readonly run: (debug: Debugger, rest: string) => Output;
}

const MAPPED_RANGES_MAX = 200;

export function showDevices(debug: Debugger, prefix: string): Output {
  const states = deviceStates(debug.timeline.machine, prefix);
  if (states.length === 0) {
    const names = debug.timeline.machine.board.devices.map(({ name }) => name).join(', ');
    throw new DebuggerError(`There is no device "${prefix}": the machine has ${names}.`);
  }
  return plain(deviceLines(debug.timeline.machine, prefix), states);
}

function showMappings({ timeline }: Debugger): Output {
  const ranges = mappedRanges(timeline.machine.cpu, MAPPED_RANGES_MAX);
  const text = ranges.map(
    ({ linear, physical, pages }) =>
      `${hex8(linear)} – ${hex8(linear + pages * PAGE_BYTES - 1)}  physical ${hex8(physical)}`,
  );
  return plain(text.join('\n'), ranges);
}

export const TOPICS: readonly Topic[] = [
  { names: ['replay'], summary: 'where we are, engine, checkpoints', run: (debug) => debug.status() },
  { names: ['registers'], summary: 'general registers, segments, control registers', run: showRegisters },
  { names: ['breakpoints'], summary: 'breakpoints and watchpoints', run: listStops },
  { names: ['mem', 'tlb'], summary: 'which linear pages are mapped where', run: showMappings },
  { names: ['devices'], summary: 'state of all devices', run: (debug) => showDevices(debug, '') },
];

export function topicNames(debug: Debugger): string[] {
  return [...TOPICS.flatMap(({ names }) => names), ...debug.timeline.machine.board.devices.map(({ name }) => name)];
}

function info(debug: Debugger, rest: string): Output {
  if (rest === '') {
    const lines = TOPICS.map(({ names, summary }) => `  ${`info ${names.join(', ')}`.padEnd(28)} ${summary}`);
    const devices = debug.timeline.machine.board.devices.map(({ name }) => name);
    return plain([...lines, `  info ${devices.join(', ')}`].join('\n'), topicNames(debug));
  }
  const [word] = rest.split(/\s+/, 1);
  const topic = chooseByName(TOPICS, word);
  if (topic !== null) return topic.run(debug, rest.slice(word.length).trim());
  if (deviceStates(debug.timeline.machine, word).length > 0) return showDevices(debug, word);
  throw new DebuggerError(`There is no topic "${word}": info takes ${topicNames(debug).join(', ')}.`);
}

export const INFO: Command = {
  names: ['info', 'i'],
  usage: '[TOPIC]',
  summary: 'more about one thing: registers, breakpoints, mem, a device …; alone: the topics',
  group: 'look',
  completes: ['topic'],
  run: info,
};
