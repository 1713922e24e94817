/**
 * Jumps from page to page stay inside compiled code: places of one hash and of neighbouring ones find each other beside
 * one another in the jump cache, and an instruction that crosses the end of its page is done on the way. Counted by
 * calls out of the inner loop, which such a guest hardly makes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { RunLoop } from '../../src/core/session/run-loop.ts';
import { createReplay } from '../../src/core/session/session.ts';
import { RAM_BASE } from '../../src/core/state/layout.ts';
import { loadWatchedEngine, type WatchedEngine } from '../../src/engines.ts';
import { record } from '../../src/library.ts';
import { jumpIndex } from '../../tiers/wasm/convention.ts';
import { LEFT_UNDECODED } from '../../tiers/interp/hot.ts';
import { projectRoot } from '../support/poison.ts';

const ROUNDS = 5000;

const include = (name: string): string => readFileSync(join(projectRoot, 'guests', name), 'utf8');

/** Calls of the places in turn; what is called is `work` at each of them. */
const source = (places: readonly number[], work: string): string => `
%include "common.inc"
main:
        xor ebx, ebx
        mov ebp, ${ROUNDS}
        ${places.map((place) => `mov esi, work\nmov edi, ${place}\nmov ecx, worked - work\nrep movsb`).join('\n')}
        ${places.map((_, k) => `mov dword [${0x1e0000 + 4 * k}], ${places[k]}`).join('\n')}
.round:
        ${places.map((_, k) => `call [${0x1e0000 + 4 * k}]`).join('\n')}
        dec ebp
        jnz .round
        mov eax, EXIT_PASS
        out 0xf4, eax
        hlt
work:
        ${work}
worked:
`;

async function run(places: readonly number[], work: string): Promise<WatchedEngine['watch']> {
  const images = { kernel: assemble(source(places, work), { include }).bytes };
  const { log } = await record({ images, memoryMegabytes: 8, maxTicks: 1_000_000, engine: 'interp' });
  const make = await loadWatchedEngine('wasm:threshold=16,wait=1');
  const made: WatchedEngine[] = [];
  const session = createReplay({
    log: openLog(log),
    images: new Map(Object.entries(images)),
    output: SILENT_OUTPUT,
    makeEngine: (cpu) => {
      made.push(make(cpu));
      return made[0].engine;
    },
  });
  const end = session.end(new RunLoop({ session }).run());
  assert.equal(end.divergence, null);
  assert.ok(end.tick > 4 * ROUNDS, `${end.tick} ticks`);
  const [{ watch }] = made;
  assert.equal(watch.unexplained, 0);
  return watch;
}

/** Physical addresses, each in 16 KiB of its own, whose entries of the jump cache have these numbers. */
const placesOf = (numbers: readonly number[]): number[] =>
  numbers.map((number, k) => {
    const base = RAM_BASE + 0x140000 + k * 0x4000;
    return base + (number ^ (base >>> 14)) - RAM_BASE;
  });

test('places that share an entry of the jump cache, or whose entries lie side by side, are both found', async () => {
  for (const numbers of [
    [0x302, 0x302],
    [0x302, 0x303],
    [0x303, 0x302],
  ]) {
    const places = placesOf(numbers);
    assert.deepEqual(
      places.map((place) => jumpIndex(place + RAM_BASE)),
      numbers,
    );
    const { calls } = await run(places, 'inc ebx\nret');
    assert.ok(calls < ROUNDS / 4, `${numbers.join()}: ${calls} calls`);
  }
});

test('an instruction that crosses the end of its page is done between two functions', async () => {
  const { loopExits, alone } = await run([0x140ffd - 1], 'inc ebx\nadd ebx, 0x11223344\nret').then((watch) => ({
    loopExits: watch.loopExits,
    alone: [...watch.blocks.alone.values()].reduce((sum, { ticks }) => sum + ticks, 0),
  }));
  assert.ok(alone >= ROUNDS, `${alone} single instructions`);
  assert.ok(loopExits[LEFT_UNDECODED] < ROUNDS / 4, `${loopExits[LEFT_UNDECODED]} exits`);
});
