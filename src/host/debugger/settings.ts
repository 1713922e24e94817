// Commands about the debugger itself: engine, symbols, checkpoints, help, leaving. They change nothing of the run, and
// the position stays.

import { readFileSync } from 'node:fs';
import { engineNames, loadEngine } from '../../engines.ts';
import { whyUnreadable } from '../node/images.ts';
import { plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { readElfSymbols, readSystemMap } from './symbols.ts';

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

export const SETTINGS: readonly Command[] = [
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
