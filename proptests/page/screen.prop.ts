// Guests with a screen in the page: each dot of the canvas is what the library draws, in text and in graphics, at any
// moment; a machine that boots a disk by firmware is walked in, and every view shows something of it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { openRun, record, type RecordedRun } from '../../src/library.ts';
import { inFolder } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, made, opened, settled, skip, testBrowser, untilPassed, watch } from './browser.ts';
import { assertEveryView, assertSame } from './same.ts';
import { serveView } from './serve-view.ts';

const FIRMWARE = '/usr/share/seabios';
const hasFirmware = existsSync(`${FIRMWARE}/bios-256k.bin`) && existsSync(`${FIRMWARE}/vgabios-stdvga.bin`);
const skipDisk = hasFirmware ? skip : 'needs SeaBIOS (Debian: apt-get install seabios)';
const source = (name: string): string => readFileSync(join(projectRoot, 'guests', name), 'utf8');
const browser = testBrowser();

async function compare(log: Uint8Array, shares: readonly number[]): Promise<string[]> {
  const run = await openRun(log);
  const { page, wrong } = await opened(browser, made('run.rlog', log));
  return walk(page, run, { shares, wrong });
}

/** What is open there is what the library opened, at these shares of it, and every view shows something. */
async function walk(
  page: Page,
  run: RecordedRun,
  { shares, wrong }: { shares: readonly number[]; wrong: readonly string[] },
): Promise<string[]> {
  await untilPassed(page);
  for (const share of shares) await assertSame(page, run, Math.floor(run.endTick * share));
  await page.click('#tab-screen');
  await settled(page);
  await assertInSight(page, 'screen', 'canvas');
  const views = await assertEveryView(page);
  assert.deepEqual(wrong, []);
  await page.close();
  return views;
}

/** Nothing of it lies above or below the panel of the view. */
async function assertInSight(page: Page, view: string, part: string): Promise<void> {
  const panel = await page.locator(`#view-${view}`).boundingBox();
  const box = await page.locator(`#view-${view} ${part}`).boundingBox();
  assert.ok(panel !== null && box !== null, part);
  const isWithin = box.y >= panel.y - 1 && box.y + box.height <= panel.y + panel.height + 1;
  assert.ok(isWithin, JSON.stringify({ panel, box }));
}

test('the line that a guest printed last is in sight, however many were before', { skip }, async () => {
  const lines = `%include "common.inc"
main:   mov ebx, 60
again:  mov al, 'x'
        call put_char
        mov al, 10
        call put_char
        dec ebx
        jnz again
        ret`;
  const { log } = await record({ images: { kernel: assembleSource(lines).bytes }, memoryMegabytes: 8, embed: true });
  const { page, wrong } = await opened(browser, made('lines.rlog', log), { viewport: { width: 1280, height: 700 } });
  await untilPassed(page);
  await goTo(page, 'end');
  await page.waitForFunction("document.querySelector('#view-serial').scrollTop > 0");
  await assertInSight(page, 'serial', '.xterm-rows > :last-child');
  await goTo(page, '0');
  await page.waitForFunction("document.querySelector('#view-serial').scrollTop === 0");
  assert.deepEqual(wrong, []);
  await page.close();
});

for (const name of ['chained', 'linear', 'scroll']) {
  test(`screen-${name}: the canvas has the dots that the guest drew`, { skip }, async () => {
    const kernel = assembleSource(source(`screen-${name}.asm`)).bytes;
    const settings = { images: { kernel }, append: '3', memoryMegabytes: 8, vga: 'std', embed: true } as const;
    const { log, reason } = await record(settings);
    assert.equal(reason, 'debug-exit');
    await compare(log, [1, 0.4, 0.8, 0]);
  });
}

/** A disk of ours under SeaBIOS. */
async function recordDisk(embed: boolean) {
  const image = (name: string): Uint8Array => new Uint8Array(readFileSync(`${FIRMWARE}/${name}`));
  const hda = new Uint8Array(2 * 16 * 63 * 512);
  hda.set(assembleSource(source('bootsector.asm')).bytes);
  hda.set([0x55, 0xaa], 510);
  hda.set(new TextEncoder().encode('sector two '), 512);
  const images = { bios: image('bios-256k.bin'), vgaBios: image('vgabios-stdvga.bin'), drives: { hda } };
  return { ...(await record({ images, memoryMegabytes: 32, maxTicks: 400_000_000, embed })), images };
}

test('a disk that firmware boots: screen, serial line, registers and every view', { skip: skipDisk }, async () => {
  const { log, reason } = await recordDisk(true);
  assert.equal(reason, 'debug-exit');
  const views = await compare(log, [1, 0.5, 0.97]);
  for (const id of ['screen', 'serial', 'code', 'registers', 'devices', 'memory', 'stack', 'tables', 'events']) {
    assert.ok(views.includes(id), id);
  }
});

test('a disk that lies with the server is read in parts, and one that is missing is asked for', {
  skip: skipDisk,
}, async () => {
  await inFolder(async (folder) => {
    const { images, log } = await recordDisk(false);
    const { bios, drives, vgaBios } = images;
    const path = join(folder, 'disk.rlog');
    const disk = join(folder, 'disk.img');
    writeFileSync(path, log);
    writeFileSync(disk, drives.hda);
    const run = await openRun(log, { images });
    const server = await serveView([path, '--image', disk, '--image', FIRMWARE], folder);
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    try {
      const wrong = watch(page, server.address);
      await page.goto(server.address);
      await walk(page, run, { shares: [1, 0.5], wrong });
    } finally {
      server.end();
    }
    const { page: bare, wrong } = await opened(browser, path);
    await bare.waitForSelector('.missing h3');
    const asked = (await bare.locator('.missing li').allInnerTexts()).join('\n');
    for (const role of ['bios', 'vgabios', 'hda'])
      assert.match(asked, new RegExp(`${role}.*SHA-256 [0-9a-f]{64}`, 's'));
    await bare.setInputFiles('#file', [made('one', drives.hda), made('two', bios), made('three', vgaBios)]);
    await walk(bare, run, { shares: [1], wrong });
  });
});
