/**
 * Reads every file that git would commit and holds it against the rules of the house (tidy.ts); then shows on small
 * invented trees that each rule fires, and that the tree beside it passes: a rule that cannot fail guards nothing.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { columnCap, coreFloors, lineCap, printViolation, type Tree, tidy } from './tidy.ts';
import { importsOf, tokenize } from './tokens.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** What git tracks or would add; without git, everything but what .gitignore is known to keep out. */
function listFiles(): string[] {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  if (git.status === 0)
    return git.stdout
      .toString()
      .split('\0')
      .filter((path) => path !== '' && existsSync(join(root, path)));
  const walk = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (/^(\.git|node_modules|dist|guests\/cache)$|\.(rlog|tgz|tsbuildinfo)$/.test(path)) return [];
      return entry.isDirectory() ? walk(path) : [path];
    });
  return walk('');
}

test('every file of the project follows the rules of the house', () => {
  const tree = new Map(listFiles().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  assert.ok(tree.has('package.json') && tree.has('proptests/tidy/tidy.ts'), 'the tree was not read');
  const violations = tidy(tree).map(printViolation);
  assert.ok(violations.length === 0, `\n${violations.join('\n')}`);
});

const header = '/**\n * One line.\n * Two lines.\n * Three lines.\n */\n';

/** A tree of sources with headers and a package.json that starts every one of them, so that only the body counts. */
function treeOf(bodies: Record<string, string>): Tree {
  const tree = new Map<string, string>();
  for (const [path, body] of Object.entries(bodies)) tree.set(path, /\.(ts|mjs)$/.test(path) ? header + body : body);
  const started = Object.keys(bodies).join(' ');
  if (!tree.has('package.json')) tree.set('package.json', `{"scripts":{"x":"${started}"}}`);
  return tree;
}

const rulesOf = (tree: Tree): string[] => [...new Set(tidy(tree, {}).map(({ rule }) => rule))];

/** One bad line in a file of the core, and a good line that says the same in the way of the house. */
const words: readonly (readonly [bad: string, good: string])[] = [
  ['export const t = Date.now();', 'export const t = clock.now();'],
  ['const D = Date; export const t = new D();', 'export const t = new Clock();'],
  ['export const x = Math.random();', 'export const x = Math.imul(3, 5);'],
  ['const m = Math; export const x = m.random();', 'const m = maths; export const x = m.random();'],
  ["export const x = Math['random']();", "export const x = maths['random']();"],
  ['const { random } = Math; export { random };', 'const { random } = dice; export { random };'],
  ['export const x = Math.sqrt(2);', 'export const x = Math.trunc(2);'],
  ['export const x = Math.pow(2, 3);', 'export const x = 2 ** 3;'],
  ['export const x = a ** b;', 'export const x = 10n ** b;'],
  ['export const g = globalThis;', 'export const g = host.globalThis;'],
  ['export const f = new Function("return 1");', 'export const f = (a: number) => a;'],
  ["export const f = (() => 0).constructor('return 1');", 'export class F { constructor() {} }'],
  ["export const f = (() => 0)['constructor'];", "export const f = 'constructors';"],
  ["export const x = eval('1');", 'export const x = evaluate(1);'],
  ['export const x = Reflect.apply(f, a, b);', 'export const x = f.apply(a, b);'],
  ['export async function f() { await 0; }', 'export function f() { return 0; }'],
  ['export const x = new WebAssembly.Module(b);', 'export const x = new WebAssembly.Memory({ initial: 1 });'],
  ['const W = WebAssembly; export const x = new W.Module(b);', 'const W = 1; export const x = W;'],
  ["export const x = a.localeCompare('b');", "export const x = a < 'b';"],
  ['declare const setTimeout: unknown;', 'export type Timeout = { declare: unknown };'],
  ['// @ts-expect-error\nexport const x = 1;', '// expect an error\nexport const x = 1;'],
  ['export const here = import.meta;', 'export const here = meta;'],
  ['export const x = `${Date.now()}`;', 'export const x = `Date.now() ${clock.now()}`;'],
];

for (const [bad, good] of words) {
  test(`banned in the core: ${bad}`, () => {
    assert.deepEqual(rulesOf(treeOf({ 'src/core/cpu/a.ts': bad })), ['banned word']);
    assert.deepEqual(rulesOf(treeOf({ 'src/core/cpu/a.ts': good })), []);
    // What the core may not say, the host may.
    assert.deepEqual(rulesOf(treeOf({ 'src/host/a.ts': bad })), []);
  });
}

test('the library may wait, and says nothing else that the core may not say', () => {
  const rules = (body: string): string[] => rulesOf(treeOf({ 'src/a.ts': body }));
  for (const body of [
    "export const f = async (): Promise<unknown> => await import('../tiers/interp/b.ts');",
    'export const now = clock.now();',
  ]) {
    assert.deepEqual(rulesOf(treeOf({ 'src/a.ts': body, 'tiers/interp/b.ts': '' })), [], body);
  }
  for (const body of ['export const t = Date.now();', 'setTimeout(f, 1);', 'export const r = Math.random();']) {
    assert.deepEqual(rules(body), ['banned word'], body);
  }
  for (const body of ["import 'node:fs';", "import { Decoder } from 'iced-x86';"]) {
    assert.deepEqual(rules(body), ['imports'], body);
  }
});

test('the two makers of code may make it, nobody else', () => {
  const js = 'export const f = new Function("a", "return a");';
  const wasm = 'export const m = new WebAssembly.Module(b);';
  assert.deepEqual(rulesOf(treeOf({ 'tiers/js/instantiate.ts': js, 'tiers/wasm/instantiate.ts': wasm })), []);
  assert.deepEqual(rulesOf(treeOf({ 'tiers/js/instantiate.ts': wasm })), ['banned word']);
  assert.deepEqual(rulesOf(treeOf({ 'tiers/wasm/instantiate.ts': js })), ['banned word']);
});

/** `types`: inside the core a floor may name the types of the floors above, nothing more. */
const imports: readonly (readonly [from: string, to: string, allowed: boolean | 'types'])[] = [
  ['src/core/machine/a.ts', 'src/core/cpu/b.ts', true],
  ['src/core/machine/a.ts', 'tiers/interp/b.ts', false],
  ['src/core/machine/a.ts', 'src/host/b.ts', false],
  ['src/core/machine/a.ts', 'proptests/support/b.ts', false],
  ['src/core/base/a.ts', 'src/core/cpu/b.ts', 'types'],
  ['src/core/memory/a.ts', 'src/core/devices/b.ts', 'types'],
  ['src/core/memory/a.ts', 'src/core/cpu/system/b.ts', true],
  ['src/core/cpu/float/a.ts', 'src/core/memory/b.ts', true],
  ['src/core/machine/boot/a.ts', 'src/core/board/b.ts', true],
  ['tiers/interp/a.ts', 'src/core/cpu/b.ts', true],
  ['tiers/interp/a.ts', 'tiers/lift/b.ts', false],
  ['tiers/lift/a.ts', 'tiers/interp/b.ts', false],
  ['tiers/lift/a.ts', 'tiers/ir/b.ts', true],
  ['tiers/ir/a.ts', 'tiers/opt/b.ts', false],
  ['tiers/js/a.ts', 'tiers/runtime/b.ts', true],
  ['tiers/wasm/a.ts', 'tiers/runtime/b.ts', true],
  ['tiers/wasm/a.ts', 'tiers/js/b.ts', false],
  ['tiers/runtime/a.ts', 'tiers/js/b.ts', false],
  ['tiers/runtime/a.ts', 'tiers/interp/b.ts', false],
  ['tiers/tiering.ts', 'tiers/wasm/b.ts', true],
  ['tiers/js/a.ts', 'src/host/b.ts', false],
  ['src/host/a.ts', 'tiers/interp/b.ts', true],
  ['src/host/a.ts', 'src/b.ts', true],
  ['src/a.ts', 'src/core/cpu/b.ts', true],
  ['src/a.ts', 'tiers/interp/b.ts', true],
  ['src/a.ts', 'src/host/b.ts', false],
  ['src/core/machine/a.ts', 'src/b.ts', false],
  ['tiers/tiering.ts', 'src/b.ts', false],
  ['src/host/a.ts', 'proptests/support/b.ts', false],
  ['proptests/log/a.prop.ts', 'src/host/b.ts', true],
  ['tiers/opt/a.prop.ts', 'tiers/interp/b.ts', true],
  ['proptests/log/a.prop.ts', 'benchmarks/b.ts', false],
  ['benchmarks/a.bench.ts', 'proptests/support/b.ts', true],
];

for (const [from, to, allowed] of imports) {
  const may = allowed === true ? 'may' : allowed === 'types' ? 'may only by type' : 'may not';
  test(`${from} ${may} import ${to}`, () => {
    const specifier = `${'../'.repeat(from.split('/').length - 1)}${to}`;
    const forms = [
      `import { b } from '${specifier}';`,
      `import type { b } from '${specifier}';`,
      `import * as b from '${specifier}';`,
      `import {\n  a, // from './x.ts'\n  b,\n} from '${specifier}';`,
      `import '${specifier}';`,
    ];
    for (const form of forms) {
      assert.deepEqual(
        rulesOf(treeOf({ [from]: form, [to]: 'export const b = 1;' })),
        allowed === true || (allowed === 'types' && form.startsWith('import type')) ? [] : ['imports'],
        form,
      );
    }
  });
}

test('every folder of the core may know those below it, and of those above it only the types', () => {
  const folders = coreFloors.flatMap((floor, height) => floor.map((folder) => ({ folder, height })));
  assert.ok(folders.length > 10);
  let judged = 0;
  for (const from of folders) {
    for (const to of folders) {
      const path = `src/core/${from.folder}/a.ts`;
      const other = `src/core/${to.folder}/deep/b.ts`;
      const rules = (importWord: string): string[] =>
        rulesOf(treeOf({ [path]: `${importWord} { b } from '../${to.folder}/deep/b.ts';`, [other]: '' }));
      assert.deepEqual(rules('import'), to.height > from.height ? ['imports'] : [], `${path} ${other}`);
      assert.deepEqual(rules('import type'), [], `${path} ${other}`);
      judged++;
    }
  }
  assert.equal(judged, folders.length ** 2);
  assert.deepEqual(rulesOf(treeOf({ 'src/core/new/a.ts': '' })), ['imports']);
});

test('the machine imports neither log nor session, and devices know no board', () => {
  const machine = {
    'src/core/machine/machine.ts': "import { x } from '../log/events.ts';",
    'src/core/log/events.ts': '',
  };
  assert.deepEqual(rulesOf(treeOf(machine)), ['imports']);
  const device = {
    'src/core/devices/timers/pit.ts': "import { x } from '../../board/board.ts';",
    'src/core/board/board.ts': '',
  };
  assert.deepEqual(rulesOf(treeOf(device)), ['imports']);
});

test('the core loads nothing of node, nothing at run time and few packages', () => {
  for (const body of [
    "import 'node:fs';",
    "import { x } from 'left-pad';",
    "export const f = () => import('./b.ts');",
  ]) {
    assert.deepEqual(rulesOf(treeOf({ 'src/core/cpu/a.ts': body })), ['imports'], body);
  }
  assert.deepEqual(rulesOf(treeOf({ 'src/core/cpu/a.ts': "import { Packr } from 'msgpackr';" })), []);
  assert.deepEqual(rulesOf(treeOf({ 'tiers/ir/a.ts': "import { Packr } from 'msgpackr';" })), ['imports']);
  assert.deepEqual(rulesOf(treeOf({ 'src/host/a.ts': "import fs from 'node:fs';" })), []);
});

test('a cycle of imports is named in full', () => {
  const cycle = (importWord: string) =>
    tidy(
      treeOf({
        'src/core/cpu/a.ts': "import { b } from './b.ts';",
        'src/core/cpu/b.ts': "import { c } from './c.ts';",
        'src/core/cpu/c.ts': `${importWord} { a } from './a.ts';`,
      }),
      {},
    ).map(({ rule, message }) => `${rule} ${message}`);
  assert.deepEqual(cycle('import'), [
    'cycle src/core/cpu/a.ts → src/core/cpu/b.ts → src/core/cpu/c.ts → src/core/cpu/a.ts',
  ]);
  assert.deepEqual(cycle('import type'), []);
});

test('a file that nothing imports or starts is dead', () => {
  const bodies = {
    'package.json': '{"scripts":{"start":"node dist/src/host/used.js"}}',
    'src/host/used.ts': "import './imported.ts';\nnew Worker(new URL('./worker.js', import.meta.url));",
    'src/host/imported.ts': '',
    'src/host/worker.ts': '',
    'proptests/x/x.prop.ts': '',
    'benchmarks/x.bench.ts': '',
  };
  assert.deepEqual(rulesOf(treeOf(bodies)), []);
  assert.deepEqual(
    tidy(treeOf({ ...bodies, 'src/host/dead.ts': '' }), {}).map(({ path, rule }) => `${path} ${rule}`),
    ['src/host/dead.ts dead file'],
  );
});

test('package.json names only files that exist', () => {
  const script =
    '{"scripts":{"start":"node src/host/a.mjs && node dist/src/host/b.js"},"types":"./dist/src/host/b.d.ts"}';
  const bodies = { 'package.json': script, 'src/host/a.mjs': '', 'src/host/b.ts': '' };
  assert.deepEqual(rulesOf(treeOf(bodies)), []);
  const { 'src/host/b.ts': _removed, ...without } = bodies;
  assert.deepEqual(rulesOf(treeOf(without)), ['dead script']);
});

const shapes: readonly (readonly [rule: string, bad: string, good: string])[] = [
  ['default export', 'export default 1;', 'export const one = 1;'],
  ['enum', 'export enum E { A }', 'export const enumerate = 1;'],
  ['enum', 'export const enum E { A }', "export type E = 'a' | 'b';"],
  ['barrel', "export * from './b.ts';", "import { b } from './b.ts';"],
  ['barrel', "export { b } from './b.ts';", "import { b } from './b.ts';\nexport const c = b;"],
  ['barrel', "export type { b } from './b.ts';", "import type { b } from './b.ts';"],
  ['only', 'test.only("x", f);', 'test("x", f);'],
  ['only', 'test("x", { only: true }, f);', 'test("x", { skip: true }, f);'],
  ['machine path', `const p = '${['', 'work', 'main'].join('/')}';`, "const p = 'src/work/main';"],
  ['machine path', `const p = '${['', 'tmp', 'x'].join('/')}';`, "const p = join(tmpdir(), 'x');"],
  ['registry', `const p = 'https://${['registry', 'npmjs', 'org'].join('.')}';`, "const p = 'registry';"],
  ['long line', `const p = '${'x'.repeat(columnCap)}';`, `const p = '${'x'.repeat(columnCap - 13)}';`],
  ['long file', '\n'.repeat(lineCap - 4), '\n'.repeat(lineCap - 5)],
];

for (const [rule, bad, good] of shapes) {
  test(`${rule}: ${JSON.stringify(bad.slice(0, 40))}`, () => {
    const other = { 'proptests/x/b.ts': '' };
    assert.deepEqual(rulesOf(treeOf({ ...other, 'proptests/x/a.prop.ts': bad })), [rule]);
    assert.deepEqual(rulesOf(treeOf({ ...other, 'proptests/x/a.prop.ts': good })), []);
  });
}

test('documents, assembly and C keep the columns too, tables among them', () => {
  for (const path of ['src/core/a.md', 'guests/a.asm', 'proptests/a.c', 'proptests/a.S']) {
    assert.deepEqual(rulesOf(treeOf({ [path]: `; ${'x'.repeat(columnCap)}` })), ['long line'], path);
    assert.deepEqual(rulesOf(treeOf({ [path]: `| ${'x'.repeat(columnCap - 2)}` })), [], path);
  }
});

test('a reason in longFiles allows a long file, and is itself a violation when no longer needed', () => {
  const path = 'src/core/isa/table.ts';
  const reason = { [path]: 'one row per instruction' };
  assert.deepEqual(tidy(treeOf({ [path]: '\n'.repeat(lineCap) }), reason), []);
  assert.deepEqual(
    tidy(treeOf({ [path]: '' }), reason).map(({ rule }) => rule),
    ['long file'],
  );
  assert.deepEqual(
    tidy(treeOf({}), reason).map(({ rule }) => rule),
    ['long file'],
  );
});

test('a file without a header is named, in either style of comment', () => {
  const rules = (text: string) =>
    rulesOf(
      new Map([
        ['src/core/cpu/a.ts', text],
        ['package.json', 'src/core/cpu/a.ts'],
      ]),
    );
  assert.deepEqual(rules('export const a = 1;\n'), ['header']);
  assert.deepEqual(rules('// One line.\nexport const a = 1;\n// Two lines.\n'), ['header']);
  assert.deepEqual(rules('// One line.\n// Two lines.\nexport const a = 1;\n'), []);
  assert.deepEqual(rules('#!/usr/bin/env node\n/* One line.\n * Two lines. */\nexport const a = 1;\n'), []);
});

test('the top level has the given folders and the usual files', () => {
  assert.deepEqual(rulesOf(treeOf({ 'lib/a.txt': '' })), ['top level']);
  assert.deepEqual(rulesOf(treeOf({ 'notes.txt': '' })), ['top level']);
  assert.deepEqual(rulesOf(treeOf({ 'guests/demo/a.asm': '', '.ci/run': '', 'README.md': '', '.npmrc': '' })), []);
});

test('the tokenizer tells code from comments, strings, templates and regular expressions', () => {
  const names = (source: string): string =>
    tokenize(source)
      .filter(({ kind }) => kind === 'name' || kind === 'regexp' || kind === 'number')
      .map(({ text }) => text)
      .join(' ');
  assert.equal(names('a /* b */ // c\n \'d\' "e\\"f" g'), 'a g');
  assert.equal(names('`a ${b + `c ${d} e`} f` g'), 'b d g');
  assert.equal(names('`${{ a: { b } }}` c'), 'a b c');
  assert.equal(names("x = /[/'`]\\/y/g; z"), "x /[/'`]\\/y/g z");
  assert.equal(names('a / b / c; (a) / b; return /d/'), 'a b c a b return /d/');
  assert.equal(names('0x1f_ffn + 1.5e-3 - .5 + a.b[1].c'), '0x1f_ffn 1.5e-3 .5 a b 1 c');
  assert.deepEqual(
    tokenize('a\n`\n\n${b}\n`\nc')
      .filter(({ kind }) => kind === 'name')
      .map(({ line }) => line),
    [1, 4, 6],
  );
  assert.deepEqual(
    importsOf(
      tokenize("import a, { type b } from 'x'; export const c = 'from'; export { d }; type e = typeof import('y');"),
    ),
    [
      { specifier: 'x', line: 1, kind: 'import', typeOnly: false },
      { specifier: 'y', line: 1, kind: 'dynamic', typeOnly: true },
    ],
  );
});
