// Commands about the debugger itself: engine, checkpoints, help, leaving. They change nothing of the run, and
// the position stays.

import { engineNames, loadEngine } from '../../engines.ts';
import { plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

const GROUPS: Readonly<Record<Command['group'], string>> = {
  move: 'Moving',
  stop: 'Stopping',
  ask: 'Questions about the whole run',
  look: 'Looking at this moment',
  other: 'Other',
};

const helpLine = ({ names, usage, summary }: Command): string =>
  `  ${`${names.slice(0, 2).join(', ')} ${usage}`.padEnd(44)} ${summary}`;

function help({ commands }: Debugger, rest: string): Output {
  const data = (shown: readonly Command[]) => shown.map(({ names, usage, summary }) => ({ names, usage, summary }));
  if (rest === '') {
    const groups = Object.entries(GROUPS).map(([group, title]) => {
      const rows = commands.filter((command) => command.group === group).map(helpLine);
      return [`${title}:`, ...rows].join('\n');
    });
    const note =
      'Any beginning of a name that is no other command will do. An address is 0x…, a symbol, $eax or an\n' +
      'expression; an empty line does a move or a look once more.';
    return plain([...groups, note].join('\n'), data(commands));
  }
  const exact = commands.filter(({ names }) => names.includes(rest));
  const shown = exact.length > 0 ? exact : commands.filter(({ names }) => names.some((name) => name.startsWith(rest)));
  if (shown.length === 0) throw new DebuggerError(`There is no command "${rest}": help lists them.`);
  const lines = shown.flatMap((command) => [
    helpLine(command),
    ...(command.names.length > 2 ? [`      also ${command.names.slice(2).join(', ')}`] : []),
    ...(command.details === undefined ? [] : command.details.split('\n').map((line) => `      ${line}`)),
  ]);
  return plain(lines.join('\n'), data(shown));
}

export const SETTINGS: readonly Command[] = [
  {
    names: ['engine'],
    usage: '[NAME]',
    summary: 'run on another engine',
    group: 'other',
    completes: ['engine'],
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
  {
    names: ['help', 'h', '?'],
    usage: '[COMMAND]',
    summary: 'this list',
    group: 'other',
    completes: ['command'],
    run: help,
  },
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
