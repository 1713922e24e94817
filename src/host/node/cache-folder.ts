// Where the checkpoints of logs are kept between sessions: one file a log, in the cache folder of the XDG base
// directories, found by a digest of what was recorded and of this program. The folder is bounded: the files used
// longest ago go first. Any of it may be deleted at any time. No log ever names a path here.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { FRAME_HEADER_BYTES, FRAME_KIND } from '../../core/log/frames.ts';
import type { LogReader } from '../../core/log/log.ts';
import { VERSION } from '../../version.ts';

const SUFFIX = '.checkpoints';
/** With what queries keep (query/kept-lists.ts), and where a guest has its names (cli/keep.ts). */
const KEPT = /\.(checkpoints|answer|names)$/;
/** What was left by a program that was killed while it wrote. */
const ABANDONED_MS = 3_600_000;

/** What the XDG base directory specification calls $XDG_CACHE_HOME, which must be absolute to count. */
function cacheFolder(): string {
  const given = process.env.XDG_CACHE_HOME ?? '';
  const home = isAbsolute(given) ? given : join(homedir(), '.cache');
  return join(home, 'reprise', 'checkpoints');
}

/** In a checkout the version says too little: states may have changed since. */
export function buildStamp(): string {
  try {
    return readFileSync(new URL('../../../.built', import.meta.url), 'latin1');
  } catch {
    return '';
  }
}

/**
 * Digest of the recorded run, of how its devices are played and of this program. Bookmarks, which are appended to a
 * log, change nothing.
 */
export function runKey(log: LogReader, devices: 'model' | 'log'): string {
  const hash = createHash('sha256').update(`${VERSION}\n${buildStamp()}\n${devices}\n`);
  for (const { kind, offset, payloadBytes } of log.frames) {
    if (kind === FRAME_KIND.bookmark) continue;
    hash.update(log.file.subarray(offset, offset + FRAME_HEADER_BYTES + payloadBytes));
  }
  return hash.digest('hex');
}

export function keptPath(key: string): string {
  return join(cacheFolder(), `${key}${SUFFIX}`);
}

export function keptAnswerPath(key: string): string {
  return join(cacheFolder(), `${key}.answer`);
}

export function keptNamesPath(key: string): string {
  return join(cacheFolder(), `${key}.names`);
}

export function makeCacheFolder(): void {
  mkdirSync(cacheFolder(), { recursive: true, mode: 0o700 });
}

/** The file has been used now. Whether it could be said is of no importance. */
export function touchKept(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Read only, or gone already: it is used all the same.
  }
}

/** Deletes what was used longest ago, until the folder keeps to `bytesMax`; never `path`. */
export function boundCache(path: string, bytesMax: number): void {
  const folder = cacheFolder();
  const nowMs = Date.now();
  const files = readdirSync(folder).flatMap((name) => {
    const file = join(folder, name);
    try {
      const { size, mtimeMs } = statSync(file);
      if (KEPT.test(name)) return [{ file, size, mtimeMs }];
      if (nowMs - mtimeMs > ABANDONED_MS) rmSync(file, { force: true });
    } catch {
      // Another session has deleted it.
    }
    return [];
  });
  files.sort((a, b) => b.mtimeMs - a.mtimeMs);
  let bytes = files.find(({ file }) => file === path)?.size ?? 0;
  for (const { file, size } of files) {
    if (file === path) continue;
    bytes += size;
    if (bytes > bytesMax) rmSync(file, { force: true });
  }
}
