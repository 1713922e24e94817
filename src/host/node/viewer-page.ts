// The page that shows recordings (page/viewer/), as a host hands it out: with a recording inside, as one file that
// opens from disk, or beside a server that has it. The page itself is made when the program is built; here its list of
// attachments is filled in, and what is attached is written before its program.

import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Images } from '../../core/session/session.ts';
import { type Attachment, ATTACHMENTS_ID, type AttachmentRole, type GivenNames } from '../page/attachments.ts';
import { readGivenFile } from './images.ts';
import { SourceFiles } from '../symbols/source-files.ts';
import { splitOffset, splitProcess, symbolsFor, symbolsOfImages } from '../symbols/symbol-files.ts';
import { CommandError } from './errors.ts';

const PAGE = fileURLToPath(new URL('../page/viewer.html', import.meta.url));
const LIST = `<script type="application/json" id="${ATTACHMENTS_ID}"></script>`;
const END = '</body>';
/** A multiple of three bytes, so that pieces of base 64 join. */
const PIECE_BYTES = 3 << 18;

/** Something to attach, with its bytes or the way to them. */
export interface Attached {
  readonly role: AttachmentRole;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly offset?: number;
}

/** The page without a recording. Throws CommandError where the program was not built whole. */
export function viewerPage(): string {
  if (!existsSync(PAGE)) throw new CommandError('The page has not been built: run npm run build.');
  return readFileSync(PAGE, 'utf8');
}

/** The page with its list; `connect`: it may speak to the server that it came from, and to nobody else. */
export function pageWith(
  page: string,
  settings: { attachments: readonly Attachment[]; keeper: string | null; engine?: string },
  connect: boolean,
): string {
  // Nothing in the list may end the element that it stands in.
  const list = JSON.stringify(settings).replaceAll('<', '\\u003c');
  const filled = page.replace(LIST, () => LIST.replace('></script>', () => `>${list}</script>`));
  return connect ? filled.replace("connect-src 'none'", "connect-src 'self'") : filled;
}

/** One file with everything inside, in pieces. */
export function* packedPage(attached: readonly Attached[]): Generator<string> {
  const attachments = attached.map(({ role, name, bytes, offset }, i) => ({
    role,
    name,
    sizeBytes: bytes.length,
    element: `attachment-${i}`,
    ...(offset === undefined ? {} : { offset }),
  }));
  const settings = { attachments, keeper: null };
  const page = pageWith(viewerPage(), settings, false);
  // Before the program, which looks for them when it starts.
  const at = page.indexOf('<script type="text/plain" id="worker">');
  if (at < 0 || !page.includes(END)) throw new Error('the page has not the form that it is built in');
  yield page.slice(0, at);
  for (const [i, { bytes }] of attached.entries()) {
    yield `<script type="text/plain" id="attachment-${i}">`;
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      const part = bytes.subarray(from, from + PIECE_BYTES);
      yield Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64');
    }
    yield '</script>\n';
  }
  yield page.slice(at);
}

/** Texts that debug information names, as far as they are here: of files whose sources are many, the first of them. */
const SOURCES_MAX = 400;
const SOURCES_BYTES_MAX = 16 << 20;

/** The sources of the program, for the page to show: found as reprise debug finds them. */
export function attachedSources(files: readonly string[], images: Images | null): Attached[] {
  const table = images === null ? symbolsFor(new Map(), files) : symbolsFor(images, files);
  const texts = new SourceFiles(table.sources.map(({ label }) => label));
  const attached: Attached[] = [];
  let size = 0;
  for (const { debug } of table.sources) {
    for (const name of debug?.sourceFiles() ?? []) {
      const lines = attached.length < SOURCES_MAX ? texts.lines(name) : null;
      if (lines === null) continue;
      const bytes = new TextEncoder().encode(lines.join('\n'));
      size += bytes.length;
      if (size > SOURCES_BYTES_MAX) return attached;
      attached.push({ role: 'source', name, bytes });
    }
  }
  return attached;
}

/** Files of symbols as the command line names them, and the names of a built-in guest among the images. */
export function attachedSymbols(files: readonly string[], images: Images | null): Attached[] {
  const attached: Attached[] = files.map((given) => {
    const { path, offset } = splitOffset(splitProcess(given).rest);
    const bytes = readGivenFile(path, 'symbol file', 'give an ELF file, a System.map or a listing of /proc/kallsyms');
    return { role: 'symbols', name: basename(path), bytes, ...(offset === null ? {} : { offset }) };
  });
  if (images === null) return attached;
  for (const { label, debug, symbols } of symbolsOfImages(images).sources) {
    // What an ELF image says of itself the page reads there.
    if (debug !== null || !label.startsWith('guests/')) continue;
    const names: GivenNames = { label, symbols: symbols.map(({ name, address, kind }) => [name, address, kind]) };
    attached.push({ role: 'names', name: label, bytes: new TextEncoder().encode(JSON.stringify(names)) });
  }
  return attached;
}
