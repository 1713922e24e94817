/**
 * The command at a pseudo-terminal of util-linux `script`, for tests of what people see: keys in, everything that was
 * drawn out. Without that program the tests skip by name. Knows nothing of what the verbs do.
 */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { setTimeout as later } from 'node:timers/promises';
import { reprisePath } from './command.ts';

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;
export const skipTerminal = hasScript ? false : 'needs the program `script` of util-linux';

/** The command at a terminal of so many columns. */
export class Terminal {
  readonly child: ChildProcessWithoutNullStreams;
  shown = '';
  constructor(cwd: string, line: string, columns: number, env: Readonly<Record<string, string>> = {}) {
    const command = `tty; stty cols ${columns} rows 30; exec '${process.execPath}' '${reprisePath}' ${line}`;
    this.child = spawn('script', ['-qec', command, '/dev/null'], {
      cwd,
      env: { ...process.env, TERM: 'xterm-256color', ...env },
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.shown += text));
  }

  async until(pattern: RegExp, from = 0): Promise<void> {
    for (let waited = 0; !pattern.test(this.shown.slice(from)); waited += 20) {
      assert.ok(
        waited < 40_000,
        `${pattern} was not shown, but ${JSON.stringify(this.shown.slice(from).slice(-2000))}`,
      );
      await later(20);
    }
  }

  /** Types, and waits for what comes of it; gives what was shown since. */
  async type(keys: string, answer: RegExp): Promise<string> {
    const from = this.shown.length;
    this.child.stdin.write(keys);
    await this.until(answer, from);
    return this.shown.slice(from);
  }

  /** As a person who pulls at the window. */
  resize(columns: number): void {
    const name = /\/dev\/pts\/\d+/.exec(this.shown)?.[0] ?? '';
    const { status, stderr } = spawnSync('stty', ['-F', name, 'cols', String(columns)], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }

  /** The progress lines that were drawn from this place on. */
  lines(from = 0): string[] {
    return [...this.shown.slice(from).matchAll(/\x1b\[\?7l([^\x1b]*)\x1b\[\?7h/g)].map(([, line]) => line);
  }

  async end(): Promise<number> {
    return await new Promise((resolve) => this.child.once('close', (code) => resolve(code ?? -1)));
  }
}
