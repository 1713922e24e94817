// The guest's text screen in a terminal (`--display curses`), by ECMA-48 control sequences alone: the alternate screen,
// 16 colours, the cursor where the guest has it. Rows that have not changed are not written again. Of graphics it says
// the size. What is larger than the terminal is cut off.

import { cellsOf, type TextCell } from '../../core/devices/display/draw-text.ts';
import { screenSize, screenText } from '../../core/devices/display/screen.ts';
import type { VgaPicture } from '../../core/devices/display/vga.ts';

/** Between two frames. */
const FRAME_MS = 40;
/** Colours of a PC by the order of a terminal: bit 0 is blue there and red here. */
const COLORS = [0, 4, 2, 6, 1, 5, 3, 7] as const;
const ENTER = '\x1b[?1049h\x1b[2J';
const LEAVE = '\x1b[0m\x1b[?25h\x1b[?1049l';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** One frame as rows, and the place of the cursor. */
export interface TextFrame {
  readonly rows: readonly string[];
  /** From 1; null when it is not shown. */
  readonly cursor: { readonly row: number; readonly column: number } | null;
}

/** SGR parameters of an attribute: bright characters by 90 to 97; the background is one of eight. */
function colorsOf(attribute: number): string {
  const fore = attribute & 0x0f;
  const base = fore >= 8 ? 90 : 30;
  return `\x1b[0;${base + COLORS[fore & 7]};${40 + COLORS[(attribute >>> 4) & 7]}m`;
}

function rowText(cells: readonly TextCell[]): string {
  let text = '';
  let last = -1;
  for (const { character, attribute } of cells) {
    if (attribute !== last) text += colorsOf(attribute);
    last = attribute;
    text += character;
  }
  return text;
}

export function frameOf(picture: VgaPicture, { columns, rows }: TerminalSize): TextFrame {
  if (screenText(picture) === null) {
    const { width, height } = screenSize(picture.registers);
    return { rows: [`\x1b[0m(${width} × ${height} dots of graphics, or nothing)`.slice(0, columns + 4)], cursor: null };
  }
  const cells = cellsOf(picture)
    .slice(0, rows)
    .map((row) => row.slice(0, columns));
  const row = cells.findIndex((each) => each.some(({ isCursor }) => isCursor));
  const column = row < 0 ? -1 : cells[row].findIndex(({ isCursor }) => isCursor);
  return { rows: cells.map(rowText), cursor: row < 0 ? null : { row: row + 1, column: column + 1 } };
}

/** What makes one frame of the other; `before` null: whatever is on the terminal. */
export function changesTo(frame: TextFrame, before: TextFrame | null): string {
  let text = '';
  const count = Math.max(frame.rows.length, before?.rows.length ?? 0);
  for (let row = 0; row < count; row++) {
    const now = frame.rows[row] ?? '';
    if (before !== null && before.rows[row] === now) continue;
    text += `\x1b[${row + 1};1H\x1b[0m\x1b[2K${now}`;
  }
  const { cursor } = frame;
  const isSame = before !== null && JSON.stringify(before.cursor) === JSON.stringify(cursor);
  if (text === '' && isSame) return '';
  return text + (cursor === null ? '\x1b[?25l' : `\x1b[${cursor.row};${cursor.column}H\x1b[?25h`);
}

export class CursesDisplay {
  readonly #picture: () => VgaPicture;
  #before: TextFrame | null = null;
  #shownMs = Number.NEGATIVE_INFINITY;
  #isOn = false;

  constructor(picture: () => VgaPicture) {
    this.#picture = picture;
  }

  readonly #resized = (): void => {
    this.#before = null;
    process.stdout.write('\x1b[0m\x1b[2J');
  };

  start(): void {
    this.#isOn = true;
    process.stdout.write(ENTER);
    process.stdout.on('resize', this.#resized);
  }

  /** Often; draws only as often as one can see, and when nothing else comes for a while. */
  show(isLast = false): void {
    const nowMs = performance.now();
    if (!this.#isOn || (nowMs - this.#shownMs < FRAME_MS && !isLast)) return;
    this.#shownMs = nowMs;
    const { columns, rows } = process.stdout;
    // A terminal that does not know its size says 0.
    const frame = frameOf(this.#picture(), { columns: columns || 80, rows: rows || 25 });
    const text = changesTo(frame, this.#before);
    this.#before = frame;
    if (text !== '') process.stdout.write(text);
  }

  /** The terminal is as it was; the last screen stays to be read. */
  stop(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    process.stdout.off('resize', this.#resized);
    const text = screenText(this.#picture());
    process.stdout.write(LEAVE);
    if (text !== null) process.stdout.write(`${text.join('\n').trimEnd()}\n`);
  }
}
