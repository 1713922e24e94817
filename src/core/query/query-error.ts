/**
 * What is wrong with the text of a query: the place, and what was expected there. The message is the sentence, the
 * query and a caret below the place.
 */
import { excerpt } from '../base/excerpt.ts';
import { UsageError } from '../base/usage-error.ts';

export class QueryError extends UsageError {
  override readonly name = 'QueryError';
  /** The sentence alone. */
  readonly problem: string;
  readonly place: { readonly text: string; readonly at: number };

  /** Offset in the text of the query. */
  get at(): number {
    return this.place.at;
  }

  constructor(text: string, at: number, problem: string) {
    super(`${problem}\n${excerpt(text, at)}`);
    this.problem = problem;
    this.place = { text, at };
  }
}

/** A name that nobody knows: it may be that of a kernel which has not placed itself yet. */
export class UnknownNameError extends QueryError {}
