// What a user of the debugger asked for and cannot have, in one sentence with the next step. Terminal and gdb show
// the message; anything else that is thrown is a bug of ours. In a file of its own because commands and debugger
// both throw it, and imports run in one direction.

export class DebuggerError extends Error {
  override readonly name = 'DebuggerError';
}

/** The user has given a way up; the sentence says where that leaves the run. */
export class Interrupted extends DebuggerError {}
