// A screen at a time: what is longer than the terminal waits for a key, which goes on, shows all, or is enough. Knows
// nothing of what it shows.

import type { Keyboard } from './keyboard.ts';

const MORE = '-- more: Enter or space goes on, a shows all, q is enough --';

/** Rows that a line takes on a screen of so many columns; colours take none. */
export function rowsOf(line: string, columns: number): number {
  const { length } = line.replace(/\x1b\[[\d;]*m/g, '').replace(/\t/g, '        ');
  return Math.max(1, Math.ceil(length / Math.max(1, columns)));
}

/** How many of the lines fit, at least one. */
export function linesThatFit(lines: readonly string[], rows: number, columns: number): number {
  let used = 0;
  let count = 0;
  while (count < lines.length) {
    used += rowsOf(lines[count], columns);
    if (used > rows && count > 0) break;
    count++;
  }
  return Math.max(1, count);
}

export async function showPaged(text: string, keyboard: Keyboard, output: NodeJS.WriteStream): Promise<void> {
  let lines = text.split('\n');
  for (;;) {
    const rows = Math.max(2, output.rows ?? 24);
    const columns = output.columns ?? 80;
    const isAll = linesThatFit(lines, rows - 1, columns) >= lines.length;
    const count = isAll ? lines.length : linesThatFit(lines, rows - 1, columns);
    output.write(`${lines.slice(0, count).join('\n')}\n`);
    lines = lines.slice(count);
    if (lines.length === 0) return;
    output.write(MORE);
    const key = await keyFrom(keyboard);
    output.write('\r\x1b[K');
    // Ctrl-C and Ctrl-D are enough too.
    if (/^[qQ\x03\x04\x1b]/.test(key)) return;
    if (/^[aA]/.test(key)) {
      output.write(`${lines.join('\n')}\n`);
      return;
    }
  }
}

async function keyFrom(keyboard: Keyboard): Promise<string> {
  return await new Promise((resolve) => {
    keyboard.lend((keys) => {
      keyboard.lend(null);
      resolve(keys);
    });
  });
}
