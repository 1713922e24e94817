/**
 * Something was asked for that cannot be: a parameter out of its range, a name that there is not. The message is one
 * sentence for a person: what was expected, what was given, the next step. It speaks of parameters of the library; the
 * command line checks its options itself and has words of its own for them.
 */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}
