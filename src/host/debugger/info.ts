// The command `info`: one table of topics, each a word or two and what it shows; names of devices are topics too. A
// topic is added here as a row, with its view in a file of its own.

import { describeReset } from '../../core/machine/reset-cause.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import { plain } from './arguments.ts';
import { chooseByName, type Command, type Debugger, type Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { showRegisters } from './looks.ts';
import { listStops } from './stops.ts';
import { apicLines, picLines, pitLines } from './chips.ts';
import {
  gdtLines,
  idtLines,
  ldtLines,
  pageEntries,
  pageRanges,
  pageTableLines,
  tssFields,
  tssLines,
} from './tables.ts';
import { fpuLines, fpuRegisters, xmmLines, xmmRegisters } from './units.ts';
import { deviceLines, deviceStates } from './views.ts';

export interface Topic {
  readonly names: readonly string[];
  readonly summary: string;
  readonly run: (debug: Debugger, rest: string) => Output;
}

export function showDevices(debug: Debugger, prefix: string): Output {
  const states = deviceStates(debug.timeline.machine, prefix);
  if (states.length === 0) {
    const names = debug.timeline.machine.board.devices.map(({ name }) => name).join(', ');
    throw new DebuggerError(`There is no device "${prefix}": the machine has ${names}.`);
  }
  return plain(deviceLines(debug.timeline.machine, prefix), states);
}

/** A table whose lines are the data too. */
const lined = (text: string): Output => plain(text, text.split('\n'));

/** Words for a person; for a program what the chip remembers. */
const chip =
  (name: string, lines: (debug: Debugger) => string) =>
  (debug: Debugger): Output =>
    plain(lines(debug), deviceStates(debug.timeline.machine, name));

function pageTable(debug: Debugger, rest: string): Output {
  const { cpu } = debug.timeline.machine;
  const physicalOf = (linear: number): number => peekPhysical(cpu, linear);
  const linear = rest === '' ? null : debug.evaluate(rest);
  const text = pageTableLines(cpu, linear, physicalOf);
  if (linear === null) return plain(text, pageRanges(cpu, physicalOf));
  const entries = pageEntries(cpu, linear).map(({ value, ...entry }) => ({ ...entry, value: Number(value) }));
  return plain(text, { linear, physical: physicalOf(linear), entries });
}

function resets(debug: Debugger): Output {
  const lines = debug.resets.map(({ tick, cause }) => `tick ${tick}: ${describeReset(cause)}`);
  return plain(lines.length === 0 ? 'none on the ways walked so far' : lines.join('\n'), debug.resets);
}

export const TOPICS: readonly Topic[] = [
  { names: ['replay'], summary: 'where we are, engine, checkpoints', run: (debug) => debug.status() },
  { names: ['registers', 'r'], summary: 'general registers, segments, control registers', run: showRegisters },
  {
    names: ['fpu', 'float'],
    summary: 'x87 stack, control and status words',
    run: ({ timeline }) => plain(fpuLines(timeline.machine.cpu), fpuRegisters(timeline.machine.cpu)),
  },
  {
    names: ['xmm', 'vector', 'sse'],
    summary: 'XMM registers and MXCSR',
    run: ({ timeline }) => plain(xmmLines(timeline.machine.cpu), xmmRegisters(timeline.machine.cpu)),
  },
  { names: ['breakpoints', 'watchpoints'], summary: 'breakpoints and watchpoints', run: listStops },
  {
    names: ['idt', 'ivt'],
    summary: 'where interrupts and exceptions lead',
    run: ({ timeline, symbols }) => lined(idtLines(timeline.machine.cpu, symbols)),
  },
  { names: ['gdt'], summary: 'segment descriptors', run: ({ timeline }) => lined(gdtLines(timeline.machine.cpu)) },
  { names: ['ldt'], summary: 'those of the local table', run: ({ timeline }) => lined(ldtLines(timeline.machine.cpu)) },
  {
    names: ['tss'],
    summary: 'the task state segment in use',
    run: ({ timeline }) => plain(tssLines(timeline.machine.cpu), tssFields(timeline.machine.cpu)),
  },
  {
    names: ['pagetable', 'mem', 'tlb'],
    summary: 'which linear pages are mapped where; with an address: the walk for it',
    run: pageTable,
  },
  { names: ['pic'], summary: 'the two 8259A', run: chip('pic', ({ timeline }) => picLines(timeline.machine)) },
  { names: ['pit'], summary: 'the 8254', run: chip('pit', ({ timeline }) => pitLines(timeline.machine)) },
  { names: ['apic'], summary: 'the local APIC', run: chip('apic', ({ timeline }) => apicLines(timeline.machine)) },
  { names: ['resets'], summary: 'resets on the ways walked so far, and why', run: resets },
  { names: ['devices'], summary: 'state of all devices', run: (debug) => showDevices(debug, '') },
];

export function topicNames(debug: Debugger): string[] {
  return [...TOPICS.flatMap(({ names }) => names), ...debug.timeline.machine.board.devices.map(({ name }) => name)];
}

function info(debug: Debugger, rest: string): Output {
  if (rest === '') {
    const lines = TOPICS.map(({ names, summary }) => `  info ${names.join(', ').padEnd(26)} ${summary}`);
    const devices = debug.timeline.machine.board.devices.map(({ name }) => name);
    return plain([...lines, `  info DEVICE: ${devices.join(', ')}`].join('\n'), topicNames(debug));
  }
  const [word] = rest.split(/\s+/, 1);
  const topic = chooseByName(TOPICS, word);
  if (topic !== null) return topic.run(debug, rest.slice(word.length).trim());
  if (deviceStates(debug.timeline.machine, word).length > 0) return showDevices(debug, word);
  throw new DebuggerError(`There is no topic "${word}": info takes ${topicNames(debug).join(', ')}.`);
}

export const DEVICES: Command = {
  names: ['devices'],
  usage: '[NAME]',
  summary: 'state of the devices, field by field',
  group: 'look',
  completes: ['device'],
  run: showDevices,
};

export const INFO: Command = {
  names: ['info', 'i'],
  usage: '[TOPIC]',
  summary: 'more about one thing: registers, fpu, idt, pagetable, pic, a device …; alone: the topics',
  group: 'look',
  completes: ['topic'],
  run: info,
};
