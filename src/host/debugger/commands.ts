// The commands that move, stop and look. Each is one entry; the table at the end is what help, completion and
// execute() go by. Questions over time (last-write, diff, find …) are in questions.ts.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { readFileSync } from 'node:fs';
import { eventToText, eventToJson } from '../../core/log/events.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import { logEvents } from '../../core/log/log.ts';
import { peekBytes, peekPhysical, peekPhysicalBytes } from '../../core/memory/peek.ts';
import type { WatchKind } from '../../core/timeline/lookout.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import { engineNames, loadEngine } from '../../engines.ts';
import { whyUnreadable } from '../node/images.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { BRANCH } from './branch.ts';
import { LINUX } from './linux.ts';
import { QUESTIONS } from './questions.ts';
import { readElfSymbols, readSystemMap } from './symbols.ts';
import {
  deviceLines,
  deviceStates,
  hex8,
  instructionLines,
  instructions,
  linearEip,
  mappedRanges,
  memoryLines,
  registerLines,
  registers,
  stackLines,
  stackSlots,
} from './views.ts';

const COUNT_MAX = 1_000_000_000;
const BYTES_MAX = 1 << 20;

export function countOf(text: string, fallback: number, max = COUNT_MAX): number {
  if (text === '') return fallback;
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new DebuggerError(`"${text}" is no count: give a whole number from 1 to ${max}.`);
  }
  return value;
}

export const plain = (text: string, data: unknown = null): Output => ({ text, data });

/** Splits `… if EXPRESSION`. */
function splitCondition(debug: Debugger, rest: string) {
  const match = /^(.*?)(?:\s+|^)if\s+(.+)$/s.exec(rest);
  if (match === null) return { place: rest.trim(), condition: null };
  return { place: match[1].trim(), condition: debug.condition(match[2]) };
}

function* moveBy(debug: Debugger, rest: string, isBack: boolean): Way<Output> {
  const count = countOf(rest, 1);
  const { timeline } = debug;
  return debug.moved(yield* isBack ? timeline.stepBack(count) : timeline.step(count));
}

function* next(debug: Debugger): Way<Output> {
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const address = linearEip(cpu);
  const [instruction] = instructions(cpu, debug.disassemble, address, 1);
  if (!/^(call|int|rep|loop)/i.test(instruction.text)) return debug.moved(yield* timeline.step());
  // The instruction behind, with the stack no deeper than now: not in a recursion.
  const following = (address + instruction.bytes.length) >>> 0;
  const esp = cpu.m32[4] >>> 0;
  const breakpoint = timeline.addBreakpoint(following, (later) => (later.m32[4] >>> 0 >= esp ? 1 : 0));
  try {
    return debug.moved(yield* timeline.continueForward());
  } finally {
    timeline.remove(breakpoint.id);
  }
}

const MOVES: readonly Command[] = [
  {
    names: ['step', 's', 'stepi', 'si'],
    usage: '[N]',
    summary: 'one instruction (or N) forward',
    group: 'move',
    run: (debug, rest) => moveBy(debug, rest, false),
  },
  {
    names: ['reverse-step', 'rs', 'reverse-stepi', 'rsi'],
    usage: '[N]',
    summary: 'one instruction (or N) back',
    group: 'move',
    run: (debug, rest) => moveBy(debug, rest, true),
  },
  { names: ['next', 'n'], usage: '', summary: 'one instruction, over calls', group: 'move', run: next },
  {
    names: ['continue', 'c'],
    usage: '',
    summary: 'on to the next breakpoint or watchpoint',
    group: 'move',
    run: function* (debug) {
      return debug.moved(yield* debug.timeline.continueForward());
    },
  },
  {
    names: ['reverse-continue', 'rc'],
    usage: '',
    summary: 'back to the last breakpoint or watchpoint',
    group: 'move',
    run: function* (debug) {
      return debug.moved(yield* debug.timeline.continueBackward());
    },
  },
  {
    names: ['seek', 'goto', 'g'],
    usage: 'POSITION',
    summary: 'to a tick, 50%, start, end, +N, event:N, serial:"text", reset, irq:N, fault:N, mark:NAME or a condition',
    group: 'move',
    run: function* (debug, rest) {
      return debug.moved(yield* debug.go(rest));
    },
  },
  {
    names: ['back'],
    usage: '',
    summary: 'to the place visited before',
    group: 'move',
    run: (debug) => revisit(debug, -1),
  },
  { names: ['forward'], usage: '', summary: 'and to the one after', group: 'move', run: (debug) => revisit(debug, 1) },
];

function* revisit(debug: Debugger, direction: -1 | 1): Way<Output> {
  const position = debug.revisit(direction);
  if (position === null)
    throw new DebuggerError(
      direction < 0 ? 'No place was visited before this one.' : 'This is the last place visited.',
    );
  return debug.moved(yield* debug.timeline.seek(position));
}

