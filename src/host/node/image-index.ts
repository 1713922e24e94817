// Where this user's images were: a local index from SHA-256 to places, so that a recording opens without naming its
// images again. In the state folder of the XDG base directories, one small file an image, each written whole under
// another name first, so that two recordings at once lose nothing. The index only saves typing: whoever reads a place
// from it verifies what lies there, and a damaged or missing entry is passed over. No log ever writes here.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { stateFolder } from './state-folder.ts';

/** Where the bytes of an image were seen, and what the file looked like then. */
export interface ImageFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** The oldest are forgotten beyond this. */
const IMAGES_MAX = 1000;
const PLACES_PER_IMAGE_MAX = 4;
const ENTRY_BYTES_MAX = 1 << 16;

const indexFolder = (): string => join(stateFolder(), 'images');
const entryPath = (sha256: string): string => join(indexFolder(), `${sha256}.json`);

export interface IndexEntry {
  /** Newest first. */
  readonly places: readonly ImageFile[];
  /** What is wrong with the entry, as a sentence. */
  readonly problem: string | null;
}

export function placesOf(sha256: string): IndexEntry {
  const path = entryPath(sha256);
  try {
    if (statSync(path).size > ENTRY_BYTES_MAX) return damaged(path);
    const entry: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof entry !== 'object' || entry === null || !('places' in entry) || !Array.isArray(entry.places))
      return damaged(path);
    const places = entry.places.filter(isPlace);
    return places.length === entry.places.length ? { places, problem: null } : { ...damaged(path), places };
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    return isAbsent ? { places: [], problem: null } : damaged(path);
  }
}

function damaged(path: string): IndexEntry {
  return { places: [], problem: `the index entry ${path} is damaged and passed over; the next recording mends it` };
}

function isPlace(value: unknown): value is ImageFile {
  if (typeof value !== 'object' || value === null) return false;
  const { path, sizeBytes, modifiedMs } = value as Partial<Record<keyof ImageFile, unknown>>;
  return (
    typeof path === 'string' && isAbsolute(path) && Number.isSafeInteger(sizeBytes) && typeof modifiedMs === 'number'
  );
}

/** Notes that the image lies there now; why that could not be done, or null. */
export function notePlace(sha256: string, path: string): string | null {
  const folder = indexFolder();
  try {
    const { size, mtimeMs } = statSync(path);
    const known = placesOf(sha256).places;
    const [first] = known;
    if (first?.path === path && first.sizeBytes === size && first.modifiedMs === mtimeMs) return null;
    const others = known.filter((place) => place.path !== path);
    const places = [{ path, sizeBytes: size, modifiedMs: mtimeMs }, ...others].slice(0, PLACES_PER_IMAGE_MAX);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `.${sha256}.${process.pid}`);
    writeFileSync(temporary, `${JSON.stringify({ places })}\n`, { mode: 0o600 });
    renameSync(temporary, entryPath(sha256));
    forgetOldest(folder);
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return `where the images are cannot be noted in ${folder} (${code}): a replay will want --image`;
  }
}

function forgetOldest(folder: string): void {
  const names = readdirSync(folder);
  if (names.length <= IMAGES_MAX) return;
  const aged = names.map((name) => ({ path: join(folder, name), ageMs: statSync(join(folder, name)).mtimeMs }));
  aged.sort((a, b) => b.ageMs - a.ageMs);
  for (const { path } of aged.slice(IMAGES_MAX)) rmSync(path, { force: true });
}
