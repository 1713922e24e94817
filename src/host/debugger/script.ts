// Commands that nobody types: from --exec, or line by line from a pipe. The first one that cannot be done ends the
// script, with a sentence and status 2; with --json every command gives one line of JSON.

import { createInterface } from 'node:readline';
import { printJson } from '../cli/report.ts';
import { CommandError } from '../node/errors.ts';
import type { Debugger } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

/** Commands are separated by semicolons and line ends outside of quotes; what begins with # is a remark. */
export function splitScript(text: string): string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^;\n"]|")+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '' && !part.startsWith('#'));
}

async function runLine(debug: Debugger, line: string, isJson: boolean, where: string): Promise<void> {
  try {
    const { text, data } = await debug.execute(line);
    if (isJson) {
      const isObject = typeof data === 'object' && data !== null && !Array.isArray(data);
      printJson({ command: line, ...(isObject ? data : { value: data }) });
    } else if (text !== '') process.stdout.write(`${text}\n`);
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error;
    throw new CommandError(`${where}${line}: ${error.message}`);
  }
}

/** Throws CommandError at the first command that cannot be done. */
export async function runScript(debug: Debugger, scripts: readonly string[], isJson: boolean): Promise<void> {
  for (const line of scripts.flatMap(splitScript)) {
    await runLine(debug, line, isJson, '');
    if (debug.isQuitting) return;
  }
}

/** The same for standard input. */
export async function runPiped(debug: Debugger, isJson: boolean): Promise<void> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  let number = 0;
  try {
    for await (const typed of lines) {
      number++;
      for (const line of splitScript(typed)) {
        await runLine(debug, line, isJson, `line ${number}: `);
        if (debug.isQuitting) return;
      }
    }
  } finally {
    lines.close();
    // What is left of the script is nobody's.
    process.stdin.destroy();
  }
}
