// Symbols of the built-in guests, which a kernel is known as by its bytes alone: nothing in a log or an image says so.
// Names of other images are in slide.prop.ts and process.prop.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleRace, buildGuest, listGuests, listRaces } from '../../src/host/node/guest-images.ts';
import { GUEST_BYTES_ALIKE, symbolsOfImages } from '../../src/host/symbols/symbol-files.ts';

test('all built-in guests and races begin alike, by which others are told apart at once', () => {
  const [first] = listGuests();
  const alike = buildGuest(first.name).subarray(0, GUEST_BYTES_ALIKE);
  for (const { name } of listGuests()) assert.deepEqual(buildGuest(name).subarray(0, GUEST_BYTES_ALIKE), alike, name);
  for (const name of listRaces()) {
    for (const isFixed of [false, true]) {
      assert.deepEqual(assembleRace(name, isFixed).bytes.subarray(0, GUEST_BYTES_ALIKE), alike, name);
    }
  }
});

test('a guest and a race have their names, and a kernel that differs in a byte has none', () => {
  const race = listRaces()[0];
  for (const image of [buildGuest(listGuests()[1].name), assembleRace(race).bytes]) {
    assert.ok(symbolsOfImages(new Map([['kernel', image]])).count > 10);
    for (const at of [0, image.length - 1]) {
      const other = Uint8Array.from(image, (byte, i) => (i === at ? byte ^ 1 : byte));
      assert.equal(symbolsOfImages(new Map([['kernel', other]])).count, 0);
    }
  }
});
