// Ctrl-R: the newest line of the history that holds what is typed, then older ones, as shells do it. The model takes
// keys and says what to draw; keyboard and screen are the terminal's (terminal.ts).

export type SearchEnd =
  /** Into the line, and entered. */
  | { readonly kind: 'enter'; readonly line: string }
  /** Into the line, to be changed. */
  | { readonly kind: 'edit'; readonly line: string }
  /** The line that was there before. */
  | { readonly kind: 'cancel' };

export class HistorySearch {
  private query = '';
  private index = -1;
  /** Newest first. */
  private readonly history: readonly string[];
  private readonly before: string;

  constructor(history: readonly string[], before: string) {
    this.history = history;
    this.before = before;
  }

  /** The line that has been found, or what was typed before. */
  get line(): string {
    return this.index < 0 ? this.before : this.history[this.index];
  }

  get prompt(): string {
    const isMissing = this.query !== '' && this.index < 0;
    return `(${isMissing ? 'nothing found' : 'search'})"${this.query}": ${this.line}`;
  }

  /** Keys as the terminal sends them; null while the search goes on. */
  type(keys: string): SearchEnd | null {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (key === '\x12') this.older();
      else if (key === '\x7f' || key === '\b') this.look(this.query.slice(0, -1));
      else if (key === '\r' || key === '\n') return { kind: 'enter', line: this.line };
      else if (key === '\x03' || key === '\x07') return { kind: 'cancel' };
      // Escape, arrows and other controls: on with the line itself.
      else if (key < ' ') return { kind: 'edit', line: this.line };
      else this.look(this.query + key);
    }
    return null;
  }

  private look(query: string): void {
    this.query = query;
    this.index = query === '' ? -1 : this.history.findIndex((line) => line.includes(query));
  }

  private older(): void {
    if (this.query === '') return;
    const next = this.history.findIndex((line, i) => i > this.index && line.includes(this.query));
    if (next >= 0) this.index = next;
  }
}
