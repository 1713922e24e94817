// What takes the place of Node's Buffer in the worker does what Node's does, for all that the readers of symbols ask of
// it: the same calls on the same random bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Buffer as Ours } from '../../src/host/page/viewer/worker/buffer.ts';

test('reads, searches, parts, texts and comparisons are those of Node', () => {
  const bytes = fc.uint8Array({ minLength: 8, maxLength: 80, max: 3 });
  fc.assert(
    fc.property(bytes, bytes, fc.nat(7), fc.nat(8), (content, wanted, at, length) => {
      const [ours, nodes] = [Ours.from(content.buffer, content.byteOffset, content.length), Buffer.from(content)];
      for (const method of ['readUInt8', 'readUInt16LE', 'readUInt32LE', 'readInt32LE'] as const) {
        if (at + 4 <= content.length) assert.equal(ours[method](at), nodes[method](at), method);
      }
      const part = wanted.subarray(0, 1 + (length % 3));
      assert.equal(ours.indexOf(part, at), nodes.indexOf(part, at));
      assert.equal(ours.indexOf(2, at), nodes.indexOf(2, at));
      assert.equal(ours.toString('latin1', at, at + length), nodes.toString('latin1', at, at + length));
      assert.deepEqual([...ours.subarray(at, at + length)], [...nodes.subarray(at, at + length)]);
      assert.equal(ours.subarray(at).indexOf(part), nodes.subarray(at).indexOf(part));
      assert.equal(ours.toString('hex', at, at + length), nodes.toString('hex', at, at + length));
      assert.equal(Ours.compare(content, wanted), Buffer.compare(content, wanted));
      const end = Math.min(wanted.length, length);
      const [first, last] = [at, Math.min(content.length, at + length)];
      assert.equal(ours.compare(wanted, 0, end, first, last), nodes.compare(wanted, 0, end, first, last));
    }),
  );
});
