// What goes wrong outside of the program, in one sentence for a person that says what was expected and what to do. The
// command line prints the message and ends with the status; the library throws the same objects.

/** Something was asked for that cannot be: an option, a parameter, a name. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure that is the world's and not the program's: message for a person, exit status. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: number;
  constructor(message: string, status = 2) {
    super(message);
    this.status = status;
  }
}
