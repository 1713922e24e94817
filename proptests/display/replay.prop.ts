/**
 * A guest that draws in every kind of mode, recorded: it replays on every engine, with devices and without, in lockstep
 * and from every side, and shows the same.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { drawScreen } from '../../src/core/devices/display/screen.ts';
import { vgaOf } from '../../src/core/devices/display/vga.ts';
import { openLog } from '../../src/core/log/log.ts';
import type { Machine } from '../../src/core/machine/machine.ts';
import { describeDivergence, record, replay, verify } from '../../src/library.ts';
import { go, timelineOf } from '../timeline/fixture.ts';
import { SCENES } from './modes.ts';
import { Steps } from './vga-guest.ts';

const steps = new Steps();
for (const { draw } of SCENES) {
  draw(steps);
  steps.pause();
}
const kernel = steps.kernel();
const script = SCENES.map(() => 'when "#" serial "."').join('\n');
const settings = { images: { kernel }, memoryMegabytes: 4, vga: 'std', script, maxTicks: 1 << 28 } as const;
const recorded = await record({ ...settings, hashEveryTicks: 1_000_000 });
const log = openLog(recorded.log);

function pictureOf(machine: Machine): string {
  const vga = vgaOf(machine.board);
  assert.ok(vga !== null);
  const { width, height, rgba } = drawScreen(vga.picture());
  return `${width} × ${height} ${createHash('sha1').update(rgba).digest('hex')}`;
}

test('it comes to its end, and its log stays small', () => {
  assert.equal(recorded.debugExit, 0x10);
  assert.ok(recorded.log.length < 1_500_000, `${recorded.log.length} bytes`);
});

const pictures = new Map<string, string[]>();
for (const engine of ['interp', 'js', 'wasm', 'tiered']) {
  for (const devices of ['model', 'log'] as const) {
    test(`${engine} replays it with devices from the ${devices}`, async () => {
      const seen: string[] = [];
      const again = await replay(log, {
        images: { kernel },
        engine,
        devices,
        inspect: {
          everyTicks: 2_000_000,
          look: (machine) => {
            if (devices === 'model') seen.push(pictureOf(machine));
            else assert.equal(vgaOf(machine.board), null);
          },
        },
      });
      assert.equal(again.divergence === null ? '' : describeDivergence(again.divergence), '');
      assert.equal(again.tick, recorded.tick);
      assert.deepEqual(again.serial, recorded.serial);
      if (devices === 'model') pictures.set(engine, seen);
    });
  }
}

test('every engine has shown the same', () => {
  const [first, ...others] = [...pictures.values()];
  assert.ok(new Set(first).size > 5, `${new Set(first).size} pictures`);
  for (const other of others) assert.deepEqual(other, first);
});

test('engines in lockstep do the same', async () => {
  const verified = await verify(log, { images: { kernel }, engines: ['interp', 'wasm'], schedules: 1, seed: 3 });
  assert.equal(verified.difference, null, verified.report);
});

test('positions show the same from every side', () => {
  const timeline = timelineOf({ name: 'vga', log, images: new Map([['kernel', kernel]]) }, { intervalTicks: 1 << 20 });
  const dice = new Random(8);
  const ticks = Array.from({ length: 6 }, () => dice.below(recorded.tick));
  const seen = new Map<number, string>();
  for (const tick of [...ticks, ...ticks.slice().reverse(), 0, ...ticks]) {
    go(timeline.seek({ tick, seq: 0 }));
    const picture = pictureOf(timeline.machine);
    assert.equal(picture, seen.get(tick) ?? picture, `tick ${tick}`);
    seen.set(tick, picture);
  }
});
