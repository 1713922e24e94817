// `reprise pack LOG`: the self-contained file after the fact. The images are found as for a replay and put into a copy
// of the log, or with --sidecar as files into the folder LOG.images. Nothing is overwritten, and under its name a
// packed log stands only when it is whole.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { LogReader } from '../../core/log/log.ts';
import { LogError } from '../../core/log/log-error.ts';
import { isPacked, packLog } from '../../core/log/pack.ts';
import { sizeOfContent, wholeImage } from '../../core/board/image.ts';
import type { Images } from '../../core/session/session.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { CommandError } from '../node/errors.ts';
import { findImages, sidecarOf } from '../node/find-images.ts';
import { sha256 } from '../node/images.ts';
import { logProblem, openLogFile } from '../node/log-file.ts';
import type { Arguments } from './args.ts';
import { cannotWrite, checkFree, type Piece, writePackedFile } from './pack-file.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';

export async function packCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  if (args.has('html')) return await (await import('./pack-page.ts')).packPage(args);
  for (const name of ['no-images', 'symbols']) {
    if (args.has(name)) throw new UsageError(`--${name} is for a page: give --html FILE with it.`);
  }
  if (args.has('sidecar') && args.has('out')) {
    throw new UsageError('--sidecar puts the images into the folder LOG.images: --out does not go with it.');
  }
  const log = await openLogFile(args);
  try {
    if (!args.has('sidecar') && !args.has('out') && isPacked(log)) return alreadyPacked(args, path);
    const out = args.text('out') ?? packedName(path);
    if (!args.has('sidecar')) checkFree(out, 'out');
    const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`pack: ${text}`) });
    return args.has('sidecar')
      ? writeSidecar(args, path, log, images)
      : await writePacked(args, path, log, images, out);
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    throw error;
  }
}

/** `boot.rlog` → `boot.packed.rlog` */
function packedName(path: string): string {
  return path.endsWith('.rlog') ? `${path.slice(0, -'.rlog'.length)}.packed.rlog` : `${path}.packed`;
}

function alreadyPacked(args: Arguments, path: string): number {
  if (args.has('json')) printJson({ command: 'pack', log: path, status: EXIT.ok, out: null });
  else say(`pack: ${path} holds its images already; nothing was written`);
  return EXIT.ok;
}

async function writePacked(
  args: Arguments,
  path: string,
  log: LogReader,
  images: Images,
  out: string,
): Promise<number> {
  const list = log.header.machine.images.map(({ role }) => images.get(role) ?? new Uint8Array(0));
  return await writePackedFile(args, {
    what: 'packed log',
    option: 'out',
    log: path,
    out,
    pieces: framesOf(log, list),
    end: list.reduce((sum, image) => sum + sizeOfContent(image), log.file.length),
    told: `holds ${path} and its images: reprise replay ${out}`,
  });
}

function* framesOf(log: LogReader, images: Parameters<typeof packLog>[1]): Generator<Piece> {
  for (const { bytes, doneBytes } of packLog(log, images)) yield { content: bytes, done: doneBytes };
}

/** The images as files beside the log, where every verb looks for them. */
function writeSidecar(args: Arguments, path: string, log: LogReader, images: Images): number {
  const folder = sidecarOf(path);
  const files: string[] = [];
  for (const { role, name, sha256: digest } of log.header.machine.images) {
    const bytes = images.get(role) ?? new Uint8Array(0);
    const file = join(folder, sidecarName(role, name));
    try {
      mkdirSync(folder, { recursive: true });
      if (!existsSync(file)) writeFileSync(file, wholeImage(bytes), { flag: 'wx' });
      else if (sha256(readFileSync(file)) !== digest) {
        throw new CommandError(`${file} exists and is another file, and nothing is overwritten: move it away.`);
      }
    } catch (error) {
      throw error instanceof CommandError ? error : cannotWrite(file, 'out', error);
    }
    files.push(file);
  }
  if (args.has('json')) printJson({ command: 'pack', log: path, status: EXIT.ok, folder, files });
  else say(`pack: ${files.join(', ')}: ${path} replays with ${basename(folder)} beside it`);
  return EXIT.ok;
}

/** A log is untrusted: of the name that stands in it only plain letters become part of a path. */
function sidecarName(role: string, name: string): string {
  const plain = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/.test(name) ? `-${name}` : '';
  return `${role.replace(/[^A-Za-z0-9]/g, '_')}${plain}`;
}
