// `reprise pack LOG --html FILE`: the recording as one file that any browser opens from disk, with the program that
// shows it, the log with its images, and names. Nothing is overwritten; under its name the page stands only when it is
// whole.

import { basename } from 'node:path';
import { rmSync } from 'node:fs';
import { concatenate } from '../../core/base/bytes.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { wholeImage } from '../../core/board/image.ts';
import type { LogReader } from '../../core/log/log.ts';
import { isPacked, packLog } from '../../core/log/pack.ts';
import { findImages } from '../node/find-images.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { NewFile } from '../node/new-file.ts';
import { type Attached, attachedSources, attachedSymbols, packedPage } from '../node/viewer-page.ts';
import type { Arguments } from './args.ts';
import { type Piece, writePackedFile } from './pack-file.ts';
import { givenImages } from './replay-command.ts';
import { say } from './report.ts';

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
  return await writePackedFile(args, {
    what: 'page',
    option: 'html',
    log: path,
    out,
    pieces: piecesOf(attached),
    end: attached.reduce((sum, { bytes }) => sum + Math.ceil((bytes.length * 4) / 3), 0),
    told: `shows ${path} in a browser`,
  });
}

function* piecesOf(attached: readonly Attached[]): Generator<Piece> {
  let done = 0;
  for (const content of packedPage(attached)) {
    done += Buffer.byteLength(content);
    yield { content, done };
  }
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
