// Commands about the debugger itself: engine, checkpoints, help, leaving. They change nothing of the run, and
// the position stays.

import { engineNames, loadEngine } from '../../engines.ts';
import { plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

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
