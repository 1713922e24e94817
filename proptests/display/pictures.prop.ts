/**
 * Pictures of a recorded run as the verbs write them: PNG files of moments, the debugger's `screen`, animations at
 * guest time. What is in the files is decoded by the package's decoder and compared with what the screen showed.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decode } from 'fast-png';
import { Random } from '../../src/core/base/random.ts';
import type { Screen } from '../../src/core/devices/display/screen.ts';
import { Animation, encodePng } from '../../src/host/screen/png.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { runHere } from './emulators.ts';
import { setMode, setPalette, TEXT_80, VGA_320 } from './modes.ts';
import { readApng } from './read-apng.ts';
import { Steps } from './vga-guest.ts';

function rgbOf({ rgba }: Screen): Uint8Array {
  return Uint8Array.from({ length: (rgba.length / 4) * 3 }, (_, i) => rgba[Math.floor(i / 3) * 4 + (i % 3)]);
}

function assertSame(got: Uint8Array, expected: Uint8Array, told = ''): void {
  assert.ok(Buffer.compare(got, expected) === 0, `the dots differ ${told}`);
}

/** The upper left part of a canvas. */
function corner(rgb: Uint8Array, canvasWidth: number, width: number, height: number): Uint8Array {
  const rows = Array.from({ length: height }, (_, row) =>
    rgb.subarray(row * canvasWidth * 3, (row * canvasWidth + width) * 3),
  );
  return Buffer.concat(rows);
}

function randomScreen(dice: Random, width: number, height: number, before?: Screen): Screen {
  const rgba = new Uint8Array(width * height * 4).fill(0xff);
  if (before !== undefined && before.rgba.length === rgba.length) rgba.set(before.rgba);
  const first = dice.below(width * height);
  const count = dice.below(3) === 0 ? width * height : dice.below(40);
  for (let i = first; i < Math.min(first + count, width * height); i++) {
    for (let j = 0; j < 3; j++) rgba[i * 4 + j] = dice.below(256);
  }
  return { width, height, rgba };
}

test('a PNG holds the dots of the screen', () => {
  const screen = randomScreen(new Random(1), 33, 17);
  const { width, height, channels, data } = decode(encodePng(screen), { checkCrc: true });
  assert.deepEqual([width, height, channels], [33, 17, 3]);
  assertSame(Uint8Array.from(data), rgbOf(screen));
});

test('an animation shows each screen as long as it stood, of whatever sizes', () => {
  const dice = new Random(2);
  const animation = new Animation();
  const shown: { readonly screen: Screen; readonly atMs: number }[] = [];
  let atMs = 0;
  let before: Screen | undefined;
  for (const [width, height] of [...Array(12).fill([20, 10]), [30, 8], [30, 8], [16, 16], ...Array(6).fill([20, 10])]) {
    before = randomScreen(dice, width, height, before);
    animation.add(before, atMs);
    shown.push({ screen: before, atMs });
    atMs += dice.below(5) === 0 ? 150_000 : 1 + dice.below(2000);
  }
  const read = readApng(animation.finish(atMs));
  assert.deepEqual([read.width, read.height, read.plays], [30, 16, 1]);
  let passedMs = 0;
  for (const { delayMs, rgb } of read.frames) {
    const found = shown.filter((each) => each.atMs <= passedMs).at(-1);
    assert.ok(found !== undefined);
    const { width, height } = found.screen;
    assertSame(corner(rgb, read.width, width, height), rgbOf(found.screen), `at ${passedMs} ms`);
    passedMs += delayMs;
  }
  assert.equal(passedMs, atMs);
});

const steps = setPalette(setMode(new Steps(), TEXT_80)).register(0x3d4, 0x0a, 0x20);
steps.copy(0xb8000, Uint8Array.from([...'Hello screen'].flatMap((each) => [each.charCodeAt(0), 0x07]))).pause();
setMode(steps, VGA_320).pattern(0xa0000, 64_000, 3).pause();
const kernel = steps.kernel();
const script = 'when "#" serial "."\nwhen "#" serial "."\n';

