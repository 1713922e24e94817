// Where the sources of a guest are on the client's machine: debug information names the folders of the machine that
// built the guest. `sourceMap` of the launch configuration says which beginning stands for which; a file that is not
// there is looked for beside the symbol files, by the end of its path.

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export class SourcePaths {
  private readonly map: readonly (readonly [from: string, to: string])[];
  private readonly folders: readonly string[];
  private readonly known = new Map<string, string>();

  /** `besides`: files whose folders hold sources too. */
  constructor(map: Readonly<Record<string, unknown>>, besides: readonly string[]) {
    this.map = Object.entries(map).flatMap(([from, to]) => (typeof to === 'string' ? [[from, to] as const] : []));
    this.folders = [...new Set(besides.map((path) => dirname(path)))];
  }

  /** From a path of the debug information. */
  toClient(path: string): string {
    let found = this.known.get(path);
    if (found === undefined) {
      found = this.look(path);
      this.known.set(path, found);
    }
    return found;
  }

  private look(path: string): string {
    for (const [from, to] of this.map) if (path.startsWith(from)) return to + path.slice(from.length);
    if (existsSync(path)) return path;
    const beside = this.folders.map((folder) => join(folder, basename(path))).find((each) => existsSync(each));
    return beside ?? path;
  }

  /** To a path as debug information has it. */
  toGuest(path: string): string {
    for (const [from, to] of this.map) if (path.startsWith(to)) return from + path.slice(to.length);
    return path;
  }
}
