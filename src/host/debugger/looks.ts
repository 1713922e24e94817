// Commands that look at this moment: registers, memory, instructions, stack, values, what the guest has sent, the
// next events of the log. Topics of `info` are in info.ts, questions over time in questions.ts.

import { eventToJson, eventToText } from '../../core/log/events.ts';
import { logEvents } from '../../core/log/log.ts';
import { describePosition } from '../../core/timeline/positions.ts';
import { countOf, plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { disassembly, examine, print } from './examine.ts';
import { registerLines, registers, stackLines, stackSlots } from './views.ts';

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
    completes: ['symbol'],
    repeats: true,
    run: disassembly,
  },
  {
    names: ['memory', 'x'],
    usage: '[/FORM] ADDRESS [BYTES]',
    summary: 'memory at a linear address: bytes, or as in x/10i, x/4xw, x/s',
    details:
      'x ADDRESS [BYTES] shows bytes with their characters. x/NFU ADDRESS as in gdb: N units, F one of\n' +
      'x d u o t c a i s, U one of b h w g. Without an address, and by an empty line, it goes on behind what\n' +
      'was shown.',
    group: 'look',
    completes: ['symbol'],
    repeats: true,
    takesFormat: true,
    run: (debug, rest, format) => examine(debug, rest, format, false),
  },
  {
    names: ['physical', 'xp'],
    usage: '[/FORM] ADDRESS [BYTES]',
    summary: 'and at a physical one',
    group: 'look',
    repeats: true,
    takesFormat: true,
    run: (debug, rest, format) => examine(debug, rest, format, true),
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
    usage: '[/FORM] EXPRESSION',
    summary: 'a value, such as $eax + [esp+4]; p/x, p/d, p/t, p/a …',
    group: 'look',
    completes: ['symbol'],
    takesFormat: true,
    run: print,
  },
  {
    names: ['serial'],
    usage: '[LINE]',
    summary: 'what the guest has sent up to now',
    group: 'look',
    run: showSerial,
  },
  {
    names: ['events'],
    usage: '[N]',
    summary: 'the next events of the log',
    group: 'look',
    run: showEvents,
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
