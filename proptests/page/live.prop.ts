// Guests that run in the page: booted there, typed at, recorded. The log that the page hands out replays in Node to the
// same end on every engine, and the page that recorded it replays it too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineNames, openLog, openRun, replay } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, skip, testBrowser, textOf, untilPassed, VIEWER, watch } from './browser.ts';

const browser = testBrowser();

test('a guest that was booted, typed at and recorded in the page replays on every engine', { skip }, async () => {
  await inFolder(async (folder) => {
    const page = await browser.newPage({ acceptDownloads: true });
    const wrong = watch(page);
    await page.goto(VIEWER);
    await page.selectOption('[aria-label="Built-in guest"]', 'echo');
    await page.click('text="Boot"');
    await page.waitForFunction("document.querySelector('.live .xterm-rows')?.textContent.includes('type quit')");
    await page.keyboard.type('so far\r');
    await page.waitForFunction("document.querySelector('.live .xterm-rows')?.textContent.includes('so far')");
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Stop and download log')]);
    const file = join(folder, 'live.rlog');
    await download.saveAs(file);
    const log = openLog(readFileSync(file));
    assert.equal(log.end?.reason, 'stopped');
    for (const engine of engineNames()) {
      const again = await replay(log, { engine });
      assert.equal(again.divergence, null, engine);
      assert.equal(again.hash, log.end?.hash, engine);
      assert.match(new TextDecoder().decode(again.serial), /so far/);
    }
    // And back in the page, which says so when a replay leaves its log.
    await untilPassed(page);
    await goTo(page, 'end');
    const run = await openRun(log);
    await run.seek('end');
    assert.equal(await page.getAttribute('canvas.timeline', 'aria-valuenow'), String(run.position.tick));
    assert.equal(await page.locator('.messages p').count(), 0);
    assert.deepEqual(wrong, []);
    await page.close();
  });
});

test('what cannot be booted is said in a sentence, and the page goes on', { skip }, async () => {
  const page = await browser.newPage();
  const wrong = watch(page);
  await page.goto(VIEWER);
  await page.click('text=From files');
  await page.click('text=Boot these files');
  await page.waitForSelector('.messages p');
  assert.match(await textOf(page.locator('.messages')), /nothing to boot/);
  await page.setInputFiles('#boot-kernel', join(projectRoot, 'package.json'));
  await page.click('text=Boot these files');
  await page.waitForFunction("document.querySelectorAll('.messages p').length === 2");
  await page.setInputFiles('#file', join(projectRoot, 'replay-logs/tasks.rlog'));
  await untilPassed(page);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('a server beside the page: the log, its images, bookmarks that are kept', { skip }, async () => {
  await inFolder(async (folder) => {
    const copy = join(folder, 'run.rlog');
    const kernel = join(folder, 'echo.bin');
    const { buildGuest } = await import('../../src/host/node/guest-images.ts');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(kernel, buildGuest('echo'));
    const words = ['record', copy, '--kernel', kernel, '--memory', '4', '--max-ticks', '3000000', '--serial', 'none'];
    assert.equal((await reprise(words)).status, 0);
    const { serveView } = await import('./serve-view.ts');
    const server = await serveView([copy, '--kernel', kernel], folder);
    try {
      const page = await browser.newPage();
      const wrong = watch(page, server.address);
      await page.goto(server.address);
      await untilPassed(page);
      await goTo(page, '1000');
      await page.click('#tab-bookmarks');
      await page.fill('[aria-label="Name of the bookmark"]', 'here');
      await page.click('text=Bookmark this moment');
      await page.waitForSelector('#view-bookmarks li button:has-text("here")');
      await page.reload();
      await untilPassed(page);
      await page.click('#tab-bookmarks');
      await page.waitForSelector('#view-bookmarks li button:has-text("here")');
      assert.deepEqual(wrong, []);
      const listed = await reprise(['debug', copy, '--kernel', kernel, '--exec', 'bookmark']);
      assert.match(listed.stdout, /here/);
      // Without its secret, or under another name, there is nothing.
      const { origin } = new URL(server.address);
      assert.equal((await fetch(`${origin}/`)).status, 404);
      assert.equal((await fetch(`${server.address}file/99`)).status, 404);
      assert.equal((await fetch(`${server.address}bookmark`, { method: 'POST', body: 'x' })).status, 409);
      await page.close();
    } finally {
      server.end();
    }
  });
});
