/**
 * SeaBIOS and its VGA BIOS on the VGA: what they write stands on the screen, a script reads it there and presses keys,
 * and the recording replays. Needs Debian's package seabios.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { screenText } from '../../src/core/devices/display/screen.ts';
import { vgaOf } from '../../src/core/devices/display/vga.ts';
import { describeDivergence, record, replay } from '../../src/library.ts';
import { setMode, TEXT_80 } from './modes.ts';
import { Steps } from './vga-guest.ts';

const FOLDER = '/usr/share/seabios';
const hasFirmware = existsSync(`${FOLDER}/bios-256k.bin`) && existsSync(`${FOLDER}/vgabios-stdvga.bin`);
const skip = hasFirmware ? false : 'needs SeaBIOS (Debian: seabios)';

test('a script opens the boot menu of SeaBIOS, by what stands on the screen', { skip }, async () => {
  const image = (name: string): Uint8Array => new Uint8Array(readFileSync(`${FOLDER}/${name}`));
  const hda = new Uint8Array(1 << 20);
  const images = { bios: image('bios-256k.bin'), vgaBios: image('vgabios-stdvga.bin'), drives: { hda } };
  const script = 'when screen "Press ESC" key escape\nwhen screen "Select boot device" type "1"\n';
  const settings = { images, memoryMegabytes: 16, bootMenu: true, script, maxTicks: 40_000_000 };
  const recorded = await record(settings);
  const seen: string[] = [];
  const again = await replay(recorded.log, {
    images,
    inspect: {
      everyTicks: 1 << 21,
      look: ({ board }) => {
        const vga = vgaOf(board);
        if (vga !== null) seen.push(screenText(vga.picture())?.join('\n') ?? '');
      },
    },
  });
  assert.equal(again.divergence === null ? '' : describeDivergence(again.divergence), '');
  assert.equal(again.hash, recorded.hash);
  const find = (text: string): number => seen.findIndex((screen) => screen.includes(text));
  const stages = ['SeaBIOS (version', 'Press ESC for boot menu', 'Select boot device:', 'Booting from Hard Disk'].map(
    find,
  );
  assert.ok(
    stages.every((at) => at >= 0),
    `${stages.join(' ')}\n${seen.at(-1)}`,
  );
  assert.deepEqual(
    [...stages].sort((a, b) => a - b),
    stages,
  );
});

test('a script waits for the screen on every engine at the same tick', async () => {
  const steps = new Steps();
  setMode(steps, TEXT_80).fill(0xb8000, 4000, 0);
  const put = (row: number): Steps =>
    steps.copy(0xb8000 + row * 160, Uint8Array.from([...'Ready'].flatMap((each) => [each.charCodeAt(0), 7])));
  put(0).pause();
  put(2).pause();
  const kernel = steps.kernel();
  const script = 'when screen "Ready" serial "."\nwhen screen "Ready" serial "."\n';
  const settings = { images: { kernel }, memoryMegabytes: 4, vga: 'std', script, maxTicks: 1 << 26 } as const;
  const [first, ...others] = await Promise.all(
    ['interp', 'js', 'tiered'].map((engine) => record({ ...settings, engine })),
  );
  assert.equal(first.debugExit, 0x10);
  for (const other of others) assert.deepEqual([other.tick, other.hash], [first.tick, first.hash]);
  const stored = await record({ ...settings, checkpointEveryTicks: 100_000 });
  assert.deepEqual([stored.tick, stored.hash], [first.tick, first.hash], 'shorter slices change nothing');
});
