// Opening a log that a user names: whatever is wrong with the file becomes one sentence with the path in front. What
// the core says about logs is in core/log/log-error.ts. A large log takes its time, with a progress line.

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { LogError } from '../../core/log/log-error.ts';
import { type LogReader, openLogSteps } from '../../core/log/log.ts';
import { SessionError } from '../../core/session/session.ts';
import type { Arguments } from '../cli/args.ts';
import { CommandError } from './errors.ts';
import { whyUnreadable } from './images.ts';
import { Progress } from './progress.ts';
import { signalStatus, Work } from './work.ts';

/** What one Uint8Array of the host can hold, with room to spare. */
const LOG_BYTES_MAX = 2 ** 32;
const PIECE_BYTES = 1 << 24;

/** The log in the first positional, or another. Throws CommandError with one sentence for what is wrong with it. */
export async function openLogFile(args: Arguments, path = args.positionals[0]): Promise<LogReader> {
  const sizeBytes = sizeOf(path);
  // Each byte is read once and looked at once.
  const progress = Progress.atTerminal({ label: `open ${path}`, unit: 'bytes', end: 2 * sizeBytes }, args.has('json'));
  const work = new Work(progress);
  try {
    const bytes = await readLog(path, sizeBytes, work);
    const steps = openLogSteps(bytes, { salvage: args.has('salvage') });
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
      await turn(work, path, bytes.length + value);
    }
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    throw error;
  } finally {
    work.release();
  }
}

/** Payloads are decoded as one comes to them: what is wrong with them then is said of the file too. */
export async function withLogProblems<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw sessionProblem(path, error);
    throw error;
  }
}

async function turn(work: Work, path: string, doneBytes: number): Promise<void> {
  if (await work.turn(doneBytes)) return;
  const status = work.signal === null ? 1 : signalStatus(work.signal);
  throw new CommandError(`${path}: stopped while it was being opened.`, status);
}

const HOW = 'give a file that reprise record wrote';

function unusable(path: string, why: string): CommandError {
  return new CommandError(`The log ${path} ${why}: ${HOW}.`);
}

function sizeOf(path: string): number {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw unusable(path, 'is a directory');
    if (!stat.isFile()) throw unusable(path, 'is no regular file');
    if (stat.size > LOG_BYTES_MAX) throw unusable(path, `has ${stat.size} bytes, more than ${LOG_BYTES_MAX}`);
    return stat.size;
  } catch (error) {
    throw asUnusable(path, error);
  }
}

function asUnusable(path: string, error: unknown): CommandError {
  return error instanceof CommandError ? error : unusable(path, `cannot be used, ${whyUnreadable(error)}`);
}

async function readLog(path: string, sizeBytes: number, work: Work): Promise<Uint8Array> {
  let file = -1;
  try {
    file = openSync(path, 'r');
    const bytes = new Uint8Array(sizeBytes);
    let at = 0;
    while (at < sizeBytes) {
      const read = readSync(file, bytes, at, Math.min(PIECE_BYTES, sizeBytes - at), at);
      if (read === 0) break; // cut off meanwhile
      at += read;
      await turn(work, path, at);
    }
    return bytes.subarray(0, at);
  } catch (error) {
    throw asUnusable(path, error);
  } finally {
    if (file >= 0) closeSync(file);
  }
}

/** A log that this version has no machine for, or that cannot be replayed as was asked. */
export function sessionProblem(path: string, error: SessionError): CommandError {
  const option = error.mayDoWithoutDevices ? ' (--devices log)' : '';
  return new CommandError(`${path}: ${error.message.replace(/\.$/, '')}${option}.`);
}

export function logProblem(path: string, error: LogError): CommandError {
  const advice = error.kind === 'damaged' || error.kind === 'order' ? ' Or use what is before it: --salvage.' : '';
  return new CommandError(`${path}: ${error.message}${advice}`);
}
