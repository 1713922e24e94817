/**
 * A debugger over a recording of the tests (fixture.ts): what the command line opens, without its files. A test says
 * what it wants otherwise.
 */
import { COMMANDS } from '../../src/host/debugger/commands.ts';
import { Debugger, type DebuggerOptions } from '../../src/host/debugger/debugger.ts';
import { loadListing } from '../../src/host/debugger/disassemble.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { makeEngine, type Recorded, timelineOf } from './fixture.ts';

const disassemble = await loadListing();

export function debuggerOf(recorded: Recorded, options: Partial<DebuggerOptions> = {}): Debugger {
  return new Debugger({
    timeline: timelineOf(recorded),
    commands: COMMANDS,
    symbols: new SymbolTable(),
    disassemble,
    logName: 'test',
    images: recorded.images,
    makeEngine,
    appendFrame: null,
    ...options,
  });
}
