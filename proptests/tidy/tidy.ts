/**
 * The rules of the house, as functions from a tree of sources to a list of violations. In two sentences: the core and
 * the tiers are pure, and imports run in one direction only (ARCHITECTURE.md has the map).
 *
 * A tree is a map from path to text, so that tidy.prop.ts can show on small invented trees that every rule fires.
 * Rules look at tokens (tokens.ts), never at raw text, except those about lines and paths.
 */
import { checkFacts } from './facts.ts';
import { checkIndex, checkProse } from './paths.ts';
import { type ImportedModule, importsOf, type Token, tokenize } from './tokens.ts';

/** Path with forward slashes, relative to the root, to text. */
export type Tree = ReadonlyMap<string, string>;

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

export const lineCap = 700;
export const columnCap = 120;
/** Three to eight lines are usual; two lines of 120 columns can say it. */
const headerLinesWanted = 2;

/** Files that may be longer than lineCap, each with the reason. An entry that is no longer needed is a violation. */
export const longFiles: Readonly<Record<string, string>> = {
  'tiers/interp/hot.ts': 'one dispatch loop: V8 optimises it only as one function',
};

/** The one file of each engine that turns text or bytes into running code. */
export const codeMakers = { Function: 'tiers/js/instantiate.ts', WebAssembly: 'tiers/wasm/instantiate.ts' } as const;

/** Node loads this module by its default export. */
const defaultExporters = new Set(['proptests/support/summary.mjs']);

/** The library's public face is the one file that may hand on what others declare. */
const reexporters = new Set(['src/library.ts']);

const topFolders = new Set(['src', 'tiers', 'replay-logs', 'proptests', 'benchmarks', 'guests']);
const rootFiles = new Set(
  (
    'package.json package-lock.json biome.json tsconfig.json tsconfig.base.json ' +
    'README.md ARCHITECTURE.md MEASUREMENTS.md CHANGELOG.md CONTRIBUTING.md LICENSE'
  ).split(' '),
);

const isSource = (path: string): boolean => /\.(ts|mjs)$/.test(path);
const isText = (path: string): boolean =>
  /\.(ts|mjs|js|json|md|grit|c|h|s|S|asm|ld|sh|txt|ir|yml|yaml)$|\/run$|^\.[^/]*$/.test(path);
/** What people read: sources in every language, and documents. */
const keepsColumns = (path: string): boolean => /\.(ts|mjs|grit|c|h|S|asm|inc|md)$/.test(path);
const isTest = (path: string): boolean => path.endsWith('.prop.ts');
const isPure = (path: string): boolean => /^(src\/core|tiers)\//.test(path) && !isTest(path);
/** The library, which lies directly in src/: it may load engines and wait for them, and knows its host no more. */
const isLibrary = (path: string): boolean => /^src\/[^/]+\.ts$/.test(path) && !isTest(path);

// ---------------------------------------------------------------------------------------------------------------
// Who may import whom

/** The area of a path: the unit of the import matrix. */
function areaOf(path: string): string {
  if (isTest(path)) return path.startsWith('benchmarks/') ? 'benchmarks' : 'proptests';
  const parts = path.split('/');
  if (parts[0] === 'src') return parts.length === 2 ? 'library' : parts[1] === 'core' ? 'core' : 'host';
  if (parts[0] === 'tiers' && parts.length > 2) return `tiers/${parts[1]}`;
  return parts[0];
}

/**
 * Areas each area may import besides itself. `library` is what lies directly in src/; `tiers` is what lies directly in
 * tiers/ (the policy); `*` is any tier.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  'tiers/interp': ['core'],
  'tiers/ir': ['core'],
  'tiers/lift': ['core', 'tiers/ir'],
  'tiers/opt': ['core', 'tiers/ir'],
  'tiers/runtime': ['core', 'tiers/ir'],
  'tiers/js': ['core', 'tiers/ir', 'tiers/runtime'],
  'tiers/wasm': ['core', 'tiers/ir', 'tiers/runtime'],
  tiers: ['core', '*'],
  library: ['core', 'tiers', '*'],
  host: ['core', 'tiers', '*', 'library'],
  proptests: ['core', 'tiers', '*', 'library', 'host', 'guests'],
  benchmarks: ['core', 'tiers', '*', 'library', 'host', 'proptests', 'guests'],
  guests: ['core', 'host'],
};

/** Packages each area may import; proptests and benchmarks may use whatever package.json names. */
const mayUsePackages: Readonly<Record<string, readonly string[]>> = {
  core: ['msgpackr', 'fflate'],
  host: [
    'msgpackr',
    'fflate',
    'chalk',
    'fast-png',
    'iced-x86',
    '@cfworker/json-schema',
    'fzstd',
    '@xterm/xterm',
    'esbuild',
    'tinypool',
    'bullmq',
    'ioredis',
    '@vscode/debugadapter',
    '@vscode/debugprotocol',
  ],
};

