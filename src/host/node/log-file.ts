// Opening a log that a user names: whatever is wrong with the file becomes one sentence with the path in front. What
// the core says about logs is in core/log/log-error.ts.

import { LogError } from '../../core/log/log-error.ts';
import { type LogReader, openLog } from '../../core/log/log.ts';
import { CommandError } from './errors.ts';
import { readGivenFile } from './images.ts';

/** Throws CommandError with one sentence for whatever is wrong with the file. */
export function openLogFile(path: string, salvage = false): LogReader {
  const bytes = readGivenFile(path, 'log', 'give a file that reprise record wrote');
  try {
    return openLog(bytes, { salvage });
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    throw error;
  }
}

export function logProblem(path: string, error: LogError): CommandError {
  const advice = error.kind === 'damaged' || error.kind === 'order' ? ' Or use what is before it: --salvage.' : '';
  return new CommandError(`${path}: ${error.message}${advice}`);
}
