// The debugger at a terminal: a prompt with history and completion; Ctrl-C gives a long way up, Ctrl-D leaves. An
// empty line repeats the last move. From a pipe it reads commands line by line, without prompt.

import { createInterface } from 'node:readline';
import type { ChalkInstance } from 'chalk';
import type { Debugger } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

/** Commands that take an address or expression: symbols complete. */
const WANTS_SYMBOL = /^(b|break|u|disassemble|x|memory|p|print|watch|w|lw|last-write)\s+(\S*)$/;
const COMPLETIONS_MAX = 200;

function complete(debug: Debugger, line: string): [string[], string] {
  const symbol = WANTS_SYMBOL.exec(line);
  if (symbol !== null) {
    const names = [...debug.symbols.names()].filter((name) => name.startsWith(symbol[2])).sort();
    return [names.slice(0, COMPLETIONS_MAX), symbol[2]];
  }
  const names = debug.commands.flatMap((command) => command.names).filter((name) => name.startsWith(line));
  return [names.sort(), line];
}

/** Resolves with the exit status when the user leaves. */
export async function runTerminal(debug: Debugger, colors: ChalkInstance): Promise<number> {
  const isTerminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    output: isTerminal ? process.stdout : undefined,
    terminal: isTerminal,
    historySize: 500,
    removeHistoryDuplicates: true,
    prompt: 'reprise> ',
    completer: (line: string) => complete(debug, line),
  });
  let isBusy = false;
  lines.on('SIGINT', () => {
    if (isBusy) debug.isInterrupted = true;
    else {
      process.stdout.write('\n(quit or Ctrl-D leaves)\n');
      lines.prompt();
    }
  });
  if (isTerminal) {
    process.stdout.write(`${debug.status().text}\n${debug.here()}\nhelp lists the commands\n`);
    lines.prompt();
  }
  let status = 0;
  for await (const typed of lines) {
    const line = typed.trim() === '' && isTerminal ? (debug.again ?? '') : typed;
    isBusy = true;
    try {
      const { text } = await debug.execute(line);
      if (text !== '') process.stdout.write(`${text}\n`);
      status = 0;
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      process.stderr.write(`${colors.red(error.message)}\n`);
      status = 2;
    } finally {
      isBusy = false;
      debug.isInterrupted = false;
    }
    if (debug.isQuitting) break;
    if (isTerminal) lines.prompt();
  }
  lines.close();
  return isTerminal ? 0 : status;
}
