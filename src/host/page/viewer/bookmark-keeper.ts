// Where bookmarks go: into the log that the worker has, from there to the server's file where one keeps it, and into
// this browser's own store besides, so that none is lost with the tab or with a worker that had to be replaced.

import type { App, Bookmark } from './app.ts';

export interface Keeper {
  /** Address that appends a frame to the file; null: none does. */
  readonly address: string | null;
  /** Under which name the browser keeps them. */
  readonly key: string;
}

interface Wanted {
  readonly name: string;
  readonly note: string;
  readonly position: Bookmark['position'] | null;
}

let keeper: Keeper = { address: null, key: '' };

export function setKeeper(given: Keeper): void {
  keeper = given;
}

/** `position` null takes it away. False: it could not be, and that was said. */
export function saveBookmark(app: App, wanted: Wanted): Promise<boolean> {
  return app.client.during(() => save(app, wanted));
}

async function save(app: App, wanted: Wanted): Promise<boolean> {
  const answer = await app.ask('setBookmark', wanted);
  if (answer === null) return false;
  app.set({ bookmarks: answer.bookmarks });
  remember(answer.bookmarks);
  if (keeper.address === null) return true;
  try {
    const response = await fetch(keeper.address, { method: 'POST', body: JSON.stringify(wanted) });
    if (!response.ok) app.say(await response.text(), 'problem');
  } catch {
    app.say(
      'The server that keeps the log has ended: the bookmark is in this page, download the log to keep it.',
      'problem',
    );
  }
  return true;
}

function remember(bookmarks: readonly Bookmark[]): void {
  try {
    localStorage.setItem(keeper.key, JSON.stringify(bookmarks));
  } catch {
    // No store for a page from disk, or it is full: the page has them, and the download.
  }
}

/** What this browser has kept of this recording that the log does not have. */
export function remembered(known: readonly Bookmark[]): Bookmark[] {
  try {
    const kept = JSON.parse(localStorage.getItem(keeper.key) ?? '[]') as unknown;
    if (!Array.isArray(kept)) return [];
    return kept.filter(isBookmark).filter(({ name }) => !known.some((each) => each.name === name));
  } catch {
    return [];
  }
}

function isBookmark(value: unknown): value is Bookmark {
  if (typeof value !== 'object' || value === null) return false;
  const { name, note, position } = value as Partial<Bookmark>;
  return typeof name === 'string' && typeof note === 'string' && Number.isSafeInteger(position?.tick);
}
