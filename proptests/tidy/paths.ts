/**
 * What comments and documents name must exist: paths from the root (`src/core/base/hash.ts`, `tiers/opt/`,
 * `guests/*.asm`), ends of paths (`cpu/system/paging.ts`) and bare file names (`machine.ts`). And they speak of the
 * project alone: no document outside the repository is named. Code is not looked at, the compiler does that.
 */
import type { Tree, Violation } from './tidy.ts';
import { tokenize } from './tokens.ts';

/** Where a path from the root begins. */
const topFolders = 'src|tiers|proptests|benchmarks|guests|replay-logs';
/** Made by a build, a download or a run; nothing to find in the tree. */
const made = /^(dist|node_modules|guests\/(cache|prebuilt))\//;

const fromRoot = new RegExp(`(?<![\\w./$}-])(?:${topFolders})/[\\w.*/-]*`, 'g');
/** Any path or name with the ending of a source or document of this project. */
const named = /(?<![\w./$}*-])(?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|asm|inc|md|grit|ir)(?![\w-])/g;
/** Names of plans and rules that a reader of the repository cannot open. */
const outsideDocument = /\b(?:DESIGN|STYLE|BRIEF)(?:\.md)?\b/g;

/** Lines of a file that are for a reader, by number; code is left out. */
function* proseOf(path: string, text: string): Generator<readonly [line: number, prose: string]> {
  const lines = text.split('\n');
  if (/\.(ts|mjs)$/.test(path)) {
    for (const { kind, text: comment, line } of tokenize(text)) {
      if (kind !== 'comment') continue;
      for (const [i, prose] of comment.split('\n').entries()) yield [line + i, prose];
    }
  } else if (path.endsWith('.md')) {
    for (const [i, prose] of lines.entries()) yield [i + 1, prose];
  } else if (/\.(asm|inc)$/.test(path)) {
    for (const [i, line] of lines.entries()) if (line.includes(';')) yield [i + 1, line.slice(line.indexOf(';'))];
  } else if (/\.(c|h|S)$/.test(path)) {
    for (const [i, line] of lines.entries()) if (/^\s*(\/\*|\*|\/\/|#\s)/.test(line)) yield [i + 1, line];
  } else if (path.endsWith('.grit')) {
    for (const [i, line] of lines.entries()) if (line.startsWith('//')) yield [i + 1, line];
  }
}

/** What the tree holds, in the three ways in which prose names it. */
class Places {
  private readonly files: ReadonlySet<string>;
  private readonly folders = new Set<string>();
  private readonly ends = new Set<string>();

  constructor(paths: Iterable<string>) {
    this.files = new Set(paths);
    for (const path of this.files) {
      const parts = path.split('/');
      for (let i = 0; i < parts.length; i++) {
        this.ends.add(parts.slice(i).join('/'));
        if (i > 0) this.folders.add(parts.slice(0, i).join('/'));
      }
    }
  }

  /** A path from the root: a file, a folder, a source by its name without an ending, or a pattern with stars. */
  has(path: string): boolean {
    if (path.includes('*')) {
      const escaped = path.replace(/[.]/g, '\\.').replace(/\*/g, '[^/]*');
      const pattern = new RegExp(`^${escaped}`);
      return [...this.files].some((file) => pattern.test(file));
    }
    const plain = path.replace(/\/$/, '');
    return this.files.has(plain) || this.folders.has(plain) || this.files.has(`${plain}.ts`);
  }

  hasEnd(name: string): boolean {
    return this.ends.has(name);
  }
}

/** proptests/README.md is an index: every folder there stands in it. What it names exists, as in any document. */
export function checkIndex(tree: Tree): Violation[] {
  const path = 'proptests/README.md';
  const index = tree.get(path);
  if (index === undefined) return [];
  const folders = new Set<string>();
  for (const file of tree.keys()) {
    const folder = /^proptests\/([\w-]+)\//.exec(file)?.[1];
    if (folder !== undefined) folders.add(folder);
  }
  const listed = new Set(index.match(/(?<=\*\*|`|\[)[\w-]+(?=:\*\*|`|\/)/g));
  return [...folders]
    .filter((folder) => !listed.has(folder))
    .map((folder) => ({ path, line: 1, rule: 'index', message: `proptests/${folder} has no line in it` }));
}

export function checkProse(tree: Tree): Violation[] {
  const places = new Places(tree.keys());
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    for (const [line, prose] of proseOf(path, text)) {
      const add = (rule: string, message: string): number => violations.push({ path, line, rule, message });
      for (const [found] of prose.matchAll(fromRoot)) {
        const name = found.replace(/[.,:]+$/, '');
        if (made.test(`${name}/`) || places.has(name) || places.hasEnd(name)) continue;
        add('named path', `${name} does not exist`);
      }
      for (const [name] of prose.matchAll(named)) {
        const isFromRoot = new RegExp(`^(?:${topFolders})/`).test(name);
        if (isFromRoot || made.test(name) || name.startsWith('./') || name.startsWith('../')) continue;
        if (!places.hasEnd(name)) add('named path', `no file is or ends in ${name}`);
      }
      for (const [name] of prose.matchAll(outsideDocument)) {
        add('outside document', `${name} is no part of the repository: say here what it says`);
      }
    }
  }
  return violations;
}
