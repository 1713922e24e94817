/**
 * The short way of writes to the planes (plainPlanes of devices/display/vga-planes.ts) leaves what the long way leaves,
 * for random registers and latches; where it declines, the long way is the only one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { withFields } from '../../src/core/base/fields.ts';
import { plainPlanes, WINDOW_BYTES, writePlain, writePlanes } from '../../src/core/devices/display/vga-planes.ts';
import { GRAPHICS_MASKS, SEQUENCER_MASKS, VGA_FIELDS } from '../../src/core/devices/display/vga-registers.ts';
import { BulkMemory } from '../../src/core/memory/bulk.ts';

class Registers extends withFields(VGA_FIELDS) {}

test('bytes for the planes arrive alike on the short and on the long way', () => {
  const dice = new Random(3);
  let taken = 0;
  const [short, long] = [0, 1].map(() => new BulkMemory('planes', 0x40000, null));
  for (let round = 0; round < 3000; round++) {
    const registers = new Registers();
    registers.misc = dice.below(8) === 0 ? 0 : 2;
    SEQUENCER_MASKS.forEach((mask, at) => {
      registers.sequencer[at] = dice.below(256) & mask;
    });
    GRAPHICS_MASKS.forEach((mask, at) => {
      registers.graphics[at] = dice.below(256) & mask;
    });
    if (dice.below(4) > 0) registers.sequencer[4] = 6;
    const plain = plainPlanes(registers);
    if (plain === null) continue;
    taken++;
    for (let i = 0; i < 20; i++) {
      registers.latch = dice.below(0x1_0000_0000);
      const [at, value] = [dice.below(WINDOW_BYTES), dice.below(256)];
      writePlain(plain, registers, short, at, value);
      writePlanes(registers, long, at, value);
    }
    if (round % 100 !== 0) continue;
    assert.deepEqual(short.bytes, long.bytes);
    assert.deepEqual(short.closed, long.closed);
    assert.equal(short.writtenEnd, long.writtenEnd);
  }
  assert.ok(taken > 1000, `${taken} register files were taken`);
  assert.deepEqual(short.bytes, long.bytes);
});