/** Folders of the core from the ground up: a file may import from its own floor and from those below, types apart. */
export const coreFloors: readonly (readonly string[])[] = [
  ['base'],
  ['state'],
  ['isa'],
  ['memory', 'cpu'], // a TLB miss walks the page tables
  ['devices'],
  ['board'],
  ['machine'],
  ['log'],
  ['session'],
  ['timeline'],
  ['query'],
  ['verify', 'chaos'],
];

const floorOf = (path: string): number => {
  const folder = /^src\/core\/([\w-]+)\//.exec(path)?.[1];
  return folder === undefined ? -1 : coreFloors.findIndex((floor) => floor.includes(folder));
};

export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The source of what the compiler emits: plain .mjs files and addresses name that. */
function sourceOf(target: string): string {
  return target.replace(/^dist\//, '').replace(/\.js$/, '.ts');
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly imports: readonly ImportedModule[];
}

function sourcesOf(tree: Tree): Source[] {
  const sources: Source[] = [];
  for (const [path, text] of tree) {
    if (!isSource(path)) continue;
    const tokens = tokenize(text);
    sources.push({ path, text, tokens, imports: importsOf(tokens) });
  }
  return sources;
}

function checkImports(sources: readonly Source[]): Violation[] {
  const violations: Violation[] = [];
  for (const { path, imports } of sources) {
    const area = areaOf(path);
    const allowed = mayImport[area] ?? [];
    const floor = floorOf(path);
    const add = (line: number, message: string): number => violations.push({ path, line, rule: 'imports', message });
    if (floor < 0 && /^src\/core\/.*\//.test(path) && !isTest(path)) {
      add(
        1,
        `${path.split('/').slice(0, 3).join('/')} has no place among the floors of the core: give it one in coreFloors`,
      );
    }
    for (const { specifier, line, kind, typeOnly } of imports) {
      if (isPure(path) && (kind === 'dynamic' || kind === 'address')) {
        add(line, 'the core and the tiers load nothing at run time: import it statically or have it injected');
      }
      const target = resolveImport(path, specifier);
      if (target === undefined) {
        if (kind === 'address' || (kind === 'dynamic' && specifier === '')) continue;
        if (specifier.startsWith('node:')) {
          if (isPure(path)) add(line, `${specifier}: the core and the tiers are pure; take the value as a parameter`);
          if (isLibrary(path)) add(line, `${specifier}: the library runs in a browser too; let the host hand it in`);
        } else if (area !== 'proptests' && area !== 'benchmarks') {
          const name = specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/');
          if (!(mayUsePackages[area] ?? []).includes(name)) add(line, `${area} may not use the package ${name}`);
        }
        continue;
      }
      // An address may also name data (a config file, an image): only sources have a place in the matrix.
      if (kind === 'address' && !isSource(sourceOf(target))) continue;
      if (kind !== 'address' && !/\.(ts|mjs|js|json)$/.test(specifier)) add(line, `${specifier}: write the .ts ending`);
      const to = areaOf(sourceOf(target));
      const isTier = to.startsWith('tiers/');
      if (to !== area && !allowed.includes(to) && !(isTier && allowed.includes('*'))) {
        add(line, `${area} may not import ${to} (${target})`);
      }
      if (isTest(target)) add(line, 'a test file is imported by nobody: move what is shared into a file of its own');
      // A type is no dependency at run time: the CPU object names what is wired into it.
      if (!typeOnly && floor >= 0 && floorOf(target) > floor) {
        add(line, `src/core/${coreFloors[floor].join(', ')} is below ${target}: it may know its types only`);
      }
    }
  }
  return violations;
}

/** Cycles of imports that exist at run time; `import type` leaves nothing behind and may point back. */
function checkCycles(sources: readonly Source[]): Violation[] {
  const edges = new Map<string, readonly { target: string; line: number }[]>();
  for (const { path, imports } of sources) {
    const runTime = imports.filter((entry) => !entry.typeOnly && entry.kind !== 'address');
    edges.set(
      path,
      runTime.flatMap(({ specifier, line }) => {
        const target = resolveImport(path, specifier);
        return target === undefined ? [] : [{ target, line }];
      }),
    );
  }
  const violations: Violation[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    state.set(path, 'open');
    trail.push(path);
    for (const { target, line } of edges.get(path) ?? []) {
      if (state.get(target) === 'open') {
        const loop = [...trail.slice(trail.indexOf(target)), target].join(' → ');
        violations.push({ path, line, rule: 'cycle', message: loop });
      } else if (!state.has(target)) visit(target);
    }
    trail.pop();
    state.set(path, 'done');
  };
  for (const path of edges.keys()) if (!state.has(path)) visit(path);
  return violations;
}

/** A source that no source imports, no script of package.json starts and no runner finds by its name. */
function checkDeadFiles(tree: Tree, sources: readonly Source[]): Violation[] {
  const used = new Set<string>();
  for (const { path, imports } of sources) {
    for (const { specifier } of imports) {
      const target = resolveImport(path, specifier);
      if (target === undefined) continue;
      used.add(target);
      used.add(sourceOf(target));
    }
  }
  const starters = [
    tree.get('package.json') ?? '',
    tree.get('.ci/run') ?? '',
    tree.get('proptests/run.mjs') ?? '',
  ].join('\n');
  // A campaign that starts another program of the project names its built file in full.
  const extras = [...tree]
    .filter(([path]) => path === 'proptests/ci-extra.mjs' || /^proptests\/.*\/run\.ts$/.test(path))
    .map(([, text]) => text)
    .join('\n');
  const violations: Violation[] = [];
  for (const { path } of sources) {
    if (isTest(path) || path.endsWith('.bench.ts') || path.endsWith('.d.ts') || used.has(path)) continue;
    const built = `dist/${path.replace(/\.ts$/, '.js')}`;
    if (starters.includes(path) || starters.includes(built) || extras.includes(path) || extras.includes(built))
      continue;
    violations.push({
      path,
      line: 1,
      rule: 'dead file',
      message: 'nothing imports or starts this file: delete it or use it',
    });
  }
  return violations;
}

/** Every file that a script, the command or the exports of package.json name must have its source. */
function checkScripts(tree: Tree): Violation[] {
  const path = 'package.json';
  const lines = (tree.get(path) ?? '').split('\n');
  return lines.flatMap((text, index) =>
    (text.match(/[\w./-]+\.(mjs|js|d\.ts)\b/g) ?? []).flatMap((named) => {
      const source = sourceOf(named.replace(/^\.\//, '').replace(/\.d\.ts$/, '.js'));
      if (tree.has(source) || text.includes('*')) return [];
      return [{ path, line: index + 1, rule: 'dead script', message: `${named}: there is no ${source}` }];
    }),
  );
}

// ---------------------------------------------------------------------------------------------------------------
// Words

/** Names that pure code does not use, and what it uses instead. */
const bannedNames: Readonly<Record<string, string>> = {
  Date: 'time is the tick and the epoch in the manifest',
  performance: 'time is the tick',
  globalThis: 'the core has no ambient state: pass what is needed',
  window: 'the core has no ambient state: pass what is needed',
  Reflect: 'say it in the language itself',
  eval: 'code is made in the two files named by codeMakers',
  Promise: 'the core is synchronous',
  async: 'the core is synchronous',
  await: 'the core is synchronous',
  setTimeout: 'schedule an event on the machine clock',
  setInterval: 'schedule an event on the machine clock',
  setImmediate: 'schedule an event on the machine clock',
  queueMicrotask: 'schedule an event on the machine clock',
  structuredClone: 'write save() and load()',
  process: 'the core does not know its host',
  console: 'return the text, the host prints it',
  crypto: 'randomness enters through the InputPort or the seed of the manifest',
  require: 'use import',
  WeakRef: 'the moment of garbage collection must not be visible',
  FinalizationRegistry: 'the moment of garbage collection must not be visible',
  SharedArrayBuffer: 'machine memory is not shared',
  Atomics: 'machine memory is not shared',
  Intl: 'format by hand: locales differ between hosts',
};

/** Of Math only what is exact on every engine. */
const exactMath = new Set('abs ceil clz32 floor fround imul max min round sign trunc'.split(' '));

/** What the library does and the core does not: it waits for engines that are being loaded. */
const libraryNames = new Set(['Promise', 'async', 'await']);

function checkPureWords({ path, tokens }: Source): Violation[] {
  const violations: Violation[] = [];
  const add = (line: number, message: string): number => violations.push({ path, line, rule: 'banned word', message });
  for (const { kind, text, line } of tokens) {
    if (kind === 'comment' && /@ts-(ignore|nocheck|expect-error)|^\/\/\/\s*<reference/.test(text)) {
      add(line, `${text.trim()}: the compiler's opinion is not switched off here`);
    }
  }
  const code = tokens.filter((token) => token.kind !== 'comment');
  for (let i = 0; i < code.length; i++) {
    const { kind, text, line } = code[i];
    const before = code[i - 1]?.text;
    const after = code[i + 1]?.text;
    if (kind === 'string' && text === 'constructor') add(line, `'${text}': no way around the named constructors`);
    if (kind === 'punctuation' && text === '**') {
      const exact = before?.endsWith('n') || (before === '2' && code[i + 1]?.kind === 'number');
      if (!exact) add(line, '**: Math.pow differs between engines; use integers, shifts or a table');
    }
    if (kind !== 'name') continue;
    if (before === '.' || before === '?.') {
      if (text === 'constructor') add(line, '.constructor: no way around the named constructors');
      if (/^toLocale|^localeCompare$/.test(text)) add(line, `.${text}: depends on the locale of the host`);
      continue;
    }
    if (text === 'import' && after === '.') add(line, 'import.meta: the core does not know where it lies');
    if (text === 'declare' && /^(const|let|var|function|class|namespace|module|global)$/.test(after ?? '')) {
      add(line, 'declare: ambient names belong in src/core/base/*.d.ts');
    }
    const isKey = after === ':' && (before === '{' || before === ',');
    const isAllowed = isLibrary(path) && libraryNames.has(text);
    if (Object.hasOwn(bannedNames, text) && !isKey && !isAllowed) add(line, `${text}: ${bannedNames[text]}`);
    if (text === 'Math') {
      const member = code[i + 2]?.text ?? '';
      if (after !== '.') add(line, 'Math: write Math.<name>, so that the name can be checked');
      else if (!exactMath.has(member)) add(line, `Math.${member}: exact are ${[...exactMath].join(', ')}`);
    }
    if (text === 'Function' && path !== codeMakers.Function)
      add(line, `Function: code is made in ${codeMakers.Function} only`);
    if (text === 'WebAssembly' && path !== codeMakers.WebAssembly) {
      const member = code[i + 2]?.text ?? '';
      if (after !== '.') add(line, 'WebAssembly: write WebAssembly.<name>, so that the name can be checked');
      else if (!['Memory', 'Table', 'Global'].includes(member)) {
        add(line, `WebAssembly.${member}: code is made in ${codeMakers.WebAssembly} only`);
      }
    }
  }
  return violations;
}

function checkShape({ path, tokens, imports }: Source): Violation[] {
  const violations: Violation[] = [];
  const add = (line: number, rule: string, message: string): number => violations.push({ path, line, rule, message });
  const code = tokens.filter((token) => token.kind !== 'comment');
  for (let i = 0; i < code.length; i++) {
    const { kind, text, line } = code[i];
    const after = code[i + 1]?.text ?? '';
    if (kind !== 'name' || code[i - 1]?.text === '.') {
      if (kind === 'name' && text === 'only' && after === '(' && isTest(path)) {
        add(line, 'only', 'test.only hides every other test of the file');
      }
      continue;
    }
    if (text === 'export' && after === 'default' && !defaultExporters.has(path)) {
      add(line, 'default export', 'export it by name');
    }
    if (text === 'enum' && code[i + 1]?.kind === 'name' && code[i + 2]?.text === '{') {
      add(line, 'enum', 'use constants, or a union of strings');
    }
    if (text === 'only' && after === ':' && isTest(path)) add(line, 'only', 'only: hides every other test of the file');
  }
  for (const { kind, line, specifier } of imports) {
    if (kind === 'reexport' && !reexporters.has(path)) {
      add(line, 'barrel', `import ${specifier} where it is used; only ${[...reexporters].join(', ')} hands on`);
    }
  }
  return violations;
}

// ---------------------------------------------------------------------------------------------------------------
// Lines and paths

/** Text lines of the comment that opens a file, a shebang apart. */
export function headerLines(text: string): number {
  const rest = text.replace(/^#!.*\n/, '');
  const block = /^\/\*\*?[\s\S]*?\*\//.exec(rest)?.[0] ?? /^(?:\/\/.*\n)+/.exec(rest)?.[0] ?? '';
  return block.split('\n').filter((line) => /[\p{L}\d]/u.test(line)).length;
}

const machinePath = /(?:^|[^\w.$}>-])\/(?:work|home|tmp)\/|(?:^|[^\w.])[A-Z]:\\\\/;
const registryName = /registry[.]|npmjs[.]|yarnpkg[.]|jfrog[.]|pythonhosted[.]|"resolved"[:]/;

function checkLines(tree: Tree, longAllowed: Readonly<Record<string, string>>): Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of tree) {
    if (!isText(path)) continue;
    const lines = text.split('\n');
    const add = (line: number, rule: string, message: string): number => violations.push({ path, line, rule, message });
    for (let i = 0; i < lines.length; i++) {
      if (machinePath.test(lines[i]))
        add(i + 1, 'machine path', 'a path of one machine: use os.tmpdir() or a relative path');
      if (registryName.test(lines[i]))
        add(i + 1, 'registry', 'the address of a registry belongs in the configuration of the user');
      if (keepsColumns(path) && lines[i].length > columnCap)
        add(i + 1, 'long line', `${lines[i].length} columns; the cap is ${columnCap}`);
    }
    if (!isSource(path)) continue;
    if (headerLines(text) < headerLinesWanted) {
      add(1, 'header', 'open the file with a comment of some lines: what it is, which manual, what it does not do');
    }
    const count = lines.length - 1;
    if (count > lineCap && !Object.hasOwn(longAllowed, path)) {
      add(lineCap, 'long file', `${count} lines; the cap is ${lineCap}: split it, or give the reason in longFiles`);
    }
  }
  for (const path of Object.keys(longAllowed)) {
    const count = tree.get(path)?.split('\n').length ?? 0;
    if (count - 1 <= lineCap)
      violations.push({ path, line: 1, rule: 'long file', message: 'is in longFiles without need' });
  }
  return violations;
}

function checkTopLevel(tree: Tree): Violation[] {
  const violations: Violation[] = [];
  for (const path of tree.keys()) {
    const [top, ...below] = path.split('/');
    const known = top.startsWith('.') || (below.length > 0 ? topFolders.has(top) : rootFiles.has(top));
    if (!known) violations.push({ path, line: 1, rule: 'top level', message: `the top level has no place for ${top}` });
  }
  return violations;
}

/** Every violation in the tree, in the order of the files. */
export function tidy(tree: Tree, longAllowed: Readonly<Record<string, string>> = longFiles): Violation[] {
  const sources = sourcesOf(tree);
  const violations = [
    ...checkTopLevel(tree),
    ...checkImports(sources),
    ...checkCycles(sources),
    ...checkDeadFiles(tree, sources),
    ...checkScripts(tree),
    ...sources
      .filter(({ path }) => (isPure(path) || isLibrary(path)) && !path.endsWith('.d.ts'))
      .flatMap(checkPureWords),
    ...sources.flatMap(checkShape),
    ...checkLines(tree, longAllowed),
    ...checkProse(tree),
    ...checkIndex(tree),
    ...checkFacts(sources),
  ];
  const order = (violation: Violation): string => `${violation.path}:${String(violation.line).padStart(6, '0')}`;
  return violations.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

export function printViolation({ path, line, rule, message }: Violation): string {
  return `${path}:${line} ${rule}: ${message}`;
}
