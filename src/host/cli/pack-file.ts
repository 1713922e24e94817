// What pack writes, a log or a page: under a name of its own until it is whole, with progress, and given up when the
// user says so. Nothing is overwritten.

import { existsSync, rmSync } from 'node:fs';
import { CommandError } from '../node/errors.ts';
import { appear, NewFile, whyUnwritable } from '../node/new-file.ts';
import { count, Progress } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { EXIT, printJson, say } from './report.ts';

/** What is written next; `done`: of `end`, with it. */
export interface Piece {
  readonly content: Uint8Array | string;
  readonly done: number;
}

export interface PackedFile {
  /** As in "packed log". */
  readonly what: string;
  /** The option that names it. */
  readonly option: string;
  readonly log: string;
  readonly out: string;
  readonly pieces: Iterable<Piece>;
  /** Of the progress. */
  readonly end: number;
  /** What is said of it behind its size. */
  readonly told: string;
}

/** Throws CommandError for a name that is taken. */
export function checkFree(out: string, option: string): void {
  if (existsSync(out)) throw exists(out, option);
}

/** The exit status. */
export async function writePackedFile(args: Arguments, file: PackedFile): Promise<number> {
  const { what, option, log, out, pieces, end, told } = file;
  const work = new Work(Progress.atTerminal({ label: 'pack', unit: 'bytes', end }, args.has('json')));
  const part = new NewFile(`${out}.${process.pid}.part`, { what, rest: 'nothing remains of it' });
  let bytes = 0;
  try {
    part.open();
    for (const { content, done } of pieces) {
      part.write(content);
      bytes += Buffer.byteLength(content);
      if (!(await work.turn(done))) break;
    }
    part.close();
    if (work.signal === null) appear(part.path, out);
  } catch (error) {
    throw error instanceof CommandError ? error : cannotWrite(out, option, error);
  } finally {
    part.close();
    rmSync(part.path, { force: true });
    work.release();
  }
  if (work.signal !== null) {
    say('pack: stopped by the user; nothing was written');
    return signalStatus(work.signal);
  }
  if (args.has('json')) printJson({ command: 'pack', log, status: EXIT.ok, out, bytes });
  else say(`pack: ${out}, ${count(bytes)} bytes, ${told}`);
  return EXIT.ok;
}

/** Why `out` is not written, as one sentence. */
export function cannotWrite(out: string, option: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EEXIST') return exists(out, option);
  return new CommandError(`${out} cannot be written, ${whyUnwritable(error)}: give another place.`);
}

function exists(out: string, option: string): CommandError {
  return new CommandError(`${out} exists, and nothing is overwritten: give another name with --${option}.`);
}
