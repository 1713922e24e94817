/**
 * What the VGA shows, and what its registers and memory read as, is what QEMU's std VGA shows and reads as: the scenes
 * of modes.ts, drawn by the same guest on both, compared dot by dot.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Screen } from '../../src/core/devices/display/screen.ts';
import { hasQemu, runHere, runQemu } from './emulators.ts';
import { SCENES } from './modes.ts';
import { Steps } from './vga-guest.ts';

function difference(ours: Screen, theirs: Screen, mask: number): string {
  if (ours.width !== theirs.width || ours.height !== theirs.height) {
    return `${ours.width} × ${ours.height}, not ${theirs.width} × ${theirs.height}`;
  }
  let count = 0;
  let first = '';
  for (let at = 0; at < ours.rgba.length; at += 4) {
    const isSame = [0, 1, 2].every((i) => ((ours.rgba[at + i] ^ theirs.rgba[at + i]) & mask) === 0);
    if (isSame) continue;
    if (count++ > 0) continue;
    const dot = at / 4;
    const color = ({ rgba }: Screen): string => Buffer.from(rgba.subarray(at, at + 3)).toString('hex');
    first = `(${dot % ours.width}, ${Math.floor(dot / ours.width)}): ${color(ours)}, not ${color(theirs)}`;
  }
  return count === 0 ? '' : `${count} dots differ, the first at ${first}`;
}

test('scenes in every kind of mode', {
  skip: hasQemu() ? false : 'needs qemu-system-i386 (Debian: qemu-system-x86)',
}, async () => {
  const steps = new Steps();
  for (const { draw } of SCENES) {
    draw(steps);
    steps.pause();
  }
  const kernel = steps.kernel();
  const [ours, theirs] = await Promise.all([runHere(kernel), runQemu(kernel)]);
  assert.equal(ours.screens.length, SCENES.length);
  const wrong = SCENES.map(({ name, isUnseen, componentMask = 0xff }, i) => ({
    name,
    difference: isUnseen === true ? '' : difference(ours.screens[i], theirs.screens[i], componentMask),
  })).filter((each) => each.difference !== '');
  assert.deepEqual(wrong, []);
  assert.deepEqual(ours.serial.split('\n'), theirs.serial.split('\n'));
});
