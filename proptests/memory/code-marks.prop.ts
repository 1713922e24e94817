/**
 * Marks of code in memory, byte by byte: a write to marked bytes asks whoever decoded them to forget what was made from
 * them, once, and marks beside them stay. Otherwise a guest that runs over its own writes asks at each of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CodeInvalidator } from '../../src/core/machine/engine.ts';
import { Memory } from '../../src/core/memory/memory.ts';

test('what has been forgotten is not asked for again, until it is decoded again', () => {
  const memory = new Memory(0x4000);
  const asked: string[] = [];
  const invalidator: CodeInvalidator = {
    invalidate: (from, to) => asked.push(`${from.toString(16)}-${to.toString(16)}`),
    holdsCode: () => true,
    reprobe: () => {},
    stopAt: () => false,
    setStops: () => {},
  };
  memory.addInvalidator(invalidator);
  memory.markCode(1, 0x10, 8);
  const writes = (at: number, size: number): string => {
    asked.length = 0;
    memory.touch(at, size);
    return asked.join();
  };
  assert.equal(writes(0x1008, 4), '');
  assert.equal(writes(0x1012, 2), '1012-1014');
  assert.equal(writes(0x1012, 2), '');
  assert.equal(memory.isBesideCode(0x1012, 2), true);
  assert.equal(memory.isBesideCode(0x1012, 4), false);
  assert.equal(writes(0x1010, 4), '1010-1014');
  assert.equal(writes(0x1017, 4), '1017-101b');
  assert.equal(writes(0x1014, 3), '1014-1017');
  assert.equal(writes(0x1000, 0x100), '');
  memory.markCode(1, 0x12, 1);
  assert.equal(writes(0x1010, 4), '1010-1014');
});
