/**
 * The place of a mistake in a text that somebody has typed: the line that it is in, and a caret below it. For whatever
 * parses what people write, a query, an expression, a position, the failure of a campaign. What was expected is said by
 * those who know it.
 */

/** Of a long line so much is shown on each side of the place. */
const SHOWN_CHARACTERS = 60;

/** The text as part of a sentence: what would move a terminal's cursor is a space. */
export const inLine = (text: string): string => text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, ' ');

/** Two lines, indented; `at` is an offset in the text. */
export function excerpt(text: string, at: number): string {
  const begin = Math.max(text.lastIndexOf('\n', at - 1) + 1, at - SHOWN_CHARACTERS);
  const newline = text.indexOf('\n', at);
  const end = Math.min(newline < 0 ? text.length : newline, at + SHOWN_CHARACTERS);
  const line = inLine(text.slice(begin, end));
  return `  ${line}\n  ${' '.repeat(at - begin)}^`;
}
