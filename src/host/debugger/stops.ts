// Commands that say where to stop: breakpoints, watchpoints, their list, and taking them away. The timeline holds them;
// here they are named and shown.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import type { Evaluator } from '../../core/timeline/expression.ts';
import type { WatchKind } from '../../core/timeline/lookout.ts';
import type { SourcePlace } from '../symbols/source-level.ts';
import { countOf, plain, splitCondition } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { addressesOfLine } from './source.ts';
import { hex, hexValue, linearEip } from './views.ts';

const KINDS: Readonly<Record<string, WatchKind>> = {
  w: 'write',
  r: 'read',
  a: 'access',
  write: 'write',
  read: 'read',
  access: 'access',
};

const named = (debug: Debugger, address: number): string => {
  const name = debug.symbols.describe(address);
  return name === '' ? '' : ` <${name}>`;
};

function watch(debug: Debugger, rest: string): Output {
  const { place, condition } = splitCondition(debug, rest);
  const words = place.split(/\s+/).filter((word) => word !== '');
  const kind = words.length > 1 && Object.hasOwn(KINDS, words[words.length - 1]) ? KINDS[words.pop() ?? 'w'] : 'write';
  const sizeBytes = words.length > 1 && /^\d+$/.test(words[words.length - 1]) ? countOf(words.pop() ?? '', 4, 4096) : 4;
  const linear = debug.evaluate(words.join(' ')) >>> 0;
  const physical = peekPhysical(debug.timeline.machine.cpu, linear);
  if (physical < 0 || debug.timeline.machine.space.hostPage(physical) < 0) {
    throw new DebuggerError(`No memory is mapped at ${hex(linear)} now: seek a moment when it is.`);
  }
  if ((linear & 0xfff) + sizeBytes > PAGE_BYTES) throw new DebuggerError('A watchpoint lies within one page: set two.');
  const { id } = debug.timeline.addWatchpoint(physical, sizeBytes, kind, condition);
  debug.watchedAt.set(id, linear);
  return plain(`watchpoint ${id}: ${kind} of ${sizeBytes} bytes at ${hex(linear)}${named(debug, linear)}`, {
    id,
    linear,
    physical,
    sizeBytes,
    kind,
  });
}

/** One breakpoint for every function that has the line. */
function breakAtLine(debug: Debugger, lines: readonly SourcePlace[], condition: Evaluator | null): Output {
  const set = lines.map(({ from, file, line, process }) => {
    const { id } = debug.timeline.addBreakpoint(from, debug.inProcess(process, condition));
    return { id, address: from, file, line };
  });
  const text = set.map(
    ({ id, address, file, line }) => `breakpoint ${id} at ${hex(address)}${named(debug, address)} (${file}:${line})`,
  );
  return plain(text.join('\n'), { ...set[0], all: set });
}

export const STOPS: readonly Command[] = [
  {
    names: ['break', 'b'],
    usage: 'ADDRESS|FILE:LINE [if CONDITION]',
    summary: 'stop before the instruction or line there; without an address: here',
    group: 'stop',
    completes: ['symbol'],
    run: (debug, rest) => {
      const { place, condition } = splitCondition(debug, rest);
      const lines = addressesOfLine(debug, place);
      if (lines !== null) return breakAtLine(debug, lines, condition);
      // gdb marks an address by a star.
      const address =
        place === '' ? linearEip(debug.timeline.machine.cpu) : debug.evaluate(place.replace(/^\*\s*/, '')) >>> 0;
      const { id } = debug.timeline.addBreakpoint(address, debug.inProcess(debug.processOf(place), condition));
      return plain(`breakpoint ${id} at ${hex(address)}${named(debug, address)}`, { id, address });
    },
  },
  {
    names: ['watch', 'w'],
    usage: 'ADDRESS [SIZE] [w|r|a] [if CONDITION]',
    summary: 'stop at writes, reads or both of the memory there',
    group: 'stop',
    completes: ['symbol'],
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
      if (rest === '') throw new DebuggerError('Which one? bl lists them; delete all takes all away.');
      if (!timeline.remove(countOf(rest, 0))) throw new DebuggerError(`There is no breakpoint or watchpoint ${rest}.`);
      return plain(`${rest} deleted`);
    },
  },
  { names: ['breakpoints', 'bl'], usage: '', summary: 'list them', group: 'stop', run: listStops },
];

export function listStops({ timeline, symbols, watchedAt }: Debugger): Output {
  const breakpoints = timeline.breakpoints.map(({ id, address, condition }) => ({
    id,
    address,
    conditional: condition !== null,
  }));
  const watchpoints = timeline.watchpoints.map(({ id, physical, sizeBytes, kind }) => ({
    id,
    linear: watchedAt.get(id) ?? null,
    physical,
    sizeBytes,
    kind,
  }));
  const lines = [
    ...breakpoints.map(
      ({ id, address, conditional }) =>
        `${id}  break ${hex(address)} ${symbols.describe(address)}${conditional ? '  with a condition' : ''}`,
    ),
    ...watchpoints.map(({ id, linear, physical, sizeBytes, kind }) => {
      const place = linear === null ? `physical ${hexValue(physical)}` : hex(linear);
      return `${id}  ${kind} of ${sizeBytes} bytes at ${place} ${linear === null ? '' : symbols.describe(linear)}`;
    }),
  ].map((line) => line.trimEnd());
  return plain(lines.length === 0 ? 'none' : lines.join('\n'), { breakpoints, watchpoints });
}
