// What a person should read when a command throws: one sentence and an exit status; anything else that is thrown is a
// bug of ours, with its stack. Knows the kinds of errors, not what the verbs do.

import { UsageError } from '../../core/base/usage-error.ts';
import { CommandError } from '../node/errors.ts';

/** Where the core names what would help, the option that gives it. */
function optionFor(error: Error): string {
  const megabytes = 'memoryMegabytes' in error ? error.memoryMegabytes : null;
  return typeof megabytes === 'number' ? ` (--memory ${megabytes})` : '';
}

/** What a person should read; null for a bug of ours. */
export function sentenceOf(error: unknown): { readonly text: string; readonly status: number } | null {
  if (error instanceof UsageError) return { text: error.message, status: 2 };
  if (error instanceof CommandError) return { text: error.message, status: error.status };
  // Loaders, sessions, logs and engines are loaded with the verbs: known by name here.
  if (error instanceof Error && ['BootError', 'SessionError', 'LogError', 'EngineError'].includes(error.name)) {
    // Loaders begin their sentences in lower case, as the rest of one.
    const text = error.message[0].toUpperCase() + error.message.slice(1);
    return { text: `${text.replace(/\.$/, '')}${optionFor(error)}.`, status: 2 };
  }
  if (error instanceof RangeError && NO_MEMORY.test(error.message)) {
    return { text: 'The host has not enough memory for this: give a smaller --memory, or free some.', status: 2 };
  }
  return null;
}

/** What the engine of JavaScript says when the host has no memory for a machine or a file. */
const NO_MEMORY = /could not allocate memory|allocation failed|Invalid typed array length/i;