const KINDS: Readonly<Record<string, WatchKind>> = {
  w: 'write',
  r: 'read',
  a: 'access',
  write: 'write',
  read: 'read',
  access: 'access',
};

function watch(debug: Debugger, rest: string): Output {
  const { place, condition } = splitCondition(debug, rest);
  const words = place.split(/\s+/).filter((word) => word !== '');
  const kind = words.length > 1 && Object.hasOwn(KINDS, words[words.length - 1]) ? KINDS[words.pop() ?? 'w'] : 'write';
  const sizeBytes = words.length > 1 && /^\d+$/.test(words[words.length - 1]) ? countOf(words.pop() ?? '', 4, 4096) : 4;
  const linear = debug.evaluate(words.join(' '));
  const physical = peekPhysical(debug.timeline.machine.cpu, linear);
  if (physical < 0 || debug.timeline.machine.space.hostPage(physical) < 0) {
    throw new DebuggerError(`No memory is mapped at ${hex8(linear)}h now: seek a moment when it is.`);
  }
  if ((linear & 0xfff) + sizeBytes > PAGE_BYTES) throw new DebuggerError('A watchpoint lies within one page: set two.');
  const { id } = debug.timeline.addWatchpoint(physical, sizeBytes, kind, condition);
  return plain(
    `watchpoint ${id}: ${kind} of ${sizeBytes} bytes at ${hex8(linear)} (physical ${physical.toString(16)}h)`,
    { id, physical, sizeBytes, kind },
  );
}

const STOPS: readonly Command[] = [
  {
    names: ['break', 'b'],
    usage: 'ADDRESS [if CONDITION]',
    summary: 'stop before the instruction there',
    group: 'stop',
    run: (debug, rest) => {
      const { place, condition } = splitCondition(debug, rest);
      const address = place === '' ? linearEip(debug.timeline.machine.cpu) : debug.evaluate(place);
      const { id } = debug.timeline.addBreakpoint(address, condition);
      return plain(`breakpoint ${id} at ${hex8(address)} ${debug.symbols.describe(address)}`.trimEnd(), {
        id,
        address,
      });
    },
  },
  {
    names: ['watch', 'w'],
    usage: 'ADDRESS [SIZE] [w|r|a] [if CONDITION]',
    summary: 'stop at writes, reads or both of the memory there',
    group: 'stop',
    run: watch,
  },
  {
    names: ['delete', 'd'],
    usage: 'N|all',
    summary: 'take a breakpoint or watchpoint away',
    group: 'stop',
    run: ({ timeline }, rest) => {
      if (rest === 'all') {
        for (const { id } of [...timeline.breakpoints, ...timeline.watchpoints]) timeline.remove(id);
        return plain('all deleted');
      }
      if (!timeline.remove(countOf(rest, 0))) throw new DebuggerError(`There is no breakpoint or watchpoint ${rest}.`);
      return plain(`${rest} deleted`);
    },
  },
  { names: ['breakpoints', 'bl'], usage: '', summary: 'list them', group: 'stop', run: listStops },
];

function listStops({ timeline, symbols }: Debugger): Output {
  const breakpoints = timeline.breakpoints.map(({ id, address, condition }) => ({
    id,
    address,
    conditional: condition !== null,
  }));
  const watchpoints = timeline.watchpoints.map(({ id, physical, sizeBytes, kind }) => ({
    id,
    physical,
    sizeBytes,
    kind,
  }));
  const lines = [
    ...breakpoints.map(({ id, address }) => `${id}  break ${hex8(address)} ${symbols.describe(address)}`.trimEnd()),
    ...watchpoints.map(
      ({ id, physical, sizeBytes, kind }) =>
        `${id}  ${kind} of ${sizeBytes} bytes at physical ${physical.toString(16)}h`,
    ),
  ];
  return plain(lines.length === 0 ? 'none' : lines.join('\n'), { breakpoints, watchpoints });
}

function showMemory(debug: Debugger, rest: string, isPhysical: boolean): Output {
  const match = /^(.*?)(?:\s+(\d[\d_]*))?$/s.exec(rest);
  if (match === null || match[1] === '') throw new DebuggerError('Which memory? Give an address, such as x esp 64.');
  const address = debug.evaluate(match[1]);
  const bytes = new Uint8Array(countOf(match[2] ?? '', 64, BYTES_MAX));
  const { cpu } = debug.timeline.machine;
  const got = isPhysical ? peekPhysicalBytes(cpu, address, bytes) : peekBytes(cpu, address, bytes);
  if (got === 0)
    throw new DebuggerError(
      `${hex8(address)}h is ${isPhysical ? 'no memory' : 'not mapped to memory at this moment'}.`,
    );
  const shown = bytes.subarray(0, got);
  return plain(memoryLines(address, shown), { address, bytes: [...shown] });
}

