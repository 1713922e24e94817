// The packed page in a real browser: opened from disk it shows what the library says of the recording, at any moment
// and whichever way one goes there, without an error and without asking a network for anything; what the guest printed
// is text; the log that it hands out is the log, with its bookmarks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { readBookmarks } from '../../src/core/timeline/bookmarks.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { registers } from '../../src/host/debugger/views.ts';
import { openLog, openRun } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, settled, shownRegisters, skip, testBrowser, untilPassed, watch } from './browser.ts';

const golden = (name: string): string => join(projectRoot, 'replay-logs', `${name}.rlog`);
const browser = testBrowser();

async function withPage(name: string, work: (page: Page, folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const html = join(folder, 'out.html');
    const packed = await reprise(['pack', golden(name), '--html', html]);
    assert.equal(packed.status, 0, packed.stderr);
    const context = await browser.newContext({ acceptDownloads: true });
    const page = await context.newPage();
    const wrong = watch(page);
    await page.goto(pathToFileURL(html).href);
    await untilPassed(page);
    await work(page, folder);
    assert.deepEqual(wrong, []);
    await context.close();
  });
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

for (const name of ['tasks', 'interrupts', 'race-inputs']) {
  test(`${name}: the page shows what the library says, at any moment`, { skip }, async () => {
    const run = await openRun(readFileSync(golden(name)));
    await withPage(name, async (page) => {
      const end = run.endTick;
      for (const tick of [0, 1, Math.floor(end / 2), Math.floor(end / 3), end, Math.floor((end * 2) / 3)]) {
        await goTo(page, String(tick));
        await run.seek(tick);
        const shown = await shownRegisters(page);
        const values = registers(run.timeline.machine.cpu);
        for (const register of ['eax', 'esp', 'eip', 'eflags', 'cr0', 'cr3']) {
          assert.equal(shown[register], hex(values[register]), `${register} at tick ${tick}`);
        }
        const text = String(await page.locator('#view-serial pre').textContent());
        assert.equal(text, new TextDecoder('latin1').decode(run.serial()), `serial text at tick ${tick}`);
      }
    });
  });
}

test('steps by keys lead forth and back, and the address names the moment', { skip }, async () => {
  const run = await openRun(readFileSync(golden('tasks')));
  await withPage('tasks', async (page) => {
    await goTo(page, '5000');
    const before = await shownRegisters(page);
    await page.locator('canvas.timeline').focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight']) {
      await page.keyboard.press(key);
      await settled(page);
    }
    await run.seek(5000);
    // Idle time is one step.
    for (let i = 0; i < 3; i++) finish(run.timeline.stepInstruction());
    const values = registers(run.timeline.machine.cpu);
    assert.equal((await shownRegisters(page)).eip, hex(values.eip));
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft']) {
      await page.keyboard.press(key);
      await settled(page);
    }
    assert.deepEqual(await shownRegisters(page), before);
    await page.click('#tab-recording, #tab-facts');
    await page.waitForFunction("location.hash.includes('tick=5000') && location.hash.includes('facts')");
    await page.evaluate("location.hash = '#tick=7000&view=bookmarks'");
    await page.waitForFunction("document.querySelector('.where').textContent.includes('7\\u202f000')");
    assert.equal(await page.getAttribute('#tab-bookmarks', 'aria-selected'), 'true');
  });
});

test('bookmarks are in the log that is downloaded', { skip }, async () => {
  await withPage('echo', async (page, folder) => {
    await goTo(page, '4000');
    await page.click('#tab-bookmarks');
    await page.fill('[aria-label="Name of the bookmark"]', '<b>here</b>');
    await page.fill('[aria-label="Note"]', 'a <img src=x onerror=alert(1)> note');
    await page.click('text=Bookmark this moment');
    await settled(page);
    assert.equal(await page.locator('#view-bookmarks img, #view-bookmarks b').count(), 0);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download log')]);
    const file = join(folder, 'echo.rlog');
    await download.saveAs(file);
    const log = openLog(readFileSync(file));
    assert.deepEqual(readBookmarks(log), [
      { name: '<b>here</b>', note: 'a <img src=x onerror=alert(1)> note', position: { tick: 4000, seq: 0 } },
    ]);
    assert.ok(
      readFileSync(file)
        .subarray(0, readFileSync(golden('echo')).length)
        .equals(readFileSync(golden('echo'))),
    );
  });
});
