// The command `symbols`: where the names of addresses come from, how far a kernel has moved and what gdb is to be told
// of it; or more names, from a file. What is found and how is src/host/symbols.

import { CommandError } from '../node/errors.ts';
import { symbolSources, symbolsText } from '../symbols/describe.ts';
import { readSymbolFile } from '../symbols/symbol-files.ts';
import { plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

function symbols({ symbols: table, guest, timeline }: Debugger, rest: string): Output {
  if (rest !== '') {
    try {
      table.add(readSymbolFile(rest));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new DebuggerError(error.message);
    }
  }
  guest.refresh(timeline.machine.cpu);
  return plain(symbolsText(guest), { count: table.count, sources: symbolSources(table) });
}

export const SYMBOLS: Command = {
  names: ['symbols'],
  usage: '[FILE[+OFFSET][@PROCESS]]',
  summary: 'where symbols come from and how far they have moved; or take more from a file',
  group: 'other',
  completes: ['file'],
  run: symbols,
};
