/**
 * What is wrong with the text of a query: the place, and what was expected there. The message is the sentence, the
 * query and a caret below the place.
 */
import { UsageError } from '../base/usage-error.ts';

/** Of a long query so much is shown on each side of the place. */
const SHOWN_CHARACTERS = 60;

export class QueryError extends UsageError {
  override readonly name = 'QueryError';
  /** Offset in the text of the query. */
  readonly at: number;

  constructor(text: string, at: number, problem: string) {
    super(`${problem}\n${excerpt(text, at)}`);
    this.at = at;
  }
}

/** A name that nobody knows: it may be that of a kernel which has not placed itself yet. */
export class UnknownNameError extends QueryError {}

/** The line that the place is in, and the caret below it. */
function excerpt(text: string, at: number): string {
  const begin = Math.max(text.lastIndexOf('\n', at - 1) + 1, at - SHOWN_CHARACTERS);
  const newline = text.indexOf('\n', at);
  const end = Math.min(newline < 0 ? text.length : newline, at + SHOWN_CHARACTERS);
  const line = text.slice(begin, end).replace(/[^\x20-\x7e\u00a0-\uffff]/g, ' ');
  return `  ${line}\n  ${' '.repeat(at - begin)}^`;
}
