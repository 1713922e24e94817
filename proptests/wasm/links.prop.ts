/**
 * Jumps through a module's own table: an entry leads to the function of its place as long as there is one, whichever
 * came first, and to the lookup before and after; a function that replaced another stays when that one goes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { record, replay } from '../../src/library.ts';
import { Links } from '../../tiers/wasm/links.ts';
import { programOf } from '../mutation/programs.ts';

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

test('functions that go together because one relies on the other give their places back once', async () => {
  // Copies over a page with code: what was compiled goes, comes back, and goes.
  for (let index = 16; index < 24; index++) {
    const images = { kernel: programOf(1, index) };
    const { log, hash } = await record({ images, memoryMegabytes: 2, reboot: false, maxTicks: 100_000 });
    for (const engine of ['wasm:threshold=2,wait=2', 'wasm:threshold=2,wait=1']) {
      const again = await replay(log, { images, engine });
      assert.deepEqual([again.divergence, again.hash], [null, hash], `program ${index}, ${engine}`);
    }
  }
});
