/**
 * The rule about what comments and documents name (paths.ts), shown on invented trees: each way of naming a file passes
 * when the file is there and is a violation when it is not, in every kind of text, and code is left alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIndex, checkProse } from './paths.ts';

const tree = {
  'src/core/cpu/system/paging.ts': '',
  'src/core/machine/machine.ts': '',
  'tiers/opt/fold.ts': '',
  'guests/race.asm': '',
  'README.md': '',
};

/** Rules that are broken when `text` is the file `path` beside the others. */
const rulesOf = (path: string, text: string): string[] =>
  checkProse(new Map(Object.entries({ ...tree, [path]: text }))).map(({ line, rule }) => `${line} ${rule}`);

const names: readonly (readonly [there: string, gone: string])[] = [
  ['src/core/machine/machine.ts', 'src/core/machine/engine.ts'],
  ['src/core/cpu/', 'src/core/fpu/'],
  ['src/core/cpu/system', 'src/core/cpu/float'],
  ['tiers/opt/', 'tiers/wasm/'],
  ['tiers/opt/*.ts', 'tiers/lift/*.ts'],
  ['cpu/system/paging.ts', 'cpu/paging.ts'],
  ['machine.ts', 'engine.ts'],
  ['guests/race.asm:159', 'guests/echo.asm:159'],
  ['README.md', 'PLAN.md'],
];

for (const [there, gone] of names) {
  test(`${there} is there, ${gone} is not`, () => {
    for (const [path, before, after] of [
      ['src/a.ts', '// See ', ' for more.'],
      ['src/a.ts', '/**\n * See `', '`, or not.\n */'],
      ['src/a.mjs', 'const a = 1; // (', ')'],
      ['notes.md', 'It is in [', '].'],
      ['guests/b.asm', 'mov eax, 1 ; as in ', ''],
      ['proptests/a.c', '/* as in ', ' */'],
      ['proptests/tidy/a.grit', '// as in ', '.'],
    ] as const) {
      assert.deepEqual(rulesOf(path, before + there + after), [], path + before);
      const line = before.split('\n').length;
      assert.deepEqual(rulesOf(path, before + gone + after), [`${line} named path`], path + before);
    }
    // What code says, the compiler and the tests look at.
    assert.deepEqual(rulesOf('src/a.ts', `const path = '${gone}';`), []);
  });
}

test('what a build or a download makes need not be there', () => {
  assert.deepEqual(rulesOf('a.md', 'dist/src/library.js, guests/cache/debian/vmlinuz, node_modules/x/y.ts'), []);
  assert.deepEqual(rulesOf('a.md', 'guests/caches/debian'), ['1 named path']);
});

test('documents outside the repository are not named', () => {
  const outside = ['DESIGN section 4', 'STYLE asks for it', 'see DESIGN.md'];
  for (const text of outside) {
    assert.ok(rulesOf('src/a.ts', `// ${text}`).includes('1 outside document'), text);
    assert.ok(rulesOf('a.md', text).includes('1 outside document'), text);
  }
  assert.deepEqual(rulesOf('src/a.ts', '// By design, and in the style of the manual.'), []);
});

test('every folder of tests stands in the index', () => {
  const folders = { 'proptests/log/a.prop.ts': '', 'proptests/witnesses/silicon/b.ts': '', 'proptests/run.mjs': '' };
  const messages = (index: string): string[] =>
    checkIndex(new Map(Object.entries({ ...folders, 'proptests/README.md': index }))).map(({ message }) => message);
  assert.deepEqual(messages('- **log:** logs.\n[witnesses/silicon](witnesses/silicon/README.md)'), []);
  assert.deepEqual(messages('- **logs:** logs. `witnesses`'), ['proptests/log has no line in it']);
});
