/**
 * Jumps through a module's own table: an entry leads to the function of its place as long as there is one, whichever
 * came first, and to the lookup before and after; a function that replaced another stays when that one goes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Links } from '../../tiers/wasm/links.ts';

/** A table as Links sees it. */
const tableOf = (entries: string[]): WebAssembly.Table =>
  ({ set: (entry: number, code: string) => (entries[entry] = code) }) as unknown as WebAssembly.Table;

test('an entry leads where there is a function', () => {
  const links = new Links('jump');
  const first = ['jump', 'jump'];
  const second = ['jump'];
  const one = { table: tableOf(first), entry: 0, key: 7 };
  const other = { table: tableOf(second), entry: 0, key: 7 };
  links.add(one);
  links.add({ table: tableOf(first), entry: 1, key: 8 });
  assert.deepEqual(first, ['jump', 'jump']);
  links.open(7, 'a');
  assert.deepEqual(first, ['a', 'jump']);
  links.add(other);
  assert.deepEqual(second, ['a'], 'a jump that comes later finds the function');
  links.remove(one);
  assert.deepEqual(first, ['jump', 'jump'], 'the jump is gone');
  links.open(7, 'b');
  assert.deepEqual([first[0], second[0]], ['jump', 'b']);
  links.close(7, 'a');
  assert.deepEqual(second, ['b'], 'one that was replaced goes');
  links.close(7, 'b');
  assert.deepEqual(second, ['jump']);
  links.open(8, 'c');
  assert.deepEqual(first, ['jump', 'c']);
});
