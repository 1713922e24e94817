// Commands that look at this moment: registers, memory, instructions, stack, values, what the guest has sent, the
// next events of the log. Topics of `info` are in info.ts, questions over time in questions.ts.

import { eventToJson, eventToText } from '../../core/log/events.ts';
import { logEvents } from '../../core/log/log.ts';
import { peekBytes, peekPhysicalBytes } from '../../core/memory/peek.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import { countOf, plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import {
  hex8,
  instructionLines,
  instructions,
  linearEip,
  memoryLines,
  registerLines,
  registers,
  stackLines,
  stackSlots,
} from './views.ts';

const BYTES_MAX = 1 << 20;

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

export function showRegisters(debug: Debugger): Output {
  const values = registers(debug.timeline.machine.cpu);
  const text = registerLines(values, debug.shownRegisters, debug.mark);
  debug.shownRegisters = values;
  return plain(text, values);
}

function showSerial({ timeline }: Debugger, rest: string): Output {
  const line = rest === 'debug' ? 4 : rest === '' ? 0 : Number(rest);
  if (!Number.isInteger(line) || line < 0 || line > 4) throw new DebuggerError('Serial lines are 0 to 3, and debug.');
  const text = Buffer.from(timeline.serial.sent(line)).toString('latin1');
  const missing = timeline.serial.sentCount(line) - text.length;
  const head = missing === 0 ? '' : `(${missing} bytes before are not kept in memory; seek serial:"…" finds them)\n`;
  return plain(
    head +
      text.replace(/[^\n\t\x20-\x7e]/g, (c) =>
        c === '\r' ? '' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
      ),
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

export const LOOKS: readonly Command[] = [
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
  { names: ['serial'], usage: '[LINE]', summary: 'what the guest has sent up to now', group: 'look', run: showSerial },
  { names: ['events'], usage: '[N]', summary: 'the next events of the log', group: 'look', run: showEvents },
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
