/**
 * A fact declared twice is found: on an invented tree, each copy beside the place that declares it, and beside the copy
 * what looks like one and is none. That the project itself has no copies, tidy.prop.ts checks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCESS_FILE, checkFacts, NAMES_FILE, PAGES_FILE, RANDOM_FILE, VECTORS_FILE } from './facts.ts';
import { tokenize } from './tokens.ts';

/** What declares the facts, in another world: the rule reads them from here. */
const DECLARED: Readonly<Record<string, string>> = {
  [NAMES_FILE]: `
export const WORDS = ['foo', 'bar', 'baz', 'qux', 'quux'] as const;
export const SPELLINGS = [['yes', 'y'], ['no'], ['perhaps', 'maybe'], ['never']] as const;`,
  [VECTORS_FILE]: 'export const VECTOR_GP = 13;\nexport const VECTOR_PF = 14;',
  [PAGES_FILE]: 'export const PAGE_BYTES = 4096;',
  [RANDOM_FILE]: 'export const next = (x: number): number => { x ^= x << 13; x ^= x >>> 17; return x; };',
  [ACCESS_FILE]: 'export const accessOperand = (a: number, size: number): number => a * 4 + (size >> 1);',
  'src/core/state/flags.ts': 'export const CARRY = 1;\nconst SHIFT = 1 << 5;',
};

const found = (path: string, body: string): string[] =>
  checkFacts(
    Object.entries({ ...DECLARED, [path]: body }).map(([file, text]) => ({ path: file, tokens: tokenize(text) })),
  )
    .filter((violation) => violation.path === path)
    .map(({ rule, message }) => `${rule}: ${message}`);

test('what declares a fact is no copy of it', () => {
  for (const [path, body] of Object.entries(DECLARED)) assert.deepEqual(found(path, body), [], path);
});

/** Bodies that say a fact again, with a word of the message, and the same in the way of the house. */
const COPIES: readonly (readonly [bad: string, wanted: RegExp, good: string])[] = [
  ["const A = ['foo', 'bar', 'baz', 'qux'];", /names\.ts/, "const A = ['foo', 'bar', 'baz'];"],
  ["const A = ['x', 'FOO', 'BAR', 'BAZ', 'QUX'];", /names\.ts/, "const A = ['foo', 'baz', 'bar', 'qux'];"],
  ["const A = 'bar baz qux quux'.split(' ');", /names\.ts/, "const A = 'bar baz'.split(' ');"],
  ["const A = ['y', 'no', 'maybe', 'never'];", /names\.ts/, "const A = ['y', 'n', 'maybe', 'never'];"],
  ["f(['bar', 'baz', 'qux', 'quux'].map(g));", /names\.ts/, 'f(WORDS.map(g));'],
  ['raise(cpu, 13, 0);', /write VECTOR_GP/, 'raise(cpu, VECTOR_GP, 0);'],
  ['setFault(cpu, 14);', /write VECTOR_PF/, 'setFault(cpu, VECTOR_PF, 14);'],
  ['raise(cpu, seg === SS ? 12 : 13, 0);', /a vector|VECTOR/, 'raise(cpu, (a & 13) === 0 ? VECTOR_PF : VECTOR_GP, 0);'],
  ['fetchDescriptor(cpu, f(a, 1), 13, 0);', /VECTOR_GP/, 'fetchDescriptor(cpu, f(a, 13), VECTOR_GP, 13);'],
  ['const GP = 13;', /VECTOR_GP/, 'const GP = 12;'],
  ['const GENERAL_PROTECTION = 13;', /VECTOR_GP/, 'const GENERAL_STAFF = 13;'],
  ['export const VECTOR_PF = 14;', /VECTOR_PF stands/, "import { VECTOR_PF } from '../base/vectors.ts';"],
  ['const PAGE_SIZE = 0x1000;', /pages\.ts/, 'const TABLE_SIZE = 0x1000;'],
  ['const RAM_PAGE_BYTES = 1 << 12;', /pages\.ts/, 'const RAM_PAGES = 1 << 12;'],
  ['const PAGE_SHIFT = 12;', /pages\.ts/, 'const PAGE_SHIFT = 13;'],
  ['export const f = (page: number) => page * 4096;', /PAGE_BYTES/, 'export const f = (at: number) => at & -4096;'],
  ['export const a = new Uint8Array(4096);', /PAGE_BYTES/, 'export const a = new Uint8Array(PAGE_BYTES);'],
  ['export const f = (at: number) => 4096 - at;', /PAGE_BYTES/, 'export const f = (at: number) => atMost(at, 4096);'],
  ['let x = 1; x ^= x << 13; x ^= x >>> 17;', /generator/, 'let x = 1; x = (x << 13) | (x >>> 19);'],
  ['x = Math.imul(x, 1103515245) + 12345;', /generator/, 'const ASM = "imul eax, eax, 1103515245";'],
  ['const operand = port * 4 + (size >> 1);', /accessOperand/, 'const operand = accessOperand(port, size);'],
  ['const CARRY = 1;', /CARRY stands in src\/core\/state\/flags\.ts too: import it/, 'const CARRY = 2;'],
  ['const SHIFT = 32;', /SHIFT stands in .*export it there/, 'const { SHIFT } = flags;'],
  ["f('{'); const CARRY = 0x1;", /CARRY stands/, 'export function f() { const CARRY = 1; }'],
];

for (const [bad, wanted, good] of COPIES) {
  test(`declared twice: ${bad}`, () => {
    const path = 'src/core/cpu/a.ts';
    assert.equal(found(path, bad).length, 1);
    assert.match(found(path, bad)[0], /^declared twice: /);
    assert.match(found(path, bad)[0], wanted);
    assert.deepEqual(found(path, good), []);
  });
}

test('a test may have numbers of its own, but not names and constants of the program', () => {
  const path = 'proptests/cpu/a.prop.ts';
  for (const body of ['raise(chip, 13);', 'const a = new Uint8Array(4096);', 'const SHIFT = 32;']) {
    assert.deepEqual(found(path, body), [], body);
  }
  for (const body of ['const CARRY = 1;', "const A = 'foo bar baz qux'.split(' ');", 'const UD = 6, GP = 13;']) {
    assert.equal(found(path, body).length, 1, body);
  }
  assert.equal(found(path, 'const PF = 14;').length, 1);
});