function showRegisters(debug: Debugger): Output {
  const values = registers(debug.timeline.machine.cpu);
  const text = registerLines(values, debug.shownRegisters, debug.mark);
  debug.shownRegisters = values;
  return plain(text, values);
}

function showDevices(debug: Debugger, prefix: string): Output {
  const states = deviceStates(debug.timeline.machine, prefix);
  if (states.length === 0) {
    const names = debug.timeline.machine.board.devices.map(({ name }) => name).join(', ');
    throw new DebuggerError(`There is no device "${prefix}": the machine has ${names}.`);
  }
  return plain(deviceLines(debug.timeline.machine, prefix), states);
}

function showSerial({ timeline }: Debugger, rest: string): Output {
  const line = rest === 'debug' ? 4 : rest === '' ? 0 : Number(rest);
  if (!Number.isInteger(line) || line < 0 || line > 4) throw new DebuggerError('Serial lines are 0 to 3, and debug.');
  const text = Buffer.from(timeline.serial.sent(line)).toString('latin1');
  return plain(
    text.replace(/[^\n\t\x20-\x7e]/g, (c) => (c === '\r' ? '' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)),
    { line, text },
  );
}

function showEvents({ timeline }: Debugger, rest: string): Output {
  const limit = countOf(rest, 10, 10_000);
  const lines: string[] = [];
  const data: unknown[] = [];
  for (const event of logEvents(timeline.log, { fromTick: timeline.position.tick })) {
    if (lines.length === limit) break;
    lines.push(`${String(event.tick).padStart(14)} ${event.class} ${eventToText(event.event)}`);
    data.push(eventToJson(event));
  }
  return plain(lines.length === 0 ? 'no more events' : lines.join('\n'), data);
}

function showMappings({ timeline }: Debugger): Output {
  const ranges = mappedRanges(timeline.machine.cpu, 200);
  const text = ranges.map(
    ({ linear, physical, pages }) =>
      `${hex8(linear)} – ${hex8(linear + pages * PAGE_BYTES - 1)}  physical ${hex8(physical)}`,
  );
  return plain(text.join('\n'), ranges);
}

function info(debug: Debugger, rest: string): Output {
  switch (rest) {
    case '':
    case 'replay':
      return debug.status();
    case 'devices':
      return showDevices(debug, '');
    case 'tlb':
    case 'mem':
      return showMappings(debug);
    case 'break':
    case 'breakpoints':
      return listStops(debug);
    case 'registers':
      return showRegisters(debug);
    default:
      return showDevices(debug, rest);
  }
}

function disassembly(debug: Debugger, rest: string): Output {
  const match = /^(.*?)(?:\s+(\d+))?$/s.exec(rest);
  const isCount = /^\d{1,3}$/.test(rest);
  const { cpu } = debug.timeline.machine;
  const place = isCount ? '' : (match?.[1] ?? '');
  const address = place === '' ? linearEip(cpu) : debug.evaluate(place);
  const count = countOf(isCount ? rest : (match?.[2] ?? ''), 10, 10_000);
  const list = instructions(cpu, debug.disassemble, address, count);
  return plain(
    instructionLines(list, debug.symbols, linearEip(cpu)),
    list.map(({ address: at, bytes, text }) => ({
      address: at,
      bytes: [...bytes],
      text,
      symbol: debug.symbols.describe(at),
    })),
  );
}

