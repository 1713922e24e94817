// The page of one recording on the loopback interface. Whoever knows the address can see it: it has a secret in it, and
// a request that names another host is refused, so that no page from elsewhere gets at the recording. Images that are
// too large to be sent whole are read in parts. A bookmark is the only thing that can be written.

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ImageContent } from '../../core/board/image.ts';
import { sizeOfContent, sourceOf } from '../../core/board/image.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import type { Attachment, AttachmentRole } from '../page/attachments.ts';
import { bookmarkFrom, type BookmarkedLog } from './bookmarked-log.ts';
import { pageWith, viewerPage } from './viewer-page.ts';

export interface Served {
  readonly role: AttachmentRole;
  readonly name: string;
  readonly content: ImageContent;
  readonly offset?: number;
}

export interface ViewerServer {
  readonly address: string;
  readonly close: () => void;
}

const BOOKMARK_BYTES_MAX = 1 << 16;
/** A part of an image. */
const PART_BYTES_MAX = 1 << 22;
const SECRET_BYTES = 16;

export interface ServeOptions {
  readonly served: readonly Served[];
  /** Null: bookmarks stay in the page. */
  readonly keep: BookmarkedLog | null;
  readonly engine: string | undefined;
  /** 0: any free one. */
  readonly port: number;
}

/** Rejects with UsageError when the port is taken. */
export async function serveViewer(options: ServeOptions): Promise<ViewerServer> {
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  const root = `/${secret}/`;
  const attachments: Attachment[] = options.served.map((served, i) => {
    const { role, name, content, offset } = served;
    return {
      role,
      name,
      sizeBytes: sizeOfContent(content),
      address: `file/${i}`,
      ...(content instanceof Uint8Array ? {} : { sha256: content.sha256 }),
      ...(offset === undefined ? {} : { offset }),
    };
  });
  const { engine } = options;
  const settings = {
    attachments,
    keeper: options.keep === null ? null : 'bookmark',
    ...(engine === undefined ? {} : { engine }),
  };
  const page = Buffer.from(pageWith(viewerPage(), settings, true));
  const server = createServer((request, response) => {
    answer(request, response, { root, page, options, hosts: hostsOf(server) }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    const { port } = options;
    server.once('error', (error) => reject(new UsageError(`Port ${port} cannot be listened on (${error.message}).`)));
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `http://127.0.0.1:${portOf(server)}${root}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const hostsOf = (server: Server): string[] => ['127.0.0.1', 'localhost'].map((host) => `${host}:${portOf(server)}`);

interface Context {
  readonly root: string;
  readonly page: Uint8Array;
  readonly options: ServeOptions;
  readonly hosts: readonly string[];
}

async function answer(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
  const { root, page, options, hosts } = context;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
  if (!hosts.includes(request.headers.host ?? '') || !pathname.startsWith(root)) {
    refuse(response, 404, 'There is nothing here: open the address that reprise view printed.');
    return;
  }
  const name = pathname.slice(root.length);
  if (name === '' && request.method === 'GET') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(page);
    return;
  }
  if (name === 'bookmark' && request.method === 'POST') {
    await keepBookmark(request, response, options);
    return;
  }
  const index = /^file\/(\d{1,6})$/.exec(name);
  const served = index === null ? undefined : options.served[Number(index[1])];
  if (served === undefined || request.method !== 'GET') {
    refuse(response, 404, 'There is no such file.');
    return;
  }
  response.setHeader('Content-Type', 'application/octet-stream');
  const { content } = served;
  if (content instanceof Uint8Array) {
    response.end(content);
    return;
  }
  const from = Number(searchParams.get('from'));
  const size = Number(searchParams.get('bytes'));
  if (!Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(size) || size < 0 || size > PART_BYTES_MAX) {
    refuse(response, 400, `A part of an image is from a byte on, of at most ${PART_BYTES_MAX} bytes.`);
    return;
  }
  const part = new Uint8Array(size);
  sourceOf(content).read(from, part);
  response.end(part);
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(sentence);
}

async function keepBookmark(request: IncomingMessage, response: ServerResponse, { keep }: ServeOptions): Promise<void> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > BOOKMARK_BYTES_MAX) {
      refuse(response, 413, 'That is too long for a bookmark.');
      request.destroy();
      return;
    }
    parts.push(part as Buffer);
  }
  const wanted = bookmarkFrom(parsed(Buffer.concat(parts).toString()));
  if (keep === null || wanted === null) {
    refuse(response, 409, keep === null ? 'The log cannot take bookmarks.' : 'That is no bookmark.');
    return;
  }
  try {
    keep.append(wanted);
  } catch (error) {
    refuse(response, 409, error instanceof Error ? error.message : String(error));
    return;
  }
  response.statusCode = 204;
  response.end();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
