// What goes wrong outside of the program, for the command line: one sentence for a person that says what was expected
// and what to do, and the status to end with. (Wrong usage is core/base/usage-error.ts, which the library throws too.)

/** A failure that is the world's and not the program's. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: number;
  constructor(message: string, status = 2) {
    super(message);
    this.status = status;
  }
}
