// What a half-typed line can become: names of commands, and behind them what the command's row says that it takes
// (symbols and registers, positions, bookmarks, topics, devices, engines, files). Looks only.

import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { REGISTERS_32 } from '../../core/base/names.ts';
import { engineNames } from '../../engines.ts';
import { chooseByName, type Command, type Completion, type Debugger } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { queryWords } from '../query/grammar.ts';
import { topicNames } from './info.ts';

const CANDIDATES_MAX = 200;

const POSITIONS = [
  'start',
  'end',
  'now',
  'reset',
  'irq',
  'irq:',
  'fault',
  'fault:',
  'nmi',
  'event:',
  'input:',
  'serial:"',
];

function filesFrom(begun: string): string[] {
  const folder = begun.includes('/') ? dirname(`${begun}x`) : '.';
  const prefix = begun.slice(0, begun.lastIndexOf('/') + 1);
  try {
    return readdirSync(folder, { withFileTypes: true }).map(
      (entry) => `${prefix}${entry.name}${entry.isDirectory() ? '/' : ''}`,
    );
  } catch {
    return [];
  }
}

function candidates(debug: Debugger, kind: Completion, begun: string): string[] {
  switch (kind) {
    case 'symbol':
      return [...debug.symbols.names(), ...REGISTERS_32.map((name) => `$${name}`), '$eip', '$pc', '$sp'];
    case 'position':
      return POSITIONS;
    case 'bookmark':
      return debug.bookmarks.flatMap(({ name }) => [`mark:${name}`, name]);
    case 'topic':
      return topicNames(debug);
    case 'device':
      return debug.timeline.machine.board.devices.map(({ name }) => name);
    case 'engine':
      return engineNames();
    case 'file':
      return filesFrom(begun);
    case 'query':
      return queryWords();
    case 'command':
      return debug.commands.flatMap(({ names }) => names);
  }
}

/** The command whose name is all there; null where it is not clear. */
function commandOf(debug: Debugger, word: string): Command | null {
  try {
    return chooseByName(debug.commands, word.replace(/\/\w*$/, ''));
  } catch (error) {
    if (error instanceof DebuggerError) return null;
    throw error;
  }
}

/** Candidates for the last word, and that word: what readline wants of a completer. */
export function complete(debug: Debugger, line: string): [string[], string] {
  // Commands are separated by semicolons.
  const last = line.slice(line.lastIndexOf(';') + 1).trimStart();
  const [, word, rest] = /^(\S+)\s+(.*)$/s.exec(last) ?? [];
  if (word === undefined) return [chosen(candidates(debug, 'command', last), last), last];
  const command = commandOf(debug, word);
  // Behind an operator or a bracket a value begins anew; in a query behind a quote too.
  const isQuery = command?.completes?.includes('query') === true;
  const begun = (isQuery ? /[^\s,()[\]+*&|^!<>="'-]*$/ : /[^\s,()[\]+*&|^!<>=-]*$/).exec(rest)?.[0] ?? '';
  const isFile = command?.completes?.includes('file') === true;
  const wanted = isFile ? (/\S*$/.exec(rest)?.[0] ?? '') : begun;
  const found = (command?.completes ?? []).flatMap((kind) => candidates(debug, kind, wanted));
  return [chosen(found, wanted), wanted];
}

function chosen(names: readonly string[], begun: string): string[] {
  return [...new Set(names.filter((name) => name.startsWith(begun)))].sort().slice(0, CANDIDATES_MAX);
}
