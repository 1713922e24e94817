// What was typed in earlier sessions: a file of lines in this user's state folder, the newest last. Each line is
// appended as it is entered, so that sessions side by side lose nothing; a folder that cannot be written costs the
// memory alone.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from '../node/state-folder.ts';

const LINES_MAX = 1000;
const LINE_CHARACTERS_MAX = 4096;

const historyPath = (): string => join(stateFolder(), 'debug-history');

/** Newest first, each once. Cuts the file when it has grown. */
export function loadHistory(): string[] {
  let lines: string[];
  try {
    lines = readFileSync(historyPath(), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
  const newest = [...new Set(lines.reverse())].slice(0, LINES_MAX);
  if (lines.length > 2 * LINES_MAX) {
    try {
      writeFileSync(historyPath(), `${[...newest].reverse().join('\n')}\n`, { mode: 0o600 });
    } catch {
      // It stays long.
    }
  }
  return newest;
}

export function rememberLine(line: string): void {
  if (line.trim() === '' || line.length > LINE_CHARACTERS_MAX || line.includes('\n')) return;
  try {
    mkdirSync(stateFolder(), { recursive: true });
    appendFileSync(historyPath(), `${line}\n`, { mode: 0o600 });
  } catch {
    // Nothing is remembered then.
  }
}
