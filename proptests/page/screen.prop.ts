// Guests with a screen in the page: each dot of the canvas is what the library draws, in text and in graphics, at any
// moment; a machine that boots a disk by firmware is walked in, and every view shows something of it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { openRun, record } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { skip, testBrowser, untilPassed, watch } from './browser.ts';
import { assertEveryView, assertSame } from './same.ts';

const FIRMWARE = '/usr/share/seabios';
const hasFirmware = existsSync(`${FIRMWARE}/bios-256k.bin`) && existsSync(`${FIRMWARE}/vgabios-stdvga.bin`);
const skipDisk = hasFirmware ? skip : 'needs SeaBIOS (Debian: apt-get install seabios)';
const source = (name: string): string => readFileSync(join(projectRoot, 'guests', name), 'utf8');
const browser = testBrowser();

async function compare(log: Uint8Array, shares: readonly number[]): Promise<string[]> {
  const run = await openRun(log);
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const wrong = watch(page);
  await page.goto(pathToFileURL(join(projectRoot, 'dist/src/host/page/viewer.html')).href);
  await page.setInputFiles('#file', { name: 'run.rlog', mimeType: '', buffer: Buffer.from(log) });
  await untilPassed(page);
  for (const share of shares) await assertSame(page, run, Math.floor(run.endTick * share));
  const views = await assertEveryView(page);
  assert.deepEqual(wrong, []);
  await page.close();
  return views;
}

for (const name of ['chained', 'linear', 'scroll']) {
  test(`screen-${name}: the canvas has the dots that the guest drew`, { skip }, async () => {
    const kernel = assembleSource(source(`screen-${name}.asm`)).bytes;
    const settings = { images: { kernel }, append: '3', memoryMegabytes: 8, vga: 'std', embed: true } as const;
    const { log, reason } = await record(settings);
    assert.equal(reason, 'debug-exit');
    await compare(log, [1, 0.4, 0.8, 0]);
  });
}

test('a disk that firmware boots: screen, serial line, registers and every view', { skip: skipDisk }, async () => {
  const image = (name: string): Uint8Array => new Uint8Array(readFileSync(`${FIRMWARE}/${name}`));
  const hda = new Uint8Array(2 * 16 * 63 * 512);
  hda.set(assembleSource(source('bootsector.asm')).bytes);
  hda.set([0x55, 0xaa], 510);
  hda.set(new TextEncoder().encode('sector two '), 512);
  const { log, reason } = await record({
    images: { bios: image('bios-256k.bin'), vgaBios: image('vgabios-stdvga.bin'), drives: { hda } },
    memoryMegabytes: 32,
    maxTicks: 400_000_000,
    embed: true,
  });
  assert.equal(reason, 'debug-exit');
  const views = await compare(log, [1, 0.5, 0.97]);
  for (const id of ['screen', 'serial', 'code', 'registers', 'devices', 'memory', 'stack', 'tables', 'events']) {
    assert.ok(views.includes(id), id);
  }
});