const LOOKS: readonly Command[] = [
  {
    names: ['registers', 'r'],
    usage: '',
    summary: 'registers, changed ones marked',
    group: 'look',
    run: showRegisters,
  },
  {
    names: ['disassemble', 'u'],
    usage: '[ADDRESS] [N]',
    summary: 'instructions with symbols',
    group: 'look',
    run: disassembly,
  },
  {
    names: ['memory', 'x'],
    usage: 'ADDRESS [BYTES]',
    summary: 'memory at a linear address',
    group: 'look',
    run: (debug, rest) => showMemory(debug, rest, false),
  },
  {
    names: ['physical', 'xp'],
    usage: 'ADDRESS [BYTES]',
    summary: 'and at a physical one',
    group: 'look',
    run: (debug, rest) => showMemory(debug, rest, true),
  },
  {
    names: ['stack', 'k'],
    usage: '[N]',
    summary: 'the words on the stack, return addresses marked',
    group: 'look',
    run: (debug, rest) => {
      const slots = stackSlots(debug.timeline.machine.cpu, countOf(rest, 16, 4096));
      return plain(stackLines(slots, debug.symbols), slots);
    },
  },
  {
    names: ['print', 'p'],
    usage: 'EXPRESSION',
    summary: 'a value, such as eax + [esp+4]',
    group: 'look',
    run: (debug, rest) => {
      const value = debug.evaluate(rest);
      const name = debug.symbols.describe(value);
      return plain(`${value} = 0x${value.toString(16)}${name === '' ? '' : ` = ${name}`}`, value);
    },
  },
  LINUX,
  { names: ['devices'], usage: '[NAME]', summary: 'state of the devices', group: 'look', run: showDevices },
  { names: ['serial'], usage: '[LINE]', summary: 'what the guest has sent up to now', group: 'look', run: showSerial },
  { names: ['events'], usage: '[N]', summary: 'the next events of the log', group: 'look', run: showEvents },
  {
    names: ['info'],
    usage: 'replay|devices|tlb|pic|pit|break|registers',
    summary: 'more about one thing',
    group: 'look',
    run: info,
  },
  {
    names: ['hash'],
    usage: '[LABEL]',
    summary: 'digest of the whole state here, to compare moments and machines',
    group: 'look',
    run: ({ timeline }, rest) => {
      const { root } = timeline.machine.hash();
      const label = rest === '' ? '' : `${rest} `;
      return plain(`hash ${label}${describePosition(timeline.position)} ${root}`, { label: rest, hash: root });
    },
  },
  { names: ['when'], usage: '', summary: 'where we are', group: 'look', run: (debug) => debug.status() },
];

function help({ commands }: Debugger, rest: string): Output {
  const shown = rest === '' ? commands : commands.filter(({ names }) => names.some((name) => name.startsWith(rest)));
  if (shown.length === 0) throw new DebuggerError(`There is no command "${rest}".`);
  const lines = shown.map(
    ({ names, usage, summary }) => `  ${`${names.slice(0, 2).join(', ')} ${usage}`.padEnd(44)} ${summary}`,
  );
  return plain(
    lines.join('\n'),
    shown.map(({ names, usage, summary }) => ({ names, usage, summary })),
  );
}

const OTHERS: readonly Command[] = [
  {
    names: ['engine'],
    usage: '[NAME]',
    summary: 'run on another engine',
    group: 'other',
    run: async ({ timeline }, rest) => {
      if (rest === '') return plain(`${timeline.engine.name} of ${engineNames().join(', ')}`, timeline.engine.name);
      if (!engineNames().includes(rest))
        throw new DebuggerError(`There is no engine "${rest}": there are ${engineNames().join(', ')}.`);
      timeline.useEngine(await loadEngine(rest));
      return plain(`engine ${rest}`, rest);
    },
  },
  {
    names: ['symbols'],
    usage: 'FILE',
    summary: 'take symbols from an ELF file, a System.map or a listing of /proc/kallsyms',
    group: 'other',
    run: ({ symbols }, rest) => {
      let bytes: Uint8Array;
      try {
        bytes = readFileSync(rest);
      } catch (error) {
        throw new DebuggerError(`${rest} cannot be used, ${whyUnreadable(error)}.`);
      }
      const before = symbols.count;
      symbols.add(readElfSymbols(bytes));
      if (symbols.count === before) symbols.add(readSystemMap(Buffer.from(bytes).toString('latin1')));
      if (symbols.count === before)
        throw new DebuggerError(`${rest} holds no symbols: give an ELF file or a System.map.`);
      return plain(`${symbols.count} symbols`, symbols.count);
    },
  },
  {
    names: ['checkpoint', 'cp'],
    usage: '',
    summary: 'make one here, so that coming back is quick',
    group: 'other',
    run: (debug) => {
      const { timeline } = debug;
      if (!timeline.checkpoint()) {
        throw new DebuggerError(
          'Something has happened at this tick already (an interrupt, a timer): a checkpoint can be made one step ' +
            'further.',
        );
      }
      const { tick } = timeline.position;
      return plain(`checkpoint at tick ${tick}, ${timeline.checkpoints.count} in all`, tick);
    },
  },
  {
    names: ['checkpoints'],
    usage: '',
    summary: 'where checkpoints are',
    group: 'other',
    run: (debug) => {
      const ticks = debug.timeline.checkpoints.ticks();
      return plain(`${debug.status().text}\n${ticks.join(' ')}`, ticks);
    },
  },
  { names: ['help', 'h', '?'], usage: '[COMMAND]', summary: 'this list', group: 'other', run: help },
  {
    names: ['quit', 'q', 'exit'],
    usage: '',
    summary: 'leave',
    group: 'other',
    run: (debug) => {
      debug.isQuitting = true;
      return plain('');
    },
  },
];

export const COMMANDS: readonly Command[] = [...MOVES, ...STOPS, ...QUESTIONS, BRANCH, ...LOOKS, ...OTHERS];
