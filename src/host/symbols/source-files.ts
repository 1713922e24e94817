// The text of source files that debug information names: where it says, beside the file that it came from, or below the
// folder in hand. Reads files; what cannot be found is null.

import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const FILE_BYTES_MAX = 1 << 24;

export class SourceFiles {
  private readonly folders: readonly string[];
  private readonly known = new Map<string, readonly string[] | null>();

  /** `besides`: files whose folders hold sources too. */
  constructor(besides: readonly string[]) {
    this.folders = [...new Set(besides.map((path) => dirname(path)).concat('.'))];
  }

  /** Lines from index 0; null: there is no such file. */
  lines(path: string): readonly string[] | null {
    const known = this.known.get(path);
    if (known !== undefined) return known;
    let found: readonly string[] | null = null;
    for (const candidate of this.candidates(path)) {
      found = readLines(candidate);
      if (found !== null) break;
    }
    this.known.set(path, found);
    return found;
  }

  private candidates(path: string): string[] {
    const relative = path.replace(/^\/+/, '');
    return [path, ...this.folders.flatMap((folder) => [join(folder, relative), join(folder, basename(path))])];
  }
}

function readLines(path: string): readonly string[] | null {
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > FILE_BYTES_MAX) return null;
    return readFileSync(path, 'utf8').split(/\r?\n/);
  } catch {
    return null;
  }
}
