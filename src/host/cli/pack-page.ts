// `reprise pack LOG --html FILE`: the recording as one file that any browser opens from disk, with the program that
// shows it, the log with its images, and names. Nothing is overwritten; under its name the page stands only when it is
// whole.

import { basename } from 'node:path';
import { renameSync, rmSync } from 'node:fs';
import { concatenate } from '../../core/base/bytes.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { wholeImage } from '../../core/board/image.ts';
import type { LogReader } from '../../core/log/log.ts';
import { isPacked, packLog } from '../../core/log/pack.ts';
import { findImages } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { NewFile } from '../node/new-file.ts';
import { count, Progress } from '../node/progress.ts';
import { type Attached, attachedSources, attachedSymbols, packedPage } from '../node/viewer-page.ts';
import { signalStatus, Work } from '../node/work.ts';
import type { Arguments } from './args.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';

export async function packPage(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const out = args.text('html') ?? '';
  for (const name of ['out', 'sidecar']) {
    if (args.has(name)) throw new UsageError(`--${name} and --html are two kinds of packing: give one of them.`);
  }
  // Before the long way: a page that may not be written says so at once.
  const place = new NewFile(out, { what: 'page' }).open();
  place.close();
  rmSync(out);
  const log = await openLogFile(args);
  return await withLogProblems(path, () => writePage(args, path, log, out));
}

async function writePage(args: Arguments, path: string, log: LogReader, out: string): Promise<number> {
  const attached = attachedOf(args, path, log);
  const end = attached.reduce((sum, { bytes }) => sum + Math.ceil((bytes.length * 4) / 3), 0);
  const work = new Work(Progress.atTerminal({ label: 'pack', unit: 'bytes', end }, args.has('json')));
  const file = new NewFile(`${out}.${process.pid}.part`, { what: 'page', rest: 'nothing remains of it' });
  let bytes = 0;
  try {
    file.open();
    for (const piece of packedPage(attached)) {
      file.write(piece);
      bytes += Buffer.byteLength(piece);
      if (!(await work.turn(bytes))) break;
    }
    file.close();
    if (work.signal === null) renameSync(file.path, out);
  } finally {
    file.close();
    rmSync(file.path, { force: true });
    work.release();
  }
  if (work.signal !== null) {
    say('pack: stopped by the user; nothing was written');
    return signalStatus(work.signal);
  }
  if (args.has('json')) printJson({ command: 'pack', log: path, status: EXIT.ok, out, bytes });
  else say(`pack: ${out}, ${count(bytes)} bytes, shows ${path} in a browser`);
  return EXIT.ok;
}

function attachedOf(args: Arguments, path: string, log: LogReader): Attached[] {
  const symbols = args.list('symbols');
  if (args.has('no-images')) {
    const names = [...attachedSymbols(symbols, null), ...attachedSources(symbols, null)];
    return [{ role: 'log', name: basename(path), bytes: log.file }, ...names];
  }
  const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`pack: ${text}`) });
  let { file } = log;
  if (!isPacked(log)) {
    const list = log.header.machine.images.map(({ role }) => wholeImage(images.get(role) ?? new Uint8Array(0)));
    file = concatenate([...packLog(log, list)].map(({ bytes }) => bytes));
  }
  const names = [...attachedSymbols(symbols, images), ...attachedSources(symbols, images)];
  return [{ role: 'log', name: basename(path), bytes: file }, ...names];
}
