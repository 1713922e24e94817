// `reprise view LOG`: the recording as a page on the loopback interface, opened in the browser when a person sits at a
// terminal. Images that are not found are asked for by the page. Bookmarks that are made there are appended to the log.

import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { hasImage } from '../../core/log/log-images.ts';
import type { LogReader } from '../../core/log/log.ts';
import type { Images } from '../../core/session/session.ts';
import { loadEngine } from '../../engines.ts';
import { CommandError } from '../node/errors.ts';
import { findImages } from '../node/find-images.ts';
import { BookmarkedLog } from '../node/bookmarked-log.ts';
import { openLogFile, withLogProblems } from '../node/log-file.ts';
import { attachedSources, attachedSymbols } from '../node/viewer-page.ts';
import { type Served, serveViewer } from '../node/viewer-server.ts';
import type { Arguments } from './args.ts';
import { givenImages } from './replay-command.ts';
import { EXIT, printJson, say } from './report.ts';

export async function viewCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const engine = args.text('engine');
  if (engine !== undefined) await loadEngine(engine);
  const log = path === undefined ? null : await openLogFile(args);
  const served: Served[] = [];
  let keep: BookmarkedLog | null = null;
  if (log !== null) {
    served.push(...(await withLogProblems(path, () => attachmentsOf(args, path, log))));
    const file = new BookmarkedLog(path, log);
    served.unshift({
      role: 'log',
      name: basename(path),
      // As it is by now, with its bookmarks.
      get content() {
        return file.bytes;
      },
    });
    keep = file.canTake ? file : null;
  }
  const server = await serveViewer({ served, keep, engine, port: args.number('port') ?? 0 });
  if (args.has('json')) printJson({ command: 'view', log: path ?? null, address: server.address });
  else say(`view: ${server.address} (Ctrl-C ends it)`);
  if (!args.has('no-open') && process.stdout.isTTY && process.stderr.isTTY) openBrowser(server.address);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  server.close();
  return EXIT.ok;
}

async function attachmentsOf(args: Arguments, path: string, log: LogReader): Promise<Served[]> {
  const served: Served[] = [];
  const images = imagesOf(args, path, log);
  if (images !== null) {
    log.header.machine.images.forEach(({ role, name }, index) => {
      const content = images.get(role);
      if (content !== undefined && !hasImage(log, index)) served.push({ role: 'image', name, content });
    });
  }
  const files = args.list('symbols');
  const attached = [...attachedSymbols(files, images), ...attachedSources(files, images)];
  for (const { bytes, ...rest } of attached) served.push({ ...rest, content: bytes });
  return served;
}

/** Null: some are missing, and the page asks for them. */
function imagesOf(args: Arguments, path: string, log: LogReader): Images | null {
  try {
    return findImages({ log, path, given: givenImages(args), warn: (text) => say(`view: ${text}`) });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    say(`view: ${error.message} The page asks for them.`);
    return null;
  }
}

const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** Where no browser can be opened the address stands on the terminal. */
function openBrowser(address: string): void {
  const [program, ...words] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...words, address], { detached: true, stdio: 'ignore' });
  child.on('error', () => {});
  child.unref();
}
