/**
 * Branches are counted alike on every engine, whatever is compiled, and counting changes no run: the words and the
 * state hashes of built-in guests, with interrupts, faults, tasks and 16-bit code among them, and a count by hand.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { BranchCounts } from '../../src/core/machine/engine.ts';
import { describeMachine } from '../../src/core/session/describe-machine.ts';
import { LivePort } from '../../src/core/session/live-port.ts';
import { type EngineFactory, Session } from '../../src/core/session/session.ts';
import { loadCoveringEngine, loadEngine } from '../../src/engines.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { sha256 } from '../../src/host/node/images.ts';
import { flatGuest } from '../support/flat-guest.ts';

const ENGINES = ['interp', 'js:threshold=2', 'tiered:threshold=3'];
/** Legs of odd lengths, so that slices end inside of blocks. */
const LEG_TICKS = 9973;
const LEGS = 5;

function runOn(data: Uint8Array, makeEngine: EngineFactory): { hash: string; counts: BranchCounts | null } {
  const setup = describeMachine({ kernel: { name: 'guest', data } }, { memoryMegabytes: 4, hashEveryTicks: 0 }, sha256);
  const session = new Session({ ...setup, makeEngine, port: new LivePort(), output: SILENT_OUTPUT });
  for (let leg = 1; leg <= LEGS && session.advance(leg * LEG_TICKS) === 'tick'; leg++);
  return { hash: session.machine.hash().root, counts: session.machine.engine.branchCounts ?? null };
}

for (const name of ['interrupts', 'sort', 'tasks', 'smc']) {
  test(`branches of ${name} are counted alike on every engine`, async () => {
    const image = buildGuest(name);
    const plain = runOn(image, await loadEngine('interp'));
    assert.equal(plain.counts, null);
    let first: number[] | null = null;
    for (const engine of ENGINES) {
      const { hash, counts } = runOn(image, await loadCoveringEngine(engine));
      assert.equal(hash, plain.hash, engine);
      const words = [...(counts?.words ?? [])];
      first ??= words;
      assert.ok(words.filter((word) => word !== 0).length > 5);
      for (const [slot, word] of words.entries()) {
        if (word === first[slot]) continue;
        const places = counts?.placesOf(slot).map((place) => place.toString(16));
        assert.fail(`${engine}: 0x${word.toString(16)}, not 0x${first[slot].toString(16)}, at ${places}`);
      }
    }
  });
}

test('the words say how often branches were taken and how often not', async () => {
  const source = flatGuest(`  mov ecx, 1000
again:
  test ecx, 7
  jnz skip
  inc ebx
skip:
  dec ecx
  jnz again
  mov al, 0
  out 0xf4, al
  hlt`);
  const assembled = assemble(source);
  for (const engine of ENGINES) {
    const { counts } = runOn(assembled.bytes, await loadCoveringEngine(engine));
    assert.ok(counts !== null);
    const found = [...counts.words].filter((word) => word >>> 16 !== 0).map((word) => [word & 0xffff, word >>> 16]);
    assert.deepEqual(
      found.sort((a, b) => a[0] - b[0]),
      [
        [1, 999],
        [125, 875],
      ],
      engine,
    );
    const slot = counts.words.findIndex((word) => word === 125 + (875 << 16));
    const [place] = counts.placesOf(slot);
    assert.equal(assembled.bytes[place - 0x100000], 0x75, 'a JNZ stands there');
  }
});

test('an engine that has no blocks cannot count branches, and says which can', async () => {
  await assert.rejects(loadCoveringEngine('step'), /cannot count branches: give one of interp, js, wasm, tiered\./);
});
