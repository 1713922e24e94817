// The debugger at a terminal: a prompt with completion and a history that outlives the session, Ctrl-R to search in it;
// Ctrl-C gives a long way up, Ctrl-D leaves. An empty line does the last move or look once more. What is longer than
// the screen waits for a key.

import { createInterface, type Interface } from 'node:readline';
import type { ChalkInstance } from 'chalk';
import { complete } from './complete.ts';
import type { Debugger } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { loadHistory, rememberLine } from './history.ts';
import { HistorySearch } from './history-search.ts';
import { Keyboard } from './keyboard.ts';
import { showPaged } from './pager.ts';
import { splitScript } from './script.ts';

const HISTORY_LINES = 1000;
const PROMPT = 'reprise> ';

class Prompt {
  private readonly keyboard = new Keyboard();
  private readonly lines: Interface;
  private readonly debug: Debugger;
  private readonly colors: ChalkInstance;
  /** Newest first. */
  private history: readonly string[] = loadHistory();
  private isBusy = false;

  constructor(debug: Debugger, colors: ChalkInstance) {
    this.debug = debug;
    this.colors = colors;
    this.lines = createInterface({
      input: this.keyboard,
      output: process.stdout,
      terminal: true,
      history: [...this.history],
      historySize: HISTORY_LINES,
      removeHistoryDuplicates: true,
      prompt: PROMPT,
      completer: (line: string) => complete(debug, line),
    });
    this.lines.on('history', (history) => (this.history = [...history]));
    this.lines.on('SIGINT', () => this.interrupt());
    this.keyboard.onSearch = () => this.search();
  }

  async run(): Promise<void> {
    this.lines.prompt();
    for await (const typed of this.lines) {
      rememberLine(typed);
      await this.runLine(typed.trim() === '' ? (this.debug.again ?? '') : typed);
      if (this.debug.isQuitting) break;
      this.lines.prompt();
    }
    this.lines.close();
    this.keyboard.release();
  }

  private async runLine(line: string): Promise<void> {
    this.isBusy = true;
    try {
      for (const command of splitScript(line)) {
        const { text } = await this.debug.execute(command);
        if (text !== '') await showPaged(text, this.keyboard, process.stdout);
      }
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      process.stderr.write(`${this.colors.red(error.message)}\n`);
    } finally {
      this.isBusy = false;
      this.debug.isInterrupted = false;
    }
  }

  private interrupt(): void {
    if (this.isBusy) {
      this.debug.isInterrupted = true;
      return;
    }
    process.stdout.write('^C\n(quit or Ctrl-D leaves)\n');
    this.replaceLine('');
  }

  /** What readline has in its line becomes this. */
  private replaceLine(text: string): void {
    this.lines.write(null, { ctrl: true, name: 'e' });
    this.lines.write(null, { ctrl: true, name: 'u' });
    this.lines.prompt();
    if (text !== '') this.lines.write(text);
  }

  private search(): void {
    if (this.isBusy) return;
    const before = this.lines.line;
    const search = new HistorySearch(this.history, before);
    const draw = (): void => void process.stdout.write(`\r\x1b[K${search.prompt}`);
    draw();
    this.keyboard.lend((keys) => {
      const end = search.type(keys);
      if (end === null) {
        draw();
        return;
      }
      this.keyboard.lend(null);
      process.stdout.write('\r\x1b[K');
      this.replaceLine(end.kind === 'cancel' ? before : end.line);
      if (end.kind === 'enter') this.lines.write('\n');
    });
  }
}

/** Resolves when the user leaves. */
export async function runTerminal(debug: Debugger, colors: ChalkInstance): Promise<void> {
  process.stdout.write(`${debug.status().text}\n${debug.here()}\nhelp lists the commands\n`);
  await new Prompt(debug, colors).run();
}