test('the verbs that make pictures', async () => {
  const recorded = await record({ images: { kernel }, memoryMegabytes: 4, vga: 'std', script, embed: true });
  const { screens } = await runHere(kernel);
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'a.rlog'), recorded.log);
    const shots = ['end=end.png', 'serial:"#"=text.png', '100%=whole.png', '0=start.png', 'event:0=event.png'];
    const words = shots.flatMap((shot) => ['--screenshot', shot]);
    const replayed = await reprise(['replay', 'a.rlog', '--json', ...words], { cwd });
    assert.equal(replayed.status, 0, replayed.stderr);
    const { screenshots } = JSON.parse(replayed.stdout) as { screenshots: { position: string; tick: number }[] };
    assert.deepEqual(screenshots.map(({ position }) => position).sort(), ['0', '100%', 'end', 'event:0', 'serial:"#"']);
    const dots = (name: string): Uint8Array =>
      Uint8Array.from(decode(readFileSync(join(cwd, name)), { checkCrc: true }).data);
    assertSame(dots('text.png'), rgbOf(screens[0]));
    assertSame(dots('end.png'), rgbOf(screens[1]));
    assertSame(dots('whole.png'), dots('end.png'));

    const exec = 'seek serial:"#"; screen; screen it.png; seek end; screen';
    const debugged = await reprise(['debug', 'a.rlog', '--exec', exec], { cwd });
    assert.equal(debugged.status, 0, debugged.stderr);
    assert.match(debugged.stdout, /^Hello screen$/m);
    assert.match(debugged.stdout, /^720 .* 400 dots are in it\.png$/m);
    assert.match(debugged.stdout, /no text: 640/);
    assertSame(dots('it.png'), rgbOf(screens[0]));

    for (const out of ['run.apng', 'run']) {
      const rendered = await reprise(['render', 'a.rlog', out, '--every', '1', '--json'], { cwd });
      assert.equal(rendered.status, 0, rendered.stderr);
    }
    const { frames, width } = readApng(readFileSync(join(cwd, 'run.apng')));
    assertSame(corner(frames[frames.length - 1].rgb, width, 640, 400), rgbOf(screens[1]));
    const totalMs = frames.reduce((sum, { delayMs }) => sum + delayMs, 0);
    assert.equal(totalMs, Math.round((recorded.tick * recorded.manifest.nsPerTick) / 1e6));
    const names = readdirSync(join(cwd, 'run')).sort();
    assertSame(dots(join('run', names[names.length - 1])), rgbOf(screens[1]));
  });
});

test('what cannot be had is said', async () => {
  const recorded = await record({ images: { kernel }, memoryMegabytes: 4, vga: 'std', script, embed: true });
  const blind = await record({ images: { kernel }, memoryMegabytes: 4, embed: true, maxTicks: 1000 });
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'a.rlog'), recorded.log);
    writeFileSync(join(cwd, 'blind.rlog'), blind.log);
    writeFileSync(join(cwd, 'there.png'), '');
    const refused: readonly (readonly [string, number, RegExp])[] = [
      ['replay blind.rlog --screenshot end=x.png', 2, /has no screen.*--vga std/],
      ['replay a.rlog --devices log --screenshot end=x.png', 2, /leave --devices log out/],
      ['replay a.rlog --screenshot end', 2, /POSITION=FILE/],
      ['replay a.rlog --screenshot 99999999999=x.png', 2, /beyond the end/],
      ['replay a.rlog --screenshot end=there.png', 2, /there.png.*nothing is overwritten/],
      ['replay a.rlog --screenshot serial:never=x.png', 2, /never sends/],
      ['render a.rlog x.png --from 99999999999', 2, /The run ends at/],
    ];
    for (const [line, status, said] of refused) {
      const ended = await reprise(line.split(' '), { cwd });
      assert.match(ended.stderr, said, line);
      assert.equal(ended.status, status, line);
    }
    assert.ok(!existsSync(join(cwd, 'x.apng')));
    const debugged = await reprise(['debug', 'blind.rlog', '--exec', 'screen'], { cwd });
    assert.match(debugged.stderr, /has no screen/);
  });
});
