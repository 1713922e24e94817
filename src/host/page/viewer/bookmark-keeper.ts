// Where bookmarks go: into the log that the worker has, from there to the server's file where one keeps it, and into
// this browser's own store besides, so that none is lost with the tab or with a worker that had to be replaced.

import type { App, Bookmark } from './app.ts';

export interface Keeper {
  /** Address that appends a frame to the file; null: none does. */
  readonly address: string | null;
  /** Under which name the browser keeps them. */
  readonly key: string;
}

/** `position` null: it was taken away. */
interface Wanted {
  readonly name: string;
  readonly note: string;
  readonly position: Bookmark['position'] | null;
}

let keeper: Keeper = { address: null, key: '' };
/** By key, for a browser that stores nothing: until the page is left. */
const unstored = new Map<string, readonly Wanted[]>();

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
  remember(wanted);
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

function remember(wanted: Wanted): void {
  const kept = [...stored().filter(({ name }) => name !== wanted.name), wanted];
  try {
    localStorage.setItem(keeper.key, JSON.stringify(kept));
  } catch {
    // No store for a page from disk, or it is full: the page has them, and the download.
    unstored.set(keeper.key, kept);
  }
}

function stored(): readonly Wanted[] {
  const here = unstored.get(keeper.key);
  if (here !== undefined) return here;
  try {
    const kept = JSON.parse(localStorage.getItem(keeper.key) ?? '[]') as unknown;
    return Array.isArray(kept) ? kept.filter(isWanted) : [];
  } catch {
    return [];
  }
}

/**
 * What this browser has kept of this recording that the log does not have. Where a server keeps the log others may have
 * changed it since, and only names that it has not are told.
 */
export function remembered(known: readonly Bookmark[]): Wanted[] {
  return stored().filter((each) => {
    const same = known.find(({ name }) => name === each.name);
    if (each.position === null) return keeper.address === null && same !== undefined;
    if (same === undefined) return true;
    return keeper.address === null && JSON.stringify(bare(same)) !== JSON.stringify(bare(each));
  });
}

const bare = ({ name, note, position }: Wanted) => [name, note, position?.tick, position?.seq];

function isWanted(value: unknown): value is Wanted {
  if (typeof value !== 'object' || value === null) return false;
  const { name, note, position } = value as Partial<Wanted>;
  const isPlace = position === null || Number.isSafeInteger(position?.tick);
  return typeof name === 'string' && typeof note === 'string' && isPlace;
}
